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

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use hangar_plan::grant::Limits;

    use super::*;
    use crate::call::Purity;
    use crate::services::{Log, Services};

    #[derive(Default)]
    struct Lines(Mutex<Vec<String>>);

    impl Log for Lines {
        fn line(&self, line: &Line<'_>) {
            self.0.lock().expect("no test panics here").push(format!("{} {}", line.message, line.fields));
        }
    }

    /// The lines shown of one that a plugin of a kind writes.
    async fn shown(kind: Kind, message: &str) -> Vec<String> {
        let lines = Arc::new(Lines::default());
        let services = Services { log: lines.clone(), ..Services::default() };
        services.redactor.register("hunter2hunter2");
        let mut call = Call::bare(kind, Purity::Pure, Limits::default(), services);
        let fields = vec![("name".to_owned(), "hunter2hunter2".to_owned())];
        call.write(Level::Info, message.to_owned(), fields).await.expect("a first line");
        lines.0.lock().expect("no test panics here").clone()
    }

    #[tokio::test]
    async fn a_line_is_shown_without_secrets_and_without_control() {
        let lines = shown(Kind::InfraProvider, "a\u{1b}[31m hunter2hunter2\nb").await;
        assert_eq!(lines, ["a [31m [redacted] b name=[redacted]"]);
    }

    #[tokio::test]
    async fn no_word_of_a_secret_store_is_shown() {
        assert_eq!(shown(Kind::SecretStore, "a secret nobody registered").await, Vec::<String>::new());
    }
}
