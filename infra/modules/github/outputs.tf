output "role_arns" {
  description = "push, plan, apply => role for the workflow."
  value       = { for purpose, role in aws_iam_role.this : purpose => role.arn }
}
