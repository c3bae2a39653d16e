//! Where tools are looked for.

use std::{
    fmt,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, bail};

use crate::{
    environment::{Environment, is_executable},
    tools::cache::Cache,
};

/// The places in which a tool may be.
pub(crate) struct Search<'a> {
    pub(crate) environment: &'a Environment,
    pub(crate) root: &'a Path,
    pub(crate) cache: Cache,
}

impl<'a> Search<'a> {
    pub(crate) fn new(environment: &'a Environment, root: &'a Path) -> Result<Self> {
        let cache = Cache::of(environment).context("no place for tools")?;
        Ok(Self { environment, root, cache })
    }

    /// The tool that the environment names outright. It is taken as it is, whatever its version.
    ///
    /// # Errors
    ///
    /// If there is nothing at that path: a setting that is given is never passed over.
    pub(crate) fn named(&self, variable: &str) -> Result<Option<PathBuf>> {
        let Some(path) = self.environment.path(variable) else { return Ok(None) };
        if !path.is_dir() && !is_executable(&path) {
            bail!("`{variable}` names `{}`, which is not there", path.display());
        }
        Ok(Some(path))
    }

    /// The first program of this name on PATH that `accepts`; a reason why each other one was passed over otherwise.
    pub(crate) fn on_path(&self, name: &str, accepts: impl Fn(&Path) -> Result<()>) -> Result<PathBuf, Unsuitable> {
        let mut reasons = Vec::new();
        for path in self.environment.programs(name) {
            match accepts(&path) {
                Ok(()) => return Ok(path),
                Err(error) => reasons.push(format!("`{}`: {error:#}", path.display())),
            }
        }
        Err(Unsuitable { name: name.to_owned(), reasons })
    }
}

/// Why no program on PATH will do.
#[derive(Debug)]
pub(crate) struct Unsuitable {
    name: String,
    reasons: Vec<String>,
}

impl fmt::Display for Unsuitable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.reasons.is_empty() {
            write!(f, "no `{}` on PATH", self.name)
        } else {
            f.write_str(&self.reasons.join("; "))
        }
    }
}

impl std::error::Error for Unsuitable {}

/// Folders with programs and caches of their own, for the tests of the tools.
#[cfg(test)]
pub(crate) mod fake {
    use std::path::{Path, PathBuf};

    use crate::{environment::Environment, program::Program, tools::search::Search};

    pub(crate) struct Machine {
        pub(crate) folder: tempfile::TempDir,
        environment: Environment,
    }

    impl Machine {
        /// PATH is the folder `bin` alone, the tools go to `tools`.
        pub(crate) fn new() -> Self {
            let folder = tempfile::tempdir().expect("a temporary folder");
            std::fs::create_dir(folder.path().join("bin")).expect("the folder is new");
            let path = folder.path().join("bin").display().to_string();
            let tools = folder.path().join("tools").display().to_string();
            let environment = Environment::from_iter([("PATH", path), ("HANGAR_TOOLS_DIR", tools)]);
            Self { folder, environment }
        }

        /// Puts a program on PATH that prints one line. A child writes the file: were it open in this process, a
        /// child of another test might hold it open, and an open program cannot be started.
        pub(crate) fn add_program(&self, name: &str, prints: &str) -> PathBuf {
            let path = self.folder.path().join("bin").join(name);
            let script = "printf '#!/bin/sh\\necho \"%s\"\\n' \"$2\" > \"$1\" && chmod +x \"$1\"";
            Program::new("sh").args(["-c", script, "sh"]).arg(&path).arg(prints).run().expect("sh works");
            path
        }

        pub(crate) fn root(&self) -> &Path {
            self.folder.path()
        }

        pub(crate) fn search(&self) -> Search<'_> {
            Search::new(&self.environment, self.root()).expect("the tools have a place")
        }

        pub(crate) fn with(mut self, name: &str, value: impl AsRef<Path>) -> Self {
            let names: Vec<_> = self.environment.names().map(ToOwned::to_owned).collect();
            let all = names
                .iter()
                .filter_map(|name| name.to_str())
                .filter_map(|name| Some((name.to_owned(), self.environment.get(name)?.to_owned())));
            self.environment = all.chain([(name.to_owned(), value.as_ref().as_os_str().to_owned())]).collect();
            self
        }
    }
}

#[cfg(test)]
mod tests {
    use anyhow::bail;

    use super::fake::Machine;

    #[test]
    fn the_first_program_on_path_that_is_accepted_is_taken() {
        let machine = Machine::new();
        let path = machine.add_program("tool", "1.2.3");
        let found = machine.search().on_path("tool", |_| Ok(())).expect("it is there");
        assert_eq!(found, path);
    }

    #[test]
    fn a_program_that_is_passed_over_says_why() {
        let machine = Machine::new();
        let path = machine.add_program("tool", "1.2.3");
        let error = machine.search().on_path("tool", |_| bail!("too old")).expect_err("nothing is accepted");
        assert_eq!(error.to_string(), format!("`{}`: too old", path.display()));
        let error = machine.search().on_path("spade", |_| Ok(())).expect_err("it is not there");
        assert_eq!(error.to_string(), "no `spade` on PATH");
    }

    #[test]
    fn a_tool_that_is_named_but_not_there_is_an_error() {
        let machine = Machine::new().with("HANGAR_TOOL", "/nowhere/tool");
        let error = machine.search().named("HANGAR_TOOL").expect_err("it is not there");
        assert_eq!(error.to_string(), "`HANGAR_TOOL` names `/nowhere/tool`, which is not there");
        assert_eq!(machine.search().named("HANGAR_OTHER").expect("nothing is named"), None);
    }
}
