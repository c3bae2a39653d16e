//! Files that are whole or absent, whenever the machine stops.

use std::fs::{self, DirBuilder, File, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use crate::failpoint;

/// Ends the names of temporary files; they also start with a dot, so that readers of a shared folder pass them by.
const TEMPORARY: &str = ".hangar-tmp";

/// Readable by others as far as the umask lets them.
const PUBLIC: u32 = 0o666;
/// Readable by the owner alone.
const PRIVATE: u32 = 0o600;

/// What was being done to a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// Making the folder it lies in.
    Folder,
    /// Writing the bytes.
    Write,
    /// Giving the file its name.
    Rename,
    /// Making the name last.
    Sync,
    /// Taking the file away.
    Remove,
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Folder => "make the folder of",
            Self::Write => "write",
            Self::Rename => "put in place",
            Self::Sync => "sync the folder of",
            Self::Remove => "remove",
        })
    }
}

/// Why a file is still as it was, or not yet certain to last.
#[derive(Debug, thiserror::Error)]
#[error("cannot {failure} `{}`", path.display())]
pub struct WriteError {
    /// The file that was asked for.
    pub path: PathBuf,
    /// How far it came; only after [`Failure::Sync`] may the new state be there.
    pub failure: Failure,
    /// What the system said.
    #[source]
    pub err: io::Error,
}

/// Writes `bytes` to `path`, so that a reader or a crash meets the old file or the new one and nothing between.
///
/// The folder must exist. Returns once the bytes and the name have reached the disk. The mode is 0666 less the umask,
/// also where an older file had another.
///
/// # Errors
///
/// [`WriteError`], which says how far it came; before [`Failure::Sync`] the old file is untouched.
pub fn write(path: &Path, bytes: &[u8]) -> Result<(), WriteError> {
    put(path, bytes, PUBLIC, Existing::Replace)
}

/// Like [`write`], readable by the owner alone.
///
/// # Errors
///
/// As [`write`].
pub fn write_private(path: &Path, bytes: &[u8]) -> Result<(), WriteError> {
    put(path, bytes, PRIVATE, Existing::Replace)
}

/// Like [`write_private`], for a name that nobody has yet: of several writers exactly one makes it, and is told so. To the
/// others the file of the first is there, whole.
///
/// # Errors
///
/// As [`write`].
pub fn create_private(path: &Path, bytes: &[u8]) -> Result<bool, WriteError> {
    match put(path, bytes, PRIVATE, Existing::Refuse) {
        Err(refused) if refused.failure == Failure::Rename && refused.err.kind() == io::ErrorKind::AlreadyExists => {
            Ok(false)
        }
        other => other.map(|()| true),
    }
}

/// Like [`write_private`], but for what nobody wants after a power cut: nothing is synced, which costs a disk milliseconds. A reader,
/// and who comes after a kill, meets the old file or the new one all the same.
///
/// # Errors
///
/// As [`write`], but for [`Failure::Sync`].
pub fn write_unsynced(path: &Path, bytes: &[u8]) -> Result<(), WriteError> {
    let mut temporary = temporary(path, PRIVATE)?;
    temporary.write_all(bytes).map_err(|err| failed(path, Failure::Write, err))?;
    temporary.persist(path).map_err(|refused| failed(path, Failure::Rename, refused.error))?;
    Ok(())
}

/// Copies a file as [`write_private`] would write it. A missing `from` is an error of [`Failure::Write`].
///
/// # Errors
///
/// As [`write`].
pub fn copy(from: &Path, to: &Path) -> Result<(), WriteError> {
    let bytes = fs::read(from).map_err(|err| failed(from, Failure::Write, err))?;
    write_private(to, &bytes)
}

/// Gives a file another name, in the place of whatever had it. Needs no room, and happens wholly or not at all.
///
/// # Errors
///
/// [`WriteError`] of [`Failure::Rename`], with both as they were, or of [`Failure::Sync`].
pub fn rename(from: &Path, to: &Path) -> Result<(), WriteError> {
    failpoint::hit("durable.write.before");
    fs::rename(from, to).map_err(|err| failed(to, Failure::Rename, err))?;
    failpoint::hit("durable.write.renamed");
    sync_folder(to)?;
    failpoint::hit("durable.write.after");
    Ok(())
}

/// Removes a file for good; that it is gone already is what was wanted.
///
/// # Errors
///
/// [`WriteError`] with [`Failure::Remove`] or [`Failure::Sync`].
pub fn remove(path: &Path) -> Result<(), WriteError> {
    failpoint::hit("durable.remove.before");
    if remove_unsynced(path)? {
        sync_folder(path)?;
    }
    failpoint::hit("durable.remove.after");
    Ok(())
}

/// Like [`remove`], but for what [`write_unsynced`] has made: a power cut may bring it back. Says whether it was there.
///
/// # Errors
///
/// [`WriteError`] with [`Failure::Remove`].
pub fn remove_unsynced(path: &Path) -> Result<bool, WriteError> {
    match fs::remove_file(path) {
        Ok(()) => Ok(true),
        Err(err) if err.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(err) => Err(failed(path, Failure::Remove, err)),
    }
}

