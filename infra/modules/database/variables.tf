variable "name" {
  description = "Name of the cluster."
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
  description = "Private subnets, in two zones or more."
  type        = list(string)
}

variable "clients" {
  description = "Who => security group that may connect."
  type        = map(string)
}

variable "least_units" {
  description = "Capacity units that are always there."
  type        = number
}

variable "most_units" {
  description = "Capacity units at most."
  type        = number
}

variable "instances" {
  description = "Instances; the first writes, another takes over."
  type        = number
}

variable "backup_days" {
  description = "Days to any second of which it can be restored."
  type        = number
}

variable "final_snapshot" {
  description = "Whether a snapshot of it is left when it is deleted."
  type        = bool
}

variable "protected" {
  description = "Whether it refuses to be deleted, and leaves a snapshot when it is."
  type        = bool
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
  description = "KMS key of data, backups, password and logs."
  type        = string
}
