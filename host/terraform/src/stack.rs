//! A root module in a folder, and where its state lies.

use std::collections::BTreeSet;
use std::fmt;
use std::fs;
use std::io;
use std::path::{Component, Path, PathBuf};

use hangar_durable::failpoint;
use serde::{Deserialize, Serialize};

use crate::backend::Backend;
use crate::error::TerraformError;

/// The backend, which is the host's and no plugin's.
const BACKEND_FILE: &str = "hangar_backend.tf";
/// Import blocks of a recovery; gone once they are applied.
pub(crate) const IMPORT_FILE: &str = "hangar_import.tf";
/// Which files the host has laid down.
const MANIFEST: &str = ".hangar-files.json";
/// The provider lock, which the tool writes where nobody gives one.
pub(crate) const LOCK_FILE: &str = ".terraform.lock.hcl";
/// The tool's own folder.
pub(crate) const DATA_DIR: &str = ".terraform";

/// Name of a stack: a DNS label.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct StackName(String);

impl StackName {
    /// Reads a name.
    ///
    /// # Errors
    ///
    /// [`TerraformError::Name`] for anything but lower-case letters, digits and `-`, 63 at most, a letter first.
    pub fn new(text: impl Into<String>) -> Result<Self, TerraformError> {
        let text = text.into();
        let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        let is_name =
            text.len() <= 63 && text.starts_with(|first: char| first.is_ascii_lowercase()) && text.bytes().all(allowed);
        if is_name { Ok(Self(text)) } else { Err(TerraformError::Name(text)) }
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for StackName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for StackName {
    type Error = TerraformError;

    fn try_from(text: String) -> Result<Self, TerraformError> {
        Self::new(text)
    }
}

impl From<StackName> for String {
    fn from(name: StackName) -> Self {
        name.0
    }
}

/// A root module in a folder, and where its state lies.
///
/// The folder is a plain module: `terraform` run by hand in it finds the same backend, a local one by a path relative to the
/// folder, and does the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stack {
    name: StackName,
    dir: PathBuf,
    backend: Backend,
}

impl Stack {
    /// Names a stack: the folder of its module, and where its state lies; paths are absolute.
    pub fn new(name: StackName, dir: impl Into<PathBuf>, backend: Backend) -> Self {
        Self { name, dir: dir.into(), backend }
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &StackName {
        &self.name
    }

    /// Folder of its module.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Where its state lies.
    #[must_use]
    pub fn backend(&self) -> &Backend {
        &self.backend
    }

    /// Where its state lies, for messages.
    pub(crate) fn state_name(&self) -> PathBuf {
        match &self.backend {
            Backend::Local(file) => file.clone(),
            Backend::Remote(remote) => PathBuf::from(format!("backend {}", remote.kind)),
        }
    }

    /// Writes the files of the module, with the host's backend beside them, and removes those of an earlier call that are
    /// not among them. Files that somebody else has put there stay. Writes nothing that is already so.
    ///
    /// # Errors
    ///
    /// [`TerraformError::FileName`] for a path that leads out of the folder or takes a name of the host's; nothing is then
    /// written.
    pub fn lay_down(&self, files: &[(String, Vec<u8>)]) -> Result<(), TerraformError> {
        for (path, _) in files {
            self.check(path)?;
        }
        hangar_durable::private_dir(&self.dir)?;
        if let Some(file) = self.backend.file() {
            hangar_durable::private_dir(file.parent().unwrap_or(Path::new("/")))?;
        }
        let backend = (BACKEND_FILE.to_owned(), self.backend.to_hcl(&self.dir).into_bytes());
        let wanted: BTreeSet<String> = files.iter().chain([&backend]).map(|(path, _)| path.clone()).collect();
        let former = self.laid_down()?;
        // Named before they are written, so that a kill between leaves no file that nobody would remove.
        self.set_laid_down(&former.union(&wanted).cloned().collect())?;
        for (path, bytes) in files.iter().chain([&backend]) {
            self.put(path, bytes)?;
        }
        failpoint::hit("terraform.files.inside");
        for gone in former.difference(&wanted) {
            hangar_durable::remove(&self.dir.join(gone))?;
        }
        self.set_laid_down(&wanted)
    }

    /// Whether the files that were laid down last hold this one.
    pub(crate) fn was_given(&self, path: &str) -> Result<bool, TerraformError> {
        Ok(self.laid_down()?.contains(path))
    }

    fn put(&self, path: &str, bytes: &[u8]) -> Result<(), TerraformError> {
        let path = self.dir.join(path);
        if fs::read(&path).is_ok_and(|there| there == bytes) {
            return Ok(());
        }
        hangar_durable::private_dir(path.parent().unwrap_or(&self.dir))?;
        Ok(hangar_durable::write(&path, bytes)?)
    }

    fn check(&self, path: &str) -> Result<(), TerraformError> {
        let is_plain = Path::new(path).components().all(|part| matches!(part, Component::Normal(_)));
        let first = path.split('/').next().unwrap_or_default();
        let is_ours = [BACKEND_FILE, IMPORT_FILE, MANIFEST, DATA_DIR].contains(&first);
        // A state file would be taken for the stack's own by a careless hand.
        let is_state = path.ends_with(".tfstate") || path.ends_with(".tfstate.backup");
        if path.is_empty() || !is_plain || is_ours || is_state {
            return Err(TerraformError::FileName { stack: self.name.clone(), path: path.to_owned() });
        }
        Ok(())
    }

    fn laid_down(&self) -> Result<BTreeSet<String>, TerraformError> {
        let path = self.dir.join(MANIFEST);
        match fs::read(&path) {
            Err(err) if err.kind() == io::ErrorKind::NotFound => Ok(BTreeSet::new()),
            Err(err) => Err(TerraformError::read(path, err)),
            Ok(bytes) => serde_json::from_slice(&bytes).map_err(|err| TerraformError::read(path, err.into())),
        }
    }

    fn set_laid_down(&self, paths: &BTreeSet<String>) -> Result<(), TerraformError> {
        if self.laid_down()? == *paths {
            return Ok(());
        }
        let list = serde_json::to_vec(paths).expect("a list of texts has a JSON form");
        Ok(hangar_durable::write(&self.dir.join(MANIFEST), &list)?)
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a failing set-up is a failing test")]
mod tests {
    use super::*;

    fn stack(dir: &Path) -> Stack {
        let state = Backend::Local(dir.join("state/infra/terraform.tfstate"));
        Stack::new(StackName::new("infra").unwrap(), dir.join("infra"), state)
    }

    fn files(list: &[(&str, &str)]) -> Vec<(String, Vec<u8>)> {
        list.iter().map(|(path, text)| ((*path).to_owned(), text.as_bytes().to_vec())).collect()
    }

    #[test]
    fn files_of_an_earlier_call_go_and_others_stay() {
        let dir = tempfile::tempdir().unwrap();
        let stack = stack(dir.path());
        stack.lay_down(&files(&[("main.tf", "1"), ("modules/a/main.tf", "2")])).unwrap();
        fs::write(dir.path().join("infra/override.tf"), "the operator's").unwrap();
        stack.lay_down(&files(&[("main.tf", "3")])).unwrap();
        assert_eq!(fs::read(dir.path().join("infra/main.tf")).unwrap(), b"3");
        assert!(!dir.path().join("infra/modules/a/main.tf").exists());
        assert!(dir.path().join("infra/override.tf").exists());
    }

    #[test]
    fn what_is_already_so_is_not_written_again() {
        let dir = tempfile::tempdir().unwrap();
        let stack = stack(dir.path());
        stack.lay_down(&files(&[("main.tf", "1")])).unwrap();
        let before = fs::metadata(dir.path().join("infra/main.tf")).unwrap().modified().unwrap();
        stack.lay_down(&files(&[("main.tf", "1")])).unwrap();
        assert_eq!(fs::metadata(dir.path().join("infra/main.tf")).unwrap().modified().unwrap(), before);
    }

    #[test]
    fn no_file_leads_out_of_the_folder_or_takes_the_hosts_names() {
        let dir = tempfile::tempdir().unwrap();
        let stack = stack(dir.path());
        let names = [
            "",
            "../x.tf",
            "/etc/x.tf",
            "a/../../x.tf",
            "hangar_backend.tf",
            ".terraform/x",
            "a.tfstate",
            ".hangar-files.json",
        ];
        for path in names {
            let refused = stack.lay_down(&files(&[("main.tf", "1"), (path, "2")])).unwrap_err();
            assert!(matches!(refused, TerraformError::FileName { .. }), "{path}");
        }
        assert!(!dir.path().join("infra").exists());
    }

    #[test]
    fn names_are_dns_labels() {
        for text in ["", "Infra", "1st", "a_b", "a/b", &"x".repeat(64)] {
            assert!(StackName::new(text).is_err(), "{text}");
        }
    }
}
