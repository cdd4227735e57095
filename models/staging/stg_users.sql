MODEL (
  name staging.stg_users,
  kind VIEW,
  owner analytics,
  description 'One row per user: the latest state that any export told, with the time from which it holds.',
  column_descriptions (
    user_id = 'The user',
    company_id = 'The company the user belongs to',
    signup_date = 'Day of sign-up',
    status = 'Account status, lower case',
    effective_at = 'UTC time from which this state holds: sign-up for the first state, else the time the source gives, else the load'
  ),
  grain user_id,
  audits (
    not_null(columns := (user_id, signup_date, effective_at)),
    unique_values(columns := (
      user_id
    ))
  )
);

WITH numbered AS (
  SELECT
    user_id,
    company_id,
    signup_date,
    status,
    updated_at,
    loaded_at,
    ROW_NUMBER() OVER (PARTITION BY user_id ORDER BY load_id) AS change_number,
    ROW_NUMBER() OVER (PARTITION BY user_id ORDER BY load_id DESC) AS recency
  FROM raw.users
)
SELECT
  user_id::BIGINT AS user_id,
  company_id::TEXT AS company_id,
  signup_date::DATE AS signup_date,
  status::TEXT AS status,
  CASE
    WHEN change_number = 1
    THEN signup_date::TIMESTAMP
    ELSE COALESCE(updated_at, loaded_at)
  END::TIMESTAMP AS effective_at
FROM numbered
WHERE
  recency = 1