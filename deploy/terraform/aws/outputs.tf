output "files" {
  description = "Put the three files below current/data, and the certificates of RDS at current/rds-ca.pem."
  value       = "s3://${aws_s3_bucket.files.id}/current/"
}

output "repository" {
  description = "Where the image is pushed to."
  value       = aws_ecr_repository.image.repository_url
}

output "secret" {
  description = "The secret, whose value is a JSON object with these keys."
  value       = { arn = aws_secretsmanager_secret.refresh.arn, keys = local.secrets }
}

output "database" {
  description = "The server, and the secret with the administrator's password, who makes the user analytics."
  value = {
    host                 = one(aws_db_instance.database[*].address)
    administrator_secret = one(aws_db_instance.database[*].master_user_secret[0].secret_arn)
  }
}
