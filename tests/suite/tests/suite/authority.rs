//! An authority of which a case has the key, and the leaves that database nodes want of it.

use std::fs;

use age::x25519::Identity;
use anyhow::{Context as _, Result, anyhow};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    date_time_ymd,
};
use serde_json::Value;
use test_support::Workspace;

/// An authority that is made by hand, or opened by hand.
pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
    key: String,
}

impl Authority {
    /// That of somebody who has no `hangar`.
    pub(crate) fn new(name: &str) -> Result<Self> {
        let mut params = CertificateParams::new(Vec::new())?;
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, name);
        let key = KeyPair::generate()?;
        let pem = params.self_signed(&key)?.pem();
        Self::read(pem, key.serialize_pem())
    }

    /// The first one of an organisation, out of its secret store and without the host, as `docs/security/keys.md` says: what the
    /// installation has sealed, in a file that is sealed.
    pub(crate) fn of(workspace: &Workspace) -> Result<Self> {
        let identity = |file: &str| -> Result<Identity> {
            let text = fs::read_to_string(workspace.config().join(file))?;
            let line = text.lines().find(|line| !line.starts_with('#')).unwrap_or_default();
            line.parse().map_err(|err: &str| anyhow!("`{file}`: {err}"))
        };
        let file = fs::read(workspace.folder.join(".hangar/sealed/secrets.age"))?;
        let store = age::decrypt(&identity("sealed-file.key")?, &file)?;
        // The number of the write comes first.
        let document: Value = serde_json::from_slice(store.get(8..).context("an empty store")?)?;
        let value = document["secrets"]["authority/1"][0]["value"].as_str().context("no authority")?;
        let text = String::from_utf8(age::decrypt(&identity("installation.key")?, &STANDARD.decode(value)?)?)?;
        let text = text.strip_prefix("hangar-envelope/v1 authority/1\n").context("another secret")?;
        let (pem, key) = text.split_once("-----BEGIN PRIVATE KEY-----").context("no key")?;
        Self::read(pem.to_owned(), format!("-----BEGIN PRIVATE KEY-----{key}"))
    }

    fn read(pem: String, key: String) -> Result<Self> {
        Ok(Self { issuer: Issuer::from_ca_cert_pem(&pem, KeyPair::from_pem(&key)?)?, pem, key })
    }

    pub(crate) fn pem(&self) -> String {
        self.pem.clone()
    }

    /// Its private key, which some put into a cluster.
    pub(crate) fn key(&self) -> &str {
        &self.key
    }

    /// Certificate and key of a node, or of a user of the database.
    pub(crate) fn leaf(&self, name: &str, names: Vec<String>) -> Result<(String, String)> {
        self.sign(name, names, |_| {})
    }

    /// The same, long over.
    pub(crate) fn leaf_of_old(&self, name: &str, names: Vec<String>) -> Result<(String, String)> {
        self.sign(name, names, |params| {
            params.not_before = date_time_ymd(2020, 1, 1);
            params.not_after = date_time_ymd(2021, 1, 1);
        })
    }

    fn sign(
        &self,
        name: &str,
        names: Vec<String>,
        set: impl FnOnce(&mut CertificateParams),
    ) -> Result<(String, String)> {
        let mut params = CertificateParams::new(names)?;
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::OrganizationName, "Cockroach");
        params.distinguished_name.push(DnType::CommonName, name);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        set(&mut params);
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
