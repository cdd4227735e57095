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
    agreed_start_at = 'UTC start that the first confirmation agrees on, its confirmed_start_time; null where it gives none that can be read, or one before the request',
    cancelled_at = 'UTC time of the cancellation; null unless the booking is cancelled',
    cancelled_by = 'Who cancelled, as the cancellation says, lower case; null where it does not, or unless the booking is cancelled',
    cancellation_reason = 'Why it was cancelled, as the cancellation says, lower case; null where it does not, or unless the booking is cancelled',
    requested_duration_minutes = 'Length that the request asks for, in whole minutes; null where it gives none that can be read',
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
    precedence > 0
    AND (
      @start_ds <= @VAR('history_start')
      OR load_id > (
        SELECT
          COALESCE(MAX(known.load_id), 0)
        FROM marts.fct_bookings AS known
      )
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
  WHERE
    events.precedence > 0
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
), requested_durations AS (
  SELECT
    events.user_id,
    events.mentor_id,
    events.occurred_at,
    events.event_id,
    CASE
      WHEN REGEXP_MATCHES(events.requested_duration_minutes, '^[0-9]{1,6}([.][0-9]+)?$')
      THEN NULLIF(REGEXP_REPLACE(events.requested_duration_minutes, '[.][0-9]+$', '')::BIGINT, 0)
    END AS minutes
  FROM staging.stg_events AS events
  INNER JOIN affected_pairs
    ON events.user_id = affected_pairs.user_id
    AND events.mentor_id = affected_pairs.mentor_id
  WHERE
    events.event_type = 'booking_requested'
    AND NOT events.requested_duration_minutes IS NULL
), requests AS (
  /* Of events of one pair, type and instant the value of the smallest event_id that carries one stands; what cannot be
  read is none. */
  SELECT DISTINCT
    user_id,
    mentor_id,
    occurred_at,
    FIRST_VALUE(minutes) OVER (PARTITION BY user_id, mentor_id, occurred_at ORDER BY @in_byte_order(event_id)) AS requested_duration_minutes
  FROM requested_durations
  WHERE
    NOT minutes IS NULL
), agreed_starts AS (
  SELECT
    events.user_id,
    events.mentor_id,
    events.occurred_at,
    events.event_id,
    @utc_timestamp(events.confirmed_start_time) AS agreed_start_at
  FROM staging.stg_events AS events
  INNER JOIN affected_pairs
    ON events.user_id = affected_pairs.user_id
    AND events.mentor_id = affected_pairs.mentor_id
  WHERE
    events.event_type = 'booking_confirmed'
    AND NOT events.confirmed_start_time IS NULL
), confirmations AS (
  SELECT DISTINCT
    user_id,
    mentor_id,
    occurred_at,
    FIRST_VALUE(agreed_start_at) OVER (PARTITION BY user_id, mentor_id, occurred_at ORDER BY @in_byte_order(event_id)) AS agreed_start_at
  FROM agreed_starts
  WHERE
    NOT agreed_start_at IS NULL
), cancellations AS (
  SELECT DISTINCT
    events.user_id,
    events.mentor_id,
    events.occurred_at,
    LOWER(
      FIRST_VALUE(events.cancelled_by) OVER (
        PARTITION BY events.user_id, events.mentor_id, events.occurred_at
        ORDER BY events.cancelled_by IS NULL, @in_byte_order(events.event_id)
      )
    ) AS cancelled_by,
    LOWER(
      FIRST_VALUE(events.cancellation_reason) OVER (
        PARTITION BY events.user_id, events.mentor_id, events.occurred_at
        ORDER BY events.cancellation_reason IS NULL, @in_byte_order(events.event_id)
      )
    ) AS cancellation_reason
  FROM staging.stg_events AS events
  INNER JOIN affected_pairs
    ON events.user_id = affected_pairs.user_id
    AND events.mentor_id = affected_pairs.mentor_id
  WHERE
    events.event_type = 'booking_cancelled'
    AND (
      NOT events.cancelled_by IS NULL OR NOT events.cancellation_reason IS NULL
    )
)
SELECT
  @sha256_key(outcomes.user_id, outcomes.mentor_id, outcomes.requested_at)::TEXT AS booking_id,
  outcomes.user_id::BIGINT AS user_id,
  outcomes.mentor_id::TEXT AS mentor_id,
  outcomes.requested_at::TIMESTAMP AS requested_at,
  outcomes.booking_status::TEXT AS booking_status,
  outcomes.confirmed_at::TIMESTAMP AS confirmed_at,
  CASE
    WHEN confirmations.agreed_start_at >= outcomes.requested_at
    AND confirmations.agreed_start_at < '9999-12-31'::TIMESTAMP
    THEN confirmations.agreed_start_at
  END::TIMESTAMP AS agreed_start_at,
  CASE WHEN outcomes.booking_status = 'cancelled' THEN outcomes.cancelled_at END::TIMESTAMP AS cancelled_at,
  CASE WHEN outcomes.booking_status = 'cancelled' THEN cancellations.cancelled_by END::TEXT AS cancelled_by,
  CASE
    WHEN outcomes.booking_status = 'cancelled'
    THEN cancellations.cancellation_reason
  END::TEXT AS cancellation_reason,
  requests.requested_duration_minutes::BIGINT AS requested_duration_minutes,
  CASE WHEN outcomes.booking_status = 'attended' THEN outcomes.session_started_at END::TIMESTAMP AS session_started_at,
  CASE
    WHEN outcomes.booking_status = 'attended'
    THEN @sha256_key(outcomes.user_id, outcomes.mentor_id, outcomes.session_started_at)
  END::TEXT AS session_id,
  (
    outcomes.booking_status = 'attended'
    AND COALESCE(outcomes.confirmed_at > outcomes.session_started_at, TRUE)
  )::BOOLEAN AS is_confirmation_missing,
  (
    outcomes.booking_status = 'cancelled'
    AND COALESCE(
      outcomes.next_requested_at <= @later(outcomes.cancelled_at, @reschedule_hours, HOUR),
      FALSE
    )
  )::BOOLEAN AS is_rescheduled,
  outcomes.next_requested_at::TIMESTAMP AS next_requested_at,
  outcomes.last_event_at::TIMESTAMP AS last_event_at,
  outcomes.load_id::BIGINT AS load_id
FROM outcomes
LEFT JOIN requests
  ON outcomes.user_id = requests.user_id
  AND outcomes.mentor_id = requests.mentor_id
  AND outcomes.requested_at = requests.occurred_at
LEFT JOIN confirmations
  ON outcomes.user_id = confirmations.user_id
  AND outcomes.mentor_id = confirmations.mentor_id
  AND outcomes.confirmed_at = confirmations.occurred_at
LEFT JOIN cancellations
  ON outcomes.user_id = cancellations.user_id
  AND outcomes.mentor_id = cancellations.mentor_id
  AND outcomes.cancelled_at = cancellations.occurred_at;

@planned_well(last_event_at, load_id)