//! The tools that these tests need, and running one of them.

use std::{
    path::{Path, PathBuf},
    process::{Command, Output},
};

/// Returns the path of a tool that the set-up names in an environment variable.
#[expect(clippy::disallowed_methods, reason = "tests are told by the set-up where its tools are")]
pub(crate) fn tool(variable: &str, what: &str) -> PathBuf {
    match std::env::var_os(variable) {
        Some(path) => path.into(),
        None => {
            panic!("{variable} is not set; it names {what}. Run `cargo xtask test`, which installs it and sets it.")
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "a foreign client is what is tested")]
pub(crate) fn command(program: &Path) -> Command {
    Command::new(program)
}

/// The foreign client, in a folder of its own.
pub(crate) struct Oras {
    program: PathBuf,
    pub(crate) folder: tempfile::TempDir,
}

impl Oras {
    pub(crate) fn new() -> Self {
        let program = tool("HANGAR_ORAS", "the client `oras`");
        Self { program, folder: tempfile::tempdir().expect("temp folder") }
    }

    /// Runs it and returns what it printed.
    pub(crate) fn run(&self, arguments: &[&str]) -> String {
        let Output { status, stdout, stderr } = command(&self.program)
            .args(arguments)
            .current_dir(&self.folder)
            .env("HOME", self.folder.path())
            .output()
            .expect("oras can be started");
        let stderr = String::from_utf8_lossy(&stderr);
        assert!(status.success(), "oras {arguments:?} failed: {stderr}");
        String::from_utf8(stdout).expect("oras prints text")
    }

    /// Puts a file into the folder.
    pub(crate) fn file(&self, name: &str, bytes: impl AsRef<[u8]>) {
        std::fs::write(self.folder.path().join(name), bytes).expect("temp folder is writable");
    }
}
