//! Children as the drivers meet them: real programs, a real kill of the host.
#![expect(clippy::unwrap_used, reason = "a failing set-up is a failing test")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process;
use std::time::{Duration, Instant};

use hangar_durable::failpoint::{Arming, Kill, arm};
use hangar_exec::{Child, Command, ExecError, Exit, Found, OnHostDeath, Spool, Stream, find};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use secrecy::SecretString;

/// Far more than anything here takes.
const PATIENCE: Duration = Duration::from_secs(20);

/// Says that it runs, and how it was asked to stop.
const OBEDIENT: &str = "trap 'echo interrupted; exit 3' INT; echo started; while :; do sleep 0.02; done";
/// Cannot be interrupted.
const DEAF: &str = "trap '' INT; echo started; while :; do sleep 0.02; done";

fn shell(script: &str) -> Command {
    Command::new("/bin/sh").arg("-c").arg(script).env("PATH", "/usr/bin:/bin")
}

fn stdout(spool: &Spool) -> String {
    fs::read_to_string(spool.path(Stream::Stdout)).unwrap_or_default()
}

fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < end, "waited {PATIENCE:?} for: {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Kills whatever a failing test leaves behind.
struct Ending(Spool);

impl Drop for Ending {
    fn drop(&mut self) {
        if let Ok(Found::Living(child)) = find(&self.0) {
            child.kill();
        }
    }
}

#[tokio::test]
async fn output_and_exit_status_are_files_of_the_spool() {
    let dir = tempfile::tempdir().unwrap();
    let spool = Spool::new(dir.path().join("a/b"));
    let mut child = shell("echo out; echo err >&2; exit 7").spawn(&spool).await.unwrap();
    assert_eq!(child.wait().await, Exit::Code(7));
    assert_eq!(stdout(&spool), "out\n");
    assert_eq!(fs::read_to_string(spool.path(Stream::Stderr)).unwrap(), "err\n");
    assert_eq!(spool.exit().unwrap(), Some(Exit::Code(7)));
    assert_eq!(&spool.child().unwrap().unwrap().process, child.process());
    assert!(matches!(find(&spool).unwrap(), Found::Ended(Exit::Code(7))));
}

#[tokio::test]
async fn the_environment_is_what_was_given_and_the_input_is_empty() {
    let dir = tempfile::tempdir().unwrap();
    let spool = Spool::new(dir.path().join("spool"));
    let command = Command::new("/usr/bin/env").env("A", "1").secret_env("B", SecretString::from("2"));
    command.spawn(&spool).await.unwrap().wait().await;
    let mut names: Vec<_> = stdout(&spool).lines().map(str::to_owned).collect();
    names.sort();
    let marker = format!("HANGAR_SPOOL={}", spool.dir().canonicalize().unwrap().display());
    assert_eq!(names, ["A=1".to_owned(), "B=2".to_owned(), marker]);

    let output = shell("cat; echo done").output(dir.path(), PATIENCE).await.unwrap();
    assert_eq!(output.stdout, b"done\n");
}

#[tokio::test]
async fn a_program_that_is_not_there_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let refused = Command::new("/nonexistent/tool").spawn(&Spool::new(dir.path().join("spool"))).await.unwrap_err();
    assert_eq!(refused.to_string(), "cannot start `/nonexistent/tool`");
}

#[tokio::test]
async fn a_spool_serves_one_child() {
    let dir = tempfile::tempdir().unwrap();
    let spool = Spool::new(dir.path().join("spool"));
    shell("exit 0").spawn(&spool).await.unwrap().wait().await;
    let refused = shell("exit 0").spawn(&spool).await.unwrap_err();
    assert!(matches!(refused, ExecError::SpoolUsed { .. }), "{refused}");
}

#[tokio::test]
async fn lines_are_followed_to_the_last_one() {
    let dir = tempfile::tempdir().unwrap();
    let spool = Spool::new(dir.path().join("spool"));
    let child = shell("for i in 1 2 3; do echo line $i; sleep 0.05; done; printf end").spawn(&spool).await.unwrap();
    let mut follow = child.follow(Stream::Stdout).unwrap();
    let mut lines = Vec::new();
    while let Some(batch) = follow.next().await.unwrap() {
        lines.extend(batch.into_iter().map(|line| line.text));
    }
    assert_eq!(lines, ["line 1", "line 2", "line 3", "end"]);
}

#[tokio::test]
async fn a_flood_of_lines_is_kept_up_with() {
    let dir = tempfile::tempdir().unwrap();
    let spool = Spool::new(dir.path().join("spool"));
    let child = shell("seq 1 300000").spawn(&spool).await.unwrap();
    let mut follow = child.follow(Stream::Stdout).unwrap();
    let mut n_lines = 0;
    while let Some(batch) = follow.next().await.unwrap() {
        n_lines += batch.len();
    }
    assert_eq!(n_lines, 300_000);
}

#[tokio::test]
async fn stopping_interrupts_first() {
    let dir = tempfile::tempdir().unwrap();
    let spool = Spool::new(dir.path().join("spool"));
    let _ending = Ending(spool.clone());
    let mut child = shell(OBEDIENT).spawn(&spool).await.unwrap();
    wait_until("the child to start", || stdout(&spool).contains("started"));
    assert_eq!(child.stop(PATIENCE).await, Exit::Code(3));
    assert_eq!(stdout(&spool), "started\ninterrupted\n");
}

#[tokio::test]
async fn stopping_kills_what_does_not_listen() {
    let dir = tempfile::tempdir().unwrap();
    let spool = Spool::new(dir.path().join("spool"));
    let _ending = Ending(spool.clone());
    let mut child = shell(DEAF).spawn(&spool).await.unwrap();
    wait_until("the child to start", || stdout(&spool).contains("started"));
    assert_eq!(child.stop(Duration::from_millis(50)).await, Exit::Signal(Signal::SIGKILL as i32));
}

