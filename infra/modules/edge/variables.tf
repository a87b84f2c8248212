variable "name" {
  description = "Name of the load balancer."
  type        = string
}

variable "vpc_id" {
  description = "Network."
  type        = string
}

variable "subnet_ids" {
  description = "Subnets in two zones: public ones, or private ones where it is internal."
  type        = list(string)
}

variable "internal" {
  description = "Whether it has private addresses alone."
  type        = bool
}

variable "callers" {
  description = "CIDR ranges that may call."
  type        = list(string)
}

variable "domain" {
  description = "Name that callers use, and its zone or certificate."
  type = object({
    name            = string
    zone_id         = optional(string)
    certificate_arn = optional(string)
  })
}

variable "hosts" {
  description = "Further names, of services with a host of their own."
  type        = list(string)
}

variable "requests_per_five_minutes" {
  description = "Requests of one address in five minutes."
  type        = number
}

variable "log_bucket" {
  description = "Bucket of access logs."
  type        = string
}

variable "log_days" {
  description = "Days that the firewall's log is kept."
  type        = number
}

variable "protected" {
  description = "Whether it refuses to be deleted."
  type        = bool
}

variable "key_arn" {
  description = "KMS key of the firewall's log."
  type        = string
}
