use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::WorldError;
use crate::aws::Eks;
use crate::cloud::Cloud;

/// What a world is made of.
///
/// Paths of programs that are not set are read from the environment: `HANGAR_KUBEONE`, `HANGAR_REGISTRY`
/// and `HANGAR_WORLD` (the `hangar-world` binary, else the one beside the running program).
#[derive(Clone, Debug)]
pub struct Options {
    /// Where the world keeps its files. Made if absent; what the world made in it goes when the world ends.
    pub dir: PathBuf,
    /// Names of the organisations, each a DNS label; each gets a control plane of its own.
    pub organisations: Vec<String>,
    /// Organisations whose Kubernetes takes the tokens of EKS too, by name.
    pub eks: BTreeMap<String, Eks>,
    /// Clouds of organisations, by name. One that is in none has a cluster and nothing around it.
    pub clouds: BTreeMap<String, Cloud>,
    /// A folder of OCI image layouts to push into the world's registry, see [`crate::images::push_folder`].
    pub images_dir: Option<PathBuf>,
    /// After this long the world ends by itself.
    pub ttl: Duration,
    /// The control plane binary.
    pub kubeone: Option<PathBuf>,
    /// Another one for some organisations, by name: a Kubernetes of another version.
    pub kubeones: BTreeMap<String, PathBuf>,
    /// The OCI registry server binary (distribution v3).
    pub registry: Option<PathBuf>,
    /// The `hangar-world` binary, which starts containers.
    pub runner: Option<PathBuf>,
    /// Multiplies every back-off of the kubelet (10 s, 20 s, .. 300 s). Tests make it small. By default what
    /// `HANGAR_WORLD_BACKOFF_FACTOR` says, else 1.
    pub backoff_factor: f64,
}

impl Options {
    /// A world of one organisation, `uss1`, that lives half an hour.
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        Self {
            dir: dir.into(),
            organisations: vec!["uss1".to_owned()],
            eks: BTreeMap::new(),
            clouds: BTreeMap::new(),
            images_dir: None,
            ttl: Duration::from_secs(30 * 60),
            kubeone: None,
            kubeones: BTreeMap::new(),
            registry: None,
            runner: None,
            backoff_factor: variable("HANGAR_WORLD_BACKOFF_FACTOR").and_then(|value| value.parse().ok()).unwrap_or(1.0),
        }
    }
}

/// The programs of a world, each found.
#[derive(Clone, Debug)]
pub(crate) struct Tools {
    kubeone: PathBuf,
    kubeones: BTreeMap<String, PathBuf>,
    pub(crate) registry: PathBuf,
    pub(crate) runner: PathBuf,
}

impl Tools {
    /// The control plane of an organisation.
    pub(crate) fn kubeone(&self, organisation: &str) -> &Path {
        self.kubeones.get(organisation).unwrap_or(&self.kubeone)
    }

    pub(crate) fn find(options: &Options) -> Result<Self, WorldError> {
        Ok(Self {
            kubeone: find("kubeone", options.kubeone.as_deref(), "HANGAR_KUBEONE")?,
            kubeones: options
                .kubeones
                .iter()
                .map(|(name, path)| Ok((name.clone(), existing("kubeone", path)?)))
                .collect::<Result<_, WorldError>>()?,
            registry: find("registry", options.registry.as_deref(), "HANGAR_REGISTRY")?,
            runner: match &options.runner {
                Some(path) => existing("hangar-world", path)?,
                None => find_runner()?,
            },
        })
    }
}

/// Finds the `hangar-world` binary: `HANGAR_WORLD`, else the running program itself, else one that was built beside it.
///
/// # Errors
///
/// [`WorldError::MissingTool`] or [`WorldError::ToolNotThere`].
pub fn find_runner() -> Result<PathBuf, WorldError> {
    if let Some(path) = variable("HANGAR_WORLD") {
        return existing("hangar-world", Path::new(&path));
    }
    let missing = WorldError::MissingTool { tool: "hangar-world", variable: "HANGAR_WORLD" };
    let Ok(running) = std::env::current_exe() else { return Err(missing) };
    if running.file_name().is_some_and(|name| name == "hangar-world") {
        return Ok(running);
    }
    // A test runs from `target/debug/deps`, the binaries are one folder up.
    let beside = running.ancestors().skip(1).take(2).map(|folder| folder.join("hangar-world"));
    beside.into_iter().find(|path| path.is_file()).ok_or(missing)
}

fn find(tool: &'static str, given: Option<&Path>, name: &'static str) -> Result<PathBuf, WorldError> {
    match (given, variable(name)) {
        (Some(path), _) => existing(tool, path),
        (None, Some(path)) => existing(tool, Path::new(&path)),
        (None, None) => Err(WorldError::MissingTool { tool, variable: name }),
    }
}

/// As the programs of a world, for one that not every world has.
pub(crate) fn find_tool(tool: &'static str, name: &'static str) -> Result<PathBuf, WorldError> {
    find(tool, None, name)
}

fn existing(tool: &'static str, path: &Path) -> Result<PathBuf, WorldError> {
    let found = path.canonicalize().ok().filter(|path| path.is_file());
    found.ok_or_else(|| WorldError::ToolNotThere { tool, path: path.to_owned() })
}

/// Reads one variable of the environment; empty counts as unset.
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}
