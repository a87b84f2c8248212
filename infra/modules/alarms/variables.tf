variable "name" {
  description = "First part of every name."
  type        = string
}

variable "account_id" {
  description = "Account whose alarms may speak here."
  type        = string
}

variable "emails" {
  description = "Addresses that are told."
  type        = list(string)
}

variable "budget" {
  description = "US dollars a month, null for none."
  type        = number
}

variable "key_arn" {
  description = "KMS key of the messages."
  type        = string
}
