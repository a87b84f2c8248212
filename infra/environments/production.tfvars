environment = "production"
region      = "eu-west-1"
callers     = ["10.0.0.0/8", "203.0.113.0/24"]

domain = {
  name    = "risk.bank.example"
  zone_id = "Z0123456789ABCDEFGHIJ"
}

services = {
  credit_risk  = { path = "/credit_risk" }
  card_default = { host = "cards.risk.bank.example", cpu = 2048, memory = 4096, most = 12 }
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
    options   = ["--approval"]
    cpu       = 4096
    memory    = 16384
  }
}

database     = { most_units = 16 }
alarm_emails = ["risk-on-call@bank.example"]
budget       = 1500
