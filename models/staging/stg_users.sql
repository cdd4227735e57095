MODEL (
  name staging.stg_users,
  kind VIEW,
  owner analytics,
  description 'One row per state of a user that a load gave, with the time from which it holds. A later load may overtake it.',
  column_descriptions (
    user_id = 'The user',
    company_id = 'The company the user belongs to; unknown where the export has none',
    signup_date = 'Day of sign-up',
    status = 'Account status, lower case; unknown where the export has none',
    effective_at = 'UTC time from which this state holds: sign-up for the first state, but no later than its load; else updated_at, or the load where the export gives none',
    loaded_at = 'UTC time of the load that gave it',
    load_id = 'The load that gave it'
  ),
  grain (user_id, load_id),
  audits (
    not_null(
      columns := (user_id, company_id, signup_date, status, effective_at, loaded_at, load_id)
    ),
    unique_combination_of_columns(columns := (user_id, load_id))
  )
);

SELECT
  user_id::BIGINT AS user_id,
  COALESCE(company_id, 'unknown')::TEXT AS company_id,
  signup_date::DATE AS signup_date,
  COALESCE(status, 'unknown')::TEXT AS status,
  CASE
    WHEN ROW_NUMBER() OVER (PARTITION BY user_id ORDER BY load_id) = 1
    THEN LEAST(signup_date::TIMESTAMP, loaded_at)
    ELSE COALESCE(updated_at, loaded_at)
  END::TIMESTAMP AS effective_at,
  loaded_at::TIMESTAMP AS loaded_at,
  load_id::BIGINT AS load_id
FROM raw.users