//! One organisation of the demo.

use std::{fs, thread, time::Duration};

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

use super::{Stage, World, quoted, workspace, world::field};

/// Values that make nine nodes fit one machine.
const SERVICES: &str = "\
cockroachdb:
  cache: 64MiB
  maxSqlMemory: 64MiB
  terminationGracePeriodSeconds: 5
  storage: { size: 1Gi }
  resources: { requests: { cpu: 10m, memory: 16Mi }, limits: { memory: 256Mi } }
coreService:
  replicas: 1
";

/// How often the carrier is looked at for an invitation, and how many times.
const LOOK: Duration = Duration::from_millis(100);
const LOOKS: usize = 1_200;

/// One organisation, with a workspace of its own.
pub(crate) struct Member {
    pub(crate) name: String,
}

impl Member {
    /// Writes the workspace of one organisation.
    pub(crate) fn lay_down(stage: &Stage, world: &World, name: &str) -> Result<Self> {
        let organisation = world.organisation(name)?;
        let addresses = field(organisation, "load_balancer_range");
        let prefix = addresses.rsplit_once('.').context("the world's range is no range")?.0.to_owned();
        let text = format!(
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

plugin "local" {{
  source   = "oci://{registry}/hangar/local:0.1.0"
  unsigned = true
  dev      = true
}}

plugin "cockroachdb" {{
  source   = "oci://{registry}/hangar/cockroachdb:0.1.0"
  unsigned = true
  dev      = true
}}

infra "local" {{
  addresses = ["{prefix}.10", "{prefix}.11", "{prefix}.12"]
  egress    = ["{pods}"]
}}

secrets "local" {{}}

pool "cockroachdb" {{
  name     = "demo"
  locality = "{name}"
}}

roster {{
  carrier = "folder:../carrier"
}}

cluster {{
  endpoint = "{api}"
  ca_file  = "{ca}"
}}

credential "cluster" {{
  bearer {{
    file = "{token}"
  }}
}}

services {{
  chart  = "{chart}"
  values = "services.yaml"
}}
"#,
            registry = world.registry,
            pods = field(organisation, "pod_range"),
            api = field(organisation, "api_endpoint"),
            ca = field(organisation, "ca_file"),
            token = field(organisation, "token_file"),
            chart = quoted(&stage.chart),
        );
        let folder = workspace(stage, name);
        fs::create_dir_all(&folder).with_context(|| format!("cannot make `{}`", folder.display()))?;
        for (file, content) in [("hangar.hcl", text.as_str()), ("services.yaml", SERVICES)] {
            fs::write(folder.join(file), content).with_context(|| format!("cannot write `{file}` of `{name}`"))?;
        }
        Ok(Self { name: name.to_owned() })
    }

    /// Runs one command in the workspace.
    pub(crate) fn run(&self, stage: &Stage, arguments: &[&str]) -> Result<()> {
        self.read(stage, arguments).map(drop)
    }

    /// Runs one command that tells who we are, and returns the fingerprint.
    pub(crate) fn identity(&self, stage: &Stage, arguments: &[&str]) -> Result<String> {
        Ok(field(&self.value(stage, arguments, "identity")?, "fingerprint"))
    }

    /// Runs one command and returns the object of this kind that it tells.
    pub(crate) fn value(&self, stage: &Stage, arguments: &[&str], kind: &str) -> Result<Value> {
        let text = self.read(stage, &[arguments, &["--json"]].concat())?;
        let mut objects = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let found = objects.find(|object| object["kind"] == kind);
        found.map(|mut object| object["value"].take()).with_context(|| format!("the command told no `{kind}`"))
    }

    /// Runs one command and shows what it prints.
    pub(crate) fn show(&self, stage: &Stage, arguments: &[&str]) -> Result<()> {
        println!("{}", self.read(stage, arguments)?.trim_end());
        Ok(())
    }

    /// Waits until the carrier shows the invitation: until then a joiner has nothing to take up.
    pub(crate) fn wait_for_invitation(&self, stage: &Stage, joiner: &str) -> Result<()> {
        let path = stage.folder.join("carrier").join(format!("{joiner}.invitation.json"));
        for _ in 0..LOOKS {
            if path.exists() {
                return Ok(());
            }
            thread::sleep(LOOK);
        }
        bail!("`{}` published no invitation for `{joiner}`", self.name)
    }

    /// Accepts a joiner once the inviter's vote is there, which follows its invitation.
    pub(crate) fn accept(&self, stage: &Stage, joiner: &str) -> Result<()> {
        for _ in 0..LOOKS {
            match self.run(stage, &["pool", "accept", joiner]) {
                Err(err) if format!("{err:#}").contains("no member proposes") => thread::sleep(LOOK),
                done => return done,
            }
        }
        bail!("nobody proposed `{joiner}` to `{}`", self.name)
    }

    fn read(&self, stage: &Stage, arguments: &[&str]) -> Result<String> {
        let command = stage.hangar().arg("-C").arg(workspace(stage, &self.name)).args(arguments);
        command.read().with_context(|| format!("{}: `hangar {}` failed", self.name, arguments.join(" ")))
    }
}
