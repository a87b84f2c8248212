output "group" {
  description = "Group of the schedules."
  value       = aws_scheduler_schedule_group.this.name
}

output "group_arn" {
  description = "The group."
  value       = aws_scheduler_schedule_group.this.arn
}

output "queue_arn" {
  description = "Queue of starts that failed."
  value       = aws_sqs_queue.this.arn
}
