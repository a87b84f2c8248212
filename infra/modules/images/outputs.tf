output "repositories" {
  description = "Name => URL and ARN."
  value       = { for name, repository in aws_ecr_repository.this : name => { url = repository.repository_url, arn = repository.arn } }
}
