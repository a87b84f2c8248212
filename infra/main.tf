data "aws_caller_identity" "this" {}

data "aws_partition" "this" {}

locals {
  name      = "aval-${var.environment}"
  account   = data.aws_caller_identity.this.account_id
  partition = data.aws_partition.this.partition

  own_network = var.network.vpc_id == null
  network = local.own_network ? module.network[0] : {
    vpc_id             = var.network.vpc_id
    public_subnet_ids  = var.network.public_subnet_ids
    private_subnet_ids = var.network.private_subnet_ids
  }

  use_cases = sort(keys(var.services))
  # What has no image yet has a repository to push one to, and nothing that runs.
  served = { for use_case, service in var.services : use_case => service if contains(keys(var.images), use_case) }
  jobs = {
    for name, job in var.jobs : name => merge(job, { image = job.kind == "score" ? job.use_case : "train" })
    if contains(keys(var.images), job.kind == "score" ? job.use_case : "train")
  }
  repositories = { for name in concat(local.use_cases, ["train"]) : name => module.images.repositories["aval/${name}"] }

  # What every task has. The log fetches its password itself, and again when RDS has renewed it; libpq reads PG….
  common = {
    environment = {
      AWS_DEFAULT_REGION = var.region
      AVAL_DECISION_LOG  = "postgresql+psycopg://${module.database.user}@${module.database.host}:5432/aval?password_secret=${module.database.secret_arn}"
      AVAL_SEGMENTS      = "s3://${module.storage.buckets.decisions.name}/segments"
      AVAL_S3_KMS_KEY    = module.key.arn
      PGSSLMODE          = "verify-full"
      PGSSLROOTCERT      = "/run/aval/rds-ca.pem"
    }
    files = { "rds-ca.pem" = file(var.database_ca_file) }
  }
}

module "key" {
  source = "./modules/key"

  name       = local.name
  account_id = local.account
  partition  = local.partition
  region     = var.region
}

module "boundary" {
  source = "./modules/boundary"

  name       = local.name
  account_id = local.account
  partition  = local.partition
  region     = var.region
  key_arn    = module.key.arn
}

module "network" {
  source = "./modules/network"
  count  = local.own_network ? 1 : 0

  name         = local.name
  region       = var.region
  account_id   = local.account
  partition    = local.partition
  cidr         = var.network.cidr
  public       = !var.internal || var.network.nat
  nat          = var.network.nat
  log_days     = var.log_days
  key_arn      = module.key.arn
  boundary_arn = module.boundary.arn
}

module "alarms" {
  source = "./modules/alarms"

  name       = local.name
  account_id = local.account
  emails     = var.alarm_emails
  budget     = var.budget
  key_arn    = module.key.arn
}

module "storage" {
  source = "./modules/storage"

  name       = local.name
  account_id = local.account
  region     = var.region
  protected  = var.protected
  log_days   = var.log_days
  key_arn    = module.key.arn
}

module "images" {
  source = "./modules/images"

  repositories = [for name in concat(local.use_cases, ["train"]) : "aval/${name}"]
  protected    = var.protected
  key_arn      = module.key.arn
}

module "database" {
  source = "./modules/database"

  name           = local.name
  partition      = local.partition
  vpc_id         = local.network.vpc_id
  subnet_ids     = local.network.private_subnet_ids
  clients        = module.cluster.security_group_ids
  least_units    = var.database.least_units
  most_units     = var.database.most_units
  instances      = var.database.instances
  backup_days    = var.database.backup_days
  protected      = var.protected
  final_snapshot = var.database.final_snapshot
  topic_arn      = module.alarms.topic_arn
  log_days       = var.log_days
  key_arn        = module.key.arn
  boundary_arn   = module.boundary.arn
}

module "cluster" {
  source = "./modules/cluster"

  name                            = local.name
  vpc_id                          = local.network.vpc_id
  database_security_group_id      = module.database.security_group_id
  files_security_group_id         = module.state.security_group_id
  load_balancer_security_group_id = module.edge.security_group_id
}

module "state" {
  source = "./modules/state"

  name                   = local.name
  account_id             = local.account
  partition              = local.partition
  vpc_id                 = local.network.vpc_id
  subnet_ids             = local.network.private_subnet_ids
  jobs_security_group_id = module.cluster.security_group_ids.jobs
  use_cases              = local.use_cases
  key_arn                = module.key.arn
}

module "edge" {
  source = "./modules/edge"

  name                      = local.name
  vpc_id                    = local.network.vpc_id
  subnet_ids                = var.internal ? local.network.private_subnet_ids : local.network.public_subnet_ids
  internal                  = var.internal
  callers                   = var.callers
  domain                    = var.domain
  hosts                     = compact([for service in values(var.services) : service.host])
  requests_per_five_minutes = var.requests_per_five_minutes
  log_bucket                = module.storage.buckets.logs.name
  log_days                  = var.log_days
  protected                 = var.protected
  key_arn                   = module.key.arn
}

