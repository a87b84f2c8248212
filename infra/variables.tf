variable "environment" {
  description = "Name of the environment; part of every name."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9]{1,11}$", var.environment))
    error_message = "environment must be 2 to 12 lower-case letters and digits that begin with a letter, such as staging."
  }
}

variable "region" {
  description = "AWS region that everything stands in."
  type        = string

  validation {
    condition     = can(regex("^[a-z]{2}(-[a-z]+)+-[0-9]$", var.region))
    error_message = "region must be an AWS region, such as eu-west-1."
  }
}

variable "tags" {
  description = "Tags of your own, beside Product, Environment and ManagedBy."
  type        = map(string)
  default     = {}
}

variable "protected" {
  description = "Whether the database, the load balancer and what buckets hold refuse to be deleted."
  type        = bool
  default     = true
}

variable "log_days" {
  description = "Days that logs are kept in CloudWatch and in the bucket of access logs."
  type        = number
  default     = 365

  validation {
    condition     = contains([30, 60, 90, 180, 365, 731, 1827, 2557, 3653], var.log_days)
    error_message = "log_days must be one of 30, 60, 90, 180, 365, 731, 1827, 2557, 3653: CloudWatch knows no others."
  }
}

variable "network" {
  description = "A network to be made (cidr; nat for ways out to the internet), or yours: vpc_id with subnets in two zones."
  type = object({
    cidr               = optional(string, "10.20.0.0/16")
    nat                = optional(bool, false)
    vpc_id             = optional(string)
    public_subnet_ids  = optional(list(string), [])
    private_subnet_ids = optional(list(string), [])
  })
  default = {}

  validation {
    condition     = can(cidrhost(var.network.cidr, 0)) && try(tonumber(split("/", var.network.cidr)[1]), 0) <= 22
    error_message = "network.cidr must be a range of at least 1,024 addresses, such as 10.20.0.0/16."
  }
  validation {
    condition     = var.network.vpc_id == null || length(var.network.private_subnet_ids) >= 2
    error_message = "network.vpc_id needs network.private_subnet_ids: two subnets or more, in different zones."
  }
  validation {
    condition     = var.network.vpc_id == null || var.internal || length(var.network.public_subnet_ids) >= 2
    error_message = "network.vpc_id needs network.public_subnet_ids (two or more, in different zones), or internal = true."
  }
}

variable "internal" {
  description = "Whether the load balancer has private addresses alone."
  type        = bool
  default     = false
}

variable "callers" {
  description = "CIDR ranges that may call the load balancer."
  type        = list(string)

  validation {
    condition     = length(var.callers) > 0 && alltrue([for range in var.callers : can(cidrhost(range, 0))])
    error_message = "callers must be CIDR ranges, such as [\"10.0.0.0/8\"]; [\"0.0.0.0/0\"] is everybody."
  }
}

variable "domain" {
  description = "Name that callers use; zone_id of a Route 53 zone for its record and certificate, or a certificate_arn of yours."
  type = object({
    name            = string
    zone_id         = optional(string)
    certificate_arn = optional(string)
  })

  validation {
    condition     = can(regex("^[a-z0-9-]+(\\.[a-z0-9-]+)+$", var.domain.name))
    error_message = "domain.name must be a host name, such as risk.bank.example."
  }
  validation {
    condition     = var.domain.zone_id != null || var.domain.certificate_arn != null
    error_message = "domain needs zone_id (a certificate is made), or certificate_arn (yours, valid for all hosts used here)."
  }
}

variable "requests_per_five_minutes" {
  description = "Requests that one address may send in five minutes before it is held off; raise it for a gateway that sends all."
  type        = number
  default     = 60000

  validation {
    condition     = var.requests_per_five_minutes >= 100 && var.requests_per_five_minutes <= 2000000000
    error_message = "requests_per_five_minutes must be from 100 to 2000000000: WAF knows no others."
  }
}

