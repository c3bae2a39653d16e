use nix::sys::signal::{SigSet, Signal};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;

/// Reaps orphans for ever, as process 1 of a pod.
///
/// Everything in the pod ends when this does, and only a SIGKILL from outside its namespace ends it.
pub(super) fn run() -> i32 {
    let mut children = SigSet::empty();
    children.add(Signal::SIGCHLD);
    if children.thread_block().is_err() {
        return 70;
    }
    loop {
        while let Ok(status) = waitpid(Pid::from_raw(-1), Some(WaitPidFlag::WNOHANG)) {
            if status == WaitStatus::StillAlive {
                break;
            }
        }
        if children.wait().is_err() {
            return 70;
        }
    }
}
