terraform {
  required_version = ">= 1.9"

  required_providers {
    snowflake = {
      source  = "snowflakedb/snowflake"
      version = "~> 2.11"
    }
  }
}

# Each resource is made by the role of Snowflake that is there for it. Who logs in, and how, comes from the SNOWFLAKE_…
# variables or from the provider's own file, never from here.
provider "snowflake" {
  role = "SYSADMIN"
}

provider "snowflake" {
  alias = "useradmin"
  role  = "USERADMIN"
}

provider "snowflake" {
  alias = "securityadmin"
  role  = "SECURITYADMIN"
}

provider "snowflake" {
  alias = "accountadmin"
  role  = "ACCOUNTADMIN"
}
