//! An authority of somebody who has no `hangar`, and the leaves that database nodes want of it.

use anyhow::Result;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair,
};

/// An authority that is made by hand.
pub(crate) struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    key: String,
}

impl Authority {
    pub(crate) fn new(name: &str) -> Result<Self> {
        let mut params = CertificateParams::new(Vec::new())?;
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, name);
        let key = KeyPair::generate()?;
        Ok(Self { key: key.serialize_pem(), issuer: CertifiedIssuer::self_signed(params, key)? })
    }

    pub(crate) fn pem(&self) -> String {
        self.issuer.pem()
    }

    /// Its private key, which some put into a cluster.
    pub(crate) fn key(&self) -> &str {
        &self.key
    }

    /// Certificate and key of a node, or of a user of the database.
    pub(crate) fn leaf(&self, name: &str, names: Vec<String>) -> Result<(String, String)> {
        let mut params = CertificateParams::new(names)?;
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::OrganizationName, "Cockroach");
        params.distinguished_name.push(DnType::CommonName, name);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        let key = KeyPair::generate()?;
        Ok((params.signed_by(&key, &self.issuer)?.pem(), key.serialize_pem()))
    }
}

/// Names of Services inside a cluster, in all their lengths, and that of the machine itself.
pub(crate) fn in_cluster(services: &[&str], namespace: &str) -> Vec<String> {
    let ends = [String::new(), format!(".{namespace}"), format!(".{namespace}.svc.cluster.local")];
    let names = services.iter().flat_map(|name| ends.iter().map(move |end| format!("{name}{end}")));
    names.chain(["localhost".to_owned()]).collect()
}
