use super::*;
use crate::authority::tests::{NOW, authority, node_profile};
use crate::{Leaf, PkiError};

fn reserved() -> Vec<String> {
    vec!["node".to_owned(), "root".to_owned()]
}

fn with_name(name: &str) -> Profile {
    let mut profile = node_profile();
    profile.alternatives.push(SubjectAlternative::Dns(name.to_owned()));
    profile
}

fn issued(profile: &Profile) -> anyhow::Result<(Leaf, Bundle)> {
    let ours = authority("uss1")?;
    let peers = [authority("uss2")?.certificate().clone(), ours.certificate().clone()].into_iter().collect();
    Ok((ours.issue(profile, &reserved(), NOW)?, peers))
}

#[test]
fn a_fresh_leaf_has_nothing_against_it() -> anyhow::Result<()> {
    let profile = node_profile();
    let (issued, peers) = issued(&profile)?;
    let found = leaf(&issued.certificate, Some(&issued.key), &profile, &peers, &reserved(), NOW);
    assert_eq!(found, []);
    Ok(())
}

#[test]
fn every_fault_of_a_leaf_is_found_at_once() -> anyhow::Result<()> {
    let (mut issued, _) = issued(&node_profile())?;
    issued.key = Key::generate(KeyAlgorithm::EcdsaP256)?;
    let mut wanted = with_name("1.db.uss1.example.com");
    wanted.subject = vec![("CN".to_owned(), "somebody".to_owned())];
    let strangers = [authority("uss3")?.certificate().clone()].into_iter().collect();
    let found = leaf(&issued.certificate, Some(&issued.key), &wanted, &strangers, &reserved(), NOW);
    assert_eq!(
        found,
        [
            CertificateFinding::KeyMismatch,
            CertificateFinding::MissingName { name: "1.db.uss1.example.com".to_owned() },
            CertificateFinding::ReservedName { name: "node".to_owned() },
            CertificateFinding::UnknownIssuer { issuer: issued.certificate.issuer().to_owned() },
        ]
    );
    Ok(())
}

#[test]
fn validity_ends_at_its_second() -> anyhow::Result<()> {
    let profile = node_profile();
    let (issued, peers) = issued(&profile)?;
    let (from, until) = (issued.certificate.not_before_ms(), issued.certificate.not_after_ms());
    let at = |now| leaf(&issued.certificate, None, &profile, &peers, &reserved(), now);
    assert_eq!(at(until), []);
    assert_eq!(at(until + 1000), [CertificateFinding::Expired { since_ms: until }]);
    assert_eq!(at(from - 1000), [CertificateFinding::NotYetValid { from_ms: from }]);
    Ok(())
}

#[test]
fn a_reserved_name_is_refused_in_any_case_and_place() -> anyhow::Result<()> {
    let ours = authority("uss1")?;
    for name in ["root", "ROOT", "Node"] {
        let refused = ours.issue(&with_name(name), &reserved(), NOW);
        assert!(matches!(&refused, Err(PkiError::ReservedName { name: found, .. }) if found == name), "{refused:?}");
    }
    // The node's own name may stand among its DNS names as well: it is who it is.
    assert!(ours.issue(&with_name("node"), &reserved(), NOW).is_ok());
    Ok(())
}

#[test]
fn the_bundle_says_which_authority_vouches_and_only_in_the_right_use() -> anyhow::Result<()> {
    let ours = authority("uss1")?;
    let bundle: Bundle = [authority("uss2")?.certificate().clone(), ours.certificate().clone()].into_iter().collect();
    let client_only = ours.probe_leaf(10, NOW)?.certificate;
    assert_eq!(vouching(&client_only, &bundle, KeyUsage::ClientAuth, NOW), Some(ours.certificate().fingerprint()));
    assert_eq!(vouching(&client_only, &bundle, KeyUsage::ServerAuth, NOW), None);
    assert_eq!(vouching(&client_only, &bundle, KeyUsage::ClientAuth, NOW + 3_600_000), None);
    Ok(())
}

#[test]
fn names_are_covered_as_clients_read_them() -> anyhow::Result<()> {
    let (issued, _) = issued(&node_profile())?;
    let covered = |name| covers(&issued.certificate, name);
    assert!(covered("0.db.uss1.example.com") && covered("crdb-0.cockroachdb.dss") && covered("127.0.0.1"));
    assert!(!covered("a.b.cockroachdb.dss") && !covered("node") && !covered("127.0.0.2") && !covered("not a name"));
    Ok(())
}

#[test]
fn our_own_authority_passes_and_a_leaf_does_not_pass_for_one() -> anyhow::Result<()> {
    assert_eq!(super::authority(authority("uss1")?.certificate(), NOW), []);
    let (issued, _) = issued(&node_profile())?;
    let found = super::authority(&issued.certificate, NOW);
    assert_eq!(found, [CertificateFinding::NotAuthority, CertificateFinding::NotSelfSigned]);
    Ok(())
}

#[test]
fn a_policy_is_checked_before_anything_is_issued() {
    let mut root = node_profile();
    root.subject = vec![("CN".to_owned(), "client".to_owned())];
    root.alternatives = vec![SubjectAlternative::Dns("root".to_owned())];
    root.algorithm = KeyAlgorithm::Rsa2048;
    let policy = CertificatePolicy {
        profiles: vec![node_profile(), root],
        reserved_names: reserved(),
        authority_algorithm: KeyAlgorithm::EcdsaP256,
        authority_lifetime_hours: 8760,
        distinct_authority_subjects: true,
    };
    let texts: Vec<String> = super::policy(&policy).iter().map(ToString::to_string).collect();
    assert_eq!(
        texts,
        [
            "profile `node` stands twice",
            "profile `node` wants an RSA key, which cannot be generated",
            "carries the reserved name `root`",
        ]
    );
}
