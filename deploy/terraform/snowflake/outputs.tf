output "environment" {
  description = "What a refresh is given; the private key comes from where secrets are kept."
  value = {
    MENTOR_GATEWAY      = "snowflake"
    SNOWFLAKE_USER      = snowflake_service_user.loader.name
    SNOWFLAKE_ROLE      = snowflake_account_role.loader.name
    SNOWFLAKE_WAREHOUSE = snowflake_warehouse.refresh.name
    SNOWFLAKE_DATABASE  = var.database
  }
}

output "reader" {
  description = "What somebody who asks sets beside account and user."
  value = {
    MENTOR_GATEWAY      = "snowflake"
    SNOWFLAKE_ROLE      = snowflake_account_role.reader.name
    SNOWFLAKE_WAREHOUSE = snowflake_warehouse.answers.name
    SNOWFLAKE_DATABASE  = var.database
  }
}
