variable "name" {
  description = "First part of every name."
  type        = string
}

variable "job" {
  description = "Name of the job."
  type        = string
}

variable "use_case" {
  description = "What it is about."
  type        = string
}

variable "kind" {
  description = "score, drift or retrain."
  type        = string
}

variable "options" {
  description = "Options after the command of its kind."
  type        = list(string)
}

variable "schedule" {
  description = "Expression of EventBridge Scheduler."
  type        = string
}

variable "time_zone" {
  description = "Time zone of the schedule, and of yesterday."
  type        = string
}

variable "attempts" {
  description = "How often a start is tried."
  type        = number
}

variable "enabled" {
  description = "Whether the schedule runs."
  type        = bool
}

variable "cpu" {
  description = "Processor units, 1024 for one processor."
  type        = number
}

variable "memory" {
  description = "MiB of memory."
  type        = number
}

variable "account_id" {
  description = "Account that it runs in."
  type        = string
}

variable "region" {
  description = "Region of the logs."
  type        = string
}

variable "image" {
  description = "Image by digest: the use case's serving image to score, the training image otherwise."
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

variable "database" {
  description = "Where the decision log and MLflow's registry are, and the secret with the password."
  type        = object({ host = string, user = string, secret_arn = string })
}

variable "buckets" {
  description = "Purpose => name and ARN."
  type        = map(object({ name = string, arn = string }))
}

variable "state" {
  description = "Folder of the use case that outlives the task."
  type = object({
    file_system_id   = string
    file_system_arn  = string
    access_point_id  = string
    access_point_arn = string
  })
}

variable "schedules" {
  description = "Group of schedules, and queue of starts that failed."
  type        = object({ group = string, group_arn = string, queue_arn = string })
}

variable "cluster_arn" {
  description = "ECS cluster."
  type        = string
}

variable "subnet_ids" {
  description = "Private subnets."
  type        = list(string)
}

variable "security_group_id" {
  description = "Group of the task."
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
  description = "KMS key of logs, secrets, buckets and schedule."
  type        = string
}
