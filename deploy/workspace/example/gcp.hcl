# One DSS instance on Google Cloud. Edit what is yours, then: hangar init, hangar up, hangar pool create (or request and join).
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

plugin "gcp" {
  source   = "oci://registry.example.com/hangar/gcp:0.1"
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

infra "gcp" {
  project           = "dss-prod"
  region            = "europe-west4"
  cluster_name      = "uss1"
  dns_managed_zone  = "uss1"
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

# What Google's own tools would find: GOOGLE_APPLICATION_CREDENTIALS, `gcloud auth application-default login`, the metadata server.
credential "google" {
  google {}
}

services {
  chart    = "oci://registry.example.com/charts/dss:0.1.0"
  unsigned = true
  values   = "services.yaml"
}
