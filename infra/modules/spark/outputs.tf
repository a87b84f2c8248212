output "application_id" {
  description = "Application to start jobs in."
  value       = aws_emrserverless_application.this.id
}

output "role_arn" {
  description = "Role that jobs run as."
  value       = aws_iam_role.this.arn
}
