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
  orphan > bookings * @VAR('max_orphan_rate')