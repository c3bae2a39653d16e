use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};

/// Returns what a variable of the environment names: a program or a folder that the tests cannot make themselves.
///
/// # Errors
///
/// If it is not set or nothing is there. The message names the variable and the command that sets all of them.
pub fn needed(variable: &str) -> Result<PathBuf> {
    let path =
        read(variable).with_context(|| format!("`{variable}` is not set: run the tests with `cargo xtask test`"))?;
    let there = path.canonicalize();
    there.with_context(|| format!("`{variable}` names `{}`, where nothing is: `cargo xtask test`", path.display()))
}

/// Whether a variable of the environment asks for something.
#[must_use]
pub fn is_set(variable: &str) -> bool {
    read(variable).is_some()
}

/// Returns the program under test: that of `HANGAR_BIN_DIR`, else the one that was built beside the running test.
///
/// # Errors
///
/// If neither is there.
pub fn hangar() -> Result<PathBuf> {
    if read("HANGAR_BIN_DIR").is_some() {
        let program = needed("HANGAR_BIN_DIR")?.join("hangar");
        let there = program.is_file().then_some(program);
        return there.context("`HANGAR_BIN_DIR` holds no `hangar`: run the tests with `cargo xtask test`");
    }
    let test = std::env::current_exe().context("cannot find the running test")?;
    // A test runs from `target/debug/deps`, the programs are one folder up.
    let beside = test.ancestors().nth(2).map(|folder| folder.join("hangar")).filter(|path| path.is_file());
    beside.context("`HANGAR_BIN_DIR` is not set and no `hangar` is beside the tests: `cargo xtask test`")
}

/// Returns the Helm that the set-up has built or found, or the one that Go's own tools leave at home.
///
/// # Errors
///
/// If there is none.
pub fn helm() -> Result<PathBuf> {
    let built = || Some(read("HOME")?.join("go/bin/helm"));
    let path = read("HANGAR_HELM").or_else(built).context("neither HANGAR_HELM nor HOME is set")?;
    ensure!(
        path.is_file(),
        "no helm at `{}`: `cargo xtask test` sets up every tool and runs all tests",
        path.display()
    );
    Ok(path)
}

/// Makes an empty folder for this process below `folder`, and removes those of processes that are gone: what lasts as long
/// as a process is never dropped.
///
/// # Errors
///
/// If the folder cannot be made.
pub fn scratch(folder: &Path, name: &str) -> Result<PathBuf> {
    let prefix = format!("{name}-");
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let found = entry.file_name().to_string_lossy().into_owned();
        // The folder `a-b-7` is none of `a`, though it begins like one.
        let is_dead = |pid: &str| pid.parse::<u32>().is_ok() && !Path::new("/proc").join(pid).exists();
        if found.strip_prefix(&prefix).is_some_and(is_dead) {
            drop(fs::remove_dir_all(entry.path()));
        }
    }
    let own = folder.join(format!("{prefix}{}", std::process::id()));
    drop(fs::remove_dir_all(&own));
    fs::create_dir_all(&own).with_context(|| format!("cannot make `{}`", own.display()))?;
    Ok(own)
}

/// Returns the folder of the sources, two above the package whose tests or benchmarks run.
///
/// Cargo says which that is when it runs tests. What it said when they were built may be stale: a copy of the sources that
/// shares a target folder is the same package to it.
#[must_use]
pub fn repository() -> PathBuf {
    let package = read("CARGO_MANIFEST_DIR").unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into());
    package.ancestors().nth(2).map_or_else(|| package.clone(), Path::to_owned)
}

#[expect(
    clippy::disallowed_methods,
    reason = "the tests take their programs from the environment, as set-up leaves them"
)]
fn read(variable: &str) -> Option<PathBuf> {
    std::env::var_os(variable).filter(|value| !value.is_empty()).map(PathBuf::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_named_with_its_cure() {
        let err = needed("HANGAR_NEVER_SET").expect_err("nothing sets it");
        assert_eq!(err.to_string(), "`HANGAR_NEVER_SET` is not set: run the tests with `cargo xtask test`");
    }

    #[test]
    fn folders_of_the_dead_go_and_those_of_other_names_stay() -> Result<()> {
        let site = scratch(&std::env::temp_dir(), "scratch-of-scratch")?;
        // No process has so high a number.
        let (dead, other) = (site.join("a-4294967295"), site.join("a-b-4294967295"));
        fs::create_dir(&dead)?;
        fs::create_dir(&other)?;
        let own = scratch(&site, "a")?;
        assert!(!dead.exists() && other.exists() && own.exists());
        Ok(fs::remove_dir_all(site)?)
    }
}
