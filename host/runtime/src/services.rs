//! What the host lends to plugins: given by the caller, used within the grant.

use std::sync::Arc;

use async_trait::async_trait;

use crate::credentials::{Credentials, NoCredentials};
use crate::http::{Resolver, SystemResolver};
use crate::redact::Redactor;
use crate::sealed_file::SealedStore;

/// Everything that stands behind the imports of a plugin. The default lends nothing but the log.
#[derive(Clone)]
pub struct Services {
    /// Credentials by slot.
    pub credentials: Arc<dyn Credentials>,
    /// The sealed file of this instance.
    pub sealed_file: Option<Arc<dyn SealedStore>>,
    /// Where plugins keep their few values.
    pub state: Option<Arc<dyn StateStore>>,
    /// Where lines go.
    pub log: Arc<dyn Log>,
    /// Finds the addresses of names.
    pub resolver: Arc<dyn Resolver>,
    /// What must never be shown. Shared with the caller's own logs.
    pub redactor: Redactor,
}

impl Default for Services {
    fn default() -> Self {
        Self {
            credentials: Arc::new(NoCredentials),
            sealed_file: None,
            state: None,
            log: Arc::new(TracingLog),
            resolver: Arc::new(SystemResolver),
            redactor: Redactor::default(),
        }
    }
}

/// Keeps a few small values for each plugin.
#[async_trait]
pub trait StateStore: Send + Sync {
    /// Returns a value, or none.
    ///
    /// # Errors
    ///
    /// In words for an operator.
    async fn get(&self, plugin: &str, key: &str) -> Result<Option<Vec<u8>>, String>;

    /// Keeps a value; none forgets it. Durable when it returns.
    ///
    /// # Errors
    ///
    /// In words for an operator.
    async fn set(&self, plugin: &str, key: &str, value: Option<&[u8]>) -> Result<(), String>;

    /// How many values there are.
    ///
    /// # Errors
    ///
    /// In words for an operator.
    async fn count(&self, plugin: &str) -> Result<usize, String>;
}

/// Takes the lines that plugins write.
pub trait Log: Send + Sync {
    /// Takes one line, already cut and redacted.
    fn line(&self, line: &Line<'_>);
}

/// One line of a plugin.
#[derive(Debug, Clone, Copy)]
pub struct Line<'a> {
    /// The plugin.
    pub plugin: &'a str,
    /// The function that wrote it.
    pub call: &'a str,
    /// How much it matters.
    pub level: tracing::Level,
    /// What it says.
    pub message: &'a str,
    /// Names and values, as `name=value`, parted by spaces.
    pub fields: &'a str,
}

/// Hands lines to `tracing`, under the target `plugin`.
#[derive(Debug, Clone, Copy, Default)]
pub struct TracingLog;

impl Log for TracingLog {
    fn line(&self, line: &Line<'_>) {
        let Line { plugin, call, level, message, fields } = *line;
        macro_rules! event {
            ($level:ident) => { tracing::event!(target: "plugin", tracing::Level::$level, plugin, call, fields, "{message}") };
        }
        match level {
            tracing::Level::TRACE => event!(TRACE),
            tracing::Level::DEBUG => event!(DEBUG),
            tracing::Level::INFO => event!(INFO),
            tracing::Level::WARN => event!(WARN),
            tracing::Level::ERROR => event!(ERROR),
        }
    }
}
