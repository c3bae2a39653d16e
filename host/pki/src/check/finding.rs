//! One thing that is wrong with a certificate.

use hangar_plan::strategy::certificate::KeyUsage;

/// One thing that is wrong with a certificate or a profile; all that is wrong is found at once.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CertificateFinding {
    /// The key is not the certificate's.
    #[error("private key is of another certificate")]
    KeyMismatch,
    /// The time has passed.
    #[error("expired")]
    Expired {
        /// Milliseconds since 1970.
        since_ms: u64,
    },
    /// The time has not come.
    #[error("not yet valid")]
    NotYetValid {
        /// Milliseconds since 1970.
        from_ms: u64,
    },
    /// It may not be used as wanted.
    #[error("cannot be used as TLS {}", match usage { KeyUsage::ServerAuth => "server", KeyUsage::ClientAuth => "client" })]
    MissingUsage {
        /// The use.
        usage: KeyUsage,
    },
    /// It does not cover a name by which it is reached.
    #[error("not valid for `{name}`")]
    MissingName {
        /// The name.
        name: String,
    },
    /// It would give its holder an identity that is not its own.
    #[error("carries the reserved name `{name}`")]
    ReservedName {
        /// The name.
        name: String,
    },
    /// No authority of the bundle vouches for it.
    #[error("issued by `{issuer}`, which the bundle does not hold")]
    UnknownIssuer {
        /// RFC 4514 form.
        issuer: String,
    },
    /// It may not sign certificates.
    #[error("not a certificate authority")]
    NotAuthority,
    /// Two authorities of one name can only be told apart by key identifiers.
    #[error("no subject key identifier")]
    NoKeyIdentifier,
    /// It is not signed with its own key.
    #[error("not signed by itself")]
    NotSelfSigned,
    /// The key can be broken.
    #[error("{kind} key of {bits} bits is too weak")]
    WeakKey {
        /// Kind of key.
        kind: &'static str,
        /// Its size.
        bits: usize,
    },
    /// A strategy's profile makes no sense.
    #[error("profile `{profile}` {reason}")]
    Profile {
        /// Profile.
        profile: String,
        /// Why not.
        reason: &'static str,
    },
}

impl CertificateFinding {
    /// What to do about it, where it is the certificate's owner who must.
    #[must_use]
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::KeyMismatch | Self::Expired { .. } | Self::MissingUsage { .. } | Self::MissingName { .. } => {
                Some("issue it again: `hangar cert renew`")
            }
            Self::NotYetValid { .. } => Some("compare the clocks of both sides"),
            Self::ReservedName { .. } => Some("issue it again without that name; whoever holds it acts under it"),
            Self::UnknownIssuer { .. } => Some("deploy the bundle that holds its authority first"),
            Self::NotAuthority | Self::NoKeyIdentifier | Self::NotSelfSigned | Self::WeakKey { .. } => {
                Some("make a new authority: `hangar pool rotate-ca`")
            }
            Self::Profile { .. } => None,
        }
    }
}