/// Makes a folder, and those above it, that only the owner may enter. An existing folder keeps its mode.
///
/// # Errors
///
/// [`WriteError`] with [`Failure::Folder`].
pub fn private_dir(path: &Path) -> Result<(), WriteError> {
    DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(|err| failed(path, Failure::Folder, err))
}

/// Removes the temporary files that killed writers left in one folder, and returns how many there were.
///
/// Only for a folder in which nobody else writes at the time.
///
/// # Errors
///
/// Those of reading the folder; a folder that is not there holds nothing.
pub fn sweep(folder: &Path) -> io::Result<usize> {
    let entries = match fs::read_dir(folder) {
        Err(err) if err.kind() == io::ErrorKind::NotFound => return Ok(0),
        other => other?,
    };
    let mut n_swept = 0;
    for entry in entries {
        let entry = entry?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if name.starts_with('.') && name.ends_with(TEMPORARY) {
            fs::remove_file(entry.path())?;
            n_swept += 1;
        }
    }
    Ok(n_swept)
}

enum Existing {
    Replace,
    Refuse,
}

fn put(path: &Path, bytes: &[u8], mode: u32, existing: Existing) -> Result<(), WriteError> {
    failpoint::hit("durable.write.before");
    let mut temporary = temporary(path, mode)?;
    temporary
        .write_all(bytes)
        .and_then(|()| temporary.as_file().sync_all())
        .map_err(|err| failed(path, Failure::Write, err))?;
    failpoint::hit("durable.write.inside");
    match existing {
        Existing::Replace => temporary.persist(path),
        Existing::Refuse => temporary.persist_noclobber(path),
    }
    .map_err(|refused| failed(path, Failure::Rename, refused.error))?;
    failpoint::hit("durable.write.renamed");
    sync_folder(path)?;
    failpoint::hit("durable.write.after");
    Ok(())
}

/// A file beside the one that it will be.
fn temporary(path: &Path, mode: u32) -> Result<NamedTempFile, WriteError> {
    tempfile::Builder::new()
        .prefix(&format!(".{}.", path.file_name().unwrap_or_default().to_string_lossy()))
        .suffix(TEMPORARY)
        .permissions(Permissions::from_mode(mode))
        .tempfile_in(folder_of(path))
        .map_err(|err| failed(path, Failure::Write, err))
}

/// A rename or an unlink lasts only once the folder itself has been synced.
fn sync_folder(path: &Path) -> Result<(), WriteError> {
    File::open(folder_of(path)).and_then(|folder| folder.sync_all()).map_err(|err| failed(path, Failure::Sync, err))
}

fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

fn failed(path: &Path, failure: Failure, err: io::Error) -> WriteError {
    WriteError { path: path.to_owned(), failure, err }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a failing set-up is a failing test")]
mod tests {
    use super::*;

    #[test]
    fn a_write_replaces_the_whole_file_and_leaves_nothing_beside_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("state.json");
        write(&path, b"a longer first text").unwrap();
        write(&path, b"second").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"second");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_private_file_is_the_owners_alone_even_where_a_public_one_was() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("key");
        write(&path, b"x").unwrap();
        write_private(&path, b"y").unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn what_is_not_synced_is_whole_and_the_owners_alone_too() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("copy");
        write(&path, b"a longer first text").unwrap();
        write_unsynced(&path, b"second").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"second");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn creating_a_taken_name_changes_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("claim");
        assert!(create_private(&path, b"first").unwrap());
        assert!(!create_private(&path, b"second").unwrap());
        assert_eq!(fs::read(&path).unwrap(), b"first");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_renamed_file_takes_the_place_of_another() {
        let dir = tempfile::tempdir().unwrap();
        let (copy, state) = (dir.path().join("state.copy"), dir.path().join("state"));
        write_private(&copy, b"whole").unwrap();
        write(&state, b"to").unwrap();
        rename(&copy, &state).unwrap();
        assert_eq!(fs::read(&state).unwrap(), b"whole");
        assert_eq!(rename(&copy, &state).unwrap_err().failure, Failure::Rename);
        assert_eq!(fs::read(&state).unwrap(), b"whole");
    }

    #[test]
    fn removing_twice_is_the_same_as_once() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("gone");
        write(&path, b"x").unwrap();
        remove(&path).unwrap();
        remove(&path).unwrap();
        assert!(!path.exists());
    }

    #[test]
    fn a_missing_folder_is_named_in_the_error() {
        let refused = write(Path::new("/nonexistent/folder/file"), b"x").unwrap_err();
        assert_eq!(refused.to_string(), "cannot write `/nonexistent/folder/file`");
    }

    #[test]
    fn sweeping_takes_only_what_killed_writers_left() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join(format!(".state.json.x1{TEMPORARY}")), b"half").unwrap();
        fs::write(dir.path().join("state.json"), b"whole").unwrap();
        assert_eq!(sweep(dir.path()).unwrap(), 1);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
        assert_eq!(sweep(&dir.path().join("absent")).unwrap(), 0);
    }
}
