//! What a TLS error means for who trusts whom.

use std::io;

use hangar_plan::strategy::observation::TlsOutcome;
use rustls::{AlertDescription, CertificateError, Error};

use crate::probe::{chain, tls_error};

/// How a handshake and its call ended, in a class and in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Verdict {
    pub(super) outcome: TlsOutcome,
    pub(super) detail: String,
}

impl Verdict {
    pub(super) fn new(outcome: TlsOutcome, detail: impl Into<String>) -> Self {
        Self { outcome, detail: detail.into() }
    }

    pub(super) fn other(detail: impl Into<String>) -> Self {
        Self::new(TlsOutcome::Other, detail)
    }
}

/// What a handshake that did not come about means.
pub(super) fn of_handshake(err: &io::Error) -> Verdict {
    match tls_error(err) {
        Some(err) => of(err),
        None => Verdict::other(format!("no handshake: {}", chain(err))),
    }
}

/// What a TLS error means: ours about the server's certificate, or the server's word about ours.
pub(super) fn of(err: &Error) -> Verdict {
    let outcome = match err {
        Error::InvalidCertificate(reason) => of_certificate(reason),
        Error::AlertReceived(alert) => of_alert(*alert),
        _ => TlsOutcome::Other,
    };
    Verdict::new(outcome, err.to_string())
}

fn of_certificate(reason: &CertificateError) -> TlsOutcome {
    match reason {
        CertificateError::Expired
        | CertificateError::ExpiredContext { .. }
        | CertificateError::NotValidYet
        | CertificateError::NotValidYetContext { .. } => TlsOutcome::Expired,
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => TlsOutcome::NameMismatch,
        // With two authorities of one name the signature is tried with the wrong one's key.
        CertificateError::UnknownIssuer | CertificateError::BadSignature => TlsOutcome::ServerUntrusted,
        _ => TlsOutcome::Other,
    }
}

/// Go says `unknown_ca` for an authority it does not know, `certificate_expired` for a time that has passed or not come, and
/// `bad_certificate` for anything else.
fn of_alert(alert: AlertDescription) -> TlsOutcome {
    match alert {
        AlertDescription::UnknownCA => TlsOutcome::AuthorityUnknown,
        AlertDescription::CertificateExpired => TlsOutcome::Expired,
        AlertDescription::AccessDenied => TlsOutcome::IdentityRefused,
        _ => TlsOutcome::Other,
    }
}
