//! The thread that starts every child.

use std::io;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process;
use std::sync::{OnceLock, mpsc};
use std::thread;

use hangar_durable::ProcessId;
use hangar_durable::failpoint::{self, GroupGuard};
use hangar_durable::process::{SPOOL_VARIABLE, ignores_signal};
use nix::sys::signal::Signal;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{oneshot, watch};

use crate::child::{Child, Exit, interrupt_group};
use crate::command::{Command, OnHostDeath};
use crate::error::ExecError;
use crate::spool::{ChildRecord, Spool};
use crate::tool::is_executable;

/// Where distributions put util-linux.
const SETPRIV: [&str; 2] = ["/usr/bin/setpriv", "/bin/setpriv"];

struct Request {
    command: Command,
    spool: Spool,
    answer: oneshot::Sender<Result<Child, ExecError>>,
}

pub(crate) async fn spawn(command: Command, spool: Spool) -> Result<Child, ExecError> {
    catch_ignored_interrupts();
    let (answer, answered) = oneshot::channel();
    thread_of_all().send(Request { command, spool, answer }).expect("the spawning thread never ends");
    answered.await.expect("the spawning thread answers every request")
}

/// Lets children be interrupted also where the host ignores SIGINT, which is how a shell starts what runs in a script's
/// background.
///
/// A child inherits that a signal is ignored and can then not even trap it; of a signal that is caught it has the default
/// (`execve(2)`, `sh(1)`). The handler does nothing, so the host still ignores it. No Ctrl-C reaches a child by this: it
/// leads a process group of its own.
fn catch_ignored_interrupts() {
    static CAUGHT: OnceLock<()> = OnceLock::new();
    CAUGHT.get_or_init(|| {
        if ignores_signal(Signal::SIGINT as i32).unwrap_or(false) && signal(SignalKind::interrupt()).is_err() {
            tracing::warn!("SIGINT is ignored here and cannot be caught: tools that are to stop are killed instead");
        }
    });
}

/// The thread starts with the first child and ends with the host. It must not end before: see the crate's documentation.
fn thread_of_all() -> &'static mpsc::Sender<Request> {
    static REQUESTS: OnceLock<mpsc::Sender<Request>> = OnceLock::new();
    REQUESTS.get_or_init(|| {
        let (requests, inbox) = mpsc::channel::<Request>();
        thread::Builder::new()
            .name("hangar-exec".to_owned())
            .spawn(move || {
                for request in inbox {
                    let started = start(&request.command, &request.spool);
                    // An asker that went away leaves a child on record, which `find` meets.
                    request.answer.send(started).ok();
                }
            })
            .expect("the machine has room for one thread");
        requests
    })
}

fn start(command: &Command, spool: &Spool) -> Result<Child, ExecError> {
    failpoint::hit("exec.spawn.before");
    if !is_executable(command.program()) {
        // Said here, since `setpriv` would start and only then fail.
        return Err(ExecError::Spawn { program: command.program().to_owned(), err: io::ErrorKind::NotFound.into() });
    }
    let (stdout, stderr) = spool.open_new(command.reserve)?;
    let (mut prepared, stops_with_host) = prepare(command);
    let mut running = prepared
        .env_clear()
        .envs(command.env.iter().map(|(name, value)| (name, value.as_os_str())))
        .env(SPOOL_VARIABLE, absolute(spool.dir()))
        .current_dir(command.dir.as_deref().unwrap_or(Path::new(".")))
        .stdin(process::Stdio::null())
        .stdout(stdout)
        .stderr(stderr)
        .process_group(0)
        .spawn()
        .map_err(|err| ExecError::Spawn { program: command.program().to_owned(), err })?;
    let pid = i32::try_from(running.id()).expect("Linux numbers processes below 2^22");
    let group = failpoint::guard_group(pid);
    failpoint::hit("exec.spawn.started");
    let record = record(pid, command, stops_with_host);
    let recorded = record.and_then(|record| {
        let written = spool.record_child(&record);
        written.map(|()| record).map_err(|err| ExecError::Record { program: command.program().to_owned(), err })
    });
    let record = match recorded {
        Ok(record) => record,
        Err(err) => {
            interrupt_group(pid);
            reap_in_background(running, spool.clone(), group);
            return Err(err);
        }
    };
    failpoint::hit("exec.spawn.after");
    tracing::debug!(program = %command.program().display(), pid, "started");
    // A program that failed at once is still waited for: a process that was not reaped keeps its number.
    let exit = match running.try_wait() {
        Ok(Some(status)) => seen(status.into(), spool, group),
        _ => reap_in_background(running, spool.clone(), group),
    };
    Ok(Child::own(record, spool.clone(), exit))
}

