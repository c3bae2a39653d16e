# In a network of the organisation's own, with its own key; the API stays private.
terraform {
  required_version = ">= 1.9"

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

  name      = "uss1"
  project   = "dss-prod"
  region    = "europe-west4"
  zones     = ["europe-west4-a", "europe-west4-b", "europe-west4-c"]
  hostname  = "dss.uss1.example.com"
  db_suffix = "db.dss.uss1.example.com"
  kms_key   = "projects/dss-prod/locations/europe-west4/keyRings/main/cryptoKeys/dss"

  network = {
    network        = "projects/dss-prod/global/networks/main"
    subnetwork     = "projects/dss-prod/regions/europe-west4/subnetworks/dss"
    pods_range     = "pods"
    services_range = "services"
  }
}

output "dns_records" {
  description = "Names that must be made by hand."
  value       = module.dss.dns_records
}
