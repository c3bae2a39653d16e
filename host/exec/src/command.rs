//! What is to be started.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use secrecy::{ExposeSecret as _, SecretString};

use crate::child::Child;
use crate::error::ExecError;
use crate::output::{self, Output};
use crate::spawner;
use crate::spool::Spool;

/// What becomes of a child whose host is killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnHostDeath {
    /// It is sent SIGINT, as by a Ctrl-C.
    #[default]
    Interrupt,
    /// It runs on to its end.
    Continue,
}

/// What is to be started: a program, its arguments and all of its environment.
///
/// Nothing is inherited from the host's environment. Arguments are seen by every user of the machine, so a secret may
/// only be given by [`secret_env`](Self::secret_env). The debug form shows names of variables and no values.
#[derive(Clone)]
pub struct Command {
    pub(crate) program: PathBuf,
    pub(crate) args: Vec<OsString>,
    pub(crate) env: BTreeMap<OsString, Value>,
    pub(crate) dir: Option<PathBuf>,
    pub(crate) on_host_death: OnHostDeath,
    pub(crate) reserve: u64,
}

#[derive(Clone)]
pub(crate) enum Value {
    Plain(OsString),
    Secret(SecretString),
}

impl Command {
    /// Names the program by its path; nothing is looked up.
    pub fn new(program: impl Into<PathBuf>) -> Self {
        Self {
            program: program.into(),
            args: Vec::new(),
            env: BTreeMap::new(),
            dir: None,
            on_host_death: OnHostDeath::default(),
            reserve: 0,
        }
    }

    /// Adds one argument.
    #[must_use]
    pub fn arg(mut self, arg: impl Into<OsString>) -> Self {
        self.args.push(arg.into());
        self
    }

    /// Adds arguments.
    #[must_use]
    pub fn args<A: Into<OsString>>(mut self, args: impl IntoIterator<Item = A>) -> Self {
        self.args.extend(args.into_iter().map(Into::into));
        self
    }

    /// Sets one variable; the last value given counts.
    #[must_use]
    pub fn env(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        self.env.insert(name.into(), Value::Plain(value.into()));
        self
    }

    /// Sets one variable to a secret. Other processes of the same user can read it while the child runs.
    #[must_use]
    pub fn secret_env(mut self, name: impl Into<OsString>, value: SecretString) -> Self {
        self.env.insert(name.into(), Value::Secret(value));
        self
    }

    /// Sets the folder it runs in; the host's, unless set.
    #[must_use]
    pub fn dir(mut self, dir: impl Into<PathBuf>) -> Self {
        self.dir = Some(dir.into());
        self
    }

    /// Sets what becomes of it when the host is killed.
    #[must_use]
    pub fn on_host_death(mut self, fate: OnHostDeath) -> Self {
        self.on_host_death = fate;
        self
    }

    /// Keeps this many bytes of the disk free for its standard output, so that it can still speak once others have filled the
    /// disk. They are given back by whoever sets the length of the file. A file system that cannot do this does nothing.
    #[must_use]
    pub fn reserve(mut self, bytes: u64) -> Self {
        self.reserve = bytes;
        self
    }

    /// Starts the program with its output in `spool`, and returns once the child is on record there.
    ///
    /// The child outlives the returned value: dropping it stops nothing.
    ///
    /// # Errors
    ///
    /// [`ExecError::SpoolUsed`] if the spool has had a child; [`ExecError::Spawn`] if the program did not start;
    /// [`ExecError::Record`] if it did but could not be put on record (it is then interrupted).
    pub async fn spawn(self, spool: &Spool) -> Result<Child, ExecError> {
        spawner::spawn(self, spool.clone()).await
    }

    /// Runs a short program to its end and returns what it wrote.
    ///
    /// `scratch` is a folder of which a new spool is made and removed again.
    ///
    /// # Errors
    ///
    /// Those of [`spawn`](Self::spawn), and [`ExecError::Deadline`] if it did not end in time; it is then killed.
    pub async fn output(self, scratch: &Path, deadline: Duration) -> Result<Output, ExecError> {
        output::run(self, scratch, deadline).await
    }

    pub(crate) fn program(&self) -> &Path {
        &self.program
    }
}

impl Value {
    pub(crate) fn as_os_str(&self) -> &OsStr {
        match self {
            Self::Plain(value) => value,
            Self::Secret(value) => OsStr::new(value.expose_secret()),
        }
    }
}

impl fmt::Debug for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Command")
            .field("program", &self.program)
            .field("args", &self.args)
            .field("env", &self.env.keys().collect::<Vec<_>>())
            .field("dir", &self.dir)
            .field("on_host_death", &self.on_host_death)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_debug_form_shows_no_value_of_the_environment() {
        let command = Command::new("/bin/true").env("A", "plain-value").secret_env("B", SecretString::from("canary"));
        let shown = format!("{command:?}");
        assert!(shown.contains("\"A\"") && shown.contains("\"B\""), "{shown}");
        assert!(!shown.contains("plain-value") && !shown.contains("canary"), "{shown}");
    }
}
