//! `hangar.lock`: which plugins exactly, and what each was granted; and which chart.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
};

use hangar_plan::{grant::Grant, hint::Hint};
use registry_reference::{ByteSize, Digest, PluginSource};
use semver::Version;
use serde::{Deserialize, Serialize};

use crate::names::PluginName;

/// The one version of the file that this host reads and writes.
const VERSION: u32 = 1;
/// What stands above it.
const HEADER: &str = "# What `hangar` pinned and what the operator granted. Made by `hangar init` and `hangar plugin`; keep it \
                      under\n# version control, and change it by those commands only.\n\n";

/// Every plugin of a workspace, pinned.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Lock {
    /// By the name they have in the workspace file.
    pub plugins: BTreeMap<PluginName, LockedPlugin>,
    /// The chart of the services, if it comes from a registry.
    pub chart: Option<LockedChart>,
}

/// The chart of the services, pinned.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct LockedChart {
    /// Where it came from, as the workspace file says it.
    pub source: String,
    /// Its identity in the registry.
    pub manifest_digest: Digest,
    /// Who vouches for it.
    pub signer: Signer,
}

/// One plugin, pinned, with what it was granted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct LockedPlugin {
    /// Where it came from, as the workspace file says it.
    pub source: PluginSource,
    /// Its identity in a registry or layout.
    pub manifest_digest: Digest,
    /// The component.
    pub content_digest: Digest,
    /// Length of the component.
    pub size: ByteSize,
    /// Who vouches for it.
    pub signer: Signer,
    /// Whether plain http on this machine was allowed for it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub dev: bool,
    /// Digest of the permission request that the grant answers; another request has to be looked at again.
    pub request_digest: Digest,
    /// Contract packages with their versions, as the component imports and exports them.
    pub contracts: BTreeMap<String, Version>,
    /// What the operator granted. `hangar_plan::grant::difference` compares it with what a newer plugin asks.
    pub grant: Grant,
}

/// Who vouches for a plugin or a chart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Signer {
    /// Nobody, and the operator accepted that.
    Unsigned,
}

/// The file as it is written.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawLock {
    version: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    chart: Option<LockedChart>,
    #[serde(default, rename = "plugin")]
    plugins: Vec<RawPlugin>,
}

#[derive(Serialize, Deserialize)]
struct RawPlugin {
    name: PluginName,
    #[serde(flatten)]
    plugin: LockedPlugin,
}

/// Read first, so that a later version is told from a damaged file.
#[derive(Deserialize)]
struct RawVersion {
    version: u32,
}

/// Why a lock could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// The file cannot be read.
    #[error("cannot read `{}`", path.display())]
    Read {
        path: PathBuf,
        #[source]
        err: io::Error,
    },
    /// The file is not what `hangar` writes.
    #[error("`{}` is damaged", path.display())]
    Damaged {
        path: PathBuf,
        #[source]
        err: Box<toml::de::Error>,
    },
    /// A name stands twice.
    #[error("`{}` holds plugin `{name}` twice", path.display())]
    Twice { path: PathBuf, name: PluginName },
    /// A later host wrote it.
    #[error("`{}` has version {version}, this host reads version {VERSION}", path.display())]
    Version { path: PathBuf, version: u32 },
    /// The file cannot be written; the old one is untouched.
    #[error(transparent)]
    Write(#[from] hangar_durable::WriteError),
}

impl Hint for LockError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Damaged { .. } | Self::Twice { .. } => {
                Some("take it back from version control, or remove it and run `hangar init` to decide again".into())
            }
            Self::Version { .. } => Some("use the newer host that wrote it".into()),
            Self::Read { .. } | Self::Write(_) => None,
        }
    }
}

impl Lock {
    /// Reads a lock. A file that is not there is a lock of nothing.
    ///
    /// # Errors
    ///
    /// [`LockError::Read`], [`LockError::Damaged`], [`LockError::Twice`] and [`LockError::Version`].
    pub fn load(path: &Path) -> Result<Self, LockError> {
        match fs::read_to_string(path) {
            Ok(text) => Self::parse(&text, path),
            Err(err) if err.kind() == io::ErrorKind::NotFound => Ok(Self::default()),
            Err(err) => Err(LockError::Read { path: path.to_owned(), err }),
        }
    }

    /// Replaces the lock at `path`, whole or not at all. Equal locks give equal files.
    ///
    /// # Errors
    ///
    /// [`LockError::Write`].
    pub fn save(&self, path: &Path) -> Result<(), LockError> {
        Ok(hangar_durable::write(path, self.text().as_bytes())?)
    }

    /// Returns the file as it would be written: plugins by name, every set in order.
    #[must_use]
    pub fn text(&self) -> String {
        let plugins =
            self.plugins.iter().map(|(name, plugin)| RawPlugin { name: name.clone(), plugin: plugin.clone() });
        let raw = RawLock { version: VERSION, chart: self.chart.clone(), plugins: plugins.collect() };
        let text = toml::to_string(&raw).expect("a lock has only string keys and no nulls");
        format!("{HEADER}{text}")
    }

    fn parse(text: &str, path: &Path) -> Result<Self, LockError> {
        let damaged = |err| LockError::Damaged { path: path.to_owned(), err: Box::new(err) };
        let RawVersion { version } = toml::from_str(text).map_err(damaged)?;
        if version != VERSION {
            return Err(LockError::Version { path: path.to_owned(), version });
        }
        let raw: RawLock = toml::from_str(text).map_err(damaged)?;
        let mut plugins = BTreeMap::new();
        for RawPlugin { name, plugin } in raw.plugins {
            if plugins.insert(name.clone(), plugin).is_some() {
                return Err(LockError::Twice { path: path.to_owned(), name });
            }
        }
        Ok(Self { plugins, chart: raw.chart })
    }
}

#[cfg(test)]
mod tests;
