//! Where an organisation of the demo is, and what its workspace says of that.

use std::fs;

use anyhow::{Context as _, Result};
use serde_json::Value;

use super::{Stage, quoted, world::field};

/// The provider of an organisation's infrastructure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// This machine, without a cloud.
    Local,
    /// The emulator of AWS, through terraform's real provider.
    Aws,
    /// Google Cloud, through a stand-in of terraform's provider.
    Google,
    /// Azure, through a stand-in of terraform's provider.
    Azure,
}

/// The parts of a workspace file that are the place's.
pub(crate) struct Blocks {
    /// Body of the `infra` block.
    pub(crate) infra: String,
    /// Blocks with credentials and terraform's settings.
    pub(crate) entry: String,
    /// Secrets that the credentials are read from.
    pub(crate) variables: Vec<(&'static str, String)>,
}

impl Place {
    /// Name of the plugin.
    pub(crate) fn plugin(self) -> &'static str {
        match self {
            Self::Local => "local",
            Self::Aws => "aws",
            Self::Google => "gcp",
            Self::Azure => "azure",
        }
    }

    /// The cloud, as the world calls it.
    pub(crate) fn cloud(self) -> Option<&'static str> {
        match self {
            Self::Local => None,
            Self::Aws => Some("aws"),
            Self::Google => Some("google"),
            Self::Azure => Some("azure"),
        }
    }

    /// What the world gave the operator, as blocks.
    pub(crate) fn blocks(self, stage: &Stage, organisation: &Value) -> Result<Blocks> {
        let (name, cloud) = (field(organisation, "name"), &organisation["cloud"]);
        match self {
            Self::Local => local(organisation),
            Self::Aws => aws(stage, &name, cloud),
            Self::Google => google(organisation, &name, cloud),
            Self::Azure => azure(&name, cloud),
        }
    }
}

fn local(organisation: &Value) -> Result<Blocks> {
    let addresses = field(organisation, "load_balancer_range");
    let prefix = addresses.rsplit_once('.').context("the world's range is no range")?.0;
    let infra = format!(
        "  addresses = [\"{prefix}.10\", \"{prefix}.11\", \"{prefix}.12\"]\n  egress    = [\"{}\"]",
        field(organisation, "pod_range")
    );
    let entry = format!(
        "credential \"cluster\" {{\n  bearer {{\n    file = \"{}\"\n  }}\n}}\n",
        field(organisation, "token_file")
    );
    Ok(Blocks { infra, entry, variables: Vec::new() })
}

fn aws(stage: &Stage, name: &str, cloud: &Value) -> Result<Blocks> {
    let endpoint = field(cloud, "endpoint");
    let services = cloud["services"].as_array().context("the world names no services of AWS")?;
    let services = services.iter().filter_map(Value::as_str);
    let endpoints = services.map(|service| format!("    {service} = \"{endpoint}\"")).collect::<Vec<_>>().join("\n");
    let infra = format!(
        r#"  region          = "us-east-1"
  cluster_name    = "{name}"
  route53_zone_id = "{zone}"

  endpoints = {{
{endpoints}
  }}"#,
        zone = field(cloud, "hosted_zone"),
    );
    let mirror = stage.variables.iter().find(|(name, _)| name == "HANGAR_AWS_PROVIDER_MIRROR");
    let (_, mirror) = mirror.context("set-up names no provider of AWS")?;
    let credential = format!(
        "  aws {{\n    profile          = \"default\"\n    credentials_file = \"{}\"\n  }}",
        field(cloud, "credentials_file")
    );
    Ok(Blocks { infra, entry: entry("aws", &credential, &quoted(mirror)), variables: Vec::new() })
}

fn google(organisation: &Value, name: &str, cloud: &Value) -> Result<Blocks> {
    let infra = format!(
        r#"  project             = "dss-prod"
  region              = "europe-west4"
  cluster_name        = "{name}"
  deletion_protection = false"#
    );
    let token = fs::read_to_string(field(organisation, "token_file")).context("cannot read the operator's token")?;
    let credential = "  google {\n    access_token_env = \"GOOGLE_TOKEN\"\n  }";
    let entry = entry("google", credential, &field(cloud, "provider_mirror"));
    Ok(Blocks { infra, entry, variables: vec![("GOOGLE_TOKEN", token.trim().to_owned())] })
}

fn azure(name: &str, cloud: &Value) -> Result<Blocks> {
    let infra = format!(
        r#"  subscription_id     = "00000000-0000-0000-0000-000000000001"
  location            = "westeurope"
  cluster_name        = "{name}"
  api_allowed_cidrs   = ["203.0.113.0/24"]
  deletion_protection = false"#
    );
    let secret = fs::read_to_string(field(cloud, "secret_file")).context("cannot read the client's secret")?;
    let credential = format!(
        r#"  azure {{
    tenant_id         = "{}"
    client_id         = "{}"
    client_secret_env = "ENTRA_SECRET"
    authority         = "{}"
  }}"#,
        field(cloud, "tenant"),
        field(cloud, "client"),
        field(cloud, "authority"),
    );
    let entry = entry("azure", &credential, &field(cloud, "provider_mirror"));
    Ok(Blocks { infra, entry, variables: vec![("ENTRA_SECRET", secret)] })
}

fn entry(slot: &str, credential: &str, mirror: &str) -> String {
    format!("credential \"{slot}\" {{\n{credential}\n}}\n\nterraform {{\n  provider_mirror = \"{mirror}\"\n}}\n")
}
