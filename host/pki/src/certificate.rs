//! One X.509 certificate, read once.

use std::fmt;
use std::net::IpAddr;

use hangar_plan::strategy::certificate::{KeyUsage, SubjectAlternative};
use rustls_pki_types::CertificateDer;
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::{GeneralName, ParsedExtension};
use x509_parser::public_key::PublicKey;

use crate::subject::rfc4514;
use crate::{Bundle, Fingerprint, PkiError};

/// One certificate: its bytes, and what is read from them. All of it is public.
#[derive(Clone)]
pub struct Certificate {
    der: CertificateDer<'static>,
    fingerprint: Fingerprint,
    read: Box<Read>,
}

/// What is read from the bytes.
#[derive(Clone)]
struct Read {
    subject: String,
    issuer: String,
    raw_subject: Vec<u8>,
    common_names: Vec<String>,
    alternatives: Vec<SubjectAlternative>,
    usages: Vec<KeyUsage>,
    not_before_ms: u64,
    not_after_ms: u64,
    is_authority: bool,
    may_sign_certificates: bool,
    has_subject_key_id: bool,
    public_key: Vec<u8>,
    key_strength: KeyStrength,
}

/// How hard a public key is to break.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum KeyStrength {
    /// RSA modulus in bits.
    Rsa(usize),
    /// Field of the curve in bits.
    Ec(usize),
    /// A fixed curve or a kind that has no sizes.
    Fixed,
}

impl Certificate {
    /// Reads a certificate from its DER form; bytes after it are an error.
    ///
    /// # Errors
    ///
    /// [`PkiError::Unparsable`], as block 1.
    pub fn from_der(der: impl Into<Vec<u8>>) -> Result<Self, PkiError> {
        Self::block(der.into(), 1)
    }

    /// Reads the one certificate of a PEM text.
    ///
    /// # Errors
    ///
    /// As [`Bundle::parse`], and [`PkiError::NotOne`] for more than one.
    pub fn from_pem(text: &str) -> Result<Self, PkiError> {
        let mut all = Bundle::parse(text)?.into_iter();
        match (all.next(), all.len()) {
            (Some(one), 0) => Ok(one),
            (_, n_more) => Err(PkiError::NotOne { n_found: n_more + 1 }),
        }
    }

    /// Reads a certificate that stands at this place of a file, from 1.
    pub(crate) fn block(der: Vec<u8>, index: usize) -> Result<Self, PkiError> {
        let unparsable = |detail: String| PkiError::Unparsable { index, detail };
        let (rest, parsed) = x509_parser::parse_x509_certificate(&der).map_err(|err| unparsable(err.to_string()))?;
        if !rest.is_empty() {
            return Err(unparsable(format!("{} bytes follow it", rest.len())));
        }
        let read = Box::new(Read::of(&parsed).map_err(unparsable)?);
        Ok(Self { fingerprint: Fingerprint::of(&der), read, der: der.into() })
    }

    /// The bytes.
    #[must_use]
    pub fn der(&self) -> &CertificateDer<'static> {
        &self.der
    }

    /// The certificate as one PEM block that ends with a newline.
    #[must_use]
    pub fn to_pem(&self) -> String {
        let config = pem::EncodeConfig::new().set_line_ending(pem::LineEnding::LF);
        pem::encode_config(&pem::Pem::new("CERTIFICATE", self.der.to_vec()), config)
    }

    /// SHA-256 over the bytes.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }

    /// Subject in the form of RFC 4514.
    #[must_use]
    pub fn subject(&self) -> &str {
        &self.read.subject
    }

    /// Issuer in the form of RFC 4514.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.read.issuer
    }

    /// Subject as encoded: two subjects are the same only if these bytes are.
    #[must_use]
    pub fn raw_subject(&self) -> &[u8] {
        &self.read.raw_subject
    }

    /// Common names of the subject; one, as a rule.
    #[must_use]
    pub fn common_names(&self) -> &[String] {
        &self.read.common_names
    }

    /// Alternative names, in their order.
    #[must_use]
    pub fn alternatives(&self) -> &[SubjectAlternative] {
        &self.read.alternatives
    }

    /// Extended key usages that matter here.
    #[must_use]
    pub fn usages(&self) -> &[KeyUsage] {
        &self.read.usages
    }

    /// Start of its validity, in milliseconds since 1970.
    #[must_use]
    pub fn not_before_ms(&self) -> u64 {
        self.read.not_before_ms
    }

    /// End of its validity, in milliseconds since 1970.
    #[must_use]
    pub fn not_after_ms(&self) -> u64 {
        self.read.not_after_ms
    }

    /// Whether its basic constraints make it an authority.
    #[must_use]
    pub fn is_authority(&self) -> bool {
        self.read.is_authority
    }

    /// Names that CockroachDB, and programs like it, take for the identity of a client: common names and DNS names.
    pub fn principals(&self) -> impl Iterator<Item = &str> {
        let dns = self.read.alternatives.iter().filter_map(|name| match name {
            SubjectAlternative::Dns(name) => Some(name.as_str()),
            SubjectAlternative::Ip(_) | SubjectAlternative::Uri(_) => None,
        });
        self.read.common_names.iter().map(String::as_str).chain(dns)
    }

    pub(crate) fn public_key(&self) -> &[u8] {
        &self.read.public_key
    }

    pub(crate) fn key_strength(&self) -> KeyStrength {
        self.read.key_strength
    }

    pub(crate) fn may_sign_certificates(&self) -> bool {
        self.read.may_sign_certificates
    }

    pub(crate) fn has_subject_key_id(&self) -> bool {
        self.read.has_subject_key_id
    }

    /// Whether the certificate's signature is of its own key.
    pub(crate) fn signed_itself(&self) -> bool {
        x509_parser::parse_x509_certificate(&self.der).is_ok_and(|(_, parsed)| parsed.verify_signature(None).is_ok())
    }
}

