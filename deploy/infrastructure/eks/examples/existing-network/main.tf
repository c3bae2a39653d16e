# A network that is there, and names that are made by hand.
provider "aws" {
  region = "us-east-1"
}

module "dss" {
  source = "../.."

  name      = "uss1"
  db_suffix = "db.dss.uss1.example.com"
  hostname  = "dss.uss1.example.com"

  existing_network = {
    vpc_id          = "vpc-0123456789abcdef0"
    public_subnets  = { us-east-1a = "subnet-0a", us-east-1b = "subnet-0b", us-east-1c = "subnet-0c" }
    private_subnets = { us-east-1a = "subnet-1a", us-east-1b = "subnet-1b", us-east-1c = "subnet-1c" }
    egress_cidrs    = ["203.0.113.7/32"]
  }
}

output "records_to_make" {
  description = "Names and addresses, and what proves the certificate's name."
  value       = { addresses = module.dss.dns_records, certificate = module.dss.certificate_records }
}
