variable "name" {
  description = "Name of the application."
  type        = string
}

variable "account_id" {
  description = "Account that jobs run in."
  type        = string
}

variable "release" {
  description = "Release of EMR, one with Spark 4."
  type        = string
}

variable "most_cpus" {
  description = "Processors at most, over all jobs at once."
  type        = number
}

variable "subnet_ids" {
  description = "Private subnets."
  type        = list(string)
}

variable "security_group_id" {
  description = "Group of driver and executors."
  type        = string
}

variable "secret_arn" {
  description = "Secret with the password of the decision log."
  type        = string
}

variable "buckets" {
  description = "Purpose => name and ARN."
  type        = map(object({ name = string, arn = string }))
}

variable "boundary_arn" {
  description = "The most that its role can do."
  type        = string
}

variable "key_arn" {
  description = "KMS key of the buckets."
  type        = string
}
