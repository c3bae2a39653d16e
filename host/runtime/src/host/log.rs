//! `hangar:host/log`.

use hangar_plan::grant::Kind;

use crate::bindings::host::hangar::host::log::{Host, Level};
use crate::call::Call;
use crate::services::Line;

/// Bound of one line, fields included.
const MAX_LINE: usize = 4 * 1024;

impl Host for Call {
    async fn write(&mut self, level: Level, message: String, fields: Vec<(String, String)>) -> wasmtime::Result<()> {
        self.meter.take_log_line()?;
        // A store holds secrets that the host never registered, such as others' values it lists by accident.
        if self.kind == Kind::SecretStore {
            return Ok(());
        }
        let fields: Vec<String> = fields.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let message = self.shown(&message, MAX_LINE);
        let fields = self.shown(&fields.join(" "), MAX_LINE - message.len());
        let (level, call) = (level.into(), self.function);
        self.services.log.line(&Line { plugin: &self.plugin, call, level, message: &message, fields: &fields });
        Ok(())
    }
}

impl Call {
    /// Text of the guest as it may be shown: redacted first, so that no cut leaves half a secret, and on one line.
    fn shown(&self, text: &str, bound: usize) -> String {
        let text = self.services.redactor.redact(text);
        let text: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        let cut = text.floor_char_boundary(bound.min(text.len()));
        text[..cut].to_owned()
    }
}

impl From<Level> for tracing::Level {
    fn from(level: Level) -> Self {
        match level {
            Level::Trace => Self::TRACE,
            Level::Debug => Self::DEBUG,
            Level::Info => Self::INFO,
            Level::Warn => Self::WARN,
            Level::Error => Self::ERROR,
        }
    }
}
