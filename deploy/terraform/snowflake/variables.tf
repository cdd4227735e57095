variable "database" {
  description = "The published database, as SNOWFLAKE_DATABASE names it; in capitals."
  type        = string
  default     = "MENTOR_ANALYTICS"

  validation {
    condition     = can(regex("^[A-Z_][A-Z0-9_$]*$", var.database))
    error_message = "A plain name in capitals: letters, digits, _ and $, no digit first."
  }
}

variable "loader_role" {
  description = "The role that refreshes, and owns the databases."
  type        = string
  default     = "MENTOR_LOADER"
}

variable "reader_role" {
  description = "The role that asks."
  type        = string
  default     = "MENTOR_READER"
}

variable "loader_public_key" {
  description = "Public key of the user that refreshes: the base64 text alone, without the lines around it."
  type        = string
}

variable "allowed_ip_list" {
  description = "Addresses from which the user that refreshes may log in, as CIDR blocks."
  type        = list(string)
}

variable "readers" {
  description = "Users that get the reader's role; they are made elsewhere."
  type        = set(string)
  default     = []
}

variable "retention_days" {
  description = "How many days back Time Travel goes; more than one takes Snowflake's Enterprise edition."
  type        = number
  default     = 1
}

variable "warehouse_size" {
  description = "Size of the warehouse that refreshes."
  type        = string
  default     = "XSMALL"
}

variable "monthly_credits" {
  description = "Credits a month, of both warehouses together; at nine tenths somebody is told, at all of them both stop."
  type        = number
  default     = 50
}
