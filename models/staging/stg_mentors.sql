MODEL (
  name staging.stg_mentors,
  kind VIEW,
  owner analytics,
  description 'One row per mentor on the latest sheet, with the time from which the row holds.',
  column_descriptions (
    mentor_id = 'The mentor',
    tier = 'Tier, title case',
    hourly_rate = 'Price of an hour, in the currency of the sheet',
    effective_at = 'UTC time from which this state holds: the time the sheet gives, else the beginning of time for the first state and the load for a later one'
  ),
  grain mentor_id,
  audits (
    not_null(columns := (mentor_id, tier, effective_at)),
    unique_values(columns := (
      mentor_id
    ))
  )
);

WITH numbered AS (
  SELECT
    mentor_id,
    tier,
    hourly_rate,
    updated_at,
    is_deleted,
    loaded_at,
    ROW_NUMBER() OVER (PARTITION BY mentor_id ORDER BY load_id) AS change_number,
    ROW_NUMBER() OVER (PARTITION BY mentor_id ORDER BY load_id DESC) AS recency
  FROM raw.mentors
)
SELECT
  mentor_id::TEXT AS mentor_id,
  tier::TEXT AS tier,
  hourly_rate::DECIMAL(18, 4) AS hourly_rate,
  CASE
    WHEN NOT updated_at IS NULL
    THEN updated_at
    WHEN change_number = 1
    THEN '1970-01-01 00:00:00'::TIMESTAMP
    ELSE loaded_at
  END::TIMESTAMP AS effective_at
FROM numbered
WHERE
  recency = 1 AND NOT is_deleted