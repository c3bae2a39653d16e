//! The client of Kubernetes, as installed: the usual one, and others beside it by their version.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};

use crate::tools::search::Search;

/// The one on PATH.
pub(crate) fn find(search: &Search<'_>) -> Result<PathBuf> {
    let program = search.environment.program("kubectl");
    program.context("no `kubectl` on PATH; install it (https://kubernetes.io/docs/tasks/tools)")
}

/// The oldest that stands beside the one on PATH and speaks with the oldest Kubernetes; else the one on PATH.
pub(crate) fn find_oldest(search: &Search<'_>) -> Result<PathBuf> {
    let usual = find(search)?;
    let oldest = numbered(&usual).into_iter().find(|(version, _)| *version >= OLDEST);
    Ok(oldest.map_or(usual, |(_, path)| path))
}

/// The newest that stands beside the one on PATH; else that.
pub(crate) fn find_newest(search: &Search<'_>) -> Result<PathBuf> {
    let usual = find(search)?;
    let newest = numbered(&usual).pop();
    Ok(newest.map_or(usual, |(_, path)| path))
}

/// A client speaks with servers that are one version apart, and 1.30 is the oldest server.
const OLDEST: (u32, u32) = (1, 29);

/// `kubectl.1.29` and the like in the folder where the program really lies, as some distributions have them, the oldest first.
fn numbered(usual: &Path) -> Vec<((u32, u32), PathBuf)> {
    let real = usual.canonicalize().unwrap_or_else(|_| usual.to_owned());
    let entries = real.parent().and_then(|folder| fs::read_dir(folder).ok());
    let version = |path: &Path| {
        let (major, minor) = path.file_name()?.to_str()?.strip_prefix("kubectl.")?.split_once('.')?;
        Some((major.parse().ok()?, minor.parse().ok()?))
    };
    let mut all: Vec<_> = entries
        .into_iter()
        .flatten()
        .filter_map(|entry| {
            let path = entry.ok()?.path();
            Some((version(&path)?, path))
        })
        .collect();
    all.sort();
    all
}

#[cfg(test)]
mod tests {
    use super::{find, find_newest, find_oldest};
    use crate::tools::search::fake::Machine;

    #[test]
    fn the_oldest_that_still_fits_and_the_newest_are_found_beside_the_usual_one() {
        let machine = Machine::new();
        let usual = machine.add_program("kubectl", "v1.32.4");
        assert_eq!(find_oldest(&machine.search()).expect("there is one"), usual);
        assert_eq!(find_newest(&machine.search()).expect("there is one"), usual);
        machine.add_program("kubectl.1.27", "v1.27.16");
        let oldest = machine.add_program("kubectl.1.29", "v1.29.14");
        machine.add_program("kubectl.1.9", "v1.9.0");
        let newest = machine.add_program("kubectl.1.33", "v1.33.1");
        assert_eq!(find(&machine.search()).expect("there is one"), usual);
        assert_eq!(find_oldest(&machine.search()).expect("there is one"), oldest);
        assert_eq!(find_newest(&machine.search()).expect("there is one"), newest);
    }

    #[test]
    fn without_any_the_cure_is_named() {
        let error = find_oldest(&Machine::new().search()).expect_err("there is none").to_string();
        assert!(error.starts_with("no `kubectl` on PATH; install it"), "{error}");
    }
}
