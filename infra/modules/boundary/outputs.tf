output "arn" {
  description = "Permissions boundary of every role."
  value       = aws_iam_policy.this.arn
}
