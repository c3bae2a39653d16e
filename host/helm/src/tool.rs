//! The program, and everything it is started with.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use hangar_exec::{Command, OnHostDeath, find_tool};

use crate::access::ClusterAccess;
use crate::error::HelmError;

/// Asking for its version reads no file and no network.
const VERSION_DEADLINE: Duration = Duration::from_secs(20);

/// What this driver is tested with: 4 applies on the server and has a waiting strategy of its own; 3 from 3.17 on knows the
/// labels and the quiet form.
const WANTED: &str = "4, or 3.17 and later of 3";

/// Major and minor version of a Helm. Builds by `go install` know no more of themselves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version {
    /// Major.
    pub major: u64,
    /// Minor.
    pub minor: u64,
}

/// A Helm whose version is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Helm {
    path: PathBuf,
    version: Version,
}

impl Helm {
    /// Finds the first `helm` in these folders and asks for its version. `scratch` is a folder of ours.
    ///
    /// # Errors
    ///
    /// [`HelmError::Missing`], or as [`Self::at`].
    pub async fn find(folders: &[PathBuf], scratch: &Path) -> Result<Self, HelmError> {
        match find_tool("helm", folders) {
            Some(path) => Self::at(path, scratch).await,
            None => Err(HelmError::Missing { searched: folders.to_vec() }),
        }
    }

    /// Takes a program for Helm once it has said its version.
    ///
    /// # Errors
    ///
    /// [`HelmError::Version`] for another version or another program; [`HelmError::Exec`] if it does not run.
    pub async fn at(path: impl Into<PathBuf>, scratch: &Path) -> Result<Self, HelmError> {
        let path = path.into();
        let asked = Command::new(&path).args(["version", "--template", "{{.Version}}"]).env("HOME", scratch);
        let output = asked.output(scratch, VERSION_DEADLINE).await?;
        let said = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        match Version::parse(&said).filter(|version| version.is_known()) {
            Some(version) => Ok(Self { path, version }),
            None => Err(HelmError::Version { path, found: said, wanted: WANTED }),
        }
    }

    /// The program.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Its version.
    #[must_use]
    pub fn version(&self) -> Version {
        self.version
    }

    /// Whether it applies on the server.
    pub(crate) fn has_server_side_apply(&self) -> bool {
        self.version.major >= 4
    }

    /// A command with the environment that it needs and no more: nothing of the operator's own Helm (plugins, repositories,
    /// contexts) has a say. `home` is a folder of ours.
    pub(crate) fn command(&self, home: &Path) -> Command {
        let below = |name: &str| home.join(name);
        Command::new(&self.path)
            .env("HOME", home)
            .env("HELM_CACHE_HOME", below("cache"))
            .env("HELM_CONFIG_HOME", below("config"))
            .env("HELM_DATA_HOME", below("data"))
            .env("HELM_PLUGINS", below("plugins"))
            .env("HELM_DRIVER", "secret")
            .env("NO_COLOR", "1")
            // It ends what it has begun: an upgrade takes seconds, and half of one has to be repaired.
            .on_host_death(OnHostDeath::Continue)
    }

    /// The same, for a cluster.
    pub(crate) async fn cluster_command(
        &self,
        home: &Path,
        access: &ClusterAccess,
        kubeconfig: &Path,
    ) -> Result<Command, HelmError> {
        let command = self.command(home).env("KUBECONFIG", kubeconfig);
        Ok(match &access.token {
            Some(give) => command.secret_env("HELM_KUBETOKEN", give().await.map_err(HelmError::NoToken)?),
            None => command,
        })
    }
}

impl Version {
    fn parse(said: &str) -> Option<Self> {
        let mut numbers = said.strip_prefix('v')?.split(['.', '-', '+']);
        let mut number = || numbers.next()?.parse().ok();
        Some(Self { major: number()?, minor: number()? })
    }

    fn is_known(&self) -> bool {
        self.major == 4 || (self.major == 3 && self.minor >= 17)
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_of_releases_and_of_own_builds_are_read() {
        assert_eq!(Version::parse("v4.3"), Some(Version { major: 4, minor: 3 }));
        assert_eq!(Version::parse("v3.17.1+g12ab"), Some(Version { major: 3, minor: 17 }));
        assert_eq!(Version::parse("v4.0.0-rc.1"), Some(Version { major: 4, minor: 0 }));
        assert_eq!(Version::parse("Client: v2.16"), None);
    }

    #[test]
    fn what_was_never_tried_is_refused() {
        let known = |said: &str| Version::parse(said).is_some_and(|version| version.is_known());
        assert!(known("v4.3") && known("v3.17.0"));
        assert!(!known("v3.16.4") && !known("v2.17.0") && !known("v5.0.0"));
    }

    #[tokio::test]
    async fn a_missing_helm_says_where_it_was_looked_for() {
        let folders = [PathBuf::from("/nonexistent/bin")];
        let err = Helm::find(&folders, Path::new("/nonexistent")).await.map_err(|err| err.to_string());
        assert_eq!(err, Err("no `helm` found in `/nonexistent/bin`".to_owned()));
    }

    #[tokio::test]
    async fn another_program_is_not_taken_for_helm() -> anyhow::Result<()> {
        let scratch = tempfile::tempdir()?;
        let err = Helm::at("/bin/echo", scratch.path()).await;
        assert!(matches!(&err, Err(HelmError::Version { found, .. }) if found.starts_with("version")), "{err:?}");
        Ok(())
    }
}
