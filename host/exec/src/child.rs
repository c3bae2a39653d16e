//! A child that runs, ours or found again.

use std::fmt;
use std::os::unix::process::ExitStatusExt as _;
use std::process::ExitStatus;
use std::thread;
use std::time::Duration;

use hangar_durable::ProcessId;
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;
use tokio::time;

use crate::error::ExecError;
use crate::follow::Follow;
use crate::spool::{ChildRecord, Spool, Stream};

/// How often a found child, of which the kernel tells us nothing, is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// How a child ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Exit {
    /// It ended by itself.
    Code(i32),
    /// A signal ended it.
    Signal(i32),
    /// Nobody saw it end: its host was dead by then. What it did must be told by other evidence.
    Unknown,
}

impl Exit {
    /// Whether it surely ended well.
    #[must_use]
    pub fn is_success(self) -> bool {
        self == Self::Code(0)
    }
}

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Code(code) => write!(f, "exit status {code}"),
            Self::Signal(number) => match Signal::try_from(*number) {
                Ok(signal) => f.write_str(signal.as_str()),
                Err(_) => write!(f, "signal {number}"),
            },
            Self::Unknown => f.write_str("unknown exit status"),
        }
    }
}

impl From<ExitStatus> for Exit {
    fn from(status: ExitStatus) -> Self {
        match (status.code(), status.signal()) {
            (Some(code), _) => Self::Code(code),
            (None, Some(signal)) => Self::Signal(signal),
            (None, None) => Self::Unknown,
        }
    }
}

/// A child that runs, ours or found again. Dropping this stops nothing.
#[derive(Debug)]
pub struct Child {
    record: ChildRecord,
    spool: Spool,
    exit: watch::Receiver<Option<Exit>>,
    is_attached: bool,
}

impl Child {
    pub(crate) fn own(record: ChildRecord, spool: Spool, exit: watch::Receiver<Option<Exit>>) -> Self {
        Self { record, spool, exit, is_attached: false }
    }

    /// Watches a living process that another host, or an earlier life of this one, has started.
    pub(crate) fn attached(record: ChildRecord, spool: Spool) -> Self {
        let exit = watch_process(record.process.clone(), spool.clone());
        Self { record, spool, exit, is_attached: true }
    }

    /// Who it is.
    #[must_use]
    pub fn process(&self) -> &ProcessId {
        &self.record.process
    }

    /// Where its output goes.
    #[must_use]
    pub fn spool(&self) -> &Spool {
        &self.spool
    }

    /// Whether it was found rather than started; its exit status is then unknown unless its own host still lives.
    #[must_use]
    pub fn is_attached(&self) -> bool {
        self.is_attached
    }

    /// Whether it is interrupted when the host that started it dies.
    #[must_use]
    pub fn stops_with_host(&self) -> bool {
        self.record.stops_with_host
    }

    /// Waits for its end. May be cancelled and called again.
    pub async fn wait(&mut self) -> Exit {
        match self.exit.wait_for(Option::is_some).await {
            Ok(exit) => exit.unwrap_or(Exit::Unknown),
            Err(_) => Exit::Unknown,
        }
    }

    /// Follows one of its outputs from the beginning to the end.
    ///
    /// # Errors
    ///
    /// [`ExecError::Spool`] if the file cannot be opened.
    pub fn follow(&self, stream: Stream) -> Result<Follow, ExecError> {
        Follow::open(self.spool.path(stream), self.exit.clone())
    }

    /// Sends its whole group SIGINT, as a Ctrl-C on its terminal would.
    pub fn interrupt(&self) {
        self.signal(Signal::SIGINT);
    }

    /// Sends its whole group SIGKILL.
    pub fn kill(&self) {
        self.signal(Signal::SIGKILL);
    }

    /// Interrupts it, and kills it if it has not ended within `grace`.
    pub async fn stop(&mut self, grace: Duration) -> Exit {
        self.interrupt();
        if let Ok(exit) = time::timeout(grace, self.wait()).await {
            return exit;
        }
        self.kill();
        self.wait().await
    }

    fn signal(&self, signal: Signal) {
        // Numbers are given out again, so only the process that is surely ours gets a signal.
        if self.exit.borrow().is_none() && self.record.process.is_alive() {
            signal_group(self.record.process.pid, signal);
        }
    }
}

pub(crate) fn interrupt_group(group: i32) {
    signal_group(group, Signal::SIGINT);
}

fn signal_group(group: i32, signal: Signal) {
    // It may have ended in the meantime; then nothing is left to tell.
    killpg(Pid::from_raw(group), signal).ok();
}

fn watch_process(process: ProcessId, spool: Spool) -> watch::Receiver<Option<Exit>> {
    let (sender, exit) = watch::channel(None);
    thread::Builder::new()
        .name("hangar-watch".to_owned())
        .spawn(move || {
            while process.is_alive() {
                if sender.is_closed() {
                    return;
                }
                thread::sleep(LOOK_EVERY);
            }
            // The host that started it may live and have seen it end.
            let ended = spool.exit().ok().flatten().unwrap_or(Exit::Unknown);
            sender.send_replace(Some(ended));
        })
        .expect("the machine has room for a thread beside each child");
    exit
}
