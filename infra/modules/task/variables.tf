variable "name" {
  description = "Family of the task, and first part of its roles' names."
  type        = string
}

variable "account_id" {
  description = "Account that the tasks run in."
  type        = string
}

variable "region" {
  description = "Region of the logs."
  type        = string
}

variable "image" {
  description = "Image, by digest."
  type        = string
}

variable "repository_arn" {
  description = "Repository that the image is fetched from."
  type        = string
}

variable "command" {
  description = "Program and arguments, in the place of the image's own; none for that."
  type        = list(string)
  default     = []
}

variable "arguments" {
  description = "Arguments of the image's own program."
  type        = list(string)
  default     = []
}

variable "health_command" {
  description = "Program that fails while the container is not alive; none where it ends by itself."
  type        = list(string)
  default     = []
}

variable "ports" {
  description = "Ports that it listens on."
  type        = list(number)
  default     = []
}

variable "cpu" {
  description = "Processor units, 1024 for one processor."
  type        = number
}

variable "memory" {
  description = "MiB of memory."
  type        = number
}

variable "stop_seconds" {
  description = "Seconds between SIGTERM and SIGKILL."
  type        = number
}

variable "environment" {
  description = "Settings."
  type        = map(string)
}

variable "secrets" {
  description = "Setting => secret that has its value; ARN:key:: for a key inside it."
  type        = map(string)
  default     = {}
}

variable "files" {
  description = "Name in /run/aval => text."
  type        = map(string)
}

variable "secret_files" {
  description = "Name in /run/aval => secret that has its text."
  type        = map(string)
  default     = {}
}

variable "prepare" {
  description = "Further lines of shell that have to succeed before the program starts, with its settings."
  type        = list(string)
  default     = []
}

variable "state" {
  description = "What /var/lib/aval is where it has to outlive the task; null where it ends with it."
  type        = object({ file_system_id = string, access_point_id = string })
  default     = null
}

variable "policy" {
  description = "What the code may do, as JSON."
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
  description = "KMS key of logs and secrets."
  type        = string
}
