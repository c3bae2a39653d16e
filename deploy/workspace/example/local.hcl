# One DSS instance on a Kubernetes cluster of your own. Edit what is yours, then: hangar init, hangar up, hangar pool create.
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

plugin "local" {
  source   = "oci://registry.example.com/hangar/local:0.1"
  unsigned = true
}

plugin "cockroachdb" {
  source   = "oci://registry.example.com/hangar/cockroachdb:0.1"
  unsigned = true
}

infra "local" {
  endpoint  = "https://kubernetes.example.com:6443"
  addresses = ["192.0.2.1", "192.0.2.2", "192.0.2.3"]
  egress    = ["192.0.2.0/28"]
}

secrets "local" {}

pool "cockroachdb" {
  name     = "us-east-prod"
  locality = "uss1"
}

roster {
  carrier = "folder:../us-east-prod"
}

credential "cluster" {
  bearer {
    file = "token"
  }
}

services {
  chart    = "oci://registry.example.com/charts/dss:0.1.0"
  unsigned = true
  values   = "services.yaml"
}
