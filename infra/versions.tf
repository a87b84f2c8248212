terraform {
  required_version = ">= 1.11, < 2.0"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 5.100"
    }
  }

  # Bucket and key are of the environment: terraform init -backend-config=environments/NAME.backend.hcl
  backend "s3" {
    encrypt      = true
    use_lockfile = true
  }
}
