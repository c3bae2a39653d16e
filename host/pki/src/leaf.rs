//! Certificates that are not authorities, as profiles want them.

use std::net::IpAddr;

use hangar_plan::strategy::certificate::{KeyUsage, Profile, SubjectAlternative};
use rcgen::{CertificateParams, ExtendedKeyUsagePurpose, IsCa, KeyUsagePurpose, SanType, SerialNumber};
use rustls_pki_types::DnsName;
use time::OffsetDateTime;

use crate::subject::distinguished;
use crate::{Certificate, Key, PkiError};

/// A leaf and its key.
#[derive(Debug)]
pub struct Leaf {
    /// The certificate.
    pub certificate: Certificate,
    /// Its private key.
    pub key: Key,
}

/// Lays a profile out as a certificate that is valid in this span.
pub(crate) fn params(profile: &Profile, not_before_ms: u64, not_after_ms: u64) -> Result<CertificateParams, PkiError> {
    let mut params = CertificateParams::default();
    params.distinguished_name = distinguished(&profile.subject)?;
    params.subject_alt_names = alternatives(&profile.alternatives)?;
    // Stated, not left out: with it goes the subject key identifier, by which an issuer is found among equal names.
    params.is_ca = IsCa::ExplicitNoCa;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature, KeyUsagePurpose::KeyEncipherment];
    params.extended_key_usages = profile.usages.iter().map(purpose).collect();
    params.use_authority_key_identifier_extension = true;
    params.serial_number = Some(random_serial()?);
    params.not_before = moment(not_before_ms)?;
    params.not_after = moment(not_after_ms)?;
    Ok(params)
}

/// 128 random bits, as `cockroach cert` takes (`pkg/security/x509.go`); never zero in practice, always positive in DER.
pub(crate) fn random_serial() -> Result<SerialNumber, PkiError> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|err| PkiError::Random { err })?;
    Ok(SerialNumber::from_slice(&bytes))
}

pub(crate) fn moment(ms: u64) -> Result<OffsetDateTime, PkiError> {
    // A certificate counts whole seconds. The year must have four digits (RFC 5280, 4.1.2.5).
    let seconds = i64::try_from(ms / 1000).map_err(|_| PkiError::Time { ms })?;
    OffsetDateTime::from_unix_timestamp(seconds).ok().filter(|time| time.year() <= 9999).ok_or(PkiError::Time { ms })
}

fn purpose(usage: &KeyUsage) -> ExtendedKeyUsagePurpose {
    match usage {
        KeyUsage::ServerAuth => ExtendedKeyUsagePurpose::ServerAuth,
        KeyUsage::ClientAuth => ExtendedKeyUsagePurpose::ClientAuth,
    }
}

fn alternatives(names: &[SubjectAlternative]) -> Result<Vec<SanType>, PkiError> {
    let mut all = Vec::with_capacity(names.len());
    for name in names {
        let name = alternative(name)?;
        if !all.contains(&name) {
            all.push(name);
        }
    }
    Ok(all)
}

fn alternative(name: &SubjectAlternative) -> Result<SanType, PkiError> {
    let refused = |value: &str, reason| PkiError::Alternative { value: value.to_owned(), reason };
    match name {
        SubjectAlternative::Dns(name) => {
            if name.parse::<IpAddr>().is_ok() {
                return Err(refused(name, "is an address: state it as `ip`"));
            }
            let stem = name.strip_prefix("*.").unwrap_or(name);
            DnsName::try_from(stem).map_err(|_| refused(name, "is not a DNS name"))?;
            Ok(SanType::DnsName(name.as_str().try_into().map_err(|_| refused(name, "is not ASCII"))?))
        }
        SubjectAlternative::Ip(address) => {
            Ok(SanType::IpAddress(address.parse().map_err(|_| refused(address, "is not an IP address"))?))
        }
        SubjectAlternative::Uri(uri) => {
            Ok(SanType::URI(uri.as_str().try_into().map_err(|_| refused(uri, "is not ASCII"))?))
        }
    }
}