variable "services" {
  description = "Use case => how it is served: by path (/credit_risk/...) or by host, with how much and how many."
  type = map(object({
    path                = optional(string)
    host                = optional(string)
    cpu                 = optional(number, 1024)
    memory              = optional(number, 2048)
    least               = optional(number, 2)
    most                = optional(number, 6)
    requests_per_target = optional(number, 6000)
    settings            = optional(map(string), {})
  }))
  default = {}

  validation {
    condition     = alltrue([for name in keys(var.services) : can(regex("^[a-z][a-z0-9_]{1,26}$", name))])
    error_message = "services must be named like use cases: lower-case letters, digits and _, at most 27, such as credit_risk."
  }
  validation {
    condition     = alltrue([for service in values(var.services) : (service.path == null) != (service.host == null)])
    error_message = "every service needs a path or a host, and not both."
  }
  validation {
    condition = alltrue([
      for service in values(var.services) : service.path == null || can(regex("^(/[a-z0-9_-]+)+$", service.path))
    ])
    error_message = "a service's path begins with / and does not end with it, such as /credit_risk."
  }
  validation {
    condition = length(var.services) == length(distinct([
      for service in values(var.services) : coalesce(service.path, service.host, "")
    ]))
    error_message = "two services have the same path or host."
  }
  validation {
    condition = alltrue(flatten([
      for one in values(var.services) : [
        for other in values(var.services) : one.path == null || other.path == null ? true : !startswith(coalesce(other.path, "/"), "${coalesce(one.path, "/")}/")
      ]
    ]))
    error_message = "the path of a service lies within another's, which would get its requests."
  }
  validation {
    condition     = alltrue([for service in values(var.services) : service.least >= 2 && service.most >= service.least])
    error_message = "a service has at least two tasks, one for each zone: least >= 2, most >= least."
  }
  validation {
    condition = alltrue([
      for service in values(var.services) :
      contains([512, 1024, 2048, 4096, 8192], service.cpu) && service.memory >= 2 * service.cpu &&
      service.memory <= (service.cpu < 4096 ? 8 : 7.5) * service.cpu && service.memory % (service.cpu < 8192 ? 1024 : 4096) == 0
    ])
    error_message = "a service's cpu must be 512, 1024, 2048, 4096 or 8192, and memory (MiB) 2 to 8 times cpu (7.5 from 4096 on), in steps of 1024 (4096 for 8192): Fargate takes these."
  }
  validation {
    condition = alltrue(flatten([
      for service in values(var.services) : [
        for setting in keys(service.settings) : !contains([
          "AVAL_MODEL", "AVAL_HOME", "AVAL_HOST", "AVAL_API_KEYS", "AVAL_WITHOUT_KEYS", "AVAL_PATH", "AVAL_DECISION_LOG",
          "AVAL_DECISION_LOG_DOWN", "AVAL_SPOOL", "AVAL_SEGMENTS", "AVAL_S3_KMS_KEY", "AVAL_DRAIN_SECONDS", "BENTOML_HOME",
        ], setting)
      ]
    ]))
    error_message = "settings holds one that is made here (see modules/service); AVAL_DECISION_LOG_DOWN stays closed, because a task's disk ends with it."
  }
}

variable "images" {
  description = "Use case, or train for the training image => image by digest; what has none yet is not run."
  type        = map(string)
  default     = {}

  validation {
    condition     = alltrue([for image in values(var.images) : can(regex("^[^@ ]+@sha256:[0-9a-f]{64}$", image))])
    error_message = "images must be REPOSITORY@sha256:DIGEST; a tag could come to mean another image."
  }
  validation {
    condition     = alltrue([for name, image in var.images : endswith(split("@", image)[0], "/aval/${name}")])
    error_message = "an image must be of its own repository: credit_risk of .../aval/credit_risk, train of .../aval/train."
  }
  validation {
    condition     = alltrue([for name in keys(var.images) : name == "train" || contains(keys(var.services), name)])
    error_message = "images names what is no service and not train."
  }
}

