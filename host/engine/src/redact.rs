//! Keeping secrets out of the journal.

use std::borrow::Cow;

use serde_json::Value;

/// Takes known secrets out of texts. Every text that the journal writes passes through one.
pub trait Redactor: Send + Sync {
    /// Returns the text without secrets.
    fn redact<'text>(&self, text: &'text str) -> Cow<'text, str>;
}

/// Knows no secret.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoSecrets;

impl Redactor for NoSecrets {
    fn redact<'text>(&self, text: &'text str) -> Cow<'text, str> {
        Cow::Borrowed(text)
    }
}

/// Redacts every text in a JSON value, before it is escaped: names of members are texts too.
pub(crate) fn redact_value(redactor: &dyn Redactor, value: Value) -> Value {
    match value {
        Value::String(text) => Value::String(redactor.redact(&text).into_owned()),
        Value::Array(items) => items.into_iter().map(|item| redact_value(redactor, item)).collect(),
        Value::Object(members) => {
            let redacted = members
                .into_iter()
                .map(|(name, member)| (redactor.redact(&name).into_owned(), redact_value(redactor, member)));
            Value::Object(redacted.collect())
        }
        plain => plain,
    }
}
