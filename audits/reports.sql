AUDIT (
  name assert_rebooked_are_users
);

/* Nobody rebooks who is not a user, mature or not. */
SELECT
  *
FROM @this_model
WHERE
  rebooked > users
  OR mature_users > users
  OR mature_rebooked > rebooked
  OR mature_rebooked > mature_users;

AUDIT (
  name assert_mature_cohorts_are_observed
);

/* In a mature cohort every user's whole window has passed. */
SELECT
  *
FROM @this_model
WHERE
  is_mature AND mature_users < users;

AUDIT (
  name assert_bookings_add_up
);

/* Every booking has one outcome, only cancelled ones are rescheduled, and only attended ones lack a confirmation. */
SELECT
  *
FROM @this_model
WHERE
  bookings IS DISTINCT FROM attended + cancelled + no_show + upcoming + orphan + "open"
  OR rescheduled > cancelled
  OR missing_confirmations > attended;

AUDIT (
  name assert_ripe_weeks_are_settled
);

/* In a week whose rates are ripe no booking waits for what would be counted, and they ripen in their order. */
SELECT
  *
FROM @this_model
WHERE
  (
    is_orphan_rate_ripe AND (
      "open" > 0 OR NOT is_cancellation_rate_ripe
    )
  )
  OR (
    is_no_show_rate_ripe AND (
      upcoming > 0 OR NOT is_orphan_rate_ripe
    )
  );

AUDIT (
  name assert_orphan_rate_under_threshold,
  blocking FALSE
);

/* No tier leaves more requests unanswered than the setting max_orphan_rate allows. */
SELECT
  *
FROM @this_model
WHERE
  orphan > bookings * @VAR('max_orphan_rate');

AUDIT (
  name assert_longer_windows_hold_more
);

/* Who comes back within a window does so within a longer one, and who is kept is a user. */
SELECT
  *
FROM @this_model
WHERE
  rebooked_within_7 > rebooked_within_14
  OR rebooked_within_14 > rebooked_within_30
  OR rebooked_within_30 > rebooked_within_60
  OR rebooked_within_60 > rebooked_within_90
  OR rebooked_within_90 > users
  OR kept_rebooked > kept_users
  OR kept_users > users;

AUDIT (
  name assert_odd_events_are_events
);

/* No count of some events exceeds that of all. */
SELECT
  *
FROM @this_model
WHERE
  events <= 0
  OR at_midnight > events
  OR unknown_user_events > events
  OR unknown_mentor_events > events;

AUDIT (
  name assert_sessions_add_up
);

/* Every session is running or has an end, recorded or estimated. */
SELECT
  *
FROM @this_model
WHERE
  sessions IS DISTINCT FROM running + estimated_ends + recorded_ends
  OR double_booked > recorded_ends
  OR double_booked_same_company > double_booked
  OR walk_ins > sessions;

AUDIT (
  name assert_follow_ups_are_of_users
);

/* Who asks again or comes back is a user; no request is both attended and lost. */
SELECT
  *
FROM @this_model
WHERE
  with_intent > users
  OR attended + lost > with_intent
  OR returned > users
  OR same_mentor > returned
  OR rebooked > returned;

AUDIT (
  name assert_optional_events_add_up
);

/* Whoever counts was counted once at least; ratings are from 1 to 5; who attends has asked, and who asks has looked. */
SELECT
  *
FROM @this_model
WHERE
  users > counted
  OR (
    event_type = 'session_reviewed'
    AND NOT rating_sum BETWEEN counted AND 5 * counted
  )
  OR (
    event_type <> 'session_reviewed' AND NOT rating_sum IS NULL
  )
  OR (
    event_type <> 'mentor_profile_viewed' AND requested <> 0
  )
  OR requested > counted
  OR attended > requested