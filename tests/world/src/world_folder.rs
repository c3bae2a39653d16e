use std::fs::{File, OpenOptions};
use std::path::{Path, PathBuf};

use nix::fcntl::{Flock, FlockArg};

use crate::WorldError;
use crate::world_file::WorldFile;

/// The world's folder, for one world at a time; what the world made in it goes when this is dropped.
pub(crate) struct WorldFolder {
    pub(crate) path: PathBuf,
    made: Vec<PathBuf>,
    is_ours: bool,
    _lock: Flock<File>,
}

impl WorldFolder {
    /// Makes the folder if need be, locks it, and clears what a killed world left in it.
    pub(crate) fn take(dir: &Path, organisations: &[String]) -> Result<Self, WorldError> {
        let is_ours = !dir.exists();
        std::fs::create_dir_all(dir).map_err(WorldError::file("make", dir))?;
        let path = dir.canonicalize().map_err(WorldError::file("find", dir))?;
        let lock = path.join("world.lock");
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&lock)
            .map_err(WorldError::file("write", &lock))?;
        let held = |_| WorldError::Options(format!("another world lives in `{}`", path.display()));
        let held = Flock::lock(file, FlockArg::LockExclusiveNonblock).map_err(held)?;
        let mut made: Vec<PathBuf> = organisations.iter().map(|name| path.join(name)).collect();
        made.extend(["registry", "images", "check"].map(|name| path.join(name)));
        WorldFile::remove(&path);
        // Left over from a world that was killed.
        made.iter().for_each(|folder| drop(std::fs::remove_dir_all(folder)));
        Ok(Self { path, made, is_ours, _lock: held })
    }
}

impl Drop for WorldFolder {
    fn drop(&mut self) {
        WorldFile::remove(&self.path);
        self.made.iter().for_each(|folder| drop(std::fs::remove_dir_all(folder)));
        drop(std::fs::remove_file(self.path.join("world.lock")));
        if self.is_ours {
            drop(std::fs::remove_dir(&self.path));
        }
    }
}
