//! TLS failures in the words of Go's library, which logs and callers of the database see.

use std::error::Error as StdError;
use std::io;

use rustls::{AlertDescription, CertificateError};
use rustls_pki_types::{ServerName, UnixTime};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// What Go would say of `err`, if a TLS failure is anywhere in its chain of causes.
pub fn tls_failure(err: &(dyn StdError + 'static)) -> Option<String> {
    let mut cause = Some(err);
    while let Some(err) = cause {
        if let Some(tls) = err.downcast_ref::<rustls::Error>() {
            return Some(of_error(tls));
        }
        // `source()` of an `io::Error` skips the error inside.
        let inner = err.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        if let Some(text) = inner.and_then(|inner| tls_failure(inner)) {
            return Some(text);
        }
        cause = err.source();
    }
    None
}

/// What Go would say of a failed handshake.
pub fn handshake(err: &io::Error) -> String {
    if let Some(text) = tls_failure(err) {
        return text;
    }
    match err.kind() {
        io::ErrorKind::UnexpectedEof => "EOF".to_owned(),
        io::ErrorKind::ConnectionReset => "read: connection reset by peer".to_owned(),
        _ => err.to_string(),
    }
}

/// What Go would say of one error of the TLS library.
pub fn of_error(err: &rustls::Error) -> String {
    match err {
        rustls::Error::AlertReceived(alert) => format!("remote error: tls: {}", alert_text(*alert)),
        rustls::Error::InvalidCertificate(problem) => {
            format!("tls: failed to verify certificate: {}", certificate_text(problem))
        }
        rustls::Error::NoApplicationProtocol => "tls: no application protocol".to_owned(),
        rustls::Error::InvalidMessage(_) => "tls: first record does not look like a TLS handshake".to_owned(),
        other => format!("tls: {other}"),
    }
}

fn certificate_text(problem: &CertificateError) -> String {
    match problem {
        CertificateError::ExpiredContext { time, not_after } => format!(
            "x509: certificate has expired or is not yet valid: current time {} is after {}",
            rfc3339(*time),
            rfc3339(*not_after)
        ),
        CertificateError::NotValidYetContext { time, not_before } => format!(
            "x509: certificate has expired or is not yet valid: current time {} is before {}",
            rfc3339(*time),
            rfc3339(*not_before)
        ),
        CertificateError::Expired | CertificateError::NotValidYet => {
            "x509: certificate has expired or is not yet valid".to_owned()
        }
        CertificateError::UnknownIssuer => "x509: certificate signed by unknown authority".to_owned(),
        CertificateError::NotValidForNameContext { expected, presented } => wrong_name(expected, presented),
        CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => {
            "x509: certificate specifies an incompatible key usage".to_owned()
        }
        other => format!("x509: {other}"),
    }
}

fn wrong_name(expected: &ServerName<'_>, presented: &[String]) -> String {
    // The library shows names as `DnsName("a")` and `IpAddress(127.0.0.1)`.
    let pick = |prefix: &str| -> Vec<String> {
        presented
            .iter()
            .filter_map(|name| name.strip_prefix(prefix)?.strip_suffix(')'))
            .map(|name| name.trim_matches('"').to_owned())
            .collect()
    };
    let expected_text = expected.to_str();
    if let ServerName::IpAddress(_) = expected {
        let addresses = pick("IpAddress(");
        if addresses.is_empty() {
            return format!(
                "x509: cannot validate certificate for {expected_text} because it doesn't contain any IP SANs"
            );
        }
        return format!("x509: certificate is valid for {}, not {expected_text}", addresses.join(", "));
    }
    let names = pick("DnsName(");
    if names.is_empty() {
        return format!("x509: certificate is not valid for any names, but wanted to match {expected_text}");
    }
    format!("x509: certificate is valid for {}, not {expected_text}", names.join(", "))
}

fn alert_text(alert: AlertDescription) -> String {
    match alert {
        AlertDescription::BadCertificate => "bad certificate".to_owned(),
        AlertDescription::UnknownCA => "unknown certificate authority".to_owned(),
        AlertDescription::CertificateExpired => "expired certificate".to_owned(),
        AlertDescription::CertificateRevoked => "revoked certificate".to_owned(),
        AlertDescription::CertificateUnknown => "unknown certificate".to_owned(),
        AlertDescription::CertificateRequired => "certificate required".to_owned(),
        AlertDescription::UnsupportedCertificate => "unsupported certificate".to_owned(),
        AlertDescription::HandshakeFailure => "handshake failure".to_owned(),
        AlertDescription::AccessDenied => "access denied".to_owned(),
        AlertDescription::DecryptError => "error decrypting message".to_owned(),
        AlertDescription::ProtocolVersion => "protocol version not supported".to_owned(),
        AlertDescription::InternalError => "internal error".to_owned(),
        AlertDescription::UnrecognisedName => "unrecognized name".to_owned(),
        AlertDescription::NoApplicationProtocol => "no application protocol".to_owned(),
        other => format!("alert({})", u8::from(other)),
    }
}

fn rfc3339(time: UnixTime) -> String {
    let seconds = i64::try_from(time.as_secs()).unwrap_or(i64::MAX);
    OffsetDateTime::from_unix_timestamp(seconds)
        .ok()
        .and_then(|time| time.format(&Rfc3339).ok())
        .unwrap_or_else(|| format!("unix {seconds}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_name_lists_what_the_certificate_is_good_for() {
        let err = rustls::Error::InvalidCertificate(CertificateError::NotValidForNameContext {
            expected: ServerName::try_from("c").expect("a name"),
            presented: vec!["DnsName(\"a\")".into(), "DnsName(\"b\")".into(), "IpAddress(127.0.0.1)".into()],
        });
        assert_eq!(of_error(&err), "tls: failed to verify certificate: x509: certificate is valid for a, b, not c");
    }

    #[test]
    fn a_tls_failure_is_found_inside_nested_io_errors() {
        let tls = rustls::Error::AlertReceived(AlertDescription::UnknownCA);
        let io = io::Error::other(io::Error::new(io::ErrorKind::InvalidData, tls));
        assert_eq!(tls_failure(&io).as_deref(), Some("remote error: tls: unknown certificate authority"));
    }
}
