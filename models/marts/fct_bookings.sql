MODEL (
  name marts.fct_bookings,
  kind INCREMENTAL_BY_UNIQUE_KEY (
    unique_key booking_id
  ),
  owner analytics,
  description 'One row per booking: a request and what the events of the same user and mentor say of it until their next request. What depends on today (no-show, orphan) is derived by the reports.',
  column_descriptions (
    booking_id = 'SHA-256 of user_id|mentor_id|requested_at',
    user_id = 'The user who asked; may be unknown to the users export',
    mentor_id = 'The mentor asked; may be unknown to the mentor sheet',
    requested_at = 'UTC time of the request',
    booking_status = 'attended, cancelled, confirmed or pending',
    confirmed_at = 'UTC time of the first confirmation; null without one',
    cancelled_at = 'UTC time of the cancellation; null unless the booking is cancelled',
    session_started_at = 'UTC start of the session it led to; null unless the booking is attended',
    session_id = 'The session it led to; null unless the booking is attended',
    is_confirmation_missing = 'Attended without a confirmation before the session',
    is_rescheduled = 'Cancelled, and the same pair asked again within the reschedule hours',
    next_requested_at = 'UTC time of the next request of the same pair; null without one',
    last_event_at = 'UTC time of the latest event of the pair from the request to before the next one',
    load_id = 'The newest load among the events of the pair'
  ),
  grain booking_id,
  references (user_id, mentor_id, session_id),
  audits (
    not_null(columns := (booking_id, user_id, mentor_id, requested_at, booking_status)),
    unique_combination_of_columns(columns := (
      booking_id
    )),
    accepted_values(
      "column" := booking_status,
      is_in := ('attended', 'cancelled', 'confirmed', 'pending')
    ),
    assert_booking_status_agrees_with_times
  )
);

/* Pairs with events of loads that this table does not hold yet, or all of them where it is built from its start. */
WITH affected_pairs AS (
  SELECT
    user_id,
    mentor_id,
    MAX(load_id) AS load_id
  FROM staging.stg_events
  WHERE
    @start_ds <= @VAR('history_start')
    OR load_id > (
      SELECT
        COALESCE(MAX(known.load_id), 0)
      FROM marts.fct_bookings AS known
    )
  GROUP BY
    user_id,
    mentor_id
), ordered_events AS (
  SELECT
    events.user_id,
    events.mentor_id,
    events.event_type,
    events.occurred_at,
    affected_pairs.load_id,
    MAX(CASE WHEN events.event_type = 'booking_requested' THEN events.occurred_at END) OVER (
      PARTITION BY events.user_id, events.mentor_id
      ORDER BY events.occurred_at, events.precedence
      ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
    ) AS requested_at
  FROM staging.stg_events AS events
  INNER JOIN affected_pairs
    ON events.user_id = affected_pairs.user_id
    AND events.mentor_id = affected_pairs.mentor_id
), bookings AS (
  SELECT
    user_id,
    mentor_id,
    requested_at,
    MIN(CASE WHEN event_type = 'booking_confirmed' THEN occurred_at END) AS confirmed_at,
    MIN(CASE WHEN event_type = 'booking_cancelled' THEN occurred_at END) AS cancelled_at,
    MIN(CASE WHEN event_type = 'session_started' THEN occurred_at END) AS session_started_at,
    MAX(occurred_at) AS last_event_at,
    MAX(load_id) AS load_id
  FROM ordered_events
  WHERE
    NOT requested_at IS NULL
  GROUP BY
    user_id,
    mentor_id,
    requested_at
), outcomes AS (
  SELECT
    user_id,
    mentor_id,
    requested_at,
    confirmed_at,
    cancelled_at,
    session_started_at,
    CASE
      WHEN cancelled_at <= COALESCE(session_started_at, cancelled_at)
      THEN 'cancelled'
      WHEN NOT session_started_at IS NULL
      THEN 'attended'
      WHEN NOT confirmed_at IS NULL
      THEN 'confirmed'
      ELSE 'pending'
    END AS booking_status,
    LEAD(requested_at) OVER (PARTITION BY user_id, mentor_id ORDER BY requested_at) AS next_requested_at,
    last_event_at,
    load_id
  FROM bookings
)
SELECT
  @sha256_key(user_id, mentor_id, requested_at)::TEXT AS booking_id,
  user_id::BIGINT AS user_id,
  mentor_id::TEXT AS mentor_id,
  requested_at::TIMESTAMP AS requested_at,
  booking_status::TEXT AS booking_status,
  confirmed_at::TIMESTAMP AS confirmed_at,
  CASE WHEN booking_status = 'cancelled' THEN cancelled_at END::TIMESTAMP AS cancelled_at,
  CASE WHEN booking_status = 'attended' THEN session_started_at END::TIMESTAMP AS session_started_at,
  CASE
    WHEN booking_status = 'attended'
    THEN @sha256_key(user_id, mentor_id, session_started_at)
  END::TEXT AS session_id,
  (
    booking_status = 'attended' AND COALESCE(confirmed_at > session_started_at, TRUE)
  )::BOOLEAN AS is_confirmation_missing,
  (
    booking_status = 'cancelled'
    AND COALESCE(next_requested_at <= cancelled_at + INTERVAL '1' HOUR * @reschedule_hours, FALSE)
  )::BOOLEAN AS is_rescheduled,
  next_requested_at::TIMESTAMP AS next_requested_at,
  last_event_at::TIMESTAMP AS last_event_at,
  load_id::BIGINT AS load_id
FROM outcomes