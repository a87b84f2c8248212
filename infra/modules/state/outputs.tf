output "arn" {
  description = "The file system."
  value       = aws_efs_file_system.this.arn
}

output "id" {
  description = "Its id."
  value       = aws_efs_file_system.this.id
}

output "access_points" {
  description = "Use case => id and ARN of its access point."
  value       = { for use_case, point in aws_efs_access_point.this : use_case => { id = point.id, arn = point.arn } }

  # A task that mounts it before its targets are there fails to start.
  depends_on = [aws_efs_mount_target.this]
}

output "security_group_id" {
  description = "Group of its mount targets."
  value       = aws_security_group.this.id
}
