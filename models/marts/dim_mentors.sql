/* Closing a row SQLMesh fills its nulls from the row that replaces it, so the key holds the rate, which may be null. */
MODEL (
  name marts.dim_mentors,
  kind SCD_TYPE_2_BY_COLUMN (
    unique_key mentor_version_id,
    columns (tier, valid_to, load_id),
    valid_from_name recorded_from,
    valid_to_name recorded_to,
    execution_time_as_valid_from TRUE,
    invalidate_hard_deletes TRUE,
    time_data_type TIMESTAMP
  ),
  owner analytics,
  description 'One row per version of a mentor as recorded: it held in [valid_from, valid_to), and the warehouse held that to be so in [recorded_from, recorded_to). A mentor who leaves the sheet is closed and keeps its last tier for history.',
  column_descriptions (
    mentor_version_id = 'SHA-256 of mentor_id|tier|hourly_rate|valid_from',
    mentor_id = 'The mentor',
    tier = 'Tier in this version, title case',
    hourly_rate = 'Price of an hour in this version; null where the sheet has none',
    valid_from = 'UTC start of the version, included; may lie ahead',
    valid_to = 'UTC end of the version, excluded; 9999-12-31 where none is known',
    loaded_at = 'UTC time of the newest load that gave this version',
    load_id = 'The newest load that gave this version',
    recorded_from = 'UTC time from which the warehouse held this row to be so, included',
    recorded_to = 'UTC time until which the warehouse held this row to be so, excluded; null for what holds now'
  ),
  grain (mentor_version_id, recorded_from),
  references tier,
  audits (
    not_null(
      columns := (
        mentor_version_id,
        mentor_id,
        tier,
        valid_from,
        valid_to,
        loaded_at,
        load_id,
        recorded_from
      )
    ),
    unique_combination_of_columns_non_blocking(
      columns := (mentor_version_id, recorded_from),
      condition := recorded_to IS NULL OR recorded_from < recorded_to
    ),
    assert_no_overlapping_validity(key_column := mentor_id),
    assert_last_state_is_open(
      key_column := mentor_id,
      source := staging.stg_mentors,
      attributes := (tier, hourly_rate),
      has_left := last_state.is_deleted
    ),
    assert_tiers_known
  )
);

WITH states AS (
  /* A later load that says something from the same moment or before overtakes a state. */
  SELECT
    mentor_id,
    tier,
    hourly_rate,
    is_deleted,
    effective_at,
    loaded_at,
    load_id,
    MIN(effective_at) OVER (
      PARTITION BY mentor_id
      ORDER BY load_id
      ROWS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING
    ) AS overtaken_from
  FROM staging.stg_mentors
), standing AS (
  /* A state dated to the open end of time never begins, and confirms nothing. */
  SELECT
    mentor_id,
    tier,
    hourly_rate,
    is_deleted,
    effective_at,
    loaded_at,
    load_id
  FROM states
  WHERE
    effective_at < '9999-12-31'::TIMESTAMP
    AND (
      overtaken_from IS NULL OR effective_at < overtaken_from
    )
), compared AS (
  SELECT
    mentor_id,
    tier,
    hourly_rate,
    is_deleted,
    effective_at,
    LAG(tier) OVER (PARTITION BY mentor_id ORDER BY load_id) AS previous_tier,
    LAG(hourly_rate) OVER (PARTITION BY mentor_id ORDER BY load_id) AS previous_hourly_rate,
    LAG(is_deleted) OVER (PARTITION BY mentor_id ORDER BY load_id) AS previous_is_deleted,
    LAG(loaded_at) OVER (PARTITION BY mentor_id ORDER BY load_id) AS previous_loaded_at,
    LAG(load_id) OVER (PARTITION BY mentor_id ORDER BY load_id) AS previous_load_id,
    MAX(loaded_at) OVER (PARTITION BY mentor_id) AS last_loaded_at,
    MAX(load_id) OVER (PARTITION BY mentor_id) AS last_load_id
  FROM standing
), changes AS (
  /* Equal states in a row are one: the first starts it, the last is its newest load. */
  SELECT
    mentor_id,
    tier,
    hourly_rate,
    is_deleted,
    effective_at,
    LEAD(effective_at) OVER (PARTITION BY mentor_id ORDER BY effective_at) AS next_effective_at,
    COALESCE(
      LEAD(previous_loaded_at) OVER (PARTITION BY mentor_id ORDER BY effective_at),
      last_loaded_at
    ) AS loaded_at,
    COALESCE(
      LEAD(previous_load_id) OVER (PARTITION BY mentor_id ORDER BY effective_at),
      last_load_id
    ) AS load_id
  FROM compared
  WHERE
    previous_load_id IS NULL
    OR tier IS DISTINCT FROM previous_tier
    OR hourly_rate IS DISTINCT FROM previous_hourly_rate
    OR is_deleted IS DISTINCT FROM previous_is_deleted
)
SELECT
  @sha256_key(mentor_id, tier, hourly_rate, effective_at)::TEXT AS mentor_version_id,
  mentor_id::TEXT AS mentor_id,
  tier::TEXT AS tier,
  hourly_rate::DECIMAL(18, 4) AS hourly_rate,
  effective_at::TIMESTAMP AS valid_from,
  COALESCE(next_effective_at, '9999-12-31'::TIMESTAMP)::TIMESTAMP AS valid_to,
  loaded_at::TIMESTAMP AS loaded_at,
  load_id::BIGINT AS load_id
FROM changes
WHERE
  NOT is_deleted;

@planned_well()