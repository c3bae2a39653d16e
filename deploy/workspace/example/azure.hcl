# One DSS instance on Azure. Edit what is yours, then: hangar init, hangar up, hangar pool create (or request and join).
version = 1

instance "uss1" {
  hostname  = "dss.uss1.example.com"
  db_suffix = "db.dss.uss1.example.com"
  nodes     = 3
  image     = "docker.io/interuss/dss:v0.22.0"

  authorization {
    jwks_endpoint = "https://auth.example.com/.well-known/jwks.json"
    jwks_key_ids  = ["k1"]
  }
}

plugin "azure" {
  source   = "oci://registry.example.com/hangar/azure:0.1"
  unsigned = true
}

plugin "local" {
  source   = "oci://registry.example.com/hangar/local:0.1"
  unsigned = true
}

plugin "cockroachdb" {
  source   = "oci://registry.example.com/hangar/cockroachdb:0.1"
  unsigned = true
}

infra "azure" {
  subscription_id   = "00000000-0000-0000-0000-000000000000"
  location          = "westeurope"
  cluster_name      = "uss1"
  dns_zone_id       = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/dns/providers/Microsoft.Network/dnsZones/uss1.example.com"
  api_allowed_cidrs = ["203.0.113.0/24"]
}

# Keys are sealed to this installation and kept in one file of this workspace.
secrets "local" {}

pool "cockroachdb" {
  name     = "us-east-prod"
  locality = "uss1"
}

roster {
  carrier = "folder:../us-east-prod"
}

# A client secret, a certificate or a federated token where Azure's own libraries look for them, else the identity of this machine.
# `hangar doctor` says which it was. To have one of them and no other, name it:
#   client_secret_env       = "UPLOADER_SECRET"     # or client_secret_file; with tenant_id and client_id
#   client_certificate_file = "client.pem"          # certificate and RSA key
#   federated_token_file    = "/run/pipeline-token"
#   managed_identity        = true
credential "azure" {
  azure {}
}

services {
  chart    = "oci://registry.example.com/charts/dss:0.1.0"
  unsigned = true
  values   = "services.yaml"
}
