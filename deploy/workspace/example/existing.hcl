# One DSS instance on a Kubernetes cluster of your own, opened by a kubeconfig. Edit what is yours, then: hangar init, hangar up,
# hangar pool create (or request and join).
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

plugin "existing" {
  source   = "oci://registry.example.com/hangar/existing:0.1"
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

# Addresses of load balancers that the cluster can give out, one a node, and from where partners see the nodes call.
infra "existing" {
  addresses     = ["192.0.2.1", "192.0.2.2", "192.0.2.3"]
  egress        = ["192.0.2.16/28"]
  storage_class = "fast"

  load_balancer = {
    class = "metallb"
  }

  gateway = {
    address = "192.0.2.4"
  }
}

secrets "local" {}

pool "cockroachdb" {
  name     = "us-east-prod"
  locality = "uss1"
}

roster {
  carrier = "folder:../us-east-prod"
}

# The host reads the kubeconfig; it must hold a token or a client certificate, for no program of it is ever run.
credential "kubeconfig" {
  kubeconfig {
    file    = "kubeconfig"
    context = "production"
  }
}

services {
  chart    = "oci://registry.example.com/charts/dss:0.1.0"
  unsigned = true
  values   = "services.yaml"
}
