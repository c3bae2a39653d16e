//! Certificates issued, against the cryptography that is in each.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use hangar_pki::{Authority, AuthorityRequest};
use hangar_plan::strategy::certificate::{KeyAlgorithm, KeyUsage, Placement, Profile, Reload, SubjectAlternative};

/// 2027-01-15T08:00:00Z.
const NOW_MS: u64 = 1_800_000_000_000;

fn profile() -> Profile {
    Profile {
        id: "node".to_owned(),
        subject: vec![("O".to_owned(), "Cockroach".to_owned()), ("CN".to_owned(), "node".to_owned())],
        alternatives: vec![
            SubjectAlternative::Dns("localhost".to_owned()),
            SubjectAlternative::Dns("*.cockroachdb.dss.svc.cluster.local".to_owned()),
            SubjectAlternative::Dns("0.db.uss1.example.com".to_owned()),
            SubjectAlternative::Ip("127.0.0.1".to_owned()),
        ],
        usages: vec![KeyUsage::ServerAuth, KeyUsage::ClientAuth],
        algorithm: KeyAlgorithm::EcdsaP256,
        lifetime_hours: 8760,
        placement: Placement {
            secret: "cockroachdb-node".to_owned(),
            certificate_file: "node.crt".to_owned(),
            key_file: "node.key".to_owned(),
            bundle_file: Some("ca.crt".to_owned()),
        },
        workload: "cockroachdb".to_owned(),
        reload: Reload::Signal("cockroach".to_owned()),
    }
}

fn leaves(criterion: &mut Criterion) {
    let request = AuthorityRequest {
        organisation: "uss1",
        pool: "us-east",
        algorithm: KeyAlgorithm::EcdsaP256,
        lifetime_hours: 87_600,
    };
    let authority = Authority::found(request, NOW_MS).expect("an authority");
    let profile = profile();
    let mut group = criterion.benchmark_group("a leaf of P-256");
    group.throughput(Throughput::Elements(1));
    group.bench_function("peer: `rcgen::KeyPair::generate` alone", |bencher| {
        bencher.iter(|| rcgen::KeyPair::generate().expect("a key"));
    });
    group.bench_function("key made, certificate laid out and signed", |bencher| {
        bencher.iter(|| authority.issue(&profile, &["node".to_owned()], NOW_MS).expect("a leaf"));
    });
    group.finish();
}

criterion_group!(benches, leaves);
criterion_main!(benches);
