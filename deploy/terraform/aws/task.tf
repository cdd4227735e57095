# A refresh: a task of two containers, the first copies the files, the second loads them. It is not a service, so there is
# nothing to keep alive: a task that fails is reported, and the next one makes up for it.

locals {
  warehouse_secret = { postgres = "PGPASSWORD", snowflake = "SNOWFLAKE_PRIVATE_KEY" }[var.gateway] # pragma: allowlist secret
  secrets          = setunion(var.extra_secrets, [local.warehouse_secret])

  connection = {
    postgres = {
      PGHOST        = one(aws_db_instance.database[*].address)
      PGUSER        = "analytics"
      PGDATABASE    = "warehouse"
      PGSSLMODE     = "verify-full"
      PGSSLROOTCERT = "/incoming/rds-ca.pem"
    }
    snowflake = { SNOWFLAKE_PRIVATE_KEY_FILE = "/var/lib/mentor-analytics/key.p8" }
  }[var.gateway]

  variables = merge(
    {
      MENTOR_GATEWAY      = var.gateway
      MENTOR_DATA         = "/incoming/data"
      MENTOR_MEMORY_LIMIT = "50%"
    },
    local.connection,
    var.environment,
  )

  # Snowflake's connector takes a key from a file alone; the volume that it is written to ends with the task.
  key_file = {
    postgres  = ""
    snowflake = "(umask 077 && printf '%s\\n' \"$SNOWFLAKE_PRIVATE_KEY\" > key.p8) && unset SNOWFLAKE_PRIVATE_KEY"
  }[var.gateway]

  # SIGTERM goes on to the refresh, which then publishes nothing. What the run log has of it ends up in CloudWatch.
  script = <<-SH
    ${local.key_file}
    trap 'kill "$!"' TERM
    mentor-analytics --progress plain refresh --timeout 3600 &
    while kill -0 "$!" 2>/dev/null; do wait "$!"; code=$?; done
    mentor-analytics history --limit 1 --format json
    exit "$code"
  SH

  log = {
    for container in ["fetch", "refresh"] : container => {
      logDriver = "awslogs"
      options = {
        awslogs-group         = aws_cloudwatch_log_group.refresh.name
        awslogs-region        = var.region
        awslogs-stream-prefix = container
      }
    }
  }
}

resource "aws_ecr_repository" "image" {
  name                 = var.name
  image_tag_mutability = "IMMUTABLE"

  image_scanning_configuration {
    scan_on_push = true
  }
}

resource "aws_cloudwatch_log_group" "refresh" {
  name              = "/${var.name}/refresh"
  retention_in_days = 90
}

# Its value is put by hand, so that it is in no state of Terraform: a JSON object whose keys are those of local.secrets.
resource "aws_secretsmanager_secret" "refresh" {
  name_prefix = "${var.name}-"
  description = "Passwords and addresses that a refresh needs, as a JSON object"
}

resource "aws_ecs_cluster" "cluster" {
  name = var.name
}

resource "aws_ecs_task_definition" "refresh" {
  family                   = "${var.name}-refresh"
  requires_compatibilities = ["FARGATE"]
  network_mode             = "awsvpc"
  cpu                      = var.task_cpu
  memory                   = var.task_memory
  execution_role_arn       = aws_iam_role.execution.arn
  task_role_arn            = aws_iam_role.task.arn

  ephemeral_storage {
    size_in_gib = var.task_disk
  }

  volume {
    name = "incoming"
  }

  # Its owner is that of the folder in the image, which declares it as a volume.
  volume {
    name = "work"
  }

  container_definitions = jsonencode([
    {
      name                   = "fetch"
      image                  = var.fetch_image
      essential              = false
      command                = ["s3", "sync", "--no-progress", "s3://${aws_s3_bucket.files.id}/current", "/incoming"]
      readonlyRootFilesystem = true
      mountPoints            = [{ sourceVolume = "incoming", containerPath = "/incoming", readOnly = false }]
      logConfiguration       = local.log["fetch"]
    },
    {
      name                   = "refresh"
      image                  = var.image
      essential              = true
      dependsOn              = [{ containerName = "fetch", condition = "SUCCESS" }]
      user                   = "10001"
      readonlyRootFilesystem = true
      linuxParameters        = { initProcessEnabled = true, capabilities = { drop = ["ALL"] } }
      stopTimeout            = 60
      entryPoint             = ["sh", "-c"]
      command                = [local.script]
      environment            = [for name, value in local.variables : { name = name, value = value }]
      secrets = [
        for name in local.secrets : { name = name, valueFrom = "${aws_secretsmanager_secret.refresh.arn}:${name}::" }
      ]
      mountPoints = [
        { sourceVolume = "incoming", containerPath = "/incoming", readOnly = true },
        { sourceVolume = "work", containerPath = "/var/lib/mentor-analytics", readOnly = false },
      ]
      logConfiguration = local.log["refresh"]
    },
  ])
}
