//! Where things lie.

use std::path::{Path, PathBuf};

use crate::environment::Environment;

/// Folders and files of one workspace and of this user. Made by whoever first writes there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Paths {
    /// What can be fetched or computed again.
    pub cache: PathBuf,
    /// What the user set for all workspaces.
    pub config: PathBuf,
    /// The folder of the workspace file.
    pub workspace: PathBuf,
}

/// There is no folder to write to.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no place for {what}: neither `{variable}` nor `HOME` is set")]
pub struct PathsError {
    what: &'static str,
    variable: &'static str,
}

impl Paths {
    /// Finds the folders: ours by name if set, else by the XDG specification, else below the home folder.
    ///
    /// `workspace` is the folder of the workspace file, as an absolute path.
    ///
    /// # Errors
    ///
    /// [`PathsError`] if nothing tells where.
    pub fn new(environment: &Environment, workspace: impl Into<PathBuf>) -> Result<Self, PathsError> {
        let find = |ours: &Option<PathBuf>, xdg: &str, below_home: &str, what, variable| {
            let standard = || environment.xdg(xdg, below_home).map(|folder| folder.join("hangar"));
            ours.clone().or_else(standard).ok_or(PathsError { what, variable })
        };
        Ok(Self {
            cache: find(&environment.cache_dir, "XDG_CACHE_HOME", ".cache", "the cache", "XDG_CACHE_HOME")?,
            config: find(&environment.config_dir, "XDG_CONFIG_HOME", ".config", "settings", "XDG_CONFIG_HOME")?,
            workspace: workspace.into(),
        })
    }

    /// The workspace file.
    #[must_use]
    pub fn file(&self) -> PathBuf {
        self.workspace.join("hangar.hcl")
    }

    /// The lock of the plugins.
    #[must_use]
    pub fn lock(&self) -> PathBuf {
        self.workspace.join("hangar.lock")
    }

    /// What the host keeps for this workspace: journal, terraform folder, child output. Not for version control.
    #[must_use]
    pub fn state(&self) -> PathBuf {
        self.workspace.join(".hangar")
    }

    /// The store of artifacts, an OCI image layout.
    #[must_use]
    pub fn store(&self) -> PathBuf {
        self.cache.join("oci")
    }

    /// Machine code of plugins.
    #[must_use]
    pub fn compiled(&self) -> PathBuf {
        self.cache.join("compiled")
    }

    /// Downloaded tools.
    #[must_use]
    pub fn tools(&self, environment: &Environment) -> PathBuf {
        environment.tools_dir.clone().unwrap_or_else(|| self.cache.join("tools"))
    }

    /// Reads a path of the workspace file: a relative one begins at that file.
    #[must_use]
    pub fn resolve(&self, path: impl AsRef<Path>) -> PathBuf {
        self.workspace.join(path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths<const N: usize>(variables: [(&str, &str); N]) -> Result<Paths, PathsError> {
        Paths::new(&Environment::from_variables(variables).expect("environment"), "/w")
    }

    #[test]
    fn ours_beats_xdg_beats_home() {
        let paths = |variables| paths::<2>(variables).expect("paths").cache.display().to_string();
        assert_eq!(paths([("HANGAR_CACHE_DIR", "/ours"), ("HOME", "/h")]), "/ours");
        assert_eq!(paths([("XDG_CACHE_HOME", "/xdg"), ("HOME", "/h")]), "/xdg/hangar");
        assert_eq!(paths([("XDG_CACHE_HOME", "not/absolute"), ("HOME", "/h")]), "/h/.cache/hangar");
    }

    #[test]
    fn without_any_of_them_it_says_which() {
        let err = paths([]).expect_err("nothing is set");
        assert_eq!(err.to_string(), "no place for the cache: neither `XDG_CACHE_HOME` nor `HOME` is set");
    }

    #[test]
    fn the_workspace_has_its_files() {
        let paths = paths([("HOME", "/h")]).expect("paths");
        assert_eq!(paths.file(), Path::new("/w/hangar.hcl"));
        assert_eq!(paths.lock(), Path::new("/w/hangar.lock"));
        assert_eq!(paths.state(), Path::new("/w/.hangar"));
        assert_eq!(paths.resolve("../keys/a.pem"), Path::new("/w/../keys/a.pem"));
    }
}
