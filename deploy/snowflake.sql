-- Roles, a user and the database of a warehouse on Snowflake; docs/snowflake.md. Run once, as ACCOUNTADMIN.
-- The database could not be renamed later without renaming these; any plain name does.

CREATE ROLE IF NOT EXISTS mentor_loader;
CREATE ROLE IF NOT EXISTS mentor_reader;
GRANT ROLE mentor_loader TO ROLE SYSADMIN;
GRANT ROLE mentor_reader TO ROLE SYSADMIN;

-- What computes: it starts with the first query and stops a minute after the last.
CREATE WAREHOUSE IF NOT EXISTS mentor_compute
  WAREHOUSE_SIZE = 'XSMALL' AUTO_SUSPEND = 60 AUTO_RESUME = TRUE INITIALLY_SUSPENDED = TRUE;
GRANT USAGE ON WAREHOUSE mentor_compute TO ROLE mentor_loader;
GRANT USAGE ON WAREHOUSE mentor_compute TO ROLE mentor_reader;

-- Each refresh makes a clone of the database: who loads owns it, and may make more.
GRANT CREATE DATABASE ON ACCOUNT TO ROLE mentor_loader;
CREATE DATABASE IF NOT EXISTS mentor_analytics;
GRANT OWNERSHIP ON DATABASE mentor_analytics TO ROLE mentor_loader COPY CURRENT GRANTS;

-- Who asks: every schema, table and view that there is and that will be, and nothing else. Grants on the database
-- are carried over by each refresh, those for what will be by Snowflake's clone.
GRANT USAGE ON DATABASE mentor_analytics TO ROLE mentor_reader;
GRANT USAGE ON FUTURE SCHEMAS IN DATABASE mentor_analytics TO ROLE mentor_reader;
GRANT SELECT ON FUTURE TABLES IN DATABASE mentor_analytics TO ROLE mentor_reader;
GRANT SELECT ON FUTURE VIEWS IN DATABASE mentor_analytics TO ROLE mentor_reader;

-- Who logs in. The key pair: docs.snowflake.com, "Key-pair authentication".
CREATE USER IF NOT EXISTS mentor_loader
  TYPE = SERVICE DEFAULT_ROLE = mentor_loader DEFAULT_WAREHOUSE = mentor_compute;
GRANT ROLE mentor_loader TO USER mentor_loader;
-- ALTER USER mentor_loader SET RSA_PUBLIC_KEY = 'MIIB…';
-- GRANT ROLE mentor_reader TO USER …;
