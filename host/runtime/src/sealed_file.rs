//! The one encrypted file that a secret store may have.

use std::fs::OpenOptions;
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use age::secrecy::ExposeSecret as _;
use age::x25519::Identity;
use async_trait::async_trait;
use nix::fcntl::{Flock, FlockArg};

/// Bound of the content.
pub const MAX_BYTES: u64 = 4 * 1024 * 1024;

/// What the file holds.
#[derive(Clone, PartialEq, Eq)]
pub struct Content {
    /// Number of the write, from 1.
    pub version: u64,
    /// The bytes.
    pub bytes: Vec<u8>,
}

impl std::fmt::Debug for Content {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Content").field("version", &self.version).field("bytes", &"[redacted]").finish()
    }
}

/// Why the file could not be read or replaced.
#[derive(Debug, thiserror::Error)]
pub enum SealedError {
    /// Another write came first; carries the version that is there now (0: nothing).
    #[error("version {0} is there")]
    Conflict(u64),
    /// The bytes pass the bound.
    #[error("more than {MAX_BYTES} bytes")]
    TooLarge,
    /// The file cannot be opened with this installation's key.
    #[error("cannot open `{}` with the key in `{}`: {reason}", file.display(), key_file.display())]
    Sealed {
        /// The file.
        file: PathBuf,
        /// Where its key lies.
        key_file: PathBuf,
        /// Why not.
        reason: String,
    },
    /// A key file that others can read.
    #[error("`{}` is not for its owner alone (mode 0600)", .0.display())]
    KeyReadable(PathBuf),
    /// The disk.
    #[error("cannot use `{}`", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why not.
        #[source]
        err: io::Error,
    },
}

/// A file that is read and replaced as a whole, by compare-and-swap.
#[async_trait]
pub trait SealedStore: Send + Sync {
    /// Returns the content, or none when nothing was ever written.
    ///
    /// # Errors
    ///
    /// [`SealedError`], except its conflict.
    async fn read(&self) -> Result<Option<Content>, SealedError>;

    /// Replaces the content if `expected` is the version that is there (0: nothing), and returns the new version.
    ///
    /// # Errors
    ///
    /// [`SealedError::Conflict`] with the version that is there; otherwise why the file is as it was.
    async fn replace(&self, expected: u64, bytes: &[u8]) -> Result<u64, SealedError>;
}

/// A file encrypted with age (X25519), whose key lies in another file.
///
/// The version is inside the encryption. Writers wait for each other on a lock file beside it; a reader meets the old
/// content or the new one. Whoever can restore an old copy of the file can bring old content back.
#[derive(Debug, Clone)]
pub struct SealedFile {
    file: PathBuf,
    key_file: PathBuf,
}

impl SealedFile {
    /// A file and its key. Neither need exist; the key is made with the first write.
    #[must_use]
    pub fn new(file: PathBuf, key_file: PathBuf) -> Self {
        Self { file, key_file }
    }

    fn read_now(&self) -> Result<Option<Content>, SealedError> {
        let sealed = match std::fs::read(&self.file) {
            Ok(sealed) => sealed,
            Err(err) if err.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(err) => return Err(io_error(&self.file, err)),
        };
        let identity = self.identity()?.ok_or_else(|| self.sealed("the key is gone"))?;
        let plain = age::decrypt(&identity, &sealed).map_err(|err| self.sealed(&err.to_string()))?;
        let (version, bytes) = plain.split_first_chunk().ok_or_else(|| self.sealed("it is cut"))?;
        Ok(Some(Content { version: u64::from_le_bytes(*version), bytes: bytes.to_vec() }))
    }

    fn replace_now(&self, expected: u64, bytes: &[u8]) -> Result<u64, SealedError> {
        if bytes.len() as u64 > MAX_BYTES {
            return Err(SealedError::TooLarge);
        }
        for file in [&self.file, &self.key_file] {
            if let Some(folder) = file.parent() {
                hangar_durable::private_dir(folder).map_err(|err| write_error(file, err))?;
            }
        }
        let _lock = self.lock()?;
        let current = self.read_now()?.map_or(0, |content| content.version);
        if current != expected {
            return Err(SealedError::Conflict(current));
        }
        let identity = match self.identity()? {
            Some(identity) => identity,
            None => self.new_identity()?,
        };
        let version = current + 1;
        let mut plain = version.to_le_bytes().to_vec();
        plain.extend_from_slice(bytes);
        let sealed = age::encrypt(&identity.to_public(), &plain).map_err(|err| self.sealed(&err.to_string()))?;
        hangar_durable::write_private(&self.file, &sealed).map_err(|err| write_error(&self.file, err))?;
        Ok(version)
    }

    /// Keeps other writers out, of this process and others, until it is dropped.
    fn lock(&self) -> Result<Flock<std::fs::File>, SealedError> {
        let path = self.file.with_extension("lock");
        let file = OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(&path);
        let file = file.map_err(|err| io_error(&path, err))?;
        Flock::lock(file, FlockArg::LockExclusive).map_err(|(_, err)| io_error(&path, err.into()))
    }

    fn identity(&self) -> Result<Option<Identity>, SealedError> {
        use std::io::Read as _;
        use std::os::unix::fs::MetadataExt as _;

        let mut file = match crate::key::open_private(&self.key_file) {
            Ok(file) => file,
            Err(err) if err.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(err) => return Err(io_error(&self.key_file, err)),
        };
        let metadata = file.metadata().map_err(|err| io_error(&self.key_file, err))?;
        if metadata.mode() & 0o077 != 0 {
            return Err(SealedError::KeyReadable(self.key_file.clone()));
        }
        let mut text = String::new();
        file.read_to_string(&mut text).map_err(|err| io_error(&self.key_file, err))?;
        text.trim().parse().map(Some).map_err(|err: &str| self.sealed(err))
    }

    /// Makes a key, or takes the one that another workspace of this installation has made in the meantime: they share it,
    /// and each locks only its own file.
    fn new_identity(&self) -> Result<Identity, SealedError> {
        let text = Identity::generate().to_string();
        hangar_durable::create_private(&self.key_file, format!("{}\n", text.expose_secret()).as_bytes())
            .map_err(|err| write_error(&self.key_file, err))?;
        self.identity()?.ok_or_else(|| self.sealed("the key is gone"))
    }

    fn sealed(&self, reason: &str) -> SealedError {
        SealedError::Sealed { file: self.file.clone(), key_file: self.key_file.clone(), reason: reason.into() }
    }
}

#[async_trait]
impl SealedStore for SealedFile {
    async fn read(&self) -> Result<Option<Content>, SealedError> {
        let this = self.clone();
        off_thread(move || this.read_now()).await
    }

    async fn replace(&self, expected: u64, bytes: &[u8]) -> Result<u64, SealedError> {
        let (this, bytes) = (self.clone(), bytes.to_vec());
        off_thread(move || this.replace_now(expected, &bytes)).await
    }
}

/// Waiting for a lock or a disk is not for a thread that serves others.
async fn off_thread<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(err) => std::panic::resume_unwind(err.into_panic()),
    }
}

fn io_error(path: &Path, err: io::Error) -> SealedError {
    SealedError::Io { path: path.into(), err }
}

fn write_error(path: &Path, err: hangar_durable::WriteError) -> SealedError {
    io_error(path, io::Error::other(err))
}

#[cfg(test)]
mod tests;
