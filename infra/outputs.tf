output "urls" {
  description = "Use case => where it is asked."
  value       = { for use_case, service in local.served : use_case => "https://${service.host == null ? var.domain.name : service.host}${service.path == null ? "" : service.path}" }
}

output "load_balancer" {
  description = "Name of the load balancer, for a DNS record of yours where there is no zone."
  value       = module.edge.dns_name
}

output "repositories" {
  description = "Use case, or train => repository to push its image to."
  value       = { for name, repository in local.repositories : name => repository.url }
}

output "images" {
  description = "What runs: use case, or train => image by digest."
  value       = terraform_data.images.output
}

output "buckets" {
  description = "Purpose => bucket: data (incoming/ and scored/), decisions, releases, artifacts, logs."
  value       = { for purpose, bucket in module.storage.buckets : purpose => bucket.name }
}

output "keys" {
  description = "Use case => secret for its file of API keys."
  value       = { for use_case, secret in aws_secretsmanager_secret.keys : use_case => secret.name }
}

output "cluster" {
  description = "ECS cluster of services and jobs."
  value       = module.cluster.name
}

output "jobs" {
  description = "Job => family of its task, to run it by hand. The one of kind retrain is for all other commands of aval too: its role may do what they need."
  value       = { for name, job in module.job : name => job.family }
}

output "job_network" {
  description = "Network of jobs that are run by hand, as aws ecs run-task takes it."
  value = jsonencode({
    awsvpcConfiguration = {
      subnets        = local.network.private_subnet_ids
      securityGroups = [module.cluster.security_group_ids.jobs]
      assignPublicIp = "DISABLED"
    }
  })
}

output "github_roles" {
  description = "push, plan, apply => role for GitHub's workflows; none where they may do nothing here."
  value       = one(module.github[*].role_arns)
}

output "spark" {
  description = "Application and role of the Spark door, none where it is off."
  value       = one([for spark in module.spark : { application_id = spark.application_id, role_arn = spark.role_arn }])
}
