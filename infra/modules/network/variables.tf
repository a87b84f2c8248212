variable "name" {
  description = "First part of every name."
  type        = string
}

variable "region" {
  description = "Region of the endpoints."
  type        = string
}

variable "account_id" {
  description = "Account whose buckets can be reached."
  type        = string
}

variable "partition" {
  description = "First part of every ARN, such as aws."
  type        = string
}

variable "cidr" {
  description = "Addresses of the network."
  type        = string
}

variable "public" {
  description = "Whether there are public subnets, for a load balancer or NAT."
  type        = bool
}

variable "nat" {
  description = "Whether private subnets have a way out to the internet."
  type        = bool
}

variable "log_days" {
  description = "Days that flow logs are kept."
  type        = number
}

variable "boundary_arn" {
  description = "The most that its roles can do."
  type        = string
}

variable "key_arn" {
  description = "KMS key of the logs."
  type        = string
}
