//! The certificate authorities of a record, as far as the roster must know them.

use x509_parser::pem::parse_x509_pem;

use crate::digest::CaFingerprint;

/// What tells one authority from another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AuthorityMark {
    pub(crate) fingerprint: CaFingerprint,
    /// Subject as encoded.
    pub(crate) subject: Vec<u8>,
}

impl AuthorityMark {
    /// Reads one PEM block that is a certificate authority and nothing else.
    pub(crate) fn read(text: &str) -> Result<Self, &'static str> {
        if !text.starts_with("-----BEGIN CERTIFICATE-----") {
            return Err("not one PEM block");
        }
        let (rest, block) = parse_x509_pem(text.as_bytes()).map_err(|_| "not one PEM block")?;
        if !rest.iter().all(u8::is_ascii_whitespace) {
            return Err("more than one PEM block");
        }
        let (rest, certificate) =
            x509_parser::parse_x509_certificate(&block.contents).map_err(|_| "not an X.509 certificate")?;
        if !rest.is_empty() {
            return Err("more than a certificate");
        }
        if !certificate.is_ca() {
            return Err("not a certificate authority");
        }
        let subject = certificate.subject().as_raw().to_vec();
        Ok(Self { fingerprint: CaFingerprint::of(&block.contents), subject })
    }
}
