# A subnet and a way out that are there already, a private API, names made by hand.
terraform {
  required_version = ">= 1.9"

  required_providers {
    azurerm = {
      source  = "hashicorp/azurerm"
      version = "4.55.0"
    }
  }
}

provider "azurerm" {
  subscription_id = var.subscription_id
  features {}
}

variable "subscription_id" {
  description = "Subscription of everything."
  type        = string
}

module "dss" {
  source = "../.."

  name      = "uss1"
  location  = "westeurope"
  db_suffix = "db.dss.uss1.example.com"
  hostname  = "dss.uss1.example.com"

  existing_network = {
    subnet_id        = "/subscriptions/${var.subscription_id}/resourceGroups/net/providers/Microsoft.Network/virtualNetworks/hub/subnets/dss"
    egress_addresses = ["198.51.100.7"]
  }
}

output "dns_records" {
  description = "Names and addresses to make by hand."
  value       = module.dss.dns_records
}
