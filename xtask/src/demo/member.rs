//! One organisation of the demo.

use std::{collections::BTreeSet, fs, thread, time::Duration};

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

use super::{PLUGINS, Place, Stage, World, quoted, workspace, world::field};

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
    pub(crate) place: Place,
    variables: Vec<(&'static str, String)>,
}

impl Member {
    /// Writes the workspace of one organisation.
    pub(crate) fn lay_down(stage: &Stage, world: &World, name: &str, place: Place) -> Result<Self> {
        let organisation = world.organisation(name)?;
        let blocks = place.blocks(stage, organisation)?;
        let names: BTreeSet<&str> = [place.plugin()].into_iter().chain(PLUGINS).collect();
        let plugins = names.iter().map(|plugin| block_of(plugin, &world.registry));
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

{plugins}
infra "{infra}" {{
{body}
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

{entry}
services {{
  chart  = "{chart}"
  values = "services.yaml"
}}
"#,
            plugins = plugins.collect::<Vec<_>>().join("\n"),
            infra = place.plugin(),
            body = blocks.infra,
            api = field(organisation, "api_endpoint"),
            ca = field(organisation, "ca_file"),
            entry = blocks.entry,
            chart = quoted(&stage.chart),
        );
        let folder = workspace(stage, name);
        fs::create_dir_all(&folder).with_context(|| format!("cannot make `{}`", folder.display()))?;
        for (file, content) in [("hangar.hcl", text.as_str()), ("services.yaml", SERVICES)] {
            fs::write(folder.join(file), content).with_context(|| format!("cannot write `{file}` of `{name}`"))?;
        }
        Ok(Self { name: name.to_owned(), place, variables: blocks.variables })
    }

    /// Says where the pods of this member come from for others: its cloud has made a gateway, and the world must play it.
    pub(crate) fn lead_out(&self, stage: &Stage, world: &World) -> Result<()> {
        if self.place.cloud().is_none() {
            return Ok(());
        }
        let path = workspace(stage, &self.name).join(".hangar/terraform/infrastructure.tfstate");
        let text = fs::read_to_string(&path).with_context(|| format!("cannot read `{}`", path.display()))?;
        let state: Value = serde_json::from_str(&text).with_context(|| format!("`{}` is no JSON", path.display()))?;
        let address = egress(&state).with_context(|| format!("`{}` has no gateway", self.name))?;
        let file = field(world.organisation(&self.name)?, "egress_file");
        fs::write(&file, address).with_context(|| format!("cannot write `{file}`"))
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
        let variables = self.variables.iter().map(|(name, value)| (name, value));
        let command = stage.hangar().envs(variables).arg("-C").arg(workspace(stage, &self.name)).args(arguments);
        command.read().with_context(|| format!("{}: `hangar {}` failed", self.name, arguments.join(" ")))
    }
}

/// A plugin that nobody vouches for, from a registry of this machine.
fn block_of(plugin: &str, registry: &str) -> String {
    format!(
        "plugin \"{plugin}\" {{\n  source   = \"oci://{registry}/hangar/{plugin}:0.1.0\"\n  unsigned = true\n  dev      = true\n}}\n"
    )
}

/// The address of the gateway: all modules call it alike, each cloud its attribute otherwise.
fn egress(state: &Value) -> Option<&str> {
    let gateway = state["resources"].as_array()?.iter().find(|resource| resource["name"] == "egress")?;
    let attributes = &gateway["instances"][0]["attributes"];
    ["public_ip", "ip_address", "address"].iter().find_map(|name| attributes[name].as_str())
}
