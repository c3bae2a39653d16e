//! Looking for a tool.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

/// Returns the first executable file of this name in these folders.
///
/// Relative folders are passed by: what runs must not depend on where the operator stands.
#[must_use]
pub fn find_tool(name: &str, folders: &[PathBuf]) -> Option<PathBuf> {
    folders
        .iter()
        .filter(|folder| folder.is_absolute())
        .map(|folder| folder.join(name))
        .find(|path| is_executable(path))
}

/// Splits the value of a `PATH` variable, which the caller has read.
#[must_use]
pub fn search_path(path: &OsStr) -> Vec<PathBuf> {
    std::env::split_paths(path).collect()
}

pub(crate) fn is_executable(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a failing set-up is a failing test")]
mod tests {
    use super::*;

    #[test]
    fn the_first_executable_file_wins() {
        let dir = tempfile::tempdir().unwrap();
        let folders: Vec<_> = ["a", "b", "c", "d"].iter().map(|name| dir.path().join(name)).collect();
        for folder in &folders {
            fs::create_dir(folder).unwrap();
        }
        fs::create_dir(folders[0].join("tool")).unwrap();
        fs::write(folders[1].join("tool"), "not executable").unwrap();
        for folder in &folders[2..] {
            fs::write(folder.join("tool"), "#!/bin/sh\n").unwrap();
            fs::set_permissions(folder.join("tool"), fs::Permissions::from_mode(0o755)).unwrap();
        }
        assert_eq!(find_tool("tool", &folders), Some(folders[2].join("tool")));
        assert_eq!(find_tool("other", &folders), None);
    }

    #[test]
    fn relative_folders_are_passed_by() {
        assert_eq!(find_tool("sh", &search_path(OsStr::new("bin:./bin"))), None);
        assert!(find_tool("sh", &search_path(OsStr::new("bin:/bin"))).is_some());
    }
}
