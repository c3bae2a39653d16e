use std::io::BufReader;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::Path;

use nix::sched::{CloneFlags, unshare};
use nix::sys::prctl;
use nix::sys::signal::{SigSet, Signal};
use nix::unistd::{Gid, Uid, setgid, setgroups, setsid, setuid};

use super::socket::{read_line, take_stdin, write_line};
use super::spec::{ContainerSpec, Failure, ProcessSpec, Program, RootSpec, machine};
use super::{mounts, pause, rootfs, user_namespace};

/// Runs the inside of one container: becomes its program, or says on standard input why not. Returns the exit code.
pub fn run() -> i32 {
    let Ok(shim) = take_stdin() else { return 70 };
    // `become_program` replaces this process, which closes the socket: that tells the shim that it worked.
    let failure = match become_container(&shim) {
        Ok(code) => return code,
        Err(failure) => failure,
    };
    drop(write_line(&shim, &failure));
    1
}

fn become_container(shim: &UnixStream) -> Result<i32, Failure> {
    let spec = read_line::<ContainerSpec>(&mut BufReader::new(shim)).map_err(machine("read the specification"))?;
    SigSet::all().thread_unblock().map_err(machine("unblock signals"))?;
    // A session, and so a process group, of its own: what the program starts can be killed with it.
    setsid().map_err(machine("start a session"))?;
    match spec.program {
        Program::Pause => {
            die_with_shim()?;
            shim.shutdown(std::net::Shutdown::Both).map_err(machine("close the socket"))?;
            Ok(pause::run())
        }
        Program::Run { root, process } => Err(run_program(&spec.hostname, &root, &process)),
    }
}

fn run_program(hostname: &str, root: &RootSpec, process: &ProcessSpec) -> Failure {
    match prepare(hostname, root, process) {
        Ok(()) => not_executable(&process.arguments[0], &become_program(process)),
        Err(failure) => failure,
    }
}

fn prepare(hostname: &str, root: &RootSpec, process: &ProcessSpec) -> Result<(), Failure> {
    nix::sys::stat::umask(nix::sys::stat::Mode::from_bits_truncate(0o022));
    unshare(CloneFlags::CLONE_NEWNS | CloneFlags::CLONE_NEWUTS | CloneFlags::CLONE_NEWIPC)
        .map_err(machine("make namespaces for mounts, names and shared memory"))?;
    nix::unistd::sethostname(hostname).map_err(machine("set the host name"))?;
    mounts::make_private()?;
    rootfs::enter(root)?;
    enter_folder(&process.folder)?;
    assume_identity(process)
}

/// As `runc` does, a working folder that is not there is made.
fn enter_folder(folder: &Path) -> Result<(), Failure> {
    let made = std::fs::create_dir_all(folder).and_then(|()| std::env::set_current_dir(folder));
    made.map_err(|err| {
        Failure::Container(format!(
            "chdir to cwd ({:?}) set in config.json failed: {err}",
            folder.display().to_string()
        ))
    })
}

fn assume_identity(process: &ProcessSpec) -> Result<(), Failure> {
    if !user_namespace::has_one_identity() {
        become_user(process)?;
    } else if (process.user, process.group) != (0, 0) {
        user_namespace::appear_as(process.user, process.group)?;
    }
    if process.no_new_privileges {
        prctl::set_no_new_privs().map_err(machine("forbid new privileges"))?;
    }
    // Changing the user clears this, so it comes last.
    die_with_shim()
}

pub(super) fn become_user(process: &ProcessSpec) -> Result<(), Failure> {
    let groups: Vec<Gid> = process.groups.iter().copied().map(Gid::from_raw).collect();
    setgroups(&groups).map_err(machine("set the groups"))?;
    setgid(Gid::from_raw(process.group)).map_err(machine("set the group"))?;
    setuid(Uid::from_raw(process.user)).map_err(machine("set the user"))
}

fn die_with_shim() -> Result<(), Failure> {
    prctl::set_pdeathsig(Signal::SIGKILL).map_err(machine("bind our life to the shim's"))
}

/// Words as `runc` has them: operators search for these.
fn not_executable(program: &str, err: &std::io::Error) -> Failure {
    use std::io::ErrorKind::{NotFound, PermissionDenied};
    let why = match err.kind() {
        NotFound if program.contains('/') => format!("stat {program}: no such file or directory"),
        NotFound => "executable file not found in $PATH".to_owned(),
        PermissionDenied => "permission denied".to_owned(),
        _ => err.to_string(),
    };
    Failure::Container(format!("exec: {program:?}: {why}"))
}

/// Returns only if it could not.
fn become_program(process: &ProcessSpec) -> std::io::Error {
    let (program, arguments) = process.arguments.split_first().expect("a process has at least one argument");
    let environment = process.environment.iter().map(|(name, value)| (name, value));
    std::process::Command::new(program).args(arguments).env_clear().envs(environment).exec()
}
