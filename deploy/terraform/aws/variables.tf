variable "name" {
  description = "What everything is named after."
  type        = string
  default     = "mentor-analytics"

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,30}$", var.name))
    error_message = "Small letters, digits and -, a letter first, 31 at most."
  }
}

variable "region" {
  description = "Where it runs."
  type        = string
}

variable "vpc_id" {
  description = "The network that it lies in."
  type        = string
}

variable "private_subnet_ids" {
  description = "Two subnets or more without a way in from outside; their way out leads to AWS and to Slack or Snowflake."
  type        = list(string)

  validation {
    condition     = length(var.private_subnet_ids) >= 2
    error_message = "RDS takes subnets in two zones at least."
  }
}

variable "gateway" {
  description = "Where the warehouse is: postgres makes one on RDS, snowflake uses the one of ../snowflake."
  type        = string
  default     = "postgres"

  validation {
    condition     = contains(["postgres", "snowflake"], var.gateway)
    error_message = "Either postgres or snowflake."
  }
}

variable "environment" {
  description = "Further variables of a refresh, such as MENTOR_MAX_FEED_AGE_HOURS or those that ../snowflake puts out."
  type        = map(string)
  default     = {}
}

variable "extra_secrets" {
  description = "Keys of the secret that a refresh gets as variables beside the password or key of the warehouse."
  type        = set(string)
  default     = ["MENTOR_SLACK_WEBHOOK_URL"]
}

variable "image" {
  description = "The image of deploy/container, with its digest, in the repository that this makes."
  type        = string

  validation {
    condition     = can(regex("@sha256:[0-9a-f]{64}$", var.image))
    error_message = "An image with its digest: …@sha256:…"
  }
}

variable "fetch_image" {
  description = "An image whose entry point is the AWS command line, with its digest; it copies the files to the task."
  type        = string

  validation {
    condition     = can(regex("@sha256:[0-9a-f]{64}$", var.fetch_image))
    error_message = "An image with its digest: …@sha256:…"
  }
}

variable "task_cpu" {
  description = "Units of processor of a refresh; 1024 are one."
  type        = number
  default     = 2048
}

variable "task_memory" {
  description = "Memory of a refresh in MiB; docs/sizing.md has how much it takes."
  type        = number
  default     = 8192
}

variable "task_disk" {
  description = "Disk of a refresh in GiB: the files, and what DuckDB spills while it reads them."
  type        = number
  default     = 50
}

variable "schedule" {
  description = "When a refresh starts, in UTC."
  type        = string
  default     = "cron(17 4 * * ? *)"
}

variable "database_class" {
  description = "Class of the RDS instance."
  type        = string
  default     = "db.m7g.large"
}

variable "database_disk" {
  description = "Disk of the database in GiB; it may grow to four times that."
  type        = number
  default     = 50
}

variable "multi_az" {
  description = "Whether a second zone takes over where one fails."
  type        = bool
  default     = true
}

variable "backup_days" {
  description = "How many days back the database can be restored to any second."
  type        = number
  default     = 14
}

variable "noncurrent_days" {
  description = "How long a file that was replaced or deleted stays in the bucket; who is forgotten stays in it as long."
  type        = number
  default     = 90
}

variable "alert_email" {
  description = "Who is told of a refresh that failed or did not start."
  type        = string
}
