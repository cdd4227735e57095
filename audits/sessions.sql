AUDIT (
  name assert_durations_not_negative
);

/* A session ends after it starts. */
SELECT
  *
FROM @this_model
WHERE
  ended_at <= started_at OR duration_minutes <= 0;

AUDIT (
  name assert_ends_are_recorded
);

/* An end that is not estimated was recorded, at its own time or later; an estimated one never was. */
SELECT
  *
FROM @this_model
WHERE
  is_duration_estimated IS DISTINCT FROM (
    end_recorded_at IS NULL
  )
  OR end_recorded_at < ended_at;

AUDIT (
  name assert_durations_usual,
  blocking FALSE
);

/* No session is longer than the setting unusual_duration_minutes. */
SELECT
  *
FROM @this_model
WHERE
  duration_minutes > @VAR('unusual_duration_minutes');

AUDIT (
  name assert_mentors_of_sessions_known,
  blocking FALSE
);

/* Every session's mentor was on a mentor sheet at some time. */
SELECT
  *
FROM @this_model AS sessions
LEFT JOIN (
  SELECT DISTINCT
    mentor_id
  FROM raw.mentors
) AS mentors
  ON sessions.mentor_id = mentors.mentor_id
WHERE
  mentors.mentor_id IS NULL