//! The offline world of the demo.

use std::{
    fs,
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

use super::{Place, Stage};
use crate::program::{Child, Program};

/// A running world; ends when dropped.
pub(crate) struct World {
    /// `host:port` of the registry.
    pub(crate) registry: String,
    /// Kubeconfigs by organisation.
    pub(crate) kubeconfigs: Vec<(String, PathBuf)>,
    organisations: Vec<Value>,
    _child: Child,
}

impl World {
    pub(crate) fn start<'a>(
        stage: &Stage,
        program: &Path,
        organisations: impl Iterator<Item = (&'a str, Place)>,
    ) -> Result<Self> {
        let folder = stage.folder.join("world");
        let complaints = stage.folder.join("world.log");
        let (names, places): (Vec<&str>, Vec<Place>) = organisations.unzip();
        let clouds = names.iter().zip(places).filter_map(|(name, place)| Some(format!("{name}={}", place.cloud()?)));
        let clouds: Vec<String> = clouds.flat_map(|cloud| ["--clouds".to_owned(), cloud]).collect();
        let (child, stdout) = Program::new(program)
            .args(["up", "--ttl", "60m", "--organisations", &names.join(",")])
            .args(clouds)
            .arg("--dir")
            .arg(&folder)
            .envs(stage.variables.iter().map(|(name, value)| (name, value)))
            // The registry server would look for a collector otherwise.
            .env("OTEL_TRACES_EXPORTER", "none")
            .start(&complaints)?;
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line).context("cannot hear whether the world is ready")?;
        if !line.contains("ready") {
            let said = fs::read_to_string(&complaints).unwrap_or_default();
            bail!("the offline world did not start: {}", said.trim());
        }
        let path = folder.join("world.json");
        let text = fs::read_to_string(&path).with_context(|| format!("cannot read `{}`", path.display()))?;
        let file: Value = serde_json::from_str(&text).with_context(|| format!("`{}` is no JSON", path.display()))?;
        let organisations = file["organisations"].as_array().cloned().unwrap_or_default();
        let kubeconfigs = organisations.iter().map(|one| (field(one, "name"), PathBuf::from(field(one, "kubeconfig"))));
        Ok(Self {
            registry: field(&file, "registry"),
            kubeconfigs: kubeconfigs.collect(),
            organisations,
            _child: child,
        })
    }

    /// kubectl, in the namespace of an organisation's instance.
    pub(crate) fn kubectl(&self, name: &str) -> Result<Program> {
        Ok(kubectl(self.kubeconfig(name)?))
    }

    /// The kubeconfig of an organisation.
    pub(crate) fn kubeconfig(&self, name: &str) -> Result<&Path> {
        let kubeconfig = self.kubeconfigs.iter().find(|(of, _)| of == name).map(|(_, path)| path.as_path());
        kubeconfig.with_context(|| format!("the world has no organisation `{name}`"))
    }

    /// What `world.json` says of an organisation.
    pub(crate) fn organisation(&self, name: &str) -> Result<&Value> {
        let found = self.organisations.iter().find(|one| one["name"] == name);
        found.with_context(|| format!("the world has no organisation `{name}`"))
    }
}

/// kubectl, in the namespace of the instance of a cluster.
pub(super) fn kubectl(kubeconfig: &Path) -> Program {
    Program::new("kubectl").arg("--kubeconfig").arg(kubeconfig).args(["-n", "dss"])
}

pub(super) fn field(object: &Value, name: &str) -> String {
    object[name].as_str().unwrap_or_default().to_owned()
}