#[tokio::test]
async fn a_short_program_that_hangs_is_killed_at_its_deadline() {
    let dir = tempfile::tempdir().unwrap();
    let refused = shell(DEAF).output(dir.path(), Duration::from_millis(50)).await.unwrap_err();
    assert!(matches!(refused, ExecError::Deadline { .. }), "{refused}");
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
}

#[tokio::test]
async fn nothing_is_found_where_nothing_was_started() {
    let dir = tempfile::tempdir().unwrap();
    assert!(matches!(find(&Spool::new(dir.path().join("spool"))).unwrap(), Found::Never));
}

/// What the host that is to be killed does: it starts this test program again with `killed_host` in a folder that says
/// what to start. Ignored, and without that file empty, so that it is not a test of its own.
#[tokio::test]
#[ignore = "run by the tests that kill it"]
async fn killed_host() {
    let Ok(order) = fs::read_to_string("order") else {
        return;
    };
    let (fate, point) = order.split_once(' ').unwrap();
    let kill = (point != "-").then(|| point.parse::<Kill>().unwrap());
    let children = fate == "kill-both";
    arm(Arming { kill: kill.map(|kill| Kill { children, ..kill }), list: None }).unwrap();
    let fate = if fate == "interrupt" { OnHostDeath::Interrupt } else { OnHostDeath::Continue };
    let mut child = shell(OBEDIENT).on_host_death(fate).spawn(&Spool::new("spool")).await.unwrap();
    child.wait().await;
}

struct Host {
    process: process::Child,
    spool: Spool,
    _ending: Ending,
}

/// Starts a host that does what `order` says.
fn host(dir: &Path, order: &str) -> Host {
    host_of("exec \"$0\" \"$@\"", dir, order)
}

/// Starts one by a script of the shell, whose `$0` and `$@` are the host.
#[expect(clippy::disallowed_methods, reason = "the host under test is started as a shell would start it")]
fn host_of(script: &str, dir: &Path, order: &str) -> Host {
    fs::write(dir.join("order"), order).unwrap();
    let this: PathBuf = std::env::current_exe().unwrap();
    let process = process::Command::new("sh")
        .args(["-c", script])
        .arg(this)
        .args(["--exact", "killed_host", "--ignored"])
        .current_dir(dir)
        .stdout(process::Stdio::null())
        .spawn()
        .unwrap();
    let spool = Spool::new(dir.join("spool"));
    Host { process, spool: spool.clone(), _ending: Ending(spool) }
}

impl Host {
    fn kill_once_the_child_runs(&mut self) {
        wait_until("the child to start", || stdout(&self.spool).contains("started"));
        kill(Pid::from_raw(i32::try_from(self.process.id()).unwrap()), Signal::SIGKILL).unwrap();
        self.process.wait().unwrap();
    }

    fn found(&self) -> Child {
        match find(&self.spool).unwrap() {
            Found::Living(child) => child,
            other => panic!("no living child: {other:?}"),
        }
    }
}

#[test]
fn a_killed_host_interrupts_its_child() {
    let dir = tempfile::tempdir().unwrap();
    let mut host = host(dir.path(), "interrupt -");
    host.kill_once_the_child_runs();
    wait_until("the child to be interrupted", || stdout(&host.spool).contains("interrupted"));
    wait_until("the child to end", || matches!(find(&host.spool).unwrap(), Found::Ended(Exit::Unknown)));
}

#[test]
fn a_host_that_ignores_interrupts_starts_children_that_do_not() {
    let dir = tempfile::tempdir().unwrap();
    let mut host = host_of("trap '' INT; exec \"$0\" \"$@\"", dir.path(), "interrupt -");
    host.kill_once_the_child_runs();
    wait_until("the child to be interrupted", || stdout(&host.spool).contains("interrupted"));
}

#[tokio::test]
async fn a_child_that_outlives_its_host_is_found_and_waited_for() {
    let dir = tempfile::tempdir().unwrap();
    let mut host = host(dir.path(), "continue -");
    host.kill_once_the_child_runs();
    let mut child = host.found();
    assert!(child.is_attached());
    let mut follow = child.follow(Stream::Stdout).unwrap();
    assert_eq!(follow.next().await.unwrap().unwrap()[0].text, "started");
    child.interrupt();
    assert_eq!(child.wait().await, Exit::Unknown);
    assert_eq!(follow.next().await.unwrap().unwrap()[0].text, "interrupted");
    assert_eq!(follow.next().await.unwrap(), None);
}

#[test]
fn a_child_that_was_never_put_on_record_is_found_by_its_environment() {
    let dir = tempfile::tempdir().unwrap();
    let mut host = host(dir.path(), "continue exec.spawn.started");
    host.process.wait().unwrap();
    assert_eq!(host.spool.child().unwrap(), None);
    // The child may still be on its way from fork to exec, with its host's environment.
    wait_until("the child to start", || stdout(&host.spool).contains("started"));
    let child = host.found();
    assert_eq!(&host.spool.child().unwrap().unwrap().process, child.process());
}

#[test]
fn host_and_child_killed_together_leave_an_unknown_end() {
    let dir = tempfile::tempdir().unwrap();
    let mut host = host(dir.path(), "kill-both exec.spawn.after");
    host.process.wait().unwrap();
    wait_until("the child to be gone", || matches!(find(&host.spool).unwrap(), Found::Ended(Exit::Unknown)));
}

#[test]
fn a_host_killed_before_starting_leaves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let mut host = host(dir.path(), "continue exec.spawn.before");
    host.process.wait().unwrap();
    assert!(matches!(find(&host.spool).unwrap(), Found::Never));
}
