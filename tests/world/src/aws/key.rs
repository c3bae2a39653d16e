use std::fmt;

/// A long-lived key of an AWS account. Its secret is never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct AccessKey {
    /// Public part, such as `AKIA…`.
    pub id: String,
    secret: String,
}

impl AccessKey {
    /// Puts both parts together.
    pub fn new(id: impl Into<String>, secret: impl Into<String>) -> Self {
        Self { id: id.into(), secret: secret.into() }
    }

    /// The part that signs.
    #[must_use]
    pub fn secret(&self) -> &str {
        &self.secret
    }
}

impl fmt::Debug for AccessKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AccessKey").field("id", &self.id).finish_non_exhaustive()
    }
}
