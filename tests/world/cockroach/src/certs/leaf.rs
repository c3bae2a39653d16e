//! One certificate as the database looks at it.

use rustls_pki_types::CertificateDer;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer as _, X509Certificate};

/// Names and times of a certificate. Nothing here is verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leaf {
    pub common_name: String,
    pub subject: String,
    pub dns_names: Vec<String>,
    pub ip_addresses: Vec<String>,
    pub uris: Vec<String>,
    pub serial: String,
    /// Seconds since 1970.
    pub not_before: i64,
    /// Seconds since 1970.
    pub not_after: i64,
}

impl Leaf {
    /// Reads a certificate.
    ///
    /// # Errors
    ///
    /// When the bytes are no certificate.
    pub fn parse(der: &CertificateDer<'_>) -> Result<Self, String> {
        let (rest, cert) =
            X509Certificate::from_der(der).map_err(|err| format!("x509: malformed certificate: {err}"))?;
        if !rest.is_empty() {
            return Err("x509: trailing data".to_owned());
        }
        let common_name = cert.subject().iter_common_name().find_map(|name| name.as_str().ok()).unwrap_or_default();
        let mut leaf = Self {
            common_name: common_name.to_owned(),
            subject: go_subject(&cert),
            dns_names: Vec::new(),
            ip_addresses: Vec::new(),
            uris: Vec::new(),
            serial: cert.raw_serial_as_string(),
            not_before: cert.validity().not_before.timestamp(),
            not_after: cert.validity().not_after.timestamp(),
        };
        let names = cert.subject_alternative_name().map_err(|err| format!("x509: {err}"))?;
        for name in names.iter().flat_map(|extension| &extension.value.general_names) {
            match name {
                GeneralName::DNSName(name) => leaf.dns_names.push((*name).to_owned()),
                GeneralName::URI(uri) => leaf.uris.push((*uri).to_owned()),
                GeneralName::IPAddress(bytes) => leaf.ip_addresses.extend(ip_text(bytes)),
                _ => {}
            }
        }
        Ok(leaf)
    }
}

fn ip_text(bytes: &[u8]) -> Option<String> {
    if let Ok(four) = <[u8; 4]>::try_from(bytes) {
        return Some(std::net::Ipv4Addr::from(four).to_string());
    }
    <[u8; 16]>::try_from(bytes).ok().map(|sixteen| std::net::Ipv6Addr::from(sixteen).to_string())
}

/// The subject as Go prints it: `CN=root,O=Cockroach`, most specific name first.
fn go_subject(cert: &X509Certificate<'_>) -> String {
    let mut parts: Vec<String> = cert
        .subject()
        .iter_attributes()
        .filter_map(|attribute| {
            let value = attribute.as_str().ok()?;
            let name = match attribute.attr_type().to_id_string().as_str() {
                "2.5.4.3" => "CN".to_owned(),
                "2.5.4.10" => "O".to_owned(),
                "2.5.4.11" => "OU".to_owned(),
                "2.5.4.6" => "C".to_owned(),
                "2.5.4.7" => "L".to_owned(),
                "2.5.4.8" => "ST".to_owned(),
                other => other.to_owned(),
            };
            Some(format!("{name}={value}"))
        })
        .collect();
    parts.reverse();
    parts.join(",")
}
