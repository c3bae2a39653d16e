# A whole instance's infrastructure with its state in a bucket, which locks it and keeps its former versions. Make the bucket
# first, with versioning and uniform access; encrypt it with a key of your own by `kms_encryption_key`.
terraform {
  required_version = ">= 1.9"

  backend "gcs" {
    bucket = "dss-prod-terraform"
    prefix = "uss1"
  }

  required_providers {
    google = {
      source  = "hashicorp/google"
      version = "6.50.0"
    }
  }
}

provider "google" {
  project = "dss-prod"
  region  = "europe-west4"
}

module "dss" {
  source = "../.."

  name              = "uss1"
  project           = "dss-prod"
  region            = "europe-west4"
  zones             = ["europe-west4-a", "europe-west4-b", "europe-west4-c"]
  hostname          = "dss.uss1.example.com"
  db_suffix         = "db.dss.uss1.example.com"
  dns_managed_zone  = "uss1"
  api_allowed_cidrs = ["203.0.113.0/24"]
}

output "to_partners" {
  description = "What partners are told."
  value = {
    database = module.dss.db_addresses
    egress   = module.dss.egress_addresses
  }
}
