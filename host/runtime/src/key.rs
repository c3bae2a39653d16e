//! The key of this installation, by which it knows the files it wrote itself.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;

use crate::error::RuntimeError;

const BYTES: usize = 32;

/// A secret of this installation.
#[derive(Clone)]
pub(crate) struct InstallationKey([u8; BYTES]);

impl InstallationKey {
    /// Reads the key, making one at first. Of several processes that make one at once, all end with the same.
    pub(crate) fn open(path: &Path) -> Result<Self, RuntimeError> {
        let unusable = |err| RuntimeError::KeyFile { path: path.into(), err };
        let mut file = match open_private(path) {
            Err(err) if err.kind() == io::ErrorKind::NotFound => {
                let mut key = [0; BYTES];
                getrandom::fill(&mut key).map_err(|err| unusable(io::Error::other(err)))?;
                if let Some(folder) = path.parent() {
                    hangar_durable::private_dir(folder).map_err(|err| unusable(io::Error::other(err)))?;
                }
                hangar_durable::create_private(path, &key).map_err(|err| unusable(io::Error::other(err)))?;
                open_private(path).map_err(unusable)?
            }
            other => other.map_err(unusable)?,
        };
        let metadata = file.metadata().map_err(unusable)?;
        if metadata.uid() != nix::unistd::geteuid().as_raw() {
            return Err(RuntimeError::Unsafe { path: path.into(), problem: "belongs to somebody else" });
        }
        if metadata.mode() & 0o077 != 0 {
            return Err(RuntimeError::Unsafe { path: path.into(), problem: "is not for its owner alone (mode 0600)" });
        }
        let mut key = [0; BYTES];
        file.read_exact(&mut key).map_err(unusable)?;
        Ok(Self(key))
    }

    /// A key for one purpose, so that no two uses share one.
    pub(crate) fn derive(&self, purpose: &str) -> [u8; BYTES] {
        blake3::derive_key(purpose, &self.0)
    }
}

/// Opens a file for reading, without following a link in its last place.
pub(crate) fn open_private(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).custom_flags(nix::libc::O_NOFOLLOW | nix::libc::O_CLOEXEC).open(path)
}

#[cfg(test)]
mod tests {
    use std::fs::Permissions;
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_key_is_made_once_and_for_the_owner_alone() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("keys/installation");
        let first = InstallationKey::open(&path).expect("a new key").derive("test");
        assert_eq!(InstallationKey::open(&path).expect("the same key").derive("test"), first);
        let mode = std::fs::metadata(&path).expect("the file").mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn a_key_that_others_can_read_is_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("installation");
        InstallationKey::open(&path).expect("a new key");
        std::fs::set_permissions(&path, Permissions::from_mode(0o640)).expect("a mode");
        let err = InstallationKey::open(&path).err().expect("a refusal");
        assert!(matches!(err, RuntimeError::Unsafe { .. }), "{err}");
    }

    #[test]
    fn a_link_is_not_followed() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("installation");
        std::os::unix::fs::symlink("/dev/zero", &path).expect("a link");
        assert!(InstallationKey::open(&path).is_err());
    }
}
