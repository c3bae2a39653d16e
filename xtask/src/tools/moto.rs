//! The emulator of AWS.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, bail};

use crate::{
    digest::Fields,
    program::Program,
    tools::{cache::Recipe, search::Search},
};

const VERSION: &str = "5.2.1";

/// All packages it needs, each at one version with its hashes, for any Python from 3.10 on. Written by
/// `uv pip compile --universal --python-version 3.10 --generate-hashes` from `moto[server]`.
const REQUIREMENTS: &str = include_str!("moto-requirements.txt");

/// Asks the Python beside a `moto_server` for the version and for what the server needs, without loading it.
const PROBE: &str = "import importlib.metadata as m, importlib.util as u; \
                     print(m.version('moto') if u.find_spec('flask_cors') else 'without server')";

/// A virtual environment cannot be moved, since its scripts name their own path; so the server starts by a script of ours.
const LAUNCHER: &str = "#!/bin/sh\nexec \"${0%/*}/../venv/bin/python\" -c \
                        'import sys; from moto.server import main; sys.argv[0] = \"moto_server\"; main()' \"$@\"\n";

/// That version from the cache or PATH, else installed with pip.
pub(crate) fn find(search: &Search<'_>) -> Result<PathBuf> {
    let recipe = Recipe::new("moto", VERSION, Fields::default().with(REQUIREMENTS).with(LAUNCHER), "moto_server");
    if let Some(path) = search.cache.find(&recipe) {
        return Ok(path);
    }
    search.on_path("moto_server", accepts).or_else(|_| install(search, &recipe))
}

fn accepts(server: &Path) -> Result<()> {
    let found = Program::new(server.with_file_name("python3")).args(["-c", PROBE]).read()?;
    if found.trim() != VERSION {
        bail!("version {}, wanted {VERSION}", found.trim());
    }
    Ok(())
}

fn install(search: &Search<'_>, recipe: &Recipe<'_>) -> Result<PathBuf> {
    search.cache.program(recipe, |folder| {
        let python = search.environment.program("python3");
        let python = python.context("no `python3` on PATH; install Python 3.10 or newer with its module `venv`")?;
        eprintln!("installing moto {VERSION} (a minute, once)");
        let venv = folder.join("venv");
        let made = Program::new(python).args(["-m", "venv"]).arg(&venv).read();
        made.context("install Python's module `venv`, on Debian `apt-get install python3-venv`")?;
        let requirements = folder.join("requirements.txt");
        fs::write(&requirements, REQUIREMENTS)?;
        let pip = Program::new(venv.join("bin/python")).args(["-m", "pip", "install", "--quiet", "--require-hashes"]);
        pip.args(["--disable-pip-version-check", "--requirement"]).arg(&requirements).run()?;
        let launcher = folder.join("bin/moto_server");
        fs::write(&launcher, LAUNCHER)?;
        Ok(fs::set_permissions(&launcher, fs::Permissions::from_mode(0o755))?)
    })
}

#[cfg(test)]
mod tests {
    use super::{REQUIREMENTS, VERSION, accepts};
    use crate::tools::search::fake::Machine;

    #[test]
    fn the_requirements_name_this_version_and_hashes_for_all() {
        assert!(REQUIREMENTS.contains(&format!("\nmoto=={VERSION} ")));
        let n_packages = REQUIREMENTS.lines().filter(|line| line.contains("==")).count();
        let n_hashed = REQUIREMENTS.lines().filter(|line| line.contains("==") && line.ends_with('\\')).count();
        assert_eq!(n_packages, n_hashed);
    }

    #[test]
    fn the_version_is_the_one_that_the_python_beside_it_knows() {
        let machine = Machine::new();
        let server = machine.add_program("moto_server", "");
        machine.add_program("python3", VERSION);
        accepts(&server).expect("it is the version");
        machine.add_program("python3", "4.0.0");
        let error = accepts(&server).expect_err("it is another version");
        assert_eq!(error.to_string(), format!("version 4.0.0, wanted {VERSION}"));
    }
}
