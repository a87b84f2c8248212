provider "aws" {
  region = var.region

  default_tags {
    tags = merge(var.tags, {
      Product     = "aval"
      Environment = var.environment
      ManagedBy   = "terraform"
    })
  }
}
