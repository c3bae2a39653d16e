//! Children of xtask.

use std::{
    ffi::{OsStr, OsString},
    fs::File,
    io,
    os::unix::process::CommandExt as _,
    path::Path,
    process::{self, ChildStdout, Command, Stdio},
};

use anyhow::{Context as _, Result, bail};

/// A program to run, with its arguments and what its environment shall have beyond ours.
pub(crate) struct Program(Command);

impl Program {
    #[expect(clippy::disallowed_methods, reason = "the one place where xtask starts children")]
    pub(crate) fn new(program: impl AsRef<OsStr>) -> Self {
        Self(Command::new(program))
    }

    pub(crate) fn arg(mut self, argument: impl AsRef<OsStr>) -> Self {
        self.0.arg(argument);
        self
    }

    pub(crate) fn args<S: AsRef<OsStr>>(mut self, arguments: impl IntoIterator<Item = S>) -> Self {
        self.0.args(arguments);
        self
    }

    pub(crate) fn env(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.0.env(name, value);
        self
    }

    pub(crate) fn envs<N: AsRef<OsStr>, V: AsRef<OsStr>>(
        mut self,
        variables: impl IntoIterator<Item = (N, V)>,
    ) -> Self {
        self.0.envs(variables);
        self
    }

    pub(crate) fn without_env(mut self, name: impl AsRef<OsStr>) -> Self {
        self.0.env_remove(name);
        self
    }

    pub(crate) fn folder(mut self, folder: impl AsRef<Path>) -> Self {
        self.0.current_dir(folder);
        self
    }

    /// Runs it with our terminal.
    pub(crate) fn run(mut self) -> Result<()> {
        let status = self.0.status().with_context(|| self.cannot_start())?;
        if !status.success() {
            bail!("`{}` failed: {status}", self.line());
        }
        Ok(())
    }

    /// Runs it and returns what it printed; what it complained about goes into the error.
    pub(crate) fn read(mut self) -> Result<String> {
        let output = self.0.stdin(Stdio::null()).output().with_context(|| self.cannot_start())?;
        if !output.status.success() {
            let complaint = String::from_utf8_lossy(&output.stderr);
            bail!("`{}` failed: {}: {}", self.line(), output.status, complaint.trim());
        }
        String::from_utf8(output.stdout).with_context(|| format!("`{}` printed something else than text", self.line()))
    }

    /// Runs it, hands its standard output to `reader` as it comes, and returns whether it succeeded.
    pub(crate) fn stream<T>(mut self, reader: impl FnOnce(&mut dyn io::Read) -> Result<T>) -> Result<(T, bool)> {
        let mut child = self.0.stdout(Stdio::piped()).spawn().with_context(|| self.cannot_start())?;
        let mut stdout = child.stdout.take().expect("standard output is a pipe");
        let read = reader(&mut stdout);
        drop(stdout);
        let status = child.wait().with_context(|| format!("cannot wait for `{}`", self.line()))?;
        Ok((read?, status.success()))
    }

    /// Starts it with its complaints in a file, and returns it with its standard output. It ends when the value is dropped.
    pub(crate) fn start(mut self, complaints: &Path) -> Result<(Child, ChildStdout)> {
        let file = File::create(complaints).with_context(|| format!("cannot write `{}`", complaints.display()))?;
        self.0.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(file);
        let mut child = self.0.spawn().with_context(|| self.cannot_start())?;
        let stdout = child.stdout.take().expect("standard output is a pipe");
        Ok((Child(child), stdout))
    }

    /// Becomes the program; returns only if it cannot be started.
    pub(crate) fn become_it(mut self) -> Result<()> {
        let error = self.0.exec();
        Err(error).with_context(|| self.cannot_start())
    }

    fn cannot_start(&self) -> String {
        format!("cannot start `{}`", self.line())
    }

    /// The command line for a message. No secret is ever among xtask's arguments.
    fn line(&self) -> String {
        let words: Vec<OsString> =
            [self.0.get_program()].into_iter().chain(self.0.get_args()).map(OsStr::to_owned).collect();
        words.join(OsStr::new(" ")).to_string_lossy().into_owned()
    }
}

/// A running child that is asked to end when dropped, and waited for.
pub(crate) struct Child(process::Child);

impl Drop for Child {
    fn drop(&mut self) {
        let pid = self.0.id().to_string();
        // It clears up after itself on SIGTERM, which std cannot send; whatever is wrong, it also ends by its time to live.
        let asked = Program::new("kill").args(["-TERM", &pid]).run();
        if asked.is_err() {
            self.0.kill().ok();
        }
        self.0.wait().ok();
    }
}

#[cfg(test)]
mod tests {
    use super::Program;

    #[test]
    fn a_failure_carries_the_command_and_its_complaint() {
        let error = Program::new("sh").args(["-c", "echo no such thing >&2; exit 3"]).read().expect_err("it fails");
        let text = error.to_string();
        assert!(text.starts_with("`sh -c "), "{text}");
        assert!(text.ends_with("exit status: 3: no such thing"), "{text}");
    }

    #[test]
    fn a_program_that_is_not_there_is_named() {
        let error = Program::new("/nowhere/tool").arg("version").read().expect_err("it is not there");
        assert_eq!(error.to_string(), "cannot start `/nowhere/tool version`");
    }
}
