//! The cache of tools that xtask installed.

use std::{
    fs::{self, File, TryLockError},
    io,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, bail};

use crate::{digest::Fields, environment::Environment};

/// A folder outside the clone with one folder a tool: `NAME/VERSION-KEY/bin/PROGRAM`.
///
/// The key tells how the tool was made, so a changed recipe makes a new folder, and what is there is whole.
#[derive(Debug, Clone)]
pub(crate) struct Cache(PathBuf);

/// What a cached tool is, and of what it was made.
#[derive(Debug)]
pub(crate) struct Recipe<'a> {
    name: &'a str,
    version: &'a str,
    key: String,
    program: &'a str,
}

impl<'a> Recipe<'a> {
    /// `inputs` is all that decides what comes out, beside the version; `program` will lie in the folder `bin`.
    pub(crate) fn new(name: &'a str, version: &'a str, inputs: Fields, program: &'a str) -> Self {
        let mut key = inputs.hex();
        key.truncate(12);
        Self { name, version, key, program }
    }

    #[cfg(test)]
    pub(crate) fn key(&self) -> &str {
        &self.key
    }
}

impl Cache {
    /// `$HANGAR_TOOLS_DIR`, else `$XDG_CACHE_HOME/hangar/tools`, else `~/.cache/hangar/tools`.
    pub(crate) fn of(environment: &Environment) -> Result<Self> {
        if let Some(folder) = environment.path("HANGAR_TOOLS_DIR") {
            return Ok(Self(std::path::absolute(folder)?));
        }
        // The XDG base directory specification: a relative path is to be ignored.
        let cache = environment.path("XDG_CACHE_HOME").filter(|folder| folder.is_absolute());
        let cache = cache.or_else(|| Some(environment.path("HOME")?.join(".cache")));
        let cache = cache.context("set `HANGAR_TOOLS_DIR`, `XDG_CACHE_HOME` or `HOME`")?;
        Ok(Self(cache.join("hangar/tools")))
    }

    pub(crate) fn root(&self) -> &Path {
        &self.0
    }

    /// The program, if it was made before.
    pub(crate) fn find(&self, recipe: &Recipe<'_>) -> Option<PathBuf> {
        Some(self.folder(recipe).join("bin").join(recipe.program)).filter(|path| path.exists())
    }

    fn folder(&self, Recipe { name, version, key, .. }: &Recipe<'_>) -> PathBuf {
        self.0.join(name).join(format!("{version}-{key}"))
    }

    /// Returns the program, and makes it first if it is not there yet.
    ///
    /// `make` gets an empty folder that takes its final name only once `make` is through, so a tool is never half
    /// there. It must leave the program in `bin`. Two processes never make one tool at the same time: the second
    /// waits and takes what the first made.
    pub(crate) fn program(&self, recipe: &Recipe<'_>, make: impl FnOnce(&Path) -> Result<()>) -> Result<PathBuf> {
        if let Some(path) = self.find(recipe) {
            return Ok(path);
        }
        let Recipe { name, version, program, .. } = *recipe;
        let folder = self.0.join(name);
        fs::create_dir_all(&folder).with_context(|| format!("cannot make `{}`", folder.display()))?;
        let _lock = lock(&folder)?;
        if let Some(path) = self.find(recipe) {
            return Ok(path);
        }
        // Whoever left one behind is gone, since we hold the lock.
        let unfinished = folder.join("unfinished");
        remove(&unfinished)?;
        fs::create_dir_all(unfinished.join("bin"))?;
        make(&unfinished)?;
        if !unfinished.join("bin").join(program).exists() {
            bail!("installing `{name}` {version} left no program `{program}`");
        }
        let tool = self.folder(recipe);
        remove(&tool)?;
        fs::rename(&unfinished, &tool).with_context(|| format!("cannot make `{}`", tool.display()))?;
        Ok(tool.join("bin").join(program))
    }
}

/// Held until it is dropped, or its process dies.
fn lock(folder: &Path) -> Result<File> {
    let path = folder.join("lock");
    let file = File::create(&path).with_context(|| format!("cannot open `{}`", path.display()))?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            eprintln!("waiting for another process that installs into `{}`", folder.display());
            file.lock().with_context(|| format!("cannot lock `{}`", path.display()))?;
        }
        Err(TryLockError::Error(error)) => {
            return Err(error).with_context(|| format!("cannot lock `{}`", path.display()));
        }
    }
    Ok(file)
}

/// Removes a folder with all that is in it, if it is there.
pub(super) fn remove(folder: &Path) -> Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove `{}`", folder.display()))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    use anyhow::{Result, bail};

    use super::{Cache, Recipe};
    use crate::{digest::Fields, environment::Environment};

    fn recipe(inputs: &str) -> Recipe<'static> {
        Recipe::new("tool", "1.0.0", Fields::default().with(inputs), "tool")
    }

    fn make(folder: &Path) -> Result<()> {
        Ok(fs::write(folder.join("bin/tool"), "made")?)
    }

    #[test]
    fn the_cache_lies_where_the_environment_says() {
        let folder = |pairs: &[(&str, &str)]| {
            Cache::of(&pairs.iter().copied().collect()).map(|cache| cache.0.display().to_string())
        };
        let all = [("HANGAR_TOOLS_DIR", "/t"), ("XDG_CACHE_HOME", "/c"), ("HOME", "/h")];
        assert_eq!(folder(&all).expect("all are set"), "/t");
        assert_eq!(folder(&all[1..]).expect("two are set"), "/c/hangar/tools");
        assert_eq!(folder(&all[2..]).expect("one is set"), "/h/.cache/hangar/tools");
        assert_eq!(folder(&[("XDG_CACHE_HOME", "c"), ("HOME", "/h")]).expect("one counts"), "/h/.cache/hangar/tools");
        assert!(Cache::of(&Environment::default()).is_err());
    }

    #[test]
    fn a_tool_is_made_once_for_each_recipe() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let cache = Cache(folder.path().to_owned());
        let first = cache.program(&recipe("a"), make).expect("it is made");
        let second = cache.program(&recipe("a"), |_| bail!("made twice")).expect("it is there");
        assert_eq!(first, second);
        let other = cache.program(&recipe("b"), make).expect("it is made");
        assert_ne!(first, other);
    }

    #[test]
    fn a_tool_whose_making_failed_is_not_there() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let cache = Cache(folder.path().to_owned());
        let half = |folder: &Path| {
            make(folder)?;
            bail!("no more network")
        };
        cache.program(&recipe("a"), half).expect_err("it failed");
        let path = cache.program(&recipe("a"), make).expect("it is made now");
        assert_eq!(fs::read_to_string(path).expect("it is there"), "made");
    }

    #[test]
    fn a_recipe_that_makes_nothing_is_an_error() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let cache = Cache(folder.path().to_owned());
        let error = cache.program(&recipe("a"), |_| Ok(())).expect_err("nothing was made");
        assert_eq!(error.to_string(), "installing `tool` 1.0.0 left no program `tool`");
    }
}
