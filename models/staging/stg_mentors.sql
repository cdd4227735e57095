MODEL (
  name staging.stg_mentors,
  kind VIEW,
  owner analytics,
  description 'One row per change of a mentor: a state that a sheet told, with the time from which it holds, or the mentor''s leaving the sheet.',
  column_descriptions (
    mentor_id = 'The mentor',
    tier = 'Tier, title case',
    hourly_rate = 'Price of an hour, in the currency of the sheet',
    is_deleted = 'The mentor has left the sheet',
    effective_at = 'UTC time from which this state holds: the time the sheet gives where that lies after the start of the state before, else the beginning of time for the first state and the load for a later one',
    loaded_at = 'UTC time of the load that told it',
    load_id = 'The load that told it'
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
  effective_at::TIMESTAMP AS effective_at,
  loaded_at::TIMESTAMP AS loaded_at,
  load_id::BIGINT AS load_id
FROM raw.mentors