impl Read {
    fn of(parsed: &X509Certificate<'_>) -> Result<Self, String> {
        let names = parsed.subject_alternative_name().map_err(|err| err.to_string())?;
        let usages = parsed.extended_key_usage().map_err(|err| err.to_string())?;
        let key_usage = parsed.key_usage().map_err(|err| err.to_string())?;
        let has_subject_key_id = parsed
            .iter_extensions()
            .any(|ext| matches!(ext.parsed_extension(), ParsedExtension::SubjectKeyIdentifier(_)));
        let strings = parsed.subject().iter_common_name().map(|name| name.as_str().map(str::to_owned));
        Ok(Self {
            subject: rfc4514(parsed.subject()),
            issuer: rfc4514(parsed.issuer()),
            raw_subject: parsed.subject().as_raw().to_vec(),
            common_names: strings.collect::<Result<_, _>>().map_err(|err| err.to_string())?,
            alternatives: names
                .map(|names| names.value.general_names.iter().filter_map(alternative).collect())
                .unwrap_or_default(),
            usages: usages.map(|usages| usages_of(usages.value)).unwrap_or_default(),
            not_before_ms: milliseconds(parsed.validity().not_before.timestamp()),
            not_after_ms: milliseconds(parsed.validity().not_after.timestamp()),
            is_authority: parsed.is_ca(),
            may_sign_certificates: key_usage.is_none_or(|usage| usage.value.key_cert_sign()),
            has_subject_key_id,
            public_key: parsed.public_key().raw.to_vec(),
            key_strength: match parsed.public_key().parsed() {
                Ok(PublicKey::RSA(key)) => KeyStrength::Rsa(key.key_size()),
                Ok(PublicKey::EC(point)) => KeyStrength::Ec(point.key_size()),
                _ => KeyStrength::Fixed,
            },
        })
    }
}

fn alternative(name: &GeneralName<'_>) -> Option<SubjectAlternative> {
    match name {
        GeneralName::DNSName(name) => Some(SubjectAlternative::Dns((*name).to_owned())),
        GeneralName::URI(uri) => Some(SubjectAlternative::Uri((*uri).to_owned())),
        GeneralName::IPAddress(bytes) => {
            let v4 = <[u8; 4]>::try_from(*bytes).map(IpAddr::from);
            let address = v4.or_else(|_| <[u8; 16]>::try_from(*bytes).map(IpAddr::from));
            address.ok().map(|address| SubjectAlternative::Ip(address.to_string()))
        }
        _ => None,
    }
}

fn usages_of(usages: &x509_parser::extensions::ExtendedKeyUsage<'_>) -> Vec<KeyUsage> {
    let both = [(usages.server_auth, KeyUsage::ServerAuth), (usages.client_auth, KeyUsage::ClientAuth)];
    both.into_iter().filter(|(stated, _)| *stated || usages.any).map(|(_, usage)| usage).collect()
}

fn milliseconds(seconds: i64) -> u64 {
    u64::try_from(seconds).unwrap_or(0).saturating_mul(1000)
}

impl PartialEq for Certificate {
    fn eq(&self, other: &Self) -> bool {
        self.fingerprint == other.fingerprint
    }
}

impl Eq for Certificate {}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Certificate")
            .field("subject", &self.read.subject)
            .field("fingerprint", &self.fingerprint)
            .finish()
    }
}
