//! The reload sidecar: tells the database of changed files, and the world of what is mounted.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use hangar_plan::strategy::observation::Certificate;
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use crate::AgentError;

mod files;
mod health;
mod metrics;
mod process;
mod service;
mod watcher;

use process::Processes;
use watcher::Watcher;

/// What to watch and whom to tell.
#[derive(Debug, Clone)]
pub struct Options {
    /// Folder of the mounted files.
    pub certs_dir: PathBuf,
    /// Name of the database's process; none where it is not told by a signal.
    pub process: Option<String>,
    /// Where to answer.
    pub listen: SocketAddr,
    /// A master of a database whose own metrics say nothing of missing copies: its page of health is told on.
    pub health: Option<SocketAddr>,
    /// How often to look.
    pub interval: Duration,
    /// How old a process must be before it is signalled: SIGHUP ends a program that has not set up its handler yet.
    pub grace: Duration,
}

/// What is mounted and what the database was told: the answer to `GET /`. No key and nothing of one is in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Loaded {
    /// Every certificate of every file that can be read.
    pub certificates: Vec<Certificate>,
    /// SHA-256 over the names and contents of the certificate files, lower-case hexadecimal.
    pub generation: String,
    /// When the database was last told to reload; none if it never was, because it started with these files.
    pub signalled_ms: Option<u64>,
    /// Whether the files are not whole, or a process of the name has not been told of them, or there is none. Without a name
    /// nobody is told here, and whole files are all there is to wait for.
    pub pending: bool,
    /// What is wrong with the files, where they are not whole.
    pub problem: Option<String>,
}

/// Watches and answers until it is asked to end (SIGTERM or SIGINT).
///
/// # Errors
///
/// [`AgentError::Listen`]. That the files cannot be read is no error: it says so and goes on.
pub async fn serve(options: &Options, say: impl Fn(&str)) -> Result<(), AgentError> {
    let failed = |err| AgentError::Listen { address: options.listen, err };
    let listener = TcpListener::bind(options.listen).await.map_err(failed)?;
    let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
    say(&format!("listening on {}", listener.local_addr().map_err(failed)?));
    let processes = options.process.as_deref().map(Processes::named);
    let mut watcher = Watcher::new(options.certs_dir.clone(), processes, options.grace);
    let (publish, current) = watch::channel(watcher.look(&say));
    let watching = async {
        let mut ticks = tokio::time::interval(options.interval);
        loop {
            ticks.tick().await;
            publish.send_replace(watcher.look(&say));
        }
    };
    tokio::select! {
        () = watching => unreachable!("it never ends"),
        () = service::answer(listener, current, options.health) => unreachable!("it never ends"),
        _ = terminate.recv() => Ok(()),
        _ = interrupt.recv() => Ok(()),
    }
}
