bucket = "aval-state-production"
key    = "aval/production.tfstate"
region = "eu-west-1"
