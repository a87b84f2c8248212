variable "name" {
  description = "First part of every name."
  type        = string
}

variable "account_id" {
  description = "Account of the roles."
  type        = string
}

variable "partition" {
  description = "First part of every ARN, such as aws."
  type        = string
}

variable "region" {
  description = "Region that they work in."
  type        = string
}

variable "key_arn" {
  description = "KMS key that they use."
  type        = string
}
