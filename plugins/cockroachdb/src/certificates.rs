//! The certificates an instance needs, by the rules of the database.

use hangar_sdk::pooling_strategy::{
    CertificatePolicy, Error, Intent, KeyAlgorithm, KeyUsage, Placement, Profile, Reload, SubjectAlternative,
};

use crate::config::Config;
use crate::names::Names;

/// Program whose process is told to read its certificates again.
const PROCESS: &str = "cockroach";

/// Says which leaves an instance needs: the nodes' own, which both serves and dials, and the root client's.
///
/// The database takes CN *and every DNS name* of a certificate for its principals, so no other certificate may carry
/// `node` or `root` as either.
///
/// # Errors
///
/// [`Error::Invalid`] with every finding about the block.
pub fn certificates(config: &str, intent: &Intent) -> Result<CertificatePolicy, Error> {
    Ok(policy(&Config::parse(config)?, intent))
}

pub(crate) fn policy(config: &Config, intent: &Intent) -> CertificatePolicy {
    let names = Names::new(&intent.instance, config.layout);
    let mut alternatives: Vec<_> = names.node_alternatives().into_iter().map(SubjectAlternative::Dns).collect();
    alternatives.push(SubjectAlternative::Ip("127.0.0.1".into()));
    let leaf =
        |id: &str, principal: &str, usages: Vec<KeyUsage>, alternatives, secret: String, files: [&str; 2]| Profile {
            id: id.into(),
            subject: vec![("O".into(), "Cockroach".into()), ("CN".into(), principal.into())],
            alternatives,
            usages,
            algorithm: KeyAlgorithm::EcdsaP256,
            lifetime_hours: config.leaf_days * 24,
            placement: Placement {
                secret,
                certificate_file: files[0].into(),
                key_file: files[1].into(),
                bundle_file: Some("ca.crt".into()),
            },
            workload: names.workload(),
            reload: Reload::Signal(PROCESS.into()),
        };
    let node = leaf(
        "node",
        "node",
        vec![KeyUsage::ServerAuth, KeyUsage::ClientAuth],
        alternatives,
        names.node_secret(),
        ["node.crt", "node.key"],
    );
    let root = leaf(
        "client-root",
        "root",
        vec![KeyUsage::ClientAuth],
        Vec::new(),
        names.client_secret(),
        ["client.root.crt", "client.root.key"],
    );
    CertificatePolicy {
        profiles: vec![node, root],
        reserved_names: vec!["node".into(), "root".into()],
        authority_algorithm: KeyAlgorithm::EcdsaP256,
        authority_lifetime_hours: config.authority_days * 24,
        distinct_authority_subjects: true,
    }
}
