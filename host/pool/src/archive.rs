//! Signed files in one file: for e-mail, for a stick, for the records of years.
//!
//! One JSON object a line, `{"name": …, "text": …}`; the text is the file's very bytes. A line that was cut off by a crash or
//! an e-mail program is left out and counted.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::{Path, PathBuf};

use hangar_roster::CarrierFile;
use serde::{Deserialize, Serialize};

use crate::carrier::{Carrier, CarrierError};

/// Most bytes of an archive that are read.
const LIMIT: u64 = 256 << 20;

#[derive(Serialize, Deserialize)]
struct Line {
    name: String,
    text: String,
}

/// Files of an archive by name, in the order of its lines, and how many lines are none.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Archive {
    /// Names and contents.
    pub files: Vec<(String, Vec<u8>)>,
    /// Lines that are not what an archive holds.
    pub n_unreadable: usize,
}

impl Archive {
    /// Reads an archive; an absent one is empty.
    ///
    /// # Errors
    ///
    /// [`CarrierError::Read`], [`CarrierError::TooLarge`].
    pub fn read(path: &Path) -> Result<Self, CarrierError> {
        let failed = |err| CarrierError::Read { path: path.to_owned(), err };
        let file = match std::fs::File::open(path) {
            Ok(file) => file,
            Err(err) if err.kind() == std::io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(err) => return Err(failed(err)),
        };
        if file.metadata().map_err(failed)?.len() > LIMIT {
            return Err(CarrierError::TooLarge { path: path.to_owned() });
        }
        let mut archive = Self::default();
        for line in BufReader::new(file.take(LIMIT)).split(b'\n') {
            let line = line.map_err(failed)?;
            if line.iter().all(u8::is_ascii_whitespace) {
                continue;
            }
            match serde_json::from_slice::<Line>(&line) {
                Ok(line) => archive.files.push((line.name, line.text.into_bytes())),
                Err(_) => archive.n_unreadable += 1,
            }
        }
        Ok(archive)
    }

    /// The archive's bytes.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let lines = self.files.iter().map(|(name, bytes)| line(name, bytes));
        lines.collect::<Vec<_>>().concat()
    }

    /// Adds files at the end, on disk before this returns.
    ///
    /// # Errors
    ///
    /// [`CarrierError::Read`].
    pub fn append(path: &Path, files: &[(String, Vec<u8>)]) -> Result<(), CarrierError> {
        let failed = |err| CarrierError::Read { path: path.to_owned(), err };
        let mut file = std::fs::OpenOptions::new().create(true).append(true).open(path).map_err(failed)?;
        // A line that a crash cut off must not swallow the next one.
        let mut bytes = b"\n".to_vec();
        bytes.extend(files.iter().flat_map(|(name, bytes)| line(name, bytes)));
        file.write_all(&bytes).and_then(|()| file.sync_data()).map_err(failed)
    }
}

fn line(name: &str, bytes: &[u8]) -> Vec<u8> {
    let line = Line { name: name.to_owned(), text: String::from_utf8_lossy(bytes).into_owned() };
    let mut line = serde_json::to_vec(&line).expect("strings are always JSON");
    line.push(b'\n');
    line
}

/// One file that all members pass on, or write to in turn.
#[derive(Debug, Clone)]
pub struct SingleFile(PathBuf);

impl SingleFile {
    /// A carrier in this file, which is made with the first record.
    #[must_use]
    pub fn new(path: &Path) -> Self {
        Self(path.to_owned())
    }
}

impl Carrier for SingleFile {
    fn records(&self) -> Result<Vec<(String, Vec<u8>)>, CarrierError> {
        let files = Archive::read(&self.0)?.files;
        Ok(files.into_iter().filter(|(name, _)| matches!(name.parse(), Ok(CarrierFile::Record(_)))).collect())
    }

    fn read(&self, file: &CarrierFile) -> Result<Option<Vec<u8>>, CarrierError> {
        let files = Archive::read(&self.0)?.files;
        Ok(files.into_iter().rfind(|(name, _)| *name == file.to_string()).map(|(_, bytes)| bytes))
    }

    fn publish(&self, file: &CarrierFile, bytes: &[u8]) -> Result<(), CarrierError> {
        let failed = |err| CarrierError::Read { path: self.0.clone(), err };
        let mut beside = self.0.clone().into_os_string();
        beside.push(".lock");
        let lock = std::fs::File::create(&beside).map_err(failed)?;
        lock.lock().map_err(failed)?;
        let mut archive = Archive::read(&self.0)?;
        archive.files.retain(|(name, _)| *name != file.to_string());
        archive.files.push((file.to_string(), bytes.to_vec()));
        Ok(hangar_durable::write(&self.0, &archive.to_bytes())?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_single_file_holds_what_a_folder_would() {
        let site = tempfile::tempdir().expect("a temporary folder");
        let carrier = SingleFile::new(&site.path().join("pool.jsonl"));
        assert!(carrier.records().expect("an absent file is empty").is_empty());
        let record = |name: &str| CarrierFile::Record(name.parse().expect("a member"));
        carrier.publish(&record("uss1"), b"one\n").expect("writable");
        carrier.publish(&record("uss2"), b"two\n").expect("writable");
        carrier.publish(&record("uss1"), b"three\n").expect("writable");
        let invitation = CarrierFile::Invitation("uss3".parse().expect("a member"));
        carrier.publish(&invitation, b"come\n").expect("writable");
        let wanted =
            [("uss2.record.json".to_owned(), b"two\n".to_vec()), ("uss1.record.json".into(), b"three\n".to_vec())];
        assert_eq!(carrier.records().expect("readable"), wanted);
        assert_eq!(carrier.read(&invitation).expect("readable").as_deref(), Some(b"come\n".as_slice()));
    }

    #[test]
    fn what_cannot_be_read_is_no_empty_archive() {
        let site = tempfile::tempdir().expect("a temporary folder");
        let (file, large) = (site.path().join("file"), site.path().join("large"));
        std::fs::write(&file, "").expect("writable");
        let below = Archive::read(&file.join("pool.jsonl"));
        assert!(matches!(below, Err(CarrierError::Read { .. })), "{below:?}");
        // Not one byte of it is written, and none is read.
        std::fs::File::create(&large).and_then(|file| file.set_len(LIMIT + 1)).expect("room for a hole");
        assert!(matches!(Archive::read(&large), Err(CarrierError::TooLarge { path }) if path == large));
    }

    #[test]
    fn a_line_that_was_cut_off_costs_that_line_alone() {
        let site = tempfile::tempdir().expect("a temporary folder");
        let path = site.path().join("history");
        Archive::append(&path, &[("a".into(), b"1".to_vec())]).expect("writable");
        let mut cut = std::fs::read(&path).expect("readable");
        cut.extend_from_slice(br#"{"name":"b","te"#);
        std::fs::write(&path, cut).expect("writable");
        Archive::append(&path, &[("c".into(), b"3".to_vec())]).expect("writable");
        let archive = Archive::read(&path).expect("readable");
        let names: Vec<_> = archive.files.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!((names, archive.n_unreadable), (vec!["a", "c"], 1));
    }
}
