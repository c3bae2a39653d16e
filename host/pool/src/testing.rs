//! Organisations of the tests of this room.

use hangar_pki::{Authority, AuthorityRequest};
use hangar_plan::strategy::certificate::KeyAlgorithm;
use hangar_roster::next::Beginning;
use hangar_roster::{Datastore, Node, OrganisationKey, Presence, Tier};
use zeroize::Zeroizing;

pub(crate) const NOW: u64 = 1_800_000_000_000;

pub(crate) fn key(seed: u8) -> OrganisationKey {
    OrganisationKey::from_seed(&Zeroizing::new([seed; 32]))
}

fn presence(name: &str) -> Presence {
    let request = AuthorityRequest {
        organisation: name,
        pool: "us-east",
        algorithm: KeyAlgorithm::EcdsaP256,
        lifetime_hours: 87_600,
    };
    let authority = Authority::found(request, NOW).expect("a fresh authority");
    Presence {
        endpoint: format!("https://dss.{name}.example.com"),
        authorities: vec![authority.certificate().to_pem()],
        nodes: vec![Node {
            ordinal: 0,
            host: format!("0.db.{name}.example.com"),
            port: 26257,
            addresses: vec!["192.0.2.1".parse().expect("an address")],
        }],
        egress: vec!["198.51.100.0/24".parse().expect("a range")],
        locality: vec![Tier { key: "zone".to_owned(), value: name.to_owned() }],
        datastore: Datastore { kind: "cockroachdb".to_owned(), version: "v24.1.3".to_owned() },
        dss_version: "v0.22.0".to_owned(),
        flags: Default::default(),
        adopted: false,
    }
}

pub(crate) fn beginning(name: &str, seed: u8) -> Beginning {
    Beginning {
        pool: "us-east".parse().expect("a name"),
        member: name.parse().expect("a name"),
        key: key(seed).public(),
        recovery_key: None,
        presence: presence(name),
    }
}
