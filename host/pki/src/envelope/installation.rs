//! The installation key in its file.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use hangar_durable::{WriteError, create_private};

use super::{ExposeSecret, InstallationKey, Zeroizing};
use crate::PkiError;

impl InstallationKey {
    /// Reads the key from its file, or makes it and the file, mode 0600, if there is none.
    ///
    /// The file takes its name only once it is whole and on disk; of two hosts that start at once one makes it and both read
    /// the same.
    ///
    /// # Errors
    ///
    /// [`PkiError::KeyFileOpen`] if group or others may read it, [`PkiError::KeyFileContent`] if it holds something else,
    /// [`PkiError::KeyFile`] for the file system.
    pub fn load_or_create(path: &Path) -> Result<Self, PkiError> {
        let failed = |err| PkiError::KeyFile { path: path.to_owned(), err };
        if !path.try_exists().map_err(failed)? {
            create(path).map_err(|refused| failed(refused.err))?;
        }
        Self::load(path)
    }

    /// Reads the key from its file.
    ///
    /// # Errors
    ///
    /// As [`InstallationKey::load_or_create`].
    pub fn load(path: &Path) -> Result<Self, PkiError> {
        let failed = |err| PkiError::KeyFile { path: path.to_owned(), err };
        let mode = fs::metadata(path).map_err(failed)?.permissions().mode() & 0o7777;
        if mode & 0o077 != 0 {
            return Err(PkiError::KeyFileOpen { path: path.to_owned(), mode });
        }
        let text = Zeroizing::new(fs::read_to_string(path).map_err(failed)?);
        // The form of `age-keygen`: comments, and one line that is the identity.
        let mut lines = text.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
        let identity = lines.next().and_then(|line| line.parse().ok());
        identity.map(Self).ok_or_else(|| PkiError::KeyFileContent { path: path.to_owned() })
    }
}

/// Whoever comes first makes it; for the others it is there.
fn create(path: &Path) -> Result<(), WriteError> {
    let key = InstallationKey::generate();
    let identity = key.0.to_string();
    let text = format!("# public key: {}\n{}\n", key.recipient(), identity.expose_secret());
    create_private(path, Zeroizing::new(text).as_bytes()).map(|_made_by_us| ())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_is_made_once_and_only_its_owner_reads_it() -> anyhow::Result<()> {
        let dir = tempfile::tempdir()?;
        let path = dir.path().join("installation.key");
        let made = InstallationKey::load_or_create(&path)?;
        assert_eq!(InstallationKey::load_or_create(&path)?.recipient(), made.recipient());
        assert_eq!(fs::metadata(&path)?.permissions().mode() & 0o7777, 0o600);
        assert_eq!(fs::read_dir(dir.path())?.count(), 1);
        Ok(())
    }

    #[test]
    fn a_file_that_others_can_read_is_refused_with_its_cure() -> anyhow::Result<()> {
        let dir = tempfile::tempdir()?;
        let path = dir.path().join("installation.key");
        InstallationKey::load_or_create(&path)?;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640))?;
        let refused = InstallationKey::load(&path).expect_err("group may read");
        assert!(matches!(refused, PkiError::KeyFileOpen { mode: 0o640, .. }));
        assert!(refused.hint().is_some_and(|hint| hint.contains("chmod 600")));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600))?;
        fs::write(&path, "something else")?;
        assert!(matches!(InstallationKey::load(&path), Err(PkiError::KeyFileContent { .. })));
        Ok(())
    }
}
