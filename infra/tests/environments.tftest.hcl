# The real provider plans without an account: nothing here asks AWS.
provider "aws" {
  region                      = "eu-west-1"
  access_key                  = "none"
  secret_key                  = "none"
  skip_credentials_validation = true
  skip_requesting_account_id  = true
  skip_metadata_api_check     = true
}

override_data {
  target = data.aws_caller_identity.this
  values = { account_id = "123456789012" }
}

override_data {
  target = module.network[0].data.aws_availability_zones.this
  values = { names = ["eu-west-1a", "eu-west-1b", "eu-west-1c"] }
}

variables {
  environment      = "test"
  region           = "eu-west-1"
  callers          = ["10.0.0.0/8"]
  domain           = { name = "risk.bank.example", zone_id = "Z0123456789ABCDEFGHIJ" }
  database_ca_file = "tests/ca.pem"
  services = {
    credit_risk  = { path = "/credit_risk" }
    card_default = { host = "cards.bank.example" }
  }
  jobs = {
    credit-risk-score   = { use_case = "credit_risk", kind = "score", schedule = "cron(15 3-7 * * ? *)", time_zone = "Europe/Madrid" }
    credit-risk-drift   = { use_case = "credit_risk", kind = "drift", schedule = "cron(0 6 * * ? *)" }
    credit-risk-retrain = { use_case = "credit_risk", kind = "retrain", schedule = "cron(0 2 ? * MON *)" }
  }
  images = {
    credit_risk  = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/aval/credit_risk@sha256:1111111111111111111111111111111111111111111111111111111111111111"
    card_default = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/aval/card_default@sha256:2222222222222222222222222222222222222222222222222222222222222222"
    train        = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/aval/train@sha256:3333333333333333333333333333333333333333333333333333333333333333"
  }
}

run "every_service_and_job_with_an_image_is_there" {
  command = plan

  assert {
    condition     = toset(keys(module.service)) == toset(["card_default", "credit_risk"]) && length(module.job) == 3
    error_message = "services ${join(", ", keys(module.service))}; jobs ${join(", ", keys(module.job))}"
  }
  assert {
    condition     = output.urls == { credit_risk = "https://risk.bank.example/credit_risk", card_default = "https://cards.bank.example" }
    error_message = "a service is asked by path at the domain, or at its own host: ${jsonencode(output.urls)}"
  }
  assert {
    condition     = length(module.network) == 1 && length(module.github) == 0 && length(module.spark) == 0
    error_message = "unless they are asked for, there are no roles for GitHub and no Spark; the network is ours"
  }
}

run "what_has_no_image_has_a_place_for_it_and_for_keys_and_nothing_that_runs" {
  command = plan

  variables {
    images = {}
  }

  assert {
    condition     = length(module.service) == 0 && length(module.job) == 0 && length(output.urls) == 0
    error_message = "something runs that has no image"
  }
  assert {
    condition     = toset(keys(local.repositories)) == toset(["card_default", "credit_risk", "train"])
    error_message = "an image has nowhere to be pushed to"
  }
  assert {
    condition     = toset(keys(aws_secretsmanager_secret.keys)) == toset(["card_default", "credit_risk"])
    error_message = "keys have to have a place before the service starts"
  }
}

run "inside_a_network_of_ones_own_without_the_training_image" {
  command = plan

  variables {
    internal = true
    network  = { vpc_id = "vpc-1", private_subnet_ids = ["subnet-3", "subnet-4"] }
    images   = { credit_risk = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/aval/credit_risk@sha256:1111111111111111111111111111111111111111111111111111111111111111" }
  }

  assert {
    condition     = length(module.network) == 0 && local.network.vpc_id == "vpc-1"
    error_message = "a network is made beside the one that was named"
  }
  assert {
    condition     = keys(module.service) == ["credit_risk"] && keys(module.job) == ["credit-risk-score"]
    error_message = "services ${join(", ", keys(module.service))}; jobs ${join(", ", keys(module.job))}"
  }
}

run "with_workflows_spark_a_budget_ways_out_and_an_own_certificate" {
  command = plan

  variables {
    internal     = true
    network      = { nat = true }
    domain       = { name = "risk.bank.example", certificate_arn = "arn:aws:acm:eu-west-1:123456789012:certificate/1" }
    github       = { repository = "bank/risk", state_bucket = "aval-state-test" }
    spark        = { release = "emr-8.0.0" }
    budget       = 100
    alarm_emails = ["on-call@bank.example"]
  }

  assert {
    condition     = toset(keys(output.github_roles)) == toset(["push", "plan", "apply"])
    error_message = "push, plan and apply are roles apart"
  }
  assert {
    condition     = length(module.spark) == 1
    error_message = "Spark was asked for"
  }
}

run "without_protection_in_the_smallest_size_with_a_job_switched_off" {
  command = plan

  variables {
    protected = false
    log_days  = 30
    database  = { instances = 1, most_units = 1, backup_days = 7 }
    jobs = {
      credit-risk-score = { use_case = "credit_risk", kind = "score", schedule = "cron(15 3-7 * * ? *)", enabled = false }
    }
  }

  assert {
    condition     = length(module.job) == 1 && aws_secretsmanager_secret.keys["credit_risk"].recovery_window_in_days == 0
    error_message = "what is not protected can be deleted at once"
  }
}
