//! A history verified, against the signatures in it alone.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use ed25519_dalek::{Signer as _, SigningKey};
use hangar_pki::{Authority, AuthorityRequest};
use hangar_plan::strategy::certificate::KeyAlgorithm;
use hangar_roster::next::{self, Beginning};
use hangar_roster::{Datastore, Node, OrganisationKey, Presence, Roster, Tier, history};
use zeroize::Zeroizing;

/// 2027-01-15T08:00:00Z.
const NOW_MS: u64 = 1_800_000_000_000;
const N_RECORDS: u64 = 1000;

fn presence() -> Presence {
    let request = AuthorityRequest {
        organisation: "uss1",
        pool: "us-east",
        algorithm: KeyAlgorithm::EcdsaP256,
        lifetime_hours: 87_600,
    };
    let authority = Authority::found(request, NOW_MS).expect("an authority");
    let node = |ordinal: u32| Node {
        ordinal,
        host: format!("{ordinal}.db.uss1.example.com"),
        port: 26257,
        addresses: vec!["192.0.2.1".parse().expect("an address")],
    };
    Presence {
        endpoint: "https://dss.uss1.example.com".to_owned(),
        authorities: vec![authority.certificate().to_pem()],
        nodes: (0..3).map(node).collect(),
        egress: vec!["198.51.100.0/24".parse().expect("a range")],
        locality: vec![Tier { key: "zone".to_owned(), value: "uss1".to_owned() }],
        datastore: Datastore { kind: "cockroachdb".to_owned(), version: "v24.1.3".to_owned() },
        dss_version: "v0.22.0".to_owned(),
        flags: std::collections::BTreeMap::new(),
        adopted: false,
    }
}

/// Everything a founder published who changed one thing again and again.
fn published() -> Vec<Vec<u8>> {
    let key = OrganisationKey::from_seed(&Zeroizing::new([7; 32]));
    let founder = Beginning {
        pool: "us-east".parse().expect("a name"),
        member: "uss1".parse().expect("a name"),
        key: key.public(),
        recovery_key: None,
        presence: presence(),
    };
    let mut roster = Roster::start(next::genesis(founder, "a benchmark".to_owned(), NOW_MS).sign(&key));
    let mut all = vec![roster.own_record().to_bytes()];
    for n in 1..N_RECORDS {
        let mut presence = roster.own_record().record().presence.clone();
        presence.dss_version = format!("v0.22.{n}");
        let record = next::presence(&roster, presence, NOW_MS + n).expect("allowed").expect("a change");
        let signed = record.sign(&key);
        all.push(signed.to_bytes());
        roster.publish(signed);
    }
    all
}

fn records(criterion: &mut Criterion) {
    let published = published();
    let mut group = criterion.benchmark_group("1,000 records");
    group.throughput(Throughput::Elements(N_RECORDS)).sample_size(20);
    let key = SigningKey::from_bytes(&[7; 32]);
    let signatures: Vec<_> = published.iter().map(|bytes| key.sign(bytes)).collect();
    group.bench_function("peer: as many signatures over as many bytes", |bencher| {
        let verifies = |(bytes, signature): (&Vec<u8>, _)| key.verifying_key().verify_strict(bytes, signature).is_ok();
        bencher.iter(|| assert!(published.iter().zip(&signatures).all(verifies)));
    });
    group.bench_function("history verified", |bencher| {
        bencher.iter(|| {
            let history = history::verify(published.iter().map(|bytes| ("bench", bytes.as_slice())));
            assert!(history.findings.is_empty() && history.events.len() == published.len());
        });
    });
    group.finish();
}

criterion_group!(benches, records);
criterion_main!(benches);
