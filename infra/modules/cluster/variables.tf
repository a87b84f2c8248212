variable "name" {
  description = "Name of the cluster."
  type        = string
}

variable "vpc_id" {
  description = "Network."
  type        = string
}

variable "database_security_group_id" {
  description = "Group of the database."
  type        = string
}

variable "files_security_group_id" {
  description = "Group of the jobs' file system."
  type        = string
}

variable "load_balancer_security_group_id" {
  description = "Group of the load balancer."
  type        = string
}
