output "name" {
  description = "Name of the cluster."
  value       = aws_ecs_cluster.this.name
}

output "arn" {
  description = "The cluster."
  value       = aws_ecs_cluster.this.arn
}

output "security_group_ids" {
  description = "Groups of the tasks: services, jobs."
  value       = { for purpose, group in aws_security_group.this : purpose => group.id }
}
