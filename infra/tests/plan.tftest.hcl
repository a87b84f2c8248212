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

run "everything_is_planned" {
  command = plan

  assert {
    condition     = length(module.service) == 2 && length(module.job) == 3
    error_message = "every service and job with an image is there"
  }
}
