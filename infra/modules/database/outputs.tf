output "cluster" {
  description = "Identifier of the cluster."
  value       = aws_rds_cluster.this.cluster_identifier
}

output "host" {
  description = "Where to write, whichever instance does so."
  value       = aws_rds_cluster.this.endpoint
}

output "user" {
  description = "User whose password is in the secret."
  value       = aws_rds_cluster.this.master_username
}

output "secret_arn" {
  description = "Secret with the password, which RDS renews."
  value       = aws_rds_cluster.this.master_user_secret[0].secret_arn
}

output "security_group_id" {
  description = "Group of the cluster."
  value       = aws_security_group.this.id
}
