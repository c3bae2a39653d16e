use std::os::unix::net::UnixStream;
use std::os::unix::process::ExitStatusExt;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Child;

use super::spec::{Command, Failure, Report, machine};

/// Runs a future without a second thread: the kernel lets a process that has left its process-identifier namespace make
/// children but no threads.
pub(super) fn on_one_thread<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build();
    runtime.map_err(machine("make a runtime"))?.block_on(work)
}

/// Waits for the child's end, passing on the signals that the world sends; when the world hangs up, kills it.
pub(super) async fn hold(child: &mut Child, world: &UnixStream) -> Result<Report, Failure> {
    let world = world.try_clone().and_then(|world| world.set_nonblocking(true).map(|()| world));
    let world = world.and_then(tokio::net::UnixStream::from_std).map_err(machine("listen to the world"))?;
    let mut lines = BufReader::new(world).lines();
    let status = loop {
        tokio::select! {
            status = child.wait() => break status,
            line = lines.next_line() => {
                let order = line.ok().flatten().and_then(|line| serde_json::from_str(&line).ok());
                let Some(Command::Signal(number)) = order else {
                    drop(child.start_kill());
                    break child.wait().await;
                };
                // A child that was not waited for keeps its number, so this reaches nobody else.
                if let (Some(pid), Ok(signal)) = (child.id(), Signal::try_from(number)) {
                    let _ = kill(Pid::from_raw(pid.cast_signed()), signal);
                }
            }
        }
    };
    let status = status.map_err(machine("wait for the program"))?;
    let signal = status.signal();
    Ok(Report::Exited { code: status.code().unwrap_or_else(|| 128 + signal.unwrap_or(0)), signal })
}
