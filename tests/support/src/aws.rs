use std::fmt;
use std::path::PathBuf;

use crate::Plugin;
use crate::needed::repository;

/// What the workspace file of an instance on AWS says, as far as tests vary it.
///
/// Everything that points it at other places than AWS itself is what operators with private endpoints write.
#[derive(Debug, Clone)]
pub struct AwsDescription {
    /// Name of the organisation, its instance and its Kubernetes cluster.
    pub name: String,
    /// The plugins.
    pub plugins: Vec<Plugin>,
    /// Where the API of AWS is.
    pub endpoint: String,
    /// Hosted zone of `NAME.example.com`.
    pub route53_zone_id: String,
    /// Further lines of the block `infra "aws"`.
    pub infra: String,
    /// URL of the Kubernetes API.
    pub api_endpoint: String,
    /// Who signed the API's certificate.
    pub ca_file: PathBuf,
    /// AWS's credentials file.
    pub credentials_file: PathBuf,
    /// Where terraform's provider lies.
    pub provider_mirror: PathBuf,
}

/// Services that the module's resources, and the plugin itself, call.
const SERVICES: [&str; 12] = [
    "acm",
    "autoscaling",
    "ec2",
    "eks",
    "elbv2",
    "iam",
    "kms",
    "route53",
    "s3",
    "secretsmanager",
    "servicequotas",
    "sts",
];

impl fmt::Display for AwsDescription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plugins: Vec<String> = self.plugins.iter().map(ToString::to_string).collect();
        let endpoints = SERVICES.map(|service| format!("    {service} = \"{}\"", self.endpoint));
        write!(
            f,
            r#"version = 1

instance "{name}" {{
  hostname  = "dss.{name}.example.com"
  db_suffix = "db.dss.{name}.example.com"
  nodes     = 3
  image     = "docker.io/interuss/dss:v0.22.0"

  authorization {{
    jwks_endpoint = "https://auth.example.com/.well-known/jwks.json"
    jwks_key_ids  = ["k1"]
  }}
}}

{plugins}
infra "aws" {{
  region          = "us-east-1"
  cluster_name    = "{name}"
  route53_zone_id = "{zone}"
{infra}
  endpoints = {{
{endpoints}
  }}
}}

secrets "local" {{}}

cluster {{
  endpoint = "{api}"
  ca_file  = "{ca}"
}}

credential "aws" {{
  aws {{
    profile          = "default"
    credentials_file = "{credentials}"
  }}
}}

terraform {{
  provider_mirror = "{mirror}"
}}

services {{
  chart  = "{chart}"
  values = "services.yaml"
}}

pool "cockroachdb" {{
  name     = "east"
  locality = "{name}"
}}

roster {{
  carrier = "folder:../carrier"
}}
"#,
            name = self.name,
            plugins = plugins.join("\n"),
            zone = self.route53_zone_id,
            infra = self.infra,
            endpoints = endpoints.join("\n"),
            api = self.api_endpoint,
            ca = self.ca_file.display(),
            credentials = self.credentials_file.display(),
            mirror = self.provider_mirror.display(),
            chart = repository().join("deploy/services/helm/dss").display(),
        )
    }
}
