use std::fs::File;
use std::io::BufReader;
use std::os::unix::net::UnixStream;

use nix::sched::{CloneFlags, setns};
use tokio::process::Command;

use super::socket::{read_line, take_stdin, write_line};
use super::spec::{ExecSpec, Failure, Report, machine};
use super::{inside, leash, user_namespace};

/// Runs one more program in a running container, as a probe does: standard input is the socket to the world.
///
/// Returns the exit code; what the program printed is on our own output streams.
pub fn run() -> i32 {
    let Ok(world) = take_stdin() else { return 70 };
    let report = match begin(&world) {
        Ok(spec) => leash::on_one_thread(execute(&spec, &world)),
        Err(failure) => Err(failure),
    };
    drop(write_line(&world, &report.unwrap_or_else(Report::Failed)));
    0
}

fn begin(world: &UnixStream) -> Result<ExecSpec, Failure> {
    let spec = read_line::<ExecSpec>(&mut BufReader::new(world)).map_err(machine("read what to execute"))?;
    enter(&spec)?;
    std::env::set_current_dir(&spec.process.folder).map_err(machine("enter the working folder"))?;
    Ok(spec)
}

async fn execute(spec: &ExecSpec, world: &UnixStream) -> Result<Report, Failure> {
    let nothing = || Failure::Container("nothing to execute".to_owned());
    let (program, arguments) = spec.process.arguments.split_first().ok_or_else(nothing)?;
    let environment = spec.process.environment.iter().map(|(name, value)| (name, value));
    let mut command = Command::new(program);
    let spawned = command.args(arguments).env_clear().envs(environment).spawn();
    let mut child = spawned.map_err(|err| Failure::Container(format!("exec: {program:?}: {err}")))?;
    leash::hold(&mut child, world).await
}

/// Joins the container's namespaces and takes its user.
///
/// All are opened first: once inside, the machine's /proc is out of reach.
fn enter(spec: &ExecSpec) -> Result<(), Failure> {
    let open = |name: &str| {
        let path = format!("/proc/{}/ns/{name}", spec.target);
        File::open(path).map_err(machine("open the container's namespaces"))
    };
    let namespaces = [
        (open("pid")?, CloneFlags::CLONE_NEWPID),
        (open("uts")?, CloneFlags::CLONE_NEWUTS),
        (open("ipc")?, CloneFlags::CLONE_NEWIPC),
        (open("mnt")?, CloneFlags::CLONE_NEWNS),
    ];
    user_namespace::enter_that_of(spec.shim)?;
    let one_identity = user_namespace::has_one_identity();
    for (namespace, kind) in namespaces {
        setns(namespace, kind).map_err(machine("join the container's namespaces"))?;
    }
    if one_identity { Ok(()) } else { inside::become_user(&spec.process) }
}
