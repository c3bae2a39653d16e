//! How records and invitations come from one member to another.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use hangar_durable::WriteError;
use hangar_roster::CarrierFile;

/// Most bytes of one file that are read; a record's own bound is far below.
pub const FILE_LIMIT: u64 = 1 << 20;
/// Most files of a carrier that are read.
pub const FILES_LIMIT: usize = 10_000;

/// Why a carrier could not be used. Nothing that is held is lost by it.
#[derive(Debug, thiserror::Error)]
pub enum CarrierError {
    /// It cannot be read.
    #[error("cannot read carrier `{}`", path.display())]
    Read {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        #[source]
        err: std::io::Error,
    },
    /// It cannot be written.
    #[error("cannot write to the carrier")]
    Write(#[from] WriteError),
    /// It holds more than is read.
    #[error("carrier `{}` holds more than {FILES_LIMIT} files", path.display())]
    TooMany {
        /// The folder.
        path: PathBuf,
    },
    /// Whoever serves it did not do it.
    #[error("the carrier does not serve {what}")]
    Remote {
        /// What was asked of it.
        what: String,
        /// What it said, or what kept it from us.
        #[source]
        err: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A file is larger than any record.
    #[error("`{}` is larger than {FILE_LIMIT} bytes", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
    },
}

/// Moves signed files between members. It is not trusted: it can at worst delay.
pub trait Carrier: Send + Sync {
    /// All records there are, with the names they are known by here.
    ///
    /// # Errors
    ///
    /// [`CarrierError`]; what is held stays in force.
    fn records(&self) -> Result<Vec<(String, Vec<u8>)>, CarrierError>;

    /// One file, if it is there.
    ///
    /// # Errors
    ///
    /// [`CarrierError`].
    fn read(&self, file: &CarrierFile) -> Result<Option<Vec<u8>>, CarrierError>;

    /// Puts one file; a reader meets the old or the new one.
    ///
    /// # Errors
    ///
    /// [`CarrierError`]; the old file is then in place.
    fn publish(&self, file: &CarrierFile, bytes: &[u8]) -> Result<(), CarrierError>;
}

/// A folder that all members can reach, or that is carried about.
#[derive(Debug, Clone)]
pub struct Folder(PathBuf);

impl Folder {
    /// A carrier in this folder, which is made with the first file.
    #[must_use]
    pub fn new(path: &Path) -> Self {
        Self(path.to_owned())
    }

    fn limited(path: &Path) -> Result<Option<Vec<u8>>, CarrierError> {
        let read = |err| CarrierError::Read { path: path.to_owned(), err };
        let file = match std::fs::File::open(path) {
            Ok(file) => file,
            Err(err) if err.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(err) => return Err(read(err)),
        };
        let mut bytes = Vec::new();
        file.take(FILE_LIMIT + 1).read_to_end(&mut bytes).map_err(read)?;
        if bytes.len() as u64 > FILE_LIMIT {
            return Err(CarrierError::TooLarge { path: path.to_owned() });
        }
        Ok(Some(bytes))
    }
}

impl Carrier for Folder {
    fn records(&self) -> Result<Vec<(String, Vec<u8>)>, CarrierError> {
        let read = |err| CarrierError::Read { path: self.0.clone(), err };
        let entries = match std::fs::read_dir(&self.0) {
            Ok(entries) => entries,
            Err(err) if err.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(err) => return Err(read(err)),
        };
        let mut records = Vec::new();
        for (n, entry) in entries.enumerate() {
            if n == FILES_LIMIT {
                return Err(CarrierError::TooMany { path: self.0.clone() });
            }
            let name = entry.map_err(read)?.file_name().to_string_lossy().into_owned();
            if !matches!(name.parse(), Ok(CarrierFile::Record(_))) {
                continue;
            }
            if let Some(bytes) = Self::limited(&self.0.join(&name))? {
                records.push((name, bytes));
            }
        }
        records.sort();
        Ok(records)
    }

    fn read(&self, file: &CarrierFile) -> Result<Option<Vec<u8>>, CarrierError> {
        Self::limited(&self.0.join(file.to_string()))
    }

    fn publish(&self, file: &CarrierFile, bytes: &[u8]) -> Result<(), CarrierError> {
        let read = |err| CarrierError::Read { path: self.0.clone(), err };
        std::fs::create_dir_all(&self.0).map_err(read)?;
        Ok(hangar_durable::write(&self.0.join(file.to_string()), bytes)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_shows_records_and_nothing_else() {
        let site = tempfile::tempdir().expect("a temporary folder");
        let folder = Folder::new(&site.path().join("pool"));
        assert!(folder.records().expect("an absent folder is empty").is_empty());
        let file = CarrierFile::Record("uss1".parse().expect("a member"));
        folder.publish(&file, b"one").expect("it is writable");
        folder.publish(&file, b"two").expect("it is writable");
        std::fs::write(site.path().join("pool/README.md"), "hello").expect("it is writable");
        assert_eq!(folder.records().expect("readable"), [("uss1.record.json".to_owned(), b"two".to_vec())]);
    }

    #[test]
    fn a_file_larger_than_any_record_is_named() {
        let site = tempfile::tempdir().expect("a temporary folder");
        let (folder, file) = (Folder::new(site.path()), site.path().join("uss1.record.json"));
        std::fs::write(&file, vec![b' '; 1 << 20]).expect("it is writable");
        assert_eq!(folder.records().expect("it is read to its last byte")[0].1.len(), 1 << 20);
        std::fs::write(&file, vec![b' '; (1 << 20) + 1]).expect("it is writable");
        let err = folder.records().expect_err("one byte too many");
        assert!(matches!(err, CarrierError::TooLarge { path } if path.ends_with("uss1.record.json")));
    }

    #[test]
    fn a_folder_that_cannot_be_read_is_no_empty_one() {
        let site = tempfile::tempdir().expect("a temporary folder");
        let file = site.path().join("file");
        std::fs::write(&file, "").expect("it is writable");
        let below = Folder::new(&file);
        let record = CarrierFile::Record("uss1".parse().expect("a member"));
        assert!(matches!(below.records(), Err(CarrierError::Read { path, .. }) if path == file));
        assert!(matches!(below.read(&record), Err(CarrierError::Read { .. })));
        assert!(matches!(below.publish(&record, b"one"), Err(CarrierError::Read { .. })));
        assert!(matches!(Folder::new(site.path()).read(&record), Ok(None)));
    }
}