fn record(pid: i32, command: &Command, stops_with_host: bool) -> Result<ChildRecord, ExecError> {
    let process = ProcessId::of(pid).map_err(ExecError::Processes)?;
    let process = process.expect("a child that was not reaped is shown in /proc");
    Ok(ChildRecord { version: 1, process, program: command.program().to_owned(), stops_with_host })
}

#[expect(clippy::disallowed_methods, reason = "this is the one place")]
fn prepare(command: &Command) -> (process::Command, bool) {
    let setpriv = match command.on_host_death {
        OnHostDeath::Interrupt => setpriv(),
        OnHostDeath::Continue => None,
    };
    match setpriv {
        Some(setpriv) => {
            let mut prepared = process::Command::new(setpriv);
            prepared.args(["--pdeathsig", "SIGINT", "--"]).arg(command.program()).args(&command.args);
            (prepared, true)
        }
        None => {
            let mut prepared = process::Command::new(command.program());
            prepared.args(&command.args);
            (prepared, false)
        }
    }
}

/// Looks once for a `setpriv` that can set the parent-death signal.
fn setpriv() -> Option<&'static Path> {
    static FOUND: OnceLock<Option<PathBuf>> = OnceLock::new();
    let found = FOUND.get_or_init(|| {
        let found = SETPRIV.iter().map(PathBuf::from).find(|path| can_set_signal(path));
        if found.is_none() {
            tracing::warn!("no `setpriv` of util-linux here: tools run on to their end if the host is killed");
        }
        found
    });
    found.as_deref()
}

#[expect(clippy::disallowed_methods, reason = "this is the one place")]
fn can_set_signal(setpriv: &Path) -> bool {
    let help = process::Command::new(setpriv).arg("--help").env_clear().stdin(process::Stdio::null()).output();
    help.is_ok_and(|help| String::from_utf8_lossy(&help.stdout).contains("--pdeathsig"))
}

fn reap_in_background(mut running: process::Child, spool: Spool, group: GroupGuard) -> watch::Receiver<Option<Exit>> {
    let (sender, exit) = watch::channel(None);
    thread::Builder::new()
        .name("hangar-reap".to_owned())
        .spawn(move || {
            let ended = running.wait().map_or(Exit::Unknown, Exit::from);
            write_down(ended, &spool);
            drop(group);
            sender.send_replace(Some(ended));
        })
        .expect("the machine has room for a thread beside each child");
    exit
}

fn seen(exit: Exit, spool: &Spool, group: GroupGuard) -> watch::Receiver<Option<Exit>> {
    write_down(exit, spool);
    drop(group);
    watch::channel(Some(exit)).1
}

fn write_down(exit: Exit, spool: &Spool) {
    failpoint::hit("exec.exit.before");
    if let Err(err) = spool.record_exit(exit) {
        // The asker still learns it from us; a later host will have to look at the world.
        tracing::warn!(spool = %spool.dir().display(), error = %err, "exit status not recorded");
    }
    failpoint::hit("exec.exit.after");
}

pub(crate) fn absolute(dir: &Path) -> PathBuf {
    dir.canonicalize().unwrap_or_else(|_| dir.to_owned())
}
