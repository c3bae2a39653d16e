//! The workspace: what the file says, in types in which no bad state can be written.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use serde_json::Value;

use crate::{
    credential::Credential,
    document::{Document, join},
    finding::{ConfigError, Finding, Report},
    names::{PluginName, SlotName},
    nearest::suggest,
    raw,
    schema::Checker,
    source::Source,
    workspace::check::Check,
};

mod block;
mod check;
mod cluster;
mod credential;
mod drift;
mod instance;
mod plugin;
mod pool;
mod services;
mod state;
mod tools;

pub use block::PluginBlock;
pub use cluster::Cluster;
pub use drift::AllowedDrift;
pub use instance::{Authorization, DEFAULT_AGENT_IMAGE, Instance};
pub use plugin::Plugin;
pub use pool::{Carrier, Pool, Roster};
pub use services::{Chart, Services};
pub use state::RemoteState;
pub use tools::{Terraform, Tools};

/// The one version of the file that this host reads.
const VERSION: u64 = 1;

/// One instance, the plugins it is made with, and what they are told. Paths are absolute.
#[derive(Debug, Clone, PartialEq)]
pub struct Workspace {
    /// The file.
    pub source: Source,
    /// The folder it lies in, from which relative paths of the file are read.
    pub folder: PathBuf,
    /// The instance.
    pub instance: Instance,
    /// Plugins by the name they have here. Each is used by at least one block.
    pub plugins: BTreeMap<PluginName, Plugin>,
    /// Where the instance runs. Its plugin is one of `plugins`, as for the next two.
    pub infra: PluginBlock,
    /// Where secrets are kept.
    pub secrets: PluginBlock,
    /// The pool, if the instance is to be in one, with how records travel.
    pub pool: Option<(Pool, Roster)>,
    /// What runs on the cluster.
    pub services: Services,
    /// How to reach the cluster's API, where that differs from what the infrastructure answers.
    pub cluster: Option<Cluster>,
    /// Where the operator keeps what plugins asked for.
    pub credentials: BTreeMap<SlotName, Credential>,
    /// How terraform is run.
    pub terraform: Terraform,
    /// Where tools are.
    pub tools: Tools,
    /// Where terraform's state lies; none for a file in the workspace.
    pub state: Option<RemoteState>,
    /// Changes made outside that are as they should be.
    pub drift: Vec<AllowedDrift>,
}

impl Workspace {
    /// Reads and checks a workspace file.
    ///
    /// # Errors
    ///
    /// [`ConfigError::Read`] if it cannot be read, [`ConfigError::Refused`] with everything that is wrong with it.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let failed = |err| ConfigError::Read { path: path.to_owned(), err };
        let text = fs::read_to_string(path).map_err(failed)?;
        let folder = std::path::absolute(path.parent().unwrap_or(Path::new(""))).map_err(failed)?;
        let name = path.file_name().map_or_else(|| path.display().to_string(), |name| name.display().to_string());
        Self::parse(Source::new(name, text), &folder)
    }

    /// Checks the text of a workspace file that lies in `folder`.
    ///
    /// # Errors
    ///
    /// [`ConfigError::Refused`] with everything that is wrong with it.
    pub fn parse(source: Source, folder: &Path) -> Result<Self, ConfigError> {
        let (document, mut findings) = Document::read(&source);
        if let Some(finding) = other_version(&document) {
            // Whatever else looks wrong may be right in that version.
            return Err(ConfigError::Refused(Report::new(&source, vec![finding])));
        }
        let syntax_is_broken = document.value.as_object().is_none_or(serde_json::Map::is_empty) && !findings.is_empty();
        if syntax_is_broken {
            return Err(ConfigError::Refused(Report::new(&source, findings)));
        }
        let schema = Checker::new(raw::schema()).expect("the schema of the raw model is a schema");
        findings.extend(schema.check(&document));

        let mut check = Check::new(&document, &source, folder, findings);
        let parts = Parts::read(&mut check);
        let findings = check.findings();
        match parts {
            Some(parts) if findings.is_empty() => Ok(parts.workspace(source.clone(), folder)),
            _ => Err(ConfigError::Refused(Report::new(&source, findings))),
        }
    }

    /// Returns the blocks that belong to plugins, each with what it is for.
    pub fn blocks(&self) -> impl Iterator<Item = (&'static str, &PluginBlock)> {
        let pool = self.pool.as_ref().map(|(pool, _)| ("pool", &pool.block));
        [("infra", &self.infra), ("secrets", &self.secrets)].into_iter().chain(pool)
    }

    /// Puts findings of others, such as a plugin's diagnostics, into one report on this file.
    #[must_use]
    pub fn report(&self, findings: Vec<Finding>) -> Report {
        Report::new(&self.source, findings)
    }
}

