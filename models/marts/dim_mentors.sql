MODEL (
  name marts.dim_mentors,
  kind SCD_TYPE_2_BY_TIME (
    unique_key mentor_id,
    updated_at_name effective_at,
    updated_at_as_valid_from TRUE,
    invalidate_hard_deletes TRUE,
    time_data_type TIMESTAMP
  ),
  allow_partials TRUE,
  owner analytics,
  description 'One row per version of a mentor, valid in the half-open interval [valid_from, valid_to). A mentor who leaves the sheet is closed and keeps its last tier for history.',
  column_descriptions (
    mentor_version_id = 'SHA-256 of mentor_id|tier|hourly_rate|valid_from',
    mentor_id = 'The mentor',
    tier = 'Tier in this version, title case',
    hourly_rate = 'Price of an hour in this version',
    effective_at = 'UTC time the source gives for this state; equals valid_from',
    loaded_at = 'UTC time of the load that told this version',
    valid_from = 'UTC start of the version, included',
    valid_to = 'UTC end of the version, excluded; null for the current one'
  ),
  grain (mentor_id, valid_from),
  references tier,
  audits (
    not_null(columns := (mentor_version_id, mentor_id, tier, valid_from)),
    unique_combination_of_columns(columns := (mentor_id, valid_from)),
    assert_no_overlapping_validity(key_column := mentor_id),
    assert_at_most_one_current_row(key_column := mentor_id),
    assert_every_change_has_a_version(
      key_column := mentor_id,
      source := staging.stg_mentors,
      opens_a_version := NOT changes.is_deleted
    ),
    assert_tiers_known
  )
);

WITH states AS (
  SELECT
    mentor_id,
    tier,
    hourly_rate,
    is_deleted,
    effective_at,
    loaded_at,
    ROW_NUMBER() OVER (PARTITION BY mentor_id ORDER BY load_id DESC) AS recency
  FROM staging.stg_mentors
  WHERE
    @is_known(loaded_at) AND @is_known(effective_at)
)
SELECT
  @sha256_key(mentor_id, tier, hourly_rate, effective_at)::TEXT AS mentor_version_id,
  mentor_id::TEXT AS mentor_id,
  tier::TEXT AS tier,
  hourly_rate::DECIMAL(18, 4) AS hourly_rate,
  effective_at::TIMESTAMP AS effective_at,
  loaded_at::TIMESTAMP AS loaded_at
FROM states
WHERE
  recency = 1 AND NOT is_deleted