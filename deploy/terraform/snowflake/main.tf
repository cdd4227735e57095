# Roles, a user, warehouses, the database and grants: what docs/snowflake.md asks for, with a warehouse for answers, a
# limit of credits and the addresses that the user may log in from.

# --- who may what ---

resource "snowflake_account_role" "loader" {
  provider = snowflake.useradmin
  name     = var.loader_role
  comment  = "mentor-analytics: refreshes, and owns its databases"
}

resource "snowflake_account_role" "reader" {
  provider = snowflake.useradmin
  name     = var.reader_role
  comment  = "mentor-analytics: asks"
}

# What a role owns SYSADMIN can look after.
resource "snowflake_grant_account_role" "to_sysadmin" {
  for_each = {
    loader = snowflake_account_role.loader.name
    reader = snowflake_account_role.reader.name
  }

  provider         = snowflake.securityadmin
  role_name        = each.value
  parent_role_name = "SYSADMIN"
}

resource "snowflake_network_policy" "loader" {
  provider        = snowflake.securityadmin
  name            = var.loader_role
  allowed_ip_list = var.allowed_ip_list
}

# Logs in by its key alone.
resource "snowflake_service_user" "loader" {
  provider                       = snowflake.useradmin
  name                           = var.loader_role
  comment                        = "mentor-analytics: the user of the scheduled refresh"
  rsa_public_key                 = var.loader_public_key
  default_role                   = snowflake_account_role.loader.name
  default_secondary_roles_option = "NONE"
  default_warehouse              = snowflake_warehouse.refresh.name
}

# A policy is attached to a user by who may attach it, which USERADMIN may not.
resource "snowflake_network_policy_attachment" "loader" {
  provider            = snowflake.securityadmin
  network_policy_name = snowflake_network_policy.loader.name
  users               = [snowflake_service_user.loader.name]
}

resource "snowflake_grant_account_role" "loader" {
  provider  = snowflake.securityadmin
  role_name = snowflake_account_role.loader.name
  user_name = snowflake_service_user.loader.name
}

resource "snowflake_grant_account_role" "readers" {
  for_each = var.readers

  provider  = snowflake.securityadmin
  role_name = snowflake_account_role.reader.name
  user_name = each.value
}

# --- what computes ---

resource "snowflake_resource_monitor" "month" {
  provider                  = snowflake.accountadmin
  name                      = var.database
  credit_quota              = var.monthly_credits
  frequency                 = "MONTHLY"
  start_timestamp           = "IMMEDIATELY"
  notify_triggers           = [90]
  suspend_trigger           = 100
  suspend_immediate_trigger = 110

  lifecycle {
    # IMMEDIATELY is the moment at which it was made.
    ignore_changes = [start_timestamp]
  }
}

# Apart, so that who asks does not wait for a refresh, and each is accounted for.
resource "snowflake_warehouse" "refresh" {
  provider                     = snowflake.accountadmin
  name                         = "MENTOR_COMPUTE"
  warehouse_size               = var.warehouse_size
  auto_suspend                 = 60
  auto_resume                  = "true"
  initially_suspended          = true
  statement_timeout_in_seconds = 3600
  resource_monitor             = snowflake_resource_monitor.month.fully_qualified_name
}

resource "snowflake_warehouse" "answers" {
  provider                     = snowflake.accountadmin
  name                         = "MENTOR_ANSWERS"
  warehouse_size               = "XSMALL"
  auto_suspend                 = 60
  auto_resume                  = "true"
  initially_suspended          = true
  statement_timeout_in_seconds = 600
  resource_monitor             = snowflake_resource_monitor.month.fully_qualified_name
}

# --- grants ---

resource "snowflake_grant_privileges_to_account_role" "loader_computes" {
  provider          = snowflake.accountadmin
  account_role_name = snowflake_account_role.loader.name
  privileges        = ["USAGE"]

  on_account_object {
    object_type = "WAREHOUSE"
    object_name = snowflake_warehouse.refresh.name
  }
}

resource "snowflake_grant_privileges_to_account_role" "reader_computes" {
  provider          = snowflake.accountadmin
  account_role_name = snowflake_account_role.reader.name
  privileges        = ["USAGE"]

  on_account_object {
    object_type = "WAREHOUSE"
    object_name = snowflake_warehouse.answers.name
  }
}

# The next state is a database of its own.
resource "snowflake_grant_privileges_to_account_role" "loader_makes_databases" {
  provider          = snowflake.accountadmin
  account_role_name = snowflake_account_role.loader.name
  privileges        = ["CREATE DATABASE"]
  on_account        = true
}

# --- the database ---

# Made once and then left alone: a refresh works in a clone of it, and has both change their names.
resource "snowflake_database" "published" {
  provider                    = snowflake.accountadmin
  name                        = var.database
  data_retention_time_in_days = var.retention_days

  lifecycle {
    ignore_changes  = all
    prevent_destroy = true
  }
}

# Only an owner can publish.
resource "snowflake_grant_ownership" "published" {
  provider            = snowflake.accountadmin
  account_role_name   = snowflake_account_role.loader.name
  outbound_privileges = "COPY"

  on {
    object_type = "DATABASE"
    object_name = snowflake_database.published.name
  }
}

# What there will be, for there is nothing yet. Each refresh carries over what is granted on the database itself; what is
# granted inside it, and for what will be there, is part of the clone.
resource "snowflake_grant_privileges_to_account_role" "reader_database" {
  provider          = snowflake.securityadmin
  depends_on        = [snowflake_grant_ownership.published]
  account_role_name = snowflake_account_role.reader.name
  privileges        = ["USAGE"]

  on_account_object {
    object_type = "DATABASE"
    object_name = snowflake_database.published.name
  }
}

resource "snowflake_grant_privileges_to_account_role" "reader_schemas" {
  provider          = snowflake.securityadmin
  depends_on        = [snowflake_grant_ownership.published]
  account_role_name = snowflake_account_role.reader.name
  privileges        = ["USAGE"]

  on_schema {
    future_schemas_in_database = snowflake_database.published.name
  }
}

resource "snowflake_grant_privileges_to_account_role" "reader_objects" {
  for_each = toset(["TABLES", "VIEWS"])

  provider          = snowflake.securityadmin
  depends_on        = [snowflake_grant_ownership.published]
  account_role_name = snowflake_account_role.reader.name
  privileges        = ["SELECT"]

  on_schema_object {
    future {
      object_type_plural = each.key
      in_database        = snowflake_database.published.name
    }
  }
}
