variable "repositories" {
  description = "Names of the repositories."
  type        = list(string)
}

variable "protected" {
  description = "Whether a repository that holds images refuses to be deleted."
  type        = bool
}

variable "key_arn" {
  description = "KMS key of the images."
  type        = string
}
