//! Which of our authorities is in use.

use hangar_pool::OwnRecord;

/// Places of authorities of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Signing {
    /// Signs leaves: the newest that every member says it has loaded, we among them. Until then our own nodes would refuse one another.
    pub(crate) leaves: usize,
    /// Shown by probes: the newest that our record names, so that it is seen who takes it.
    pub(crate) probes: usize,
}

/// Which of our authorities are in use, by the verified records.
pub(crate) fn signing(own: &OwnRecord, authorities: &[hangar_pki::Authority]) -> Signing {
    let roster = own.roster();
    let named = roster.own_record().record().presence.fingerprints();
    let place = |fingerprint: &hangar_roster::CaFingerprint| {
        authorities.iter().position(|one| one.certificate().fingerprint().to_string() == fingerprint.to_string())
    };
    let is_loaded = |fingerprint: &&hangar_roster::CaFingerprint| {
        roster.in_pool().all(|member| roster.has_deployed(member, fingerprint))
    };
    let newest = named.last().and_then(place).unwrap_or_default();
    let loaded = named.iter().rev().find(is_loaded).or(named.first()).and_then(place);
    Signing { leaves: loaded.unwrap_or_default(), probes: newest }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use hangar_pki::{Authority, AuthorityRequest};
    use hangar_plan::strategy::certificate::KeyAlgorithm;
    use hangar_pool::Folder;
    use hangar_roster::next::{self, Beginning};
    use hangar_roster::{Datastore, Node, OrganisationKey, Presence, Proof, Tier};
    use zeroize::Zeroizing;

    use super::*;

    const NOW: u64 = 1_800_000_000_000;

    fn authority() -> Authority {
        let (algorithm, lifetime_hours) = (KeyAlgorithm::EcdsaP256, 87_600);
        let request = AuthorityRequest { organisation: "uss1", pool: "us-east", algorithm, lifetime_hours };
        Authority::found(request, NOW).expect("a fresh authority")
    }

    fn beginning(authorities: &[Authority], key: &OrganisationKey) -> Beginning {
        let presence = Presence {
            endpoint: "https://dss.uss1.example.com".to_owned(),
            authorities: authorities.iter().map(|one| one.certificate().to_pem()).collect(),
            nodes: vec![Node {
                ordinal: 0,
                host: "0.db.uss1.example.com".to_owned(),
                port: 26257,
                addresses: Vec::new(),
            }],
            egress: vec!["198.51.100.0/24".parse().expect("a range")],
            locality: vec![Tier { key: "zone".to_owned(), value: "uss1".to_owned() }],
            datastore: Datastore { kind: "cockroachdb".to_owned(), version: "v24.1.3".to_owned() },
            dss_version: "v0.22.0".to_owned(),
            flags: Default::default(),
            adopted: false,
        };
        let (pool, member) = ("us-east".parse().expect("a name"), "uss1".parse().expect("a name"));
        Beginning { pool, member, key: key.public(), recovery_key: None, presence }
    }

    /// Who is alone in its pool has nobody else to wait for, and its nodes call one another all the same.
    #[test]
    fn a_new_authority_signs_no_leaf_before_our_own_nodes_have_loaded_it() {
        let authorities = [authority(), authority()];
        let key = OrganisationKey::from_seed(&Zeroizing::new([1; 32]));
        let site = tempfile::tempdir().expect("a temporary folder");
        let genesis = next::genesis(beginning(&authorities, &key), "a test".to_owned(), NOW);
        let carrier = Arc::new(Folder::new(&site.path().join("shelf")));
        let own = OwnRecord::begin(&site.path().join("us-east.json"), key, carrier, genesis).expect("a roster");
        assert_eq!(signing(&own, &authorities), Signing { leaves: 0, probes: 1 });
        let loaded = own.roster().own_record().record().presence.fingerprints();
        let said = own.step(|roster| next::acknowledge(roster, Proof::Deployed { authorities: loaded.clone() }, NOW));
        assert!(said.expect("a record"));
        assert_eq!(signing(&own, &authorities), Signing { leaves: 1, probes: 1 });
    }
}
