//! What can go wrong with the runtime, with loading a plugin, and with calling one.

use std::io;
use std::path::PathBuf;

use hangar_plan::grant::Kind;
use hangar_plan::infrastructure::ProviderError;
use hangar_plan::secret::StoreError;
use hangar_plan::strategy::decision::StrategyError;
use registry_reference::Digest;

use crate::compile::CompileError;
use crate::inspect::InspectError;
use crate::limits::LimitReached;
use crate::policy::Refusal;

/// Why the runtime, or a plugin in it, could not be made ready.
#[derive(Debug, thiserror::Error)]
pub enum RuntimeError {
    /// The engine refused its configuration.
    #[error("cannot start the WebAssembly engine: {0}")]
    Engine(String),
    /// The thread that interrupts guests never started.
    #[error("cannot start the thread that stops runaway plugins")]
    Ticker(#[source] io::Error),
    /// The folder of compiled code cannot be made or looked at.
    #[error("cannot use `{}` for compiled plugins", path.display())]
    CacheFolder {
        /// The folder.
        path: PathBuf,
        /// Why not.
        #[source]
        err: io::Error,
    },
    /// Somebody else could put code there, or read the key.
    #[error("`{}` {problem}", path.display())]
    Unsafe {
        /// The folder or file.
        path: PathBuf,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// A key file cannot be read or made.
    #[error("cannot use key file `{}`", path.display())]
    KeyFile {
        /// The file.
        path: PathBuf,
        /// Why not.
        #[source]
        err: io::Error,
    },
    /// The plugin's bytes cannot be read.
    #[error("cannot read plugin `{plugin}` at `{}`", path.display())]
    Read {
        /// The plugin.
        plugin: String,
        /// Where it lies.
        path: PathBuf,
        /// Why not.
        #[source]
        err: io::Error,
    },
    /// The bytes are not those that were pinned.
    #[error("plugin `{plugin}` is {got}, but {wanted} is pinned")]
    Digest {
        /// The plugin.
        plugin: String,
        /// Pinned.
        wanted: Digest,
        /// Of the bytes.
        got: Digest,
    },
    /// The bytes are no plugin for this host.
    #[error("plugin `{plugin}` ({digest}) cannot be used")]
    Inspect {
        /// The plugin.
        plugin: String,
        /// Its content.
        digest: Digest,
        /// Why not.
        #[source]
        err: Box<InspectError>,
    },
    /// The plugin cannot be compiled.
    #[error("plugin `{plugin}` ({digest}) cannot be compiled")]
    Compile {
        /// The plugin.
        plugin: String,
        /// Its content.
        digest: Digest,
        /// Why not.
        #[source]
        err: CompileError,
    },
    /// An import or its type is not what this host offers.
    #[error("plugin `{plugin}` ({digest}) does not fit this host: {reason}")]
    Link {
        /// The plugin.
        plugin: String,
        /// Its content.
        digest: Digest,
        /// What does not fit.
        reason: String,
    },
}

impl RuntimeError {
    #[expect(clippy::needless_pass_by_value, reason = "a function for map_err")]
    pub(crate) fn engine(err: wasmtime::Error) -> Self {
        Self::Engine(format!("{err:#}"))
    }
}

/// A call that gave no usable answer.
#[derive(Debug, thiserror::Error)]
#[error("plugin `{plugin}` ({digest}) gave no answer to `{call}`")]
pub struct PluginError {
    /// The plugin, as the workspace names it.
    pub plugin: String,
    /// Its content.
    pub digest: Digest,
    /// The function of its contract.
    pub call: &'static str,
    /// What happened.
    #[source]
    pub fault: Box<Fault>,
}

/// What happened to a call.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// The infra provider said why it cannot answer.
    #[error(transparent)]
    Provider(ProviderError),
    /// The secret store said why it cannot answer.
    #[error(transparent)]
    Store(StoreError),
    /// The pooling strategy said why it cannot answer.
    #[error(transparent)]
    Strategy(StrategyError),
    /// A bound of the call was passed.
    #[error(transparent)]
    Limit(LimitReached),
    /// The guest stopped by itself, as on a panic.
    #[error("it crashed: {0}")]
    Trap(String),
    /// It did what a call of this kind must not do.
    #[error("it may not {0}")]
    Denied(String),
    /// Its answer is refused by the policy for what a plugin makes.
    #[error("its answer is refused: {}", in_one_line(.0))]
    Refused(Vec<Refusal>),
    /// Its answer makes no sense.
    #[error("its answer makes no sense: {0}")]
    Answer(String),
    /// It does not implement the kind, or the grant does not hold it.
    #[error("it may not be called as `{0}`")]
    NoSuchKind(Kind),
    /// The host failed while it ran.
    #[error("the host failed: {0}")]
    Host(String),
}

fn in_one_line(refusals: &[Refusal]) -> String {
    refusals.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}
