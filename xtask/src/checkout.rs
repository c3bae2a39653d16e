//! The clone that xtask works in.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use cargo_metadata::{Metadata, MetadataCommand};

use crate::{environment::Environment, program::Program};

/// The clone, its target folder, and the environment xtask runs in.
#[derive(Debug)]
pub(crate) struct Checkout {
    pub(crate) root: PathBuf,
    pub(crate) target: PathBuf,
    pub(crate) environment: Environment,
}

impl Checkout {
    pub(crate) fn find(environment: Environment) -> Result<Self> {
        // What cargo says now beats what it said when we were built: a copy of the sources that shares built files with
        // another clone would work in that one.
        let said = environment.path("CARGO_MANIFEST_DIR").filter(|folder| folder.ends_with("xtask"));
        let manifest = said.unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into());
        let root = manifest.parent().context("xtask lies in no workspace")?.to_owned();
        let target = match environment.path("CARGO_TARGET_DIR") {
            Some(folder) => std::path::absolute(folder).context("no current folder")?,
            None => root.join("target"),
        };
        Ok(Self { root, target, environment })
    }

    /// The cargo that runs us, with the same target folder.
    pub(crate) fn cargo(&self) -> Program {
        let cargo = self.environment.get("CARGO").unwrap_or("cargo".as_ref());
        let mut program = Program::new(cargo);
        // Cargo tells us which package we are. Handed on, that would make build scripts that look at it run anew, and
        // all that depends on them be compiled anew, each time somebody calls cargo with and without us.
        let ours = self.environment.names().filter(|name| {
            let name = name.to_string_lossy();
            name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_")
        });
        for name in ours {
            program = program.without_env(name);
        }
        program.env("CARGO_TARGET_DIR", &self.target).folder(&self.root)
    }

    /// What cargo knows of the workspace and, with `resolve`, of all it depends on.
    pub(crate) fn metadata(&self, resolve: bool) -> Result<Metadata> {
        let mut command = MetadataCommand::new();
        command.current_dir(&self.root);
        if let Some(cargo) = self.environment.get("CARGO") {
            command.cargo_path(cargo);
        }
        if !resolve {
            command.no_deps();
        }
        command.exec().context("cannot read the workspace")
    }

    /// Where the components land, one `NAME.wasm` each.
    pub(crate) fn plugins(&self) -> PathBuf {
        self.target.join("plugins")
    }

    /// Where the image layouts land, one folder each.
    pub(crate) fn images(&self) -> PathBuf {
        self.target.join("images")
    }

    /// A path as short as it can be said from the root of the clone.
    pub(crate) fn relative<'a>(&self, path: &'a Path) -> &'a Path {
        path.strip_prefix(&self.root).unwrap_or(path)
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::Checkout;
    use crate::environment::Environment;

    #[test]
    fn a_copy_of_the_sources_works_in_its_own_folder() {
        let root = |folder| {
            let environment = Environment::from_iter([("CARGO_MANIFEST_DIR", folder)]);
            Checkout::find(environment).expect("it lies in a folder").root
        };
        assert_eq!(root("/copy/xtask"), Path::new("/copy"));
        // Another package's folder says nothing of where we are.
        assert_eq!(root("/copy/host/cli"), root(""));
    }
}
