environment = "staging"
region      = "eu-west-1"
protected   = false
log_days    = 90
callers     = ["10.0.0.0/8"]
internal    = true

domain = {
  name    = "risk.staging.bank.example"
  zone_id = "Z0123456789ABCDEFGHIJ"
}

services = {
  credit_risk = { path = "/credit_risk", most = 3 }
}

jobs = {
  credit-risk-score = {
    use_case  = "credit_risk"
    kind      = "score"
    schedule  = "cron(15 3-7 * * ? *)"
    time_zone = "Europe/Madrid"
    options   = ["--max-quarantine", "1%"]
  }
  credit-risk-drift = {
    use_case  = "credit_risk"
    kind      = "drift"
    schedule  = "cron(0 8 * * ? *)"
    time_zone = "Europe/Madrid"
  }
  credit-risk-retrain = {
    use_case  = "credit_risk"
    kind      = "retrain"
    schedule  = "cron(0 2 ? * MON *)"
    time_zone = "Europe/Madrid"
    cpu       = 4096
    memory    = 16384
  }
}

database = { instances = 1, most_units = 2, backup_days = 7, final_snapshot = false }
