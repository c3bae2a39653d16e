# One DSS instance on AWS. Edit what is yours, then: hangar init, hangar up, hangar pool create (or request and join).
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

plugin "aws" {
  source   = "oci://registry.example.com/hangar/aws:0.1"
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

infra "aws" {
  region          = "us-east-1"
  cluster_name    = "uss1"
  route53_zone_id = "Z0123456789"

  # What a new cluster lacks. `hangar doctor` says how to come by the charts and their digests.
  # add_ons = {
  #   load_balancers = "oci://registry.example.com/charts/aws-load-balancer-controller@sha256:…"
  #   volumes        = "oci://registry.example.com/charts/aws-ebs-csi-driver@sha256:…"
  # }
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

# Whatever AWS's own tools would find: the environment, the profile that AWS_PROFILE names (keys, SSO, roles), a web identity, the
# container, the instance. `hangar doctor` says which it was. To have one of them and no other, name it:
#   profile = "uss1"        # signed in with `aws sso login --profile uss1`, or whatever that profile leads to
#   source  = "instance"    # or environment, web_identity, container
credential "aws" {
  aws {}
}

services {
  chart    = "oci://registry.example.com/charts/dss:0.1.0"
  unsigned = true
  values   = "services.yaml"
}
