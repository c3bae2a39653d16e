use hangar_pki::{Authority, AuthorityRequest};
use hangar_plan::strategy::certificate::KeyAlgorithm;
use hangar_roster::next::Beginning;
use hangar_roster::{Datastore, Node, Presence, Tier};
use zeroize::Zeroizing;

use super::*;
use crate::carrier::Folder;

const NOW: u64 = 1_800_000_000_000;

fn key(seed: u8) -> OrganisationKey {
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
    }
}

fn beginning(name: &str, seed: u8) -> Beginning {
    Beginning {
        pool: "us-east".parse().expect("a name"),
        member: name.parse().expect("a name"),
        key: key(seed).public(),
        recovery_key: None,
        presence: presence(name),
    }
}

/// Everything below a folder, with its content.
fn content(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut all: Vec<_> = std::fs::read_dir(folder)
        .expect("a folder")
        .map(|entry| entry.expect("readable").path())
        .map(|path| (path.clone(), std::fs::read(&path).expect("a file")))
        .collect();
    all.sort();
    all
}

#[test]
fn who_only_looks_sees_what_is_new_and_writes_nothing_anywhere() {
    let site = tempfile::tempdir().expect("a temporary folder");
    let (home, shelf) = (site.path().join("home"), site.path().join("shelf"));
    let path = home.join("us-east.json");
    let carrier = || Arc::new(Folder::new(&shelf));
    let genesis = next::genesis(beginning("uss1", 1), "a test".to_owned(), NOW);
    OwnRecord::begin(&path, key(1), carrier(), genesis).expect("a roster");
    let request = next::request(beginning("uss2", 2), NOW);
    OwnRecord::begin(&site.path().join("other/us-east.json"), key(2), carrier(), request).expect("a roster");
    // What another process of ours has yet to show.
    std::fs::remove_file(shelf.join("uss1.record.json")).expect("it was shown");
    let before = (content(&home), content(&shelf));

    let looking = OwnRecord::open_to_look(&path, key(1), carrier()).expect("readable").expect("it was begun");
    let own = looking.roster().own_record().clone();
    looking.change(|roster| roster.expect_joiner(key(2).public().fingerprint())).expect("in memory");
    looking.refresh().expect("a carrier");
    assert_eq!(looking.roster().records().count(), 2);
    assert_eq!(looking.roster().own_record(), &own);
    assert_eq!(looking.history().expect("readable").files.len(), 2);
    assert_eq!((content(&home), content(&shelf)), before);

    let writing = OwnRecord::open(&path, key(1), carrier()).expect("readable").expect("it was begun");
    writing.refresh().expect("a carrier");
    assert!(shelf.join("uss1.record.json").exists(), "who may write shows what was not shown");
}
