variable "name" {
  description = "Name of the group of schedules."
  type        = string
}

variable "topic_arn" {
  description = "Topic that alarms go to."
  type        = string
}

variable "key_arn" {
  description = "KMS key of the queue."
  type        = string
}
