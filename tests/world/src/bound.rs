use std::ffi::OsString;
use std::fs::File;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use crate::WorldError;

/// A server program that lives exactly as long as this value.
///
/// Between us and it stands a guard (`hangar-world guard`) that reads our pipe: when the pipe ends, because this
/// is dropped or because we were killed, the guard kills the program's whole process group.
#[derive(Debug)]
pub(crate) struct Bound {
    guard: Child,
    log: PathBuf,
}

/// What to start.
#[derive(Debug)]
pub(crate) struct Server<'a> {
    pub(crate) runner: &'a Path,
    pub(crate) program: &'a Path,
    pub(crate) arguments: Vec<OsString>,
    /// Beside those of our own environment.
    pub(crate) variables: Vec<(&'static str, String)>,
    /// Takes both output streams.
    pub(crate) log: PathBuf,
}

const STOP_DEADLINE: Duration = Duration::from_secs(10);
const LAST_WORDS: usize = 600;

impl Bound {
    pub(crate) fn start(server: Server<'_>) -> Result<Self, WorldError> {
        let log = File::create(&server.log).map_err(WorldError::file("write", &server.log))?;
        let errors = log.try_clone().map_err(WorldError::file("write", &server.log))?;
        let mut command = Command::new(server.runner);
        command.arg("guard").arg("--").arg(server.program).args(server.arguments);
        command.envs(server.variables);
        // A Ctrl-C at the terminal must reach us alone: we stop the rest in order.
        command.process_group(0).stdin(Stdio::piped()).stdout(log).stderr(errors);
        let spawned = command.spawn();
        let guard = spawned.map_err(|err| WorldError::Spawn { program: server.runner.to_owned(), err })?;
        Ok(Self { guard, log: server.log })
    }

    /// How the program ended, if it has.
    pub(crate) fn exited(&mut self) -> Option<ExitStatus> {
        self.guard.try_wait().ok().flatten()
    }

    /// The end of the program's log.
    pub(crate) fn last_words(&self) -> String {
        let text = std::fs::read(&self.log).unwrap_or_default();
        let text = String::from_utf8_lossy(&text[text.len().saturating_sub(LAST_WORDS)..]).into_owned();
        text.trim().to_owned()
    }
}

impl Drop for Bound {
    fn drop(&mut self) {
        drop(self.guard.stdin.take());
        let deadline = Instant::now() + STOP_DEADLINE;
        while self.exited().is_none() && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(5));
        }
        // Past the deadline: the program dies with its guard, by the parent-death signal.
        drop(self.guard.kill());
        drop(self.guard.wait());
    }
}
