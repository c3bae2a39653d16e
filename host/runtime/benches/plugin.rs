//! How long a plugin takes until it can be called, and a call.
//!
//! Needs the plugin `local`, which `cargo xtask build-plugins` makes.

use criterion::{Criterion, criterion_group, criterion_main};
use hangar_plan::infrastructure::Instance;
use serde_json::json;
use sha2::{Digest as _, Sha256};

mod subject;

use subject::Subject;

fn plugin(criterion: &mut Criterion) {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let subject = Subject::new("local");
    let plugin = runtime.block_on(subject.load());

    let mut group = criterion.benchmark_group("a plugin whose code is kept");
    group.sample_size(20);
    group.bench_function("peer: the component read and its SHA-256 taken", |bencher| {
        bencher.iter(|| Sha256::digest(std::fs::read(&subject.component).expect("read")));
    });
    group.bench_function("ready, integrity and grant checked", |bencher| {
        bencher.iter(|| runtime.block_on(subject.load()));
    });
    group.finish();

    let provider = plugin.infra_provider().expect("a provider");
    let instance = Instance {
        name: "uss1".into(),
        hostname: "dss.example.com".into(),
        db_suffix: "db.example.com".into(),
        nodes: 3,
        namespace: "default".into(),
        db_port: 26257,
        facts: Vec::new(),
    };
    criterion.bench_function("one call: store, instance, `validate`, all dropped", |bencher| {
        bencher.iter(|| runtime.block_on(provider.validate(&json!({}), &instance)).expect("an answer"));
    });
}

criterion_group!(benches, plugin);
criterion_main!(benches);
