variable "name" {
  description = "First part of every name."
  type        = string
}

variable "use_case" {
  description = "What is served."
  type        = string
}

variable "account_id" {
  description = "Account that the tasks run in."
  type        = string
}

variable "region" {
  description = "Region of logs and metrics."
  type        = string
}

variable "image" {
  description = "Serving image, by digest."
  type        = string
}

variable "repository_arn" {
  description = "Repository that the image is fetched from."
  type        = string
}

variable "common" {
  description = "What every task has: environment, files (see module task)."
  type = object({
    environment = map(string)
    files       = map(string)
  })
}

variable "keys_secret_arn" {
  description = "Secret with the file of hashed API keys."
  type        = string
}

variable "settings" {
  description = "Settings of one's own."
  type        = map(string)
}

variable "path" {
  description = "Path that it answers under, null for all of its host."
  type        = string
}

variable "host" {
  description = "Host that it answers for, null for any."
  type        = string
}

variable "cpu" {
  description = "Processor units of a task, 1024 for one processor."
  type        = number
}

variable "memory" {
  description = "MiB of memory of a task."
  type        = number
}

variable "least" {
  description = "Tasks at least."
  type        = number
}

variable "most" {
  description = "Tasks at most."
  type        = number
}

variable "requests_per_target" {
  description = "Requests a minute that a task should have; with more there are more tasks."
  type        = number
}

variable "cluster" {
  description = "ECS cluster."
  type        = object({ name = string, arn = string })
}

variable "vpc_id" {
  description = "Network."
  type        = string
}

variable "subnet_ids" {
  description = "Private subnets, in two zones or more."
  type        = list(string)
}

variable "security_group_id" {
  description = "Group of the tasks."
  type        = string
}

variable "load_balancer" {
  description = "ARN suffix of the load balancer, as metrics name it."
  type        = string
}

variable "listener_arn" {
  description = "Listener of the load balancer."
  type        = string
}

variable "database_secret_arn" {
  description = "Secret with the password of the decision log."
  type        = string
}

variable "decisions_bucket_arn" {
  description = "Bucket with the batch decisions of the log."
  type        = string
}

variable "topic_arn" {
  description = "Topic that alarms go to."
  type        = string
}

variable "log_days" {
  description = "Days that its logs are kept."
  type        = number
}

variable "boundary_arn" {
  description = "The most that its roles can do."
  type        = string
}

variable "key_arn" {
  description = "KMS key of logs and secrets."
  type        = string
}
