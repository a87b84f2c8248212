variable "name" {
  description = "First part of every name."
  type        = string
}

variable "environment" {
  description = "Environment of GitHub whose jobs may apply."
  type        = string
}

variable "account_id" {
  description = "Account that is deployed to."
  type        = string
}

variable "partition" {
  description = "First part of every ARN, such as aws."
  type        = string
}

variable "region" {
  description = "Region that is deployed to."
  type        = string
}

variable "repository" {
  description = "Repository as GitHub's tokens name it: owner/name, or owner@ID/name@ID."
  type        = string
}

variable "provider_arn" {
  description = "GitHub's identity provider in the account, null to make it."
  type        = string
}

variable "zone_id" {
  description = "Route 53 zone of the names, null for none."
  type        = string
}

variable "state_bucket" {
  description = "Bucket of Terraform's state."
  type        = string
}

variable "repository_arns" {
  description = "Repositories of images."
  type        = list(string)
}

variable "releases_bucket_arn" {
  description = "Bucket of the releases that images are made of."
  type        = string
}

variable "boundary_arn" {
  description = "The most that roles made by a workflow can do."
  type        = string
}

variable "key_arn" {
  description = "KMS key."
  type        = string
}
