/* Closing a row SQLMesh fills its nulls from the row that replaces it, so no column here is null. */
MODEL (
  name marts.dim_users,
  kind SCD_TYPE_2_BY_COLUMN (
    unique_key (user_id, valid_from),
    columns (company_id, signup_date, status, valid_to, load_id),
    valid_from_name recorded_from,
    valid_to_name recorded_to,
    execution_time_as_valid_from TRUE,
    invalidate_hard_deletes TRUE,
    time_data_type TIMESTAMP
  ),
  owner analytics,
  description 'One row per version of a user as recorded: it held in [valid_from, valid_to), and the warehouse held that to be so in [recorded_from, recorded_to). A user missing from an export is kept.',
  column_descriptions (
    user_version_id = 'SHA-256 of user_id|company_id|status|valid_from',
    user_id = 'The user',
    company_id = 'The company the user belongs to in this version; unknown where the export has none',
    signup_date = 'Day of sign-up in this version',
    status = 'Account status in this version, lower case; unknown where the export has none',
    valid_from = 'UTC start of the version, included; may lie ahead',
    valid_to = 'UTC end of the version, excluded; 9999-12-31 where none is known',
    loaded_at = 'UTC time of the newest load that gave this version',
    load_id = 'The newest load that gave this version',
    recorded_from = 'UTC time from which the warehouse held this row to be so, included',
    recorded_to = 'UTC time until which the warehouse held this row to be so, excluded; null for what holds now'
  ),
  grain (user_id, valid_from, recorded_from),
  audits (
    not_null(
      columns := (
        user_version_id,
        user_id,
        company_id,
        signup_date,
        status,
        valid_from,
        valid_to,
        loaded_at,
        load_id,
        recorded_from
      )
    ),
    unique_combination_of_columns_non_blocking(
      columns := (user_id, valid_from, recorded_from),
      condition := recorded_to IS NULL OR recorded_from < recorded_to
    ),
    assert_no_overlapping_validity(key_column := user_id),
    assert_last_state_is_open(
      key_column := user_id,
      source := staging.stg_users,
      attributes := (company_id, signup_date, status)
    )
  )
);

WITH states AS (
  /* A later load that says something from the same moment or before overtakes a state. */
  SELECT
    user_id,
    company_id,
    signup_date,
    status,
    effective_at,
    loaded_at,
    load_id,
    MIN(effective_at) OVER (
      PARTITION BY user_id
      ORDER BY load_id
      ROWS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING
    ) AS overtaken_from
  FROM staging.stg_users
), standing AS (
  /* A state dated to the open end of time never begins, and confirms nothing. */
  SELECT
    user_id,
    company_id,
    signup_date,
    status,
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
    user_id,
    company_id,
    signup_date,
    status,
    effective_at,
    LAG(company_id) OVER (PARTITION BY user_id ORDER BY load_id) AS previous_company_id,
    LAG(signup_date) OVER (PARTITION BY user_id ORDER BY load_id) AS previous_signup_date,
    LAG(status) OVER (PARTITION BY user_id ORDER BY load_id) AS previous_status,
    LAG(loaded_at) OVER (PARTITION BY user_id ORDER BY load_id) AS previous_loaded_at,
    LAG(load_id) OVER (PARTITION BY user_id ORDER BY load_id) AS previous_load_id,
    MAX(loaded_at) OVER (PARTITION BY user_id) AS last_loaded_at,
    MAX(load_id) OVER (PARTITION BY user_id) AS last_load_id
  FROM standing
), changes AS (
  /* Equal states in a row are one: the first starts it, the last is its newest load. */
  SELECT
    user_id,
    company_id,
    signup_date,
    status,
    effective_at,
    LEAD(effective_at) OVER (PARTITION BY user_id ORDER BY effective_at) AS next_effective_at,
    COALESCE(
      LEAD(previous_loaded_at) OVER (PARTITION BY user_id ORDER BY effective_at),
      last_loaded_at
    ) AS loaded_at,
    COALESCE(
      LEAD(previous_load_id) OVER (PARTITION BY user_id ORDER BY effective_at),
      last_load_id
    ) AS load_id
  FROM compared
  WHERE
    previous_load_id IS NULL
    OR company_id IS DISTINCT FROM previous_company_id
    OR signup_date IS DISTINCT FROM previous_signup_date
    OR status IS DISTINCT FROM previous_status
)
SELECT
  @sha256_key(user_id, company_id, status, effective_at)::TEXT AS user_version_id,
  user_id::BIGINT AS user_id,
  company_id::TEXT AS company_id,
  signup_date::DATE AS signup_date,
  status::TEXT AS status,
  effective_at::TIMESTAMP AS valid_from,
  COALESCE(next_effective_at, '9999-12-31'::TIMESTAMP)::TIMESTAMP AS valid_to,
  loaded_at::TIMESTAMP AS loaded_at,
  load_id::BIGINT AS load_id
FROM changes;

@planned_well()