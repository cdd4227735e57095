MODEL (
  name staging.stg_mentors,
  kind VIEW,
  owner analytics,
  description 'One row per state of a mentor that a load gave, the leaving of the sheet included, with the time from which it holds. A later load may overtake it.',
  column_descriptions (
    mentor_id = 'The mentor',
    tier = 'Tier, title case',
    hourly_rate = 'Price of an hour, in the currency of the sheet; null where it has none',
    is_deleted = 'The mentor has left the sheet',
    effective_at = 'UTC time from which this state holds: updated_at; where the sheet gives none, the beginning of time for the first state and the load for a later one; the load for leaving',
    loaded_at = 'UTC time of the load that gave it',
    load_id = 'The load that gave it'
  ),
  grain (mentor_id, load_id),
  audits (
    not_null(columns := (mentor_id, tier, is_deleted, effective_at, loaded_at, load_id)),
    unique_combination_of_columns(columns := (mentor_id, load_id))
  )
);

SELECT
  mentor_id::TEXT AS mentor_id,
  tier::TEXT AS tier,
  hourly_rate::DECIMAL(18, 4) AS hourly_rate,
  is_deleted::BOOLEAN AS is_deleted,
  CASE
    WHEN is_deleted
    THEN loaded_at
    WHEN ROW_NUMBER() OVER (PARTITION BY mentor_id ORDER BY load_id) = 1
    THEN COALESCE(updated_at, '1970-01-01'::TIMESTAMP)
    ELSE COALESCE(updated_at, loaded_at)
  END::TIMESTAMP AS effective_at,
  loaded_at::TIMESTAMP AS loaded_at,
  load_id::BIGINT AS load_id
FROM raw.mentors