/// Everything that was found, which is a workspace if nothing is missing.
struct Parts {
    instance: Instance,
    plugins: BTreeMap<PluginName, Plugin>,
    infra: PluginBlock,
    secrets: PluginBlock,
    pool: Option<Pool>,
    roster: Option<Roster>,
    services: Services,
    cluster: Option<Cluster>,
    credentials: BTreeMap<SlotName, Credential>,
    terraform: Terraform,
    tools: Tools,
    state: Option<RemoteState>,
    drift: Vec<AllowedDrift>,
}

impl Parts {
    /// Reads every part before it gives up on any, so that all findings come at once.
    fn read(check: &mut Check<'_>) -> Option<Self> {
        let instance = instance::read(check);
        let plugins = plugin::read(check);
        let infra = block::read(check, "infra");
        let secrets = block::read(check, "secrets");
        let pool = pool::read(check);
        let roster = pool::roster(check);
        let services = services::read(check);
        let cluster = cluster::read(check);
        let credentials = credential::read(check);
        let (terraform, tools) = tools::read(check);
        let state = state::read(check);
        let drift = drift::read(check);
        check_use(check);
        check_pool(check);
        Some(Self {
            instance: instance?,
            plugins: plugins?,
            infra: infra?,
            secrets: secrets?,
            pool,
            roster,
            services: services?,
            cluster,
            credentials,
            terraform,
            tools,
            state,
            drift,
        })
    }

    fn workspace(self, source: Source, folder: &Path) -> Workspace {
        let Self { instance, plugins, infra, secrets, pool, roster, services, .. } = self;
        let folder = folder.to_owned();
        let pool = pool.zip(roster);
        Workspace {
            source,
            folder,
            instance,
            plugins,
            infra,
            secrets,
            pool,
            services,
            cluster: self.cluster,
            credentials: self.credentials,
            terraform: self.terraform,
            tools: self.tools,
            state: self.state,
            drift: self.drift,
        }
    }
}

fn other_version(document: &Document) -> Option<Finding> {
    let version = document.value.get("version")?;
    if version.as_u64() == Some(VERSION) || !version.is_number() {
        return None;
    }
    let finding =
        Finding::at(&document.place("/version").value, format!("version {version} of this file is not known"));
    Some(
        finding
            .label(format!("this host reads version {VERSION}"))
            .help("use the host that the file was made for".to_owned()),
    )
}

/// Every plugin that is named is declared, and every one that is declared is used.
fn check_use(check: &mut Check<'_>) {
    let names = |check: &Check<'_>, block: &str| -> Vec<String> {
        let object = check.document.value.get(block).and_then(Value::as_object);
        object.map(|object| object.keys().cloned().collect()).unwrap_or_default()
    };
    let declared: BTreeSet<_> = names(check, "plugin").into_iter().collect();
    let mut used = BTreeSet::new();
    for block in ["infra", "secrets", "pool"] {
        for name in names(check, block) {
            if !declared.contains(&name) {
                let help = suggest(&name, declared.iter().map(String::as_str));
                let help = help.unwrap_or_else(|| format!("declare it: `plugin \"{name}\" {{ source = … }}`"));
                let finding =
                    check.finding(&join(&format!("/{block}"), &name), format!("no plugin `{name}` is declared"));
                check.push(finding.label("named here").help(help));
            }
            used.insert(name);
        }
    }
    for name in declared.difference(&used) {
        let finding = check.finding(&join("/plugin", name), format!("plugin `{name}` is used by no block"));
        check.push(finding.help(format!("name it in `infra`, `secrets` or `pool`, or remove `plugin \"{name}\"`")));
    }
}

/// A pool without a way for records to travel, and the other way round, is half a setting.
fn check_pool(check: &mut Check<'_>) {
    let has = |check: &Check<'_>, block: &str| check.document.value.get(block).is_some();
    match (has(check, "pool"), has(check, "roster")) {
        (true, false) => {
            let finding = check.finding("/pool", "a `pool` needs a `roster`");
            check.push(finding.help("add `roster { carrier = \"folder:PATH\" }`".to_owned()));
        }
        (false, true) => {
            let finding = check.finding("/roster", "a `roster` without a `pool` is of no use");
            check.push(finding.help("add `pool \"PLUGIN\" { … }`, or remove `roster`".to_owned()));
        }
        _ => {}
    }
}
