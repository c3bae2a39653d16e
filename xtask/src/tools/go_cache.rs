//! Where the Go command keeps what it compiled while tools are built.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};

use crate::tools::cache;

/// A build cache of our own beside the tools. It serves all of them, takes gigabytes, and goes when all are built.
pub(crate) struct GoCache {
    folder: PathBuf,
    /// Held shared by everyone who may build.
    lock: File,
}

impl GoCache {
    /// Below the folder of tools.
    pub(crate) fn below(tools: &Path) -> Result<Self> {
        let folder = Self::folder(tools);
        fs::create_dir_all(tools).with_context(|| format!("cannot make `{}`", tools.display()))?;
        let path = folder.with_extension("lock");
        let lock = File::create(&path).with_context(|| format!("cannot open `{}`", path.display()))?;
        lock.lock_shared().with_context(|| format!("cannot lock `{}`", path.display()))?;
        Ok(Self { folder, lock })
    }

    pub(crate) fn folder(tools: &Path) -> PathBuf {
        tools.join("go-build")
    }

    /// Gives the space back, unless another process still builds.
    pub(crate) fn remove(self) -> Result<()> {
        self.lock.unlock()?;
        if self.lock.try_lock().is_ok() {
            cache::remove(&self.folder)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::GoCache;

    #[test]
    fn the_last_who_builds_gives_the_space_back() {
        let tools = tempfile::tempdir().expect("a temporary folder");
        let (first, second) = (GoCache::below(tools.path()), GoCache::below(tools.path()));
        let folder = GoCache::folder(tools.path());
        fs::create_dir(&folder).expect("the folder is new");
        first.expect("nobody removes").remove().expect("it is left to the other");
        assert!(folder.exists());
        second.expect("nobody removes").remove().expect("nobody builds");
        assert!(!folder.exists());
        GoCache::below(tools.path()).expect("nobody removes").remove().expect("there is nothing to remove");
    }
}
