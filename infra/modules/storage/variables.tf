variable "name" {
  description = "First part of every name."
  type        = string
}

variable "account_id" {
  description = "Account; part of the buckets' names, which are the world's."
  type        = string
}

variable "region" {
  description = "Region; part of the buckets' names."
  type        = string
}

variable "protected" {
  description = "Whether buckets that hold something refuse to be deleted."
  type        = bool
}

variable "log_days" {
  description = "Days that access logs are kept."
  type        = number
}

variable "key_arn" {
  description = "KMS key of all buckets but that of access logs."
  type        = string
}
