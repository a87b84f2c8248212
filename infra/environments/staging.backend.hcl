bucket = "aval-state-staging"
key    = "aval/staging.tfstate"
region = "eu-west-1"