variable "jobs" {
  description = "Name => what is run when: kind score (INPUT of a day into scored files), drift or retrain, of a use case in services."
  type = map(object({
    use_case  = string
    kind      = string
    schedule  = string
    time_zone = optional(string, "UTC")
    options   = optional(list(string), [])
    cpu       = optional(number, 2048)
    memory    = optional(number, 8192)
    attempts  = optional(number, 3)
    enabled   = optional(bool, true)
  }))
  default = {}

  validation {
    condition     = alltrue([for name in keys(var.jobs) : can(regex("^[a-z][a-z0-9_-]{1,30}$", name))])
    error_message = "jobs must have names of lower-case letters, digits, _ and -, at most 31."
  }
  validation {
    condition     = alltrue([for name in keys(var.jobs) : !contains(keys(var.services), name)])
    error_message = "a job is named like a service, whose logs and roles it would have: call it credit-risk-score, say."
  }
  validation {
    condition = alltrue([
      for job in values(var.jobs) :
      contains([512, 1024, 2048, 4096, 8192], job.cpu) && job.memory >= 2 * job.cpu &&
      job.memory <= (job.cpu < 4096 ? 8 : 7.5) * job.cpu && job.memory % (job.cpu < 8192 ? 1024 : 4096) == 0
    ])
    error_message = "a job's cpu must be 512, 1024, 2048, 4096 or 8192, and memory (MiB) 2 to 8 times cpu (7.5 from 4096 on), in steps of 1024 (4096 for 8192): Fargate takes these."
  }
  validation {
    condition     = alltrue([for job in values(var.jobs) : contains(["score", "drift", "retrain"], job.kind)])
    error_message = "a job's kind must be score, drift or retrain."
  }
  validation {
    condition     = alltrue([for job in values(var.jobs) : contains(keys(var.services), job.use_case)])
    error_message = "a job's use_case must be one of services."
  }
  validation {
    condition     = alltrue([for job in values(var.jobs) : can(regex("^(cron|rate|at)\\(.+\\)$", job.schedule))])
    error_message = "a job's schedule must be one of EventBridge Scheduler, such as cron(15 3 * * ? *) or rate(1 day)."
  }
  validation {
    condition     = alltrue([for job in values(var.jobs) : job.attempts >= 1 && job.attempts <= 185])
    error_message = "a job's attempts to start must be from 1 to 185."
  }
}

variable "database" {
  description = "Aurora: capacity units at least and at most, instances (the first writes), days of backups, and whether a last snapshot is left when it is deleted."
  type = object({
    least_units    = optional(number, 0.5)
    most_units     = optional(number, 4)
    instances      = optional(number, 2)
    backup_days    = optional(number, 35)
    final_snapshot = optional(bool, true)
  })
  default = {}

  validation {
    condition     = var.database.least_units >= 0.5 && var.database.most_units >= 1 && var.database.most_units <= 256 && var.database.least_units <= var.database.most_units
    error_message = "database: 0.5 <= least_units <= most_units <= 256, and most_units >= 1."
  }
  validation {
    condition     = var.database.instances >= 1 && var.database.instances <= 15 && var.database.backup_days >= 7 && var.database.backup_days <= 35
    error_message = "database: instances from 1 to 15, backup_days from 7 to 35."
  }
}

variable "database_ca_file" {
  description = "File with the certificates of RDS's authorities, which AWS publishes for each region (see README.md)."
  type        = string
  default     = "environments/rds-ca.pem"

  validation {
    condition     = fileexists(var.database_ca_file) && can(regex("-----BEGIN CERTIFICATE-----", file(var.database_ca_file)))
    error_message = "database_ca_file holds no certificate; fetch it as README.md says under First deployment."
  }
  validation {
    condition     = try(length(file(var.database_ca_file)), 0) < 16000
    error_message = "database_ca_file is too large for a task definition: fetch the bundle of your region, and not the global one."
  }
}

variable "alarm_emails" {
  description = "Addresses that alarms go to; each has to confirm once."
  type        = list(string)
  default     = []
}

variable "budget" {
  description = "US dollars a month beyond which the alarm addresses are told, also when they are forecast; null for none."
  type        = number
  default     = null

  validation {
    condition     = var.budget == null || try(var.budget > 0, false)
    error_message = "budget must be more than 0 dollars a month, or null."
  }
}

variable "github" {
  description = "Repository, as the sub of GitHub's tokens names it (owner/name or owner@ID/name@ID), whose workflows may push images, plan and apply; null for none. provider_arn: the account's, where it has one."
  type = object({
    repository   = string
    state_bucket = string
    provider_arn = optional(string)
  })
  default = null

  validation {
    condition     = var.github == null || can(regex("^[A-Za-z0-9-]+(@[0-9]+)?/[A-Za-z0-9._-]+(@[0-9]+)?$", var.github.repository))
    error_message = "github.repository must be owner/name, or owner@ID/name@ID where GitHub's tokens say so (see README.md, For workflows)."
  }
}

variable "spark" {
  description = "EMR Serverless for the Spark door (service/SPARK.md): release and most processors; null for none."
  type = object({
    release   = string
    most_cpus = optional(number, 32)
  })
  default = null
}
