output "arn" {
  description = "The task definition, with its revision."
  value       = aws_ecs_task_definition.this.arn
}

output "family" {
  description = "Its family."
  value       = aws_ecs_task_definition.this.family
}

output "role_arns" {
  description = "Roles that whoever starts it hands over."
  value       = [for role in aws_iam_role.this : role.arn]

  depends_on = [aws_iam_role_policy.task]
}

output "log_group" {
  description = "Where its output is."
  value       = aws_cloudwatch_log_group.this.name
}
