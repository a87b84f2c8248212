variable "name" {
  description = "First part of every name."
  type        = string
}

variable "account_id" {
  description = "Account whose roles may mount it."
  type        = string
}

variable "partition" {
  description = "First part of every ARN, such as aws."
  type        = string
}

variable "vpc_id" {
  description = "Network."
  type        = string
}

variable "subnet_ids" {
  description = "Private subnets, one for each zone."
  type        = list(string)
}

variable "jobs_security_group_id" {
  description = "Group of the tasks that mount it."
  type        = string
}

variable "use_cases" {
  description = "Use cases, each with a folder of its own."
  type        = list(string)
}

variable "key_arn" {
  description = "KMS key of the files."
  type        = string
}
