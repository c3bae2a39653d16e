# A new network, names in a hosted zone, and a state that is shared, locked and encrypted.
terraform {
  required_version = ">= 1.10"

  backend "s3" {
    bucket       = "uss1-terraform"
    key          = "dss/uss1.tfstate"
    region       = "us-east-1"
    encrypt      = true
    use_lockfile = true
  }
}

provider "aws" {
  region = "us-east-1"
}

module "dss" {
  source = "../.."

  name                = "uss1"
  availability_zones  = ["us-east-1a", "us-east-1b", "us-east-1c"]
  node_count          = { min = 3, desired = 3, max = 6 }
  db_suffix           = "db.dss.uss1.example.com"
  hostname            = "dss.uss1.example.com"
  prometheus_hostname = "prometheus.uss1.example.com"
  route53_zone_id     = "Z0123456789"
  api_allowed_cidrs   = ["203.0.113.0/24"]
  secrets_prefix      = "dss/uss1"
  tags                = { owner = "operations" }
}

output "addresses" {
  description = "What partners are told."
  value       = module.dss.dns_records
}
