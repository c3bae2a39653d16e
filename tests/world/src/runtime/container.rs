use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::process::{Child, ChildStderr, ChildStdout, Command};

use super::spec::{
    Command as Order, ContainerSpec, ExecSpec, Failure, PidNamespace, ProcessSpec, Program, Report, RootSpec,
};

/// A running container. Dropping it kills the program.
#[derive(Debug)]
pub(crate) struct Container {
    shim: Child,
    reports: BufReader<OwnedReadHalf>,
    orders: OwnedWriteHalf,
    pid: i32,
}

/// What a container writes.
#[derive(Debug)]
pub(crate) struct Output {
    pub(crate) stdout: ChildStdout,
    pub(crate) stderr: ChildStderr,
}

/// How a program ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Exit {
    /// The exit code, or 128 and the number of the signal.
    pub(crate) code: i32,
    pub(crate) signal: Option<i32>,
}

#[derive(Debug, thiserror::Error)]
pub(crate) enum RuntimeError {
    /// The image or the specification is at fault; worded as `runc` words it.
    #[error("{0}")]
    Container(String),
    /// The machine does not let us make containers.
    #[error("{0}")]
    Machine(String),
    #[error("cannot speak with the shim of a container")]
    Shim(#[source] std::io::Error),
    /// It was killed from outside, with what it watched over.
    #[error("the shim of a container ended early")]
    ShimGone,
}

impl Container {
    /// Starts a container and returns once its program runs. `label` is only for those who look at the process list.
    pub(crate) async fn start(
        runner: &Path,
        label: &str,
        spec: &ContainerSpec,
    ) -> Result<(Self, Output), RuntimeError> {
        let (ours, theirs) = socket_pair().map_err(RuntimeError::Shim)?;
        let mut shim = shim_command(runner, "shim", theirs).arg(label).spawn().map_err(RuntimeError::Shim)?;
        let output = Output {
            stdout: shim.stdout.take().expect("the shim's output is piped"),
            stderr: shim.stderr.take().expect("the shim's output is piped"),
        };
        let (reports, mut orders) = ours.into_split();
        let mut reports = BufReader::new(reports);
        write_line(&mut orders, spec).await?;
        match read_line(&mut reports).await? {
            Report::Started(pid) => Ok((Self { shim, reports, orders, pid }, output)),
            Report::Failed(failure) => Err(failure.into()),
            Report::Exited { .. } => Err(RuntimeError::ShimGone),
        }
    }

    /// The program, as the machine numbers it.
    pub(crate) fn pid(&self) -> i32 {
        self.pid
    }

    /// Whose user namespace owns the container's others.
    pub(crate) fn shim_pid(&self) -> i32 {
        self.shim.id().map_or(0, u32::cast_signed)
    }

    /// Sends a signal, unless the program has ended.
    pub(crate) async fn signal(&mut self, signal: i32) {
        drop(write_line(&mut self.orders, &Order::Signal(signal)).await);
    }

    /// Waits for the end. Cancelling is safe: ask again.
    pub(crate) async fn wait(&mut self) -> Exit {
        let exit = match read_line(&mut self.reports).await {
            Ok(Report::Exited { code, signal }) => Exit { code, signal },
            // The shim was killed, and so was the program.
            _ => Exit { code: 137, signal: Some(9) },
        };
        drop(self.shim.wait().await);
        exit
    }
}

/// Runs a program in a running container, and returns how it ended and what it printed.
pub(crate) async fn exec_in(runner: &Path, spec: &ExecSpec, timeout: Duration) -> Result<(Exit, String), RuntimeError> {
    let (ours, theirs) = socket_pair().map_err(RuntimeError::Shim)?;
    // Not killed when dropped: it must live to kill the program, and does so when we hang up.
    let mut shim = shim_command(runner, "exec", theirs).kill_on_drop(false).spawn().map_err(RuntimeError::Shim)?;
    let (reports, mut orders) = ours.into_split();
    write_line(&mut orders, spec).await?;
    let mut stdout = shim.stdout.take().expect("the shim's output is piped");
    let mut stderr = shim.stderr.take().expect("the shim's output is piped");
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let mut reports = BufReader::new(reports);
    let all = async {
        let (report, _, _) =
            tokio::join!(read_line(&mut reports), stdout.read_to_end(&mut out), stderr.read_to_end(&mut err));
        report
    };
    let report = tokio::time::timeout(timeout, all).await;
    let late = || RuntimeError::Container(format!("command timed out after {timeout:?}"));
    match report.map_err(|_| late())?? {
        Report::Exited { code, signal } => {
            out.append(&mut err);
            Ok((Exit { code, signal }, String::from_utf8_lossy(&out).into_owned()))
        }
        Report::Failed(failure) => Err(failure.into()),
        Report::Started(_) => Err(RuntimeError::ShimGone),
    }
}

/// Tells whether this machine lets us make containers at all, by running `true` in one. `dir` must not exist.
pub(crate) async fn check_machine(runner: &Path, dir: &Path) -> Result<(), RuntimeError> {
    let (image, scratch) = (dir.join("image"), dir.join("root"));
    for folder in [&image, &scratch] {
        std::fs::create_dir_all(folder).map_err(|err| RuntimeError::Machine(err.to_string()))?;
    }
    let process = ProcessSpec {
        arguments: vec!["/bin/true".to_owned()],
        environment: Vec::new(),
        folder: "/".into(),
        user: 0,
        group: 0,
        groups: Vec::new(),
        no_new_privileges: false,
    };
    let root = RootSpec { image, scratch, read_only: false, mounts: Vec::new() };
    let program = Program::Run { root, process };
    let spec = ContainerSpec { hostname: "check".to_owned(), pid_namespace: PidNamespace::Own, program };
    let (mut container, _output) = Container::start(runner, "check", &spec).await?;
    let exit = container.wait().await;
    drop(std::fs::remove_dir_all(dir));
    let failed = || RuntimeError::Machine(format!("`true` ended with {} in a container", exit.code));
    if exit.code == 0 { Ok(()) } else { Err(failed()) }
}

fn socket_pair() -> std::io::Result<(UnixStream, OwnedFd)> {
    let (ours, theirs) = std::os::unix::net::UnixStream::pair()?;
    ours.set_nonblocking(true)?;
    Ok((UnixStream::from_std(ours)?, OwnedFd::from(theirs)))
}

fn shim_command(runner: &Path, role: &str, socket: OwnedFd) -> Command {
    let mut command = Command::new(runner);
    command.arg(role).env_clear().current_dir("/").process_group(0).kill_on_drop(true);
    command.stdin(Stdio::from(socket)).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

async fn write_line<T: serde::Serialize>(to: &mut OwnedWriteHalf, value: &T) -> Result<(), RuntimeError> {
    let mut line = serde_json::to_vec(value).expect("plain values always serialise");
    line.push(b'\n');
    to.write_all(&line).await.map_err(RuntimeError::Shim)
}

async fn read_line(from: &mut BufReader<OwnedReadHalf>) -> Result<Report, RuntimeError> {
    let mut line = Vec::new();
    // Reports are short and written at once, so a cancelled read has taken either all of one or nothing.
    from.read_until(b'\n', &mut line).await.map_err(RuntimeError::Shim)?;
    if line.is_empty() {
        return Err(RuntimeError::ShimGone);
    }
    serde_json::from_slice(&line).map_err(|err| RuntimeError::Shim(err.into()))
}

impl From<Failure> for RuntimeError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Machine(why) => Self::Machine(why),
            Failure::Container(why) => Self::Container(why),
        }
    }
}
