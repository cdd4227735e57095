MODEL (
  name staging.stg_users,
  kind VIEW,
  owner analytics,
  description 'One row per change of a user: a state that an export told, with the time from which it holds.',
  column_descriptions (
    user_id = 'The user',
    company_id = 'The company the user belongs to',
    signup_date = 'Day of sign-up',
    status = 'Account status, lower case',
    effective_at = 'UTC time from which this state holds: sign-up for the first state, else the time the export gives where that lies after the start of the state before, else the load',
    loaded_at = 'UTC time of the load that told it',
    load_id = 'The load that told it'
  ),
  grain (user_id, load_id),
  audits (
    not_null(columns := (user_id, signup_date, effective_at, loaded_at, load_id)),
    unique_combination_of_columns(columns := (user_id, load_id))
  )
);

SELECT
  user_id::BIGINT AS user_id,
  company_id::TEXT AS company_id,
  signup_date::DATE AS signup_date,
  status::TEXT AS status,
  effective_at::TIMESTAMP AS effective_at,
  loaded_at::TIMESTAMP AS loaded_at,
  load_id::BIGINT AS load_id
FROM raw.users