output "family" {
  description = "Family of the task, to run it by hand."
  value       = module.task.family
}

output "log_group" {
  description = "Where its lines are."
  value       = module.task.log_group
}
