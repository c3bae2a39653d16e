# Every key of the format, each with a value of its own.
version = 1

instance "uss1" {
  hostname       = "dss.uss1.example.com"
  db_suffix      = "db.dss.uss1.example.com"
  nodes          = 3
  image          = "docker.io/interuss/dss:v0.22.0"
  namespace      = "dss-space"
  release        = "dss-release"
  database_image = "docker.io/cockroachdb/cockroach:v24.1.5"
  agent_image    = "registry.example.com/hangar/hangar@sha256:1111111111111111111111111111111111111111111111111111111111111111"
  authorization {
    jwks_endpoint = "https://auth.example.com/.well-known/jwks.json"
    jwks_key_ids  = ["k1", "k2"]
  }
}

plugin "aws" {
  source   = "oci://registry.example.com/hangar/aws:0.1"
  unsigned = true
  digest   = "sha256:2222222222222222222222222222222222222222222222222222222222222222"
}
plugin "local" {
  source = "file:plugins/local.wasm"
  dev    = true
}
plugin "cockroachdb" {
  source = "oci-layout:bundle:0.1"
}

infra "aws" {
  region       = "us-east-1"
  cluster_name = "uss1-cluster"
  disk_gib     = 200
  public       = false
  zones        = ["a-zone", "b-zone"]
  tags         = { owner = "ops", "cost center" = "cc-17" }
  notes        = <<-EOT
    first line
      second line
    EOT
  endpoints {
    sts = "https://sts.example.com"
  }
}
secrets "local" {
  prefix = "dss/uss1"
}
pool "cockroachdb" {
  name     = "us-east-prod"
  locality = "uss1-locality"
  silence  = -7
}
roster {
  carrier = "folder:../us-east-roster"
}
services {
  chart    = "oci://registry.example.com/charts/dss:0.1.0"
  unsigned = true
  values   = "services.yaml"
}
cluster {
  endpoint = "https://10.0.0.1:6443/"
  ca_file  = "cluster-ca.pem"
  proxy    = "socks5://bastion.example.com:1080"
}

credential "aws" {
  aws {
    profile          = "uss1-profile"
    credentials_file = "aws-credentials"
  }
}
credential "aws-config" {
  aws {
    profile     = "uss1-sso"
    config_file = "aws-config"
  }
}
credential "aws-instance" {
  aws {
    source = "instance"
  }
}
credential "aws-env" {
  aws {
    access_key_id_env     = "OTHER_ID"
    secret_access_key_env = "OTHER_KEY"
    session_token_env     = "OTHER_TOKEN"
  }
}
credential "vault" {
  bearer {
    file = "vault-token"
  }
}
credential "ci" {
  bearer {
    env = "CI_TOKEN"
  }
}
credential "registry" {
  basic {
    username      = "ana"
    password_file = "registry-password"
  }
}
credential "registry-env" {
  basic {
    username     = "bob"
    password_env = "REGISTRY_PASSWORD"
  }
}
credential "mtls" {
  client_tls {
    certificate_file = "client.pem"
    key_file         = "client-key.pem"
  }
}
credential "google" {
  google {
    access_token_env = "GOOGLE_TOKEN"
  }
}
credential "azure" {
  azure {
    authority         = "https://login.microsoftonline.us"
    tenant_id         = "tenant-of-uss1"
    client_id         = "client-of-uss1"
    client_secret_env = "ENTRA_SECRET"
  }
}
credential "azure-file" {
  azure {
    client_secret_file = "entra-secret"
  }
}
credential "azure-certificate" {
  azure {
    client_certificate_file = "entra-certificate.pem"
  }
}
credential "azure-pipeline" {
  azure {
    federated_token_file = "pipeline-token"
  }
}
credential "azure-machine" {
  azure {
    managed_identity = true
  }
}
credential "issuer" {
  oauth2 {
    token_url      = "https://issuer.example.com/token"
    client_id      = "client-of-issuer"
    assertion_file = "issuer-assertion"
  }
}
credential "cluster" {
  kubeconfig {
    file    = "kubeconfig.yaml"
    context = "uss1-context"
  }
}

terraform {
  binary          = "/opt/tofu"
  provider_mirror = "provider-mirror"
  plugin_cache    = "provider-cache"
}
tools {
  helm = "/opt/helm"
}

state "s3" {
  credential = "aws"
  bucket     = "uss1-terraform-state"
  key        = "uss1/infrastructure.tfstate"
  region     = "us-east-1"
}

drift "module.eks.aws_eks_node_group.this[0]" {
  owner  = "ana@uss1.example.com"
  until  = "2026-12-31"
  reason = "scaled-for-the-exercise"
}
