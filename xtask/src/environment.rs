//! What the environment of the process says.

use std::{
    collections::BTreeMap,
    env,
    ffi::{OsStr, OsString},
    path::{Path, PathBuf},
};

/// The environment variables of the process, read once, so that a test can put others in their place.
#[derive(Debug, Clone, Default)]
pub(crate) struct Environment(BTreeMap<OsString, OsString>);

impl Environment {
    #[expect(clippy::disallowed_methods, reason = "the one place where xtask reads its environment")]
    pub(crate) fn of_process() -> Self {
        Self(env::vars_os().collect())
    }

    /// A variable's value; one that is empty counts as not set.
    pub(crate) fn get(&self, name: &str) -> Option<&OsStr> {
        self.0.get(OsStr::new(name)).map(OsString::as_os_str).filter(|value| !value.is_empty())
    }

    pub(crate) fn path(&self, name: &str) -> Option<PathBuf> {
        self.get(name).map(PathBuf::from)
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &OsStr> {
        self.0.keys().map(OsString::as_os_str)
    }

    /// All programs of this name on PATH, in its order.
    pub(crate) fn programs<'a>(&'a self, name: &'a str) -> impl Iterator<Item = PathBuf> + 'a {
        let folders = self.get("PATH").map(env::split_paths).into_iter().flatten();
        folders.map(move |folder| folder.join(name)).filter(|path| is_executable(path))
    }

    pub(crate) fn program(&self, name: &str) -> Option<PathBuf> {
        self.programs(name).next()
    }

    /// Whether a tool that is missing must stop the run instead of being reported.
    pub(crate) fn is_ci(&self) -> bool {
        self.get("CI").is_some_and(|value| value != "0" && value != "false")
    }
}

impl<K: Into<OsString>, V: Into<OsString>> FromIterator<(K, V)> for Environment {
    fn from_iter<T: IntoIterator<Item = (K, V)>>(pairs: T) -> Self {
        Self(pairs.into_iter().map(|(name, value)| (name.into(), value.into())).collect())
    }
}

pub(crate) fn is_executable(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    path.metadata().is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
}

#[cfg(test)]
mod tests {
    use super::Environment;

    #[test]
    fn an_empty_variable_counts_as_not_set() {
        let environment = Environment::from_iter([("A", ""), ("B", "b")]);
        assert_eq!(environment.get("A"), None);
        assert_eq!(environment.get("B"), Some("b".as_ref()));
    }

    #[test]
    fn ci_is_on_unless_it_says_no() {
        assert!(Environment::from_iter([("CI", "true")]).is_ci());
        assert!(!Environment::from_iter([("CI", "false")]).is_ci());
        assert!(!Environment::default().is_ci());
    }
}
