//! An organisation's own certificate authority, and what it signs.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, SanType,
};
use time::{Duration, OffsetDateTime};

/// A root certificate and its key.
pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pub(crate) pem: String,
}

/// A certificate to be signed.
pub(crate) struct Leaf {
    common_name: String,
    names: Vec<String>,
    from: OffsetDateTime,
    until: OffsetDateTime,
}

/// A signed certificate with its key.
pub(crate) struct Signed {
    pub(crate) pem: String,
    pub(crate) key: String,
}

impl Authority {
    pub(crate) fn new(organisation: &str) -> Self {
        Self::with_subject(organisation, "CA")
    }

    pub(crate) fn with_subject(organisation: &str, common_name: &str) -> Self {
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::OrganizationName, organisation);
        params.distinguished_name.push(DnType::CommonName, common_name);
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(1));
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature, KeyUsagePurpose::KeyCertSign];
        params.not_before = OffsetDateTime::now_utc() - Duration::days(1);
        params.not_after = OffsetDateTime::now_utc() + Duration::days(3650);
        let cert = params.self_signed(&key).expect("a root certificate");
        Self { pem: cert.pem(), issuer: Issuer::new(params, key) }
    }

    pub(crate) fn sign(&self, leaf: &Leaf) -> Signed {
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::OrganizationName, "Cockroach");
        params.distinguished_name.push(DnType::CommonName, leaf.common_name.as_str());
        params.subject_alt_names = leaf
            .names
            .iter()
            .map(|name| match name.parse() {
                Ok(ip) => SanType::IpAddress(ip),
                Err(_) => SanType::DnsName(name.as_str().try_into().expect("a DNS name")),
            })
            .collect();
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature, KeyUsagePurpose::KeyEncipherment];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        params.not_before = leaf.from;
        params.not_after = leaf.until;
        params.use_authority_key_identifier_extension = true;
        let cert = params.signed_by(&key, &self.issuer).expect("a leaf");
        Signed { pem: cert.pem(), key: key.serialize_pem() }
    }
}

impl Leaf {
    pub(crate) fn new(common_name: &str, names: &[&str]) -> Self {
        let now = OffsetDateTime::now_utc();
        Self {
            common_name: common_name.to_owned(),
            names: names.iter().map(|name| (*name).to_owned()).collect(),
            from: now - Duration::hours(1),
            until: now + Duration::days(365),
        }
    }

    pub(crate) fn node(names: &[&str]) -> Self {
        Self::new("node", names)
    }

    pub(crate) fn expired(mut self) -> Self {
        self.from = OffsetDateTime::now_utc() - Duration::days(2);
        self.until = OffsetDateTime::now_utc() - Duration::days(1);
        self
    }
}

impl Signed {
    /// Writes `<stem>.crt` and `<stem>.key`.
    pub(crate) fn write(&self, dir: &Path, stem: &str) {
        fs::write(dir.join(format!("{stem}.crt")), &self.pem).expect("a writable folder");
        let key = dir.join(format!("{stem}.key"));
        fs::write(&key, &self.key).expect("a writable folder");
        fs::set_permissions(key, fs::Permissions::from_mode(0o600)).expect("our own file");
    }
}

/// Writes a bundle of authorities.
pub(crate) fn write_bundle(dir: &Path, authorities: &[&Authority]) {
    let bundle: String = authorities.iter().map(|authority| authority.pem.as_str()).collect();
    fs::write(dir.join("ca.crt"), bundle).expect("a writable folder");
}
