MODEL (
  name marts.dim_users,
  kind SCD_TYPE_2_BY_TIME (
    unique_key user_id,
    updated_at_name effective_at,
    updated_at_as_valid_from TRUE,
    time_data_type TIMESTAMP
  ),
  allow_partials TRUE,
  owner analytics,
  description 'One row per version of a user, valid in the half-open interval [valid_from, valid_to). A user missing from an export is kept.',
  column_descriptions (
    user_version_id = 'SHA-256 of user_id|company_id|status|valid_from',
    user_id = 'The user',
    company_id = 'The company the user belongs to',
    signup_date = 'Day of sign-up',
    status = 'Account status, lower case',
    effective_at = 'UTC time the source gives for this state; equals valid_from',
    loaded_at = 'UTC time of the load that told this version',
    valid_from = 'UTC start of the version, included',
    valid_to = 'UTC end of the version, excluded; null for the current one'
  ),
  grain (user_id, valid_from),
  audits (
    not_null(columns := (user_version_id, user_id, valid_from)),
    unique_combination_of_columns(columns := (user_id, valid_from)),
    assert_no_overlapping_validity(key_column := user_id),
    assert_at_most_one_current_row(key_column := user_id),
    assert_every_change_has_a_version(key_column := user_id, source := staging.stg_users)
  )
);

WITH states AS (
  SELECT
    user_id,
    company_id,
    signup_date,
    status,
    effective_at,
    loaded_at,
    ROW_NUMBER() OVER (PARTITION BY user_id ORDER BY load_id DESC) AS recency
  FROM staging.stg_users
  WHERE
    @is_known(loaded_at) AND @is_known(effective_at)
)
SELECT
  @sha256_key(user_id, company_id, status, effective_at)::TEXT AS user_version_id,
  user_id::BIGINT AS user_id,
  company_id::TEXT AS company_id,
  signup_date::DATE AS signup_date,
  status::TEXT AS status,
  effective_at::TIMESTAMP AS effective_at,
  loaded_at::TIMESTAMP AS loaded_at
FROM states
WHERE
  recency = 1