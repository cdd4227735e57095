MODEL (
  name marts.fct_sessions,
  kind INCREMENTAL_BY_UNIQUE_KEY (
    unique_key session_id
  ),
  owner analytics,
  description 'One row per session: a start, and its end where the events give one before the next start of the same user and mentor and within the longest session. Where the event of the end comes later than that, the end is the start plus the whole seconds of its duration_seconds, if that is within the longest session.',
  column_descriptions (
    session_id = 'SHA-256 of user_id|mentor_id|started_at',
    user_id = 'The user; may be unknown to the users export',
    mentor_id = 'The mentor; may be unknown to the mentor sheet',
    started_at = 'UTC start',
    ended_at = 'UTC end, estimated where the events give none',
    end_recorded_at = 'UTC time of the event that gives the end: ended_at itself, or a later time where duration_seconds gives the end; null where the end is estimated',
    duration_minutes = 'Length in minutes, with a fraction',
    is_duration_estimated = 'The end is the start plus the default session length',
    booking_id = 'The booking that led to it; null for a walk-in and for every further session of one booking',
    last_event_at = 'UTC time of the latest event of the session: its start or an end before the next start of the pair',
    load_id = 'The newest load among the events of the pair'
  ),
  grain session_id,
  references (user_id, mentor_id, booking_id),
  audits (
    not_null(columns := (session_id, user_id, mentor_id, started_at, ended_at)),
    unique_combination_of_columns(columns := (
      session_id
    )),
    assert_durations_not_negative,
    assert_ends_are_recorded,
    assert_durations_usual,
    assert_mentors_of_sessions_known
  )
);

/* Pairs with events of loads that this table does not hold yet, or all of them where it is built from its start. A
request counts, too: it may lead to a session that is there already. */
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
        FROM marts.fct_sessions AS known
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
    MAX(CASE WHEN events.event_type = 'session_started' THEN events.occurred_at END) OVER (
      PARTITION BY events.user_id, events.mentor_id
      ORDER BY events.occurred_at, events.precedence
      ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
    ) AS started_at
  FROM staging.stg_events AS events
  INNER JOIN affected_pairs
    ON events.user_id = affected_pairs.user_id
    AND events.mentor_id = affected_pairs.mentor_id
  WHERE
    events.event_type IN ('session_started', 'session_ended')
), booking_events AS (
  SELECT
    events.user_id,
    events.mentor_id,
    events.event_type,
    events.occurred_at,
    LAG(events.event_type) OVER (
      PARTITION BY events.user_id, events.mentor_id
      ORDER BY events.occurred_at, events.precedence
    ) AS previous_event_type,
    LAG(events.occurred_at) OVER (
      PARTITION BY events.user_id, events.mentor_id
      ORDER BY events.occurred_at, events.precedence
    ) AS previous_occurred_at
  FROM staging.stg_events AS events
  INNER JOIN affected_pairs
    ON events.user_id = affected_pairs.user_id
    AND events.mentor_id = affected_pairs.mentor_id
  WHERE
    events.event_type IN ('booking_requested', 'booking_cancelled', 'session_started')
), bookings AS (
  /* A booking leads to the session that follows its request with no cancellation and no other session between. */
  SELECT
    user_id,
    mentor_id,
    previous_occurred_at AS requested_at,
    occurred_at AS started_at
  FROM booking_events
  WHERE
    event_type = 'session_started' AND previous_event_type = 'booking_requested'
), first_ends AS (
  SELECT
    user_id,
    mentor_id,
    started_at,
    MIN(CASE WHEN event_type = 'session_ended' THEN occurred_at END) AS first_ended_at,
    MAX(occurred_at) AS last_event_at,
    MAX(load_id) AS load_id
  FROM ordered_events
  WHERE
    NOT started_at IS NULL
  GROUP BY
    user_id,
    mentor_id,
    started_at
), durations AS (
  SELECT
    events.user_id,
    events.mentor_id,
    events.occurred_at,
    events.event_id,
    CASE
      WHEN REGEXP_MATCHES(events.duration_seconds, '^[0-9]{1,9}([.][0-9]+)?$')
      THEN REGEXP_REPLACE(events.duration_seconds, '[.][0-9]+$', '')::INT
    END AS seconds
  FROM staging.stg_events AS events
  INNER JOIN affected_pairs
    ON events.user_id = affected_pairs.user_id
    AND events.mentor_id = affected_pairs.mentor_id
  WHERE
    events.event_type = 'session_ended' AND NOT events.duration_seconds IS NULL
), usable_durations AS (
  /* Of ends of one pair and instant the value of the smallest event_id that carries a possible one stands. */
  SELECT DISTINCT
    user_id,
    mentor_id,
    occurred_at,
    FIRST_VALUE(seconds) OVER (PARTITION BY user_id, mentor_id, occurred_at ORDER BY @in_byte_order(event_id)) AS seconds
  FROM durations
  WHERE
    seconds > 0 AND seconds <= 3600 * @max_session_hours
), sessions AS (
  SELECT
    first_ends.user_id,
    first_ends.mentor_id,
    first_ends.started_at,
    CASE
      WHEN first_ends.first_ended_at <= @later(first_ends.started_at, @max_session_hours, HOUR)
      THEN first_ends.first_ended_at
      ELSE @later(first_ends.started_at, usable_durations.seconds, SECOND)
    END AS observed_ended_at,
    first_ends.first_ended_at,
    first_ends.last_event_at,
    first_ends.load_id
  FROM first_ends
  LEFT JOIN usable_durations
    ON first_ends.user_id = usable_durations.user_id
    AND first_ends.mentor_id = usable_durations.mentor_id
    AND first_ends.first_ended_at = usable_durations.occurred_at
), completed AS (
  SELECT
    user_id,
    mentor_id,
    started_at,
    COALESCE(observed_ended_at, @later(started_at, @default_session_minutes, MINUTE)) AS ended_at,
    CASE WHEN NOT observed_ended_at IS NULL THEN first_ended_at END AS end_recorded_at,
    observed_ended_at IS NULL AS is_duration_estimated,
    last_event_at,
    load_id
  FROM sessions
)
SELECT
  @sha256_key(completed.user_id, completed.mentor_id, completed.started_at)::TEXT AS session_id,
  completed.user_id::BIGINT AS user_id,
  completed.mentor_id::TEXT AS mentor_id,
  completed.started_at::TIMESTAMP AS started_at,
  completed.ended_at::TIMESTAMP AS ended_at,
  completed.end_recorded_at::TIMESTAMP AS end_recorded_at,
  DATE_DIFF('MICROSECOND', completed.started_at, completed.ended_at)::DOUBLE / 60000000 AS duration_minutes,
  completed.is_duration_estimated::BOOLEAN AS is_duration_estimated,
  CASE
    WHEN NOT bookings.requested_at IS NULL
    THEN @sha256_key(completed.user_id, completed.mentor_id, bookings.requested_at)
  END::TEXT AS booking_id,
  completed.last_event_at::TIMESTAMP AS last_event_at,
  completed.load_id::BIGINT AS load_id
FROM completed
LEFT JOIN bookings
  ON completed.user_id = bookings.user_id
  AND completed.mentor_id = bookings.mentor_id
  AND completed.started_at = bookings.started_at;

@planned_well(last_event_at, load_id)