# Its text is put there by people, so that no state holds it: the file that aval keys writes.
resource "aws_secretsmanager_secret" "keys" {
  #checkov:skip=CKV2_AWS_57:keys are rotated one by one, with an overlap, by aval keys rotate
  for_each = var.services

  name                    = "${local.name}/${each.key}/api-keys"
  description             = "File of hashed API keys of ${each.key}"
  kms_key_id              = module.key.arn
  recovery_window_in_days = var.protected ? 30 : 0
}

module "service" {
  source   = "./modules/service"
  for_each = local.served

  name                 = local.name
  use_case             = each.key
  account_id           = local.account
  region               = var.region
  image                = var.images[each.key]
  repository_arn       = local.repositories[each.key].arn
  common               = local.common
  keys_secret_arn      = aws_secretsmanager_secret.keys[each.key].arn
  settings             = each.value.settings
  path                 = each.value.path
  host                 = each.value.host
  cpu                  = each.value.cpu
  memory               = each.value.memory
  least                = each.value.least
  most                 = each.value.most
  requests_per_target  = each.value.requests_per_target
  cluster              = { name = module.cluster.name, arn = module.cluster.arn }
  vpc_id               = local.network.vpc_id
  subnet_ids           = local.network.private_subnet_ids
  security_group_id    = module.cluster.security_group_ids.services
  load_balancer        = module.edge.load_balancer
  listener_arn         = module.edge.listener_arn
  decisions_bucket_arn = module.storage.buckets.decisions.arn
  topic_arn            = module.alarms.topic_arn
  log_days             = var.log_days
  key_arn              = module.key.arn
  boundary_arn         = module.boundary.arn
  database_secret_arn  = module.database.secret_arn
}

module "schedule" {
  source = "./modules/schedule"

  name      = local.name
  topic_arn = module.alarms.topic_arn
  key_arn   = module.key.arn
}

module "job" {
  source   = "./modules/job"
  for_each = local.jobs

  name           = local.name
  job            = each.key
  use_case       = each.value.use_case
  kind           = each.value.kind
  options        = each.value.options
  schedule       = each.value.schedule
  time_zone      = each.value.time_zone
  attempts       = each.value.attempts
  enabled        = each.value.enabled
  cpu            = each.value.cpu
  memory         = each.value.memory
  account_id     = local.account
  region         = var.region
  image          = var.images[each.value.image]
  repository_arn = local.repositories[each.value.image].arn
  common         = local.common
  database       = { host = module.database.host, user = module.database.user, secret_arn = module.database.secret_arn }
  buckets        = module.storage.buckets
  state = {
    file_system_id   = module.state.id
    file_system_arn  = module.state.arn
    access_point_id  = module.state.access_points[each.value.use_case].id
    access_point_arn = module.state.access_points[each.value.use_case].arn
  }
  schedules         = { group = module.schedule.group, group_arn = module.schedule.group_arn, queue_arn = module.schedule.queue_arn }
  cluster_arn       = module.cluster.arn
  subnet_ids        = local.network.private_subnet_ids
  security_group_id = module.cluster.security_group_ids.jobs
  topic_arn         = module.alarms.topic_arn
  log_days          = var.log_days
  key_arn           = module.key.arn
  boundary_arn      = module.boundary.arn
}

# An apply that failed does not come to it: it goes on saying what ran before.
resource "terraform_data" "images" {
  input      = var.images
  depends_on = [module.service, module.job]
}

module "github" {
  source = "./modules/github"
  count  = var.github == null ? 0 : 1

  name                = local.name
  environment         = var.environment
  account_id          = local.account
  partition           = local.partition
  region              = var.region
  repository          = var.github.repository
  provider_arn        = var.github.provider_arn
  state_bucket        = var.github.state_bucket
  zone_id             = var.domain.zone_id
  repository_arns     = [for repository in values(local.repositories) : repository.arn]
  releases_bucket_arn = module.storage.buckets.releases.arn
  boundary_arn        = module.boundary.arn
  key_arn             = module.key.arn
}

module "spark" {
  source = "./modules/spark"
  count  = var.spark == null ? 0 : 1

  name              = local.name
  account_id        = local.account
  release           = var.spark.release
  most_cpus         = var.spark.most_cpus
  subnet_ids        = local.network.private_subnet_ids
  security_group_id = module.cluster.security_group_ids.jobs
  secret_arn        = module.database.secret_arn
  buckets           = module.storage.buckets
  boundary_arn      = module.boundary.arn
  key_arn           = module.key.arn
}
