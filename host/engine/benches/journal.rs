//! Durable appends against the disk's own time, and what a resumed run reads.
//!
//! `$TMPDIR` must be on a real disk: on tmpfs `fdatasync` costs nothing.

use std::fs::File;
use std::io::Write as _;
use std::path::Path;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use hangar_engine::{Engine, EntryKind, NewEntry, OperationId, Options, Work};
use hangar_plan::step::StepKey;
use serde_json::json;
use tokio::runtime::Runtime;

const N_ENTRIES: usize = 10_000;

fn entry(operation: &OperationId) -> NewEntry {
    NewEntry {
        operation: operation.clone(),
        step: Some(StepKey::new("infra/apply").expect("a key")),
        attempt: 1,
        kind: EntryKind::Progress,
        idem: "0".repeat(64),
        body: json!({ "done": { "address": "module.eks.aws_eks_cluster.this[0]", "action": "create", "id": "uss1" } }),
    }
}

/// A journal in `dir` with one operation begun.
fn begun(runtime: &Runtime, dir: &Path) -> (Engine, OperationId) {
    runtime.block_on(async {
        let engine = Engine::open(dir, Options::new("bench")).expect("an engine");
        let work = Work { command: "bench".to_owned(), digest: "1".to_owned(), plan: json!({}) };
        let operation = engine.begin(work).await.expect("begun").id().clone();
        (engine, operation)
    })
}

fn append(criterion: &mut Criterion, runtime: &Runtime) {
    let dir = tempfile::tempdir().expect("a folder");
    let mut group = criterion.benchmark_group("append of one entry");
    let mut raw = File::create(dir.path().join("raw")).expect("a file");
    group.bench_function("peer: 400 bytes and fdatasync", |bencher| {
        bencher.iter(|| {
            raw.write_all(&[b'x'; 400]).expect("written");
            raw.sync_data().expect("synced");
        });
    });
    let (engine, operation) = begun(runtime, dir.path());
    group.bench_function("journal", |bencher| {
        bencher.iter(|| runtime.block_on(engine.journal().append(vec![entry(&operation)])).expect("appended"));
    });
    group.finish();
}

fn replay(criterion: &mut Criterion, runtime: &Runtime) {
    let dir = tempfile::tempdir().expect("a folder");
    let (engine, operation) = begun(runtime, dir.path());
    runtime.block_on(engine.journal().append(vec![entry(&operation); N_ENTRIES])).expect("appended");
    let mut group = criterion.benchmark_group("replay of 10,000 entries");
    group.throughput(Throughput::Elements(N_ENTRIES as u64));
    let line = serde_json::to_string(&entry(&operation).body).expect("JSON");
    group.bench_function("peer: as many bodies parsed by serde_json", |bencher| {
        bencher.iter(|| {
            let read = |_| serde_json::from_str::<serde_json::Value>(&line).expect("JSON");
            (0..N_ENTRIES).map(read).collect::<Vec<_>>()
        });
    });
    group.bench_function("journal, all entries", |bencher| {
        bencher.iter(|| runtime.block_on(engine.journal().entries(&operation)).expect("read"));
    });
    group.bench_function("journal, what is in doubt", |bencher| {
        bencher.iter(|| runtime.block_on(engine.journal().doubts()).expect("read"));
    });
    group.finish();
}

fn journal(criterion: &mut Criterion) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    append(criterion, &runtime);
    replay(criterion, &runtime);
}

criterion_group!(benches, journal);
criterion_main!(benches);
