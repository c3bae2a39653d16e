//! Folders that no command leaves behind.

use std::fs;
use std::path::Path;

use hangar_durable::process::{SPOOL_VARIABLE, leaders_with};
use tempfile::TempDir;

use crate::failure::{Cause, Failure};
use crate::site::Site;

/// Below the state folder. Saved plans lie here, which may hold secrets.
const FOLDER: &str = "scratch";

/// A folder of one command that only the owner may enter. It goes when this is dropped; if the command was killed, when the
/// next one takes the lock of the workspace.
pub(crate) struct Scratch(TempDir);

impl Scratch {
    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    #[cfg(test)]
    pub(crate) fn at(folder: TempDir) -> Self {
        Self(folder)
    }
}

impl Site {
    /// Makes a folder of this command.
    pub(crate) fn scratch(&self, name: &str) -> Result<Scratch, Failure> {
        let root = self.paths.state().join(FOLDER);
        let failed = |err: Box<dyn std::error::Error + Send + Sync>| {
            Failure::of(Cause::Outside, format!("cannot make a folder in `{}`", root.display()), err)
                .hint_is("free some space or make the folder writable, and run the command again")
        };
        hangar_durable::private_dir(&root).map_err(|err| failed(err.into()))?;
        let made = tempfile::Builder::new().prefix(&format!("{name}-")).tempdir_in(&root);
        made.map(Scratch).map_err(|err| failed(err.into()))
    }

    /// Removes what killed commands have left, unless a tool of theirs still writes there: whoever waits for it sweeps again.
    /// Only for who holds the lock of the workspace.
    pub(crate) fn sweep_scratch(&self) -> Result<(), Failure> {
        let root = self.paths.state().join(FOLDER);
        let is_empty = fs::read_dir(&root).map_or(true, |mut entries| entries.next().is_none());
        if is_empty || is_written_to(&root) {
            return Ok(());
        }
        fs::remove_dir_all(&root).map_err(|err| {
            Failure::of(Cause::Outside, format!("cannot remove `{}`, which a killed run has left", root.display()), err)
                .hint_is("remove it by hand: saved plans in it may hold secrets")
        })
    }
}

fn is_written_to(root: &Path) -> bool {
    let root = root.canonicalize().unwrap_or_else(|_| root.to_owned());
    // Where processes cannot be listed nothing is known, and what may be in use stays.
    leaders_with(SPOOL_VARIABLE).map_or(true, |living| living.iter().any(|(_, spool)| spool.starts_with(&root)))
}
