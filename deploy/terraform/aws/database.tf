# PostgreSQL on RDS, unless the warehouse is Snowflake.

locals {
  databases = var.gateway == "postgres" ? 1 : 0
}

resource "aws_security_group" "task" {
  name_prefix = "${var.name}-task-"
  description = "A refresh: nothing comes in"
  vpc_id      = var.vpc_id

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_vpc_security_group_egress_rule" "task_https" {
  security_group_id = aws_security_group.task.id
  description       = "AWS, Slack, Snowflake"
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
  cidr_ipv4         = "0.0.0.0/0"
}

resource "aws_vpc_security_group_egress_rule" "task_database" {
  count = local.databases

  security_group_id            = aws_security_group.task.id
  description                  = "The database"
  ip_protocol                  = "tcp"
  from_port                    = 5432
  to_port                      = 5432
  referenced_security_group_id = aws_security_group.database[0].id
}

resource "aws_security_group" "database" {
  count = local.databases

  name_prefix = "${var.name}-database-"
  description = "The database: only a refresh comes in"
  vpc_id      = var.vpc_id

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_vpc_security_group_ingress_rule" "database" {
  count = local.databases

  security_group_id            = aws_security_group.database[0].id
  description                  = "A refresh"
  ip_protocol                  = "tcp"
  from_port                    = 5432
  to_port                      = 5432
  referenced_security_group_id = aws_security_group.task.id
}

resource "aws_db_subnet_group" "database" {
  count = local.databases

  name_prefix = "${var.name}-"
  subnet_ids  = var.private_subnet_ids
}

resource "aws_db_parameter_group" "database" {
  count = local.databases

  name_prefix = "${var.name}-"
  family      = "postgres17"

  parameter {
    name  = "rds.force_ssl"
    value = "1"
  }

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_db_instance" "database" {
  count = local.databases

  identifier_prefix = "${var.name}-"
  engine            = "postgres"
  engine_version    = "17"
  instance_class    = var.database_class
  # It is part of every model's name: a database restored under another has to be rebuilt.
  db_name                     = "warehouse"
  username                    = "administrator"
  manage_master_user_password = true

  storage_type          = "gp3"
  allocated_storage     = var.database_disk
  max_allocated_storage = 4 * var.database_disk
  storage_encrypted     = true

  db_subnet_group_name   = aws_db_subnet_group.database[0].name
  vpc_security_group_ids = [aws_security_group.database[0].id]
  parameter_group_name   = aws_db_parameter_group.database[0].name
  publicly_accessible    = false
  multi_az               = var.multi_az

  backup_retention_period         = var.backup_days
  backup_window                   = "02:00-03:00"
  maintenance_window              = "sun:06:00-sun:07:00"
  copy_tags_to_snapshot           = true
  deletion_protection             = true
  skip_final_snapshot             = false
  final_snapshot_identifier       = "${var.name}-final"
  auto_minor_version_upgrade      = true
  performance_insights_enabled    = true
  enabled_cloudwatch_logs_exports = ["postgresql", "upgrade"]
}
