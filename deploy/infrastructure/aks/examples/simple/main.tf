# A new network, names made in an Azure DNS zone, state kept in Azure with a lock and the provider's own sign-in.
terraform {
  required_version = ">= 1.9"

  required_providers {
    azurerm = {
      source  = "hashicorp/azurerm"
      version = "4.55.0"
    }
  }

  # Encrypted at rest, locked by a lease; no key of the account is asked for. Make the account and the container first:
  # the README says how.
  backend "azurerm" {
    resource_group_name  = "terraform"
    storage_account_name = "uss1terraform"
    container_name       = "state"
    key                  = "dss.tfstate"
    use_azuread_auth     = true
  }
}

provider "azurerm" {
  subscription_id = var.subscription_id

  features {
    key_vault {
      purge_soft_delete_on_destroy = false
    }
  }
}

variable "subscription_id" {
  description = "Subscription of everything."
  type        = string
}

module "dss" {
  source = "../.."

  name              = "uss1"
  location          = "westeurope"
  db_suffix         = "db.dss.uss1.example.com"
  hostname          = "dss.uss1.example.com"
  dns_zone_id       = "/subscriptions/${var.subscription_id}/resourceGroups/dns/providers/Microsoft.Network/dnsZones/uss1.example.com"
  api_allowed_cidrs = ["203.0.113.0/24"]
  tags              = { owner = "operations" }
}

output "dss" {
  description = "All that the module says."
  value       = module.dss
}
