//! The certificates an instance needs, by the rules of the database.

use hangar_sdk::pooling_strategy::{
    CertificatePolicy, Error, Intent, KeyAlgorithm, KeyUsage, Placement, Profile, Reload, SubjectAlternative,
};

use crate::config::Config;
use crate::names::{Names, USER};

/// Says which leaves an instance needs: one for each node, which its master and its tablet server show and dial with, and the
/// client's.
///
/// SQL takes the common name for the user, so no other certificate may carry one of the database's own users.
///
/// # Errors
///
/// [`Error::Invalid`] with every finding about the block.
pub fn certificates(config: &str, intent: &Intent) -> Result<CertificatePolicy, Error> {
    Ok(policy(&Config::parse(config)?, intent))
}

pub(crate) fn policy(config: &Config, intent: &Intent) -> CertificatePolicy {
    let names = Names::new(&intent.instance);
    let leaf = |id: String, common_name: &str, usages, alternatives, secret, stem: String| Profile {
        id,
        subject: vec![("O".into(), "YugabyteDB".into()), ("CN".into(), common_name.into())],
        alternatives,
        usages,
        algorithm: KeyAlgorithm::EcdsaP256,
        lifetime_hours: config.leaf_days * 24,
        placement: Placement {
            secret,
            certificate_file: format!("{stem}.crt"),
            key_file: format!("{stem}.key"),
            bundle_file: Some("ca.crt".into()),
        },
        workload: names.workload(),
        reload: Reload::Other("yb-ts-cli reload_certificates".into()),
    };
    let mut profiles: Vec<Profile> = Vec::new();
    for node in &intent.instance.nodes {
        let mut alternatives: Vec<_> = names.node_alternatives(node).into_iter().map(SubjectAlternative::Dns).collect();
        alternatives.push(SubjectAlternative::Ip("127.0.0.1".into()));
        let usages = vec![KeyUsage::ServerAuth, KeyUsage::ClientAuth];
        let (id, stem) = (format!("node-{}", node.ordinal), format!("node.{}", node.host));
        profiles.push(leaf(id, &node.host, usages, alternatives, names.node_secret(), stem));
    }
    let usages = vec![KeyUsage::ClientAuth];
    profiles.push(leaf("client".into(), USER, usages, Vec::new(), names.client_secret(), format!("client.{USER}")));
    CertificatePolicy {
        profiles,
        reserved_names: vec![USER.into(), "postgres".into()],
        authority_algorithm: KeyAlgorithm::EcdsaP256,
        authority_lifetime_hours: config.authority_days * 24,
        // Of two authorities with one name it tries the first alone.
        distinct_authority_subjects: true,
    }
}
