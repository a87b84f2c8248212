variable "name" {
  description = "Alias of the key."
  type        = string
}

variable "account_id" {
  description = "Account whose IAM decides who uses the key."
  type        = string
}

variable "partition" {
  description = "First part of every ARN, such as aws."
  type        = string
}

variable "region" {
  description = "Region of the log groups."
  type        = string
}
