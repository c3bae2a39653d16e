use std::fs::File;
use std::io::BufReader;
use std::os::unix::net::UnixStream;
use std::process::Stdio;

use nix::sched::{CloneFlags, setns, unshare};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use tokio::process::{Child, Command};

use super::leash;
use super::signals;
use super::socket::{read_line, take_stdin, write_line};
use super::spec::{ContainerSpec, Failure, PidNamespace, Report, machine};
use super::user_namespace;

/// Runs the shim of one container: standard input is the socket to the world. Returns the exit code.
///
/// Ends with the container's program, and takes it along when the world goes.
pub fn run() -> i32 {
    let Ok(world) = take_stdin() else { return 70 };
    let report = match begin(&world) {
        Ok(spec) => leash::on_one_thread(live(&spec, &world)),
        Err(failure) => Err(failure),
    };
    // If the world is gone there is nobody to tell.
    drop(write_line(&world, &report.unwrap_or_else(Report::Failed)));
    0
}

/// Reads the specification and makes or joins what the child will live in.
fn begin(world: &UnixStream) -> Result<ContainerSpec, Failure> {
    // What the world says later is read elsewhere, so nothing may be read ahead. It waits for our report first.
    let spec = read_line::<ContainerSpec>(&mut BufReader::new(world)).map_err(machine("read the specification"))?;
    enter_namespaces(spec.pid_namespace)?;
    Ok(spec)
}

/// User namespace first: in it we may do the rest.
fn enter_namespaces(pid_namespace: PidNamespace) -> Result<(), Failure> {
    match pid_namespace {
        PidNamespace::Own => {
            user_namespace::enter_new_unless_root()?;
            unshare(CloneFlags::CLONE_NEWPID).map_err(machine("make a namespace for process identifiers"))
        }
        PidNamespace::Of(pid) => {
            user_namespace::enter_that_of(pid)?;
            let path = format!("/proc/{pid}/ns/pid");
            let namespace = File::open(path).map_err(machine("find the pod's process namespace"))?;
            setns(namespace, CloneFlags::CLONE_NEWPID).map_err(machine("join the pod's process namespace"))
        }
    }
}

async fn live(spec: &ContainerSpec, world: &UnixStream) -> Result<Report, Failure> {
    signals::ignore_none_in_children().map_err(machine("let signals be"))?;
    let (ours, theirs) = UnixStream::pair().map_err(machine("make a socket pair"))?;
    let myself = std::env::current_exe().map_err(machine("find the runner"))?;
    let mut command = Command::new(myself);
    command.arg("inside").env_clear().current_dir("/").stdin(Stdio::from(std::os::fd::OwnedFd::from(theirs)));
    let mut child = command.kill_on_drop(true).spawn().map_err(machine("start a process in the new namespaces"))?;
    // The command holds the inside's end of the socket too.
    drop(command);
    await_start(&ours, spec)?;
    attend(&mut child, world).await
}

/// The inside closes its end by becoming the program; until then whatever it says is why it could not.
fn await_start(inside: &UnixStream, spec: &ContainerSpec) -> Result<(), Failure> {
    write_line(inside, spec).map_err(machine("hand the specification on"))?;
    match read_line::<Failure>(&mut BufReader::new(inside)) {
        Ok(failure) => Err(failure),
        Err(err) if err.kind() == std::io::ErrorKind::UnexpectedEof => Ok(()),
        Err(err) => Err(machine("hear from the inside")(err)),
    }
}

async fn attend(child: &mut Child, world: &UnixStream) -> Result<Report, Failure> {
    let pid = child.id().map_or(0, u32::cast_signed);
    drop(write_line(world, &Report::Started(pid)));
    let report = leash::hold(child, world).await;
    // What the program left behind in its session; the rest of its namespace dies with it when it was process 1.
    let _ = killpg(Pid::from_raw(pid), Signal::SIGKILL);
    report
}
