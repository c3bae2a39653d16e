use std::fmt;
use std::path::{Path, PathBuf};

use crate::needed::repository;

/// What a workspace file says, as far as tests vary it.
#[derive(Debug, Clone)]
pub struct Description {
    /// Name of the organisation and its instance.
    pub name: String,
    /// Name of the plugin behind the `infra` block.
    pub infra: String,
    /// Name of the plugin behind the `secrets` block, if it is another.
    pub secrets: Option<String>,
    /// The plugins.
    pub plugins: Vec<Plugin>,
    /// Body of the `infra` block; none for that of the plugin `local`, with the two that follow.
    pub block: Option<String>,
    /// Public addresses of the database nodes.
    pub addresses: Vec<String>,
    /// From where the nodes call partners.
    pub egress: String,
    /// The Kubernetes cluster.
    pub access: Access,
    /// The blocks by which the cluster and the cloud are reached; none for those of [`Access`].
    pub entry: Option<String>,
    /// Name of the pool, if there is to be one.
    pub pool: Option<String>,
    /// By what its records travel; none for a folder beside the workspaces.
    pub carrier: Option<String>,
    /// Which database it is.
    pub database: Database,
}

/// A kind of database, by the plugin that pools it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Database {
    /// The one that instances run unless they say otherwise.
    #[default]
    Cockroachdb,
    /// The other one.
    Yugabytedb,
}

impl Database {
    /// Name of its plugin.
    #[must_use]
    pub fn plugin(self) -> &'static str {
        match self {
            Self::Cockroachdb => "cockroachdb",
            Self::Yugabytedb => "yugabytedb",
        }
    }

    /// Values of the chart that make nine nodes fit one machine.
    pub(crate) fn services(self) -> &'static str {
        match self {
            Self::Cockroachdb => {
                "\
cockroachdb:
  cache: 64MiB
  maxSqlMemory: 64MiB
  terminationGracePeriodSeconds: 5
  storage: { size: 1Gi }
  resources: { requests: { cpu: 10m, memory: 16Mi }, limits: { memory: 256Mi } }
coreService:
  replicas: 1
"
            }
            Self::Yugabytedb => {
                "\
yugabytedb:
  terminationGracePeriodSeconds: 5
  storage: { size: 1Gi }
  resources: { requests: { cpu: 10m, memory: 16Mi }, limits: { memory: 256Mi } }
  masterResources: { requests: { cpu: 10m, memory: 16Mi }, limits: { memory: 256Mi } }
coreService:
  replicas: 1
"
            }
        }
    }
}

/// A plugin block.
#[derive(Debug, Clone)]
pub struct Plugin {
    /// Name in the workspace.
    pub name: String,
    /// As in the file.
    pub source: String,
    /// Whether its block accepts that nobody vouches for it.
    pub is_unsigned: bool,
    /// Whether it may reach this machine, as one in development.
    pub is_dev: bool,
}

/// How an operator reaches a Kubernetes cluster.
#[derive(Debug, Clone)]
pub struct Access {
    /// URL of its API.
    pub endpoint: String,
    /// Who signed the API's certificate.
    pub ca_file: PathBuf,
    /// The bearer token.
    pub token_file: PathBuf,
}

impl Plugin {
    /// One of a registry on this machine, which nobody vouches for.
    #[must_use]
    pub fn of_registry(registry: &str, name: &str) -> Self {
        let source = format!("oci://{registry}/hangar/{name}:0.1.0");
        Self { name: name.into(), source, is_unsigned: true, is_dev: true }
    }

    /// A file.
    #[must_use]
    pub fn of_file(name: &str, path: &Path) -> Self {
        Self { name: name.into(), source: format!("file:{}", path.display()), is_unsigned: false, is_dev: false }
    }
}

impl Description {
    /// An instance through the plugin `infra` from a file, with a cluster that nobody ever asks.
    #[must_use]
    pub fn without_world(name: &str, plugin: Plugin) -> Self {
        let nowhere = Access {
            endpoint: "https://127.0.0.1:9".into(),
            ca_file: "/nowhere/ca.crt".into(),
            token_file: "/nowhere/token".into(),
        };
        Self {
            name: name.into(),
            infra: plugin.name.clone(),
            secrets: None,
            plugins: vec![plugin],
            block: None,
            addresses: (10..13).map(|n| format!("127.0.9.{n}")).collect(),
            egress: "127.0.9.0/24".into(),
            access: nowhere,
            entry: None,
            pool: None,
            carrier: None,
            database: Database::default(),
        }
    }
}

impl Access {
    /// The block `cluster`, which beats what a plugin says of the cluster.
    #[must_use]
    pub fn cluster(&self) -> String {
        let (endpoint, ca) = (&self.endpoint, self.ca_file.display());
        format!("cluster {{\n  endpoint = \"{endpoint}\"\n  ca_file  = \"{ca}\"\n}}\n")
    }

    fn blocks(&self) -> String {
        let token = self.token_file.display();
        format!("{}\ncredential \"cluster\" {{\n  bearer {{\n    file = \"{token}\"\n  }}\n}}\n", self.cluster())
    }
}

impl fmt::Display for Plugin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, source, is_unsigned, is_dev } = self;
        write!(f, "plugin \"{name}\" {{\n  source   = \"{source}\"\n")?;
        if *is_unsigned {
            f.write_str("  unsigned = true\n")?;
        }
        if *is_dev {
            f.write_str("  dev      = true\n")?;
        }
        f.write_str("}\n")
    }
}

impl fmt::Display for Description {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, infra, secrets, plugins, block, addresses, egress, access, entry, pool, carrier, database } =
            self;
        let secrets = secrets.as_ref().unwrap_or(infra);
        let local = || format!("  addresses = {addresses:?}\n  egress    = [\"{egress}\"]");
        let block = block.clone().unwrap_or_else(local);
        let entry = entry.clone().unwrap_or_else(|| access.blocks());
        let plugins: Vec<String> = plugins.iter().map(ToString::to_string).collect();
        let chart = repository().join("deploy/services/helm/dss");
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
infra "{infra}" {{
{block}
}}

secrets "{secrets}" {{}}

{entry}
services {{
  chart  = "{chart}"
  values = "services.yaml"
}}
"#,
            plugins = plugins.join("\n"),
            chart = chart.display(),
        )?;
        let Some(pool) = pool else { return Ok(()) };
        let carrier = carrier.as_deref().unwrap_or("folder:../carrier");
        let dev = if carrier.starts_with("oci:") { "\n  dev     = true" } else { "" };
        write!(
            f,
            r#"
pool "{plugin}" {{
  name     = "{pool}"
  locality = "{name}"
}}

roster {{
  carrier = "{carrier}"{dev}
}}
"#,
            plugin = database.plugin(),
        )
    }
}
