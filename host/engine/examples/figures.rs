//! Measures the journal: `cargo run --release -p hangar-engine --example figures`.
#![expect(clippy::print_stdout, reason = "what it measures is all it is for")]

use std::fs::File;
use std::io::Write as _;
use std::time::{Duration, Instant};

use hangar_engine::{Engine, EntryKind, NewEntry, OperationId, Options, Work};
use hangar_plan::step::StepKey;
use serde_json::json;

const N_APPENDS: usize = 500;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let dir = std::env::temp_dir().join(format!("hangar-figures-{}", std::process::id()));
    std::fs::create_dir(&dir)?;
    measure(&dir).await?;
    Ok(std::fs::remove_dir_all(&dir)?)
}

async fn measure(dir: &std::path::Path) -> Result<(), Box<dyn std::error::Error>> {
    let engine = Engine::open(dir, Options::new("figures"))?;
    let work = Work { command: "figures".to_owned(), digest: "1".to_owned(), plan: json!({}) };
    let operation = engine.begin(work).await?;
    let key = StepKey::new("infra/apply")?;

    // Turn about, so that both meet the same disk.
    let mut raw_file = File::create(dir.join("raw"))?;
    let (mut raw, mut journal) = (Vec::new(), Vec::new());
    for _ in 0..N_APPENDS {
        let start = Instant::now();
        raw_file.write_all(&[b'x'; 400])?;
        raw_file.sync_data()?;
        raw.push(start.elapsed());
        let start = Instant::now();
        engine.journal().append(vec![entry(operation.id(), &key)]).await?;
        journal.push(start.elapsed());
    }
    show("raw 400 B and fdatasync", &mut raw);
    show("durable journal append", &mut journal);

    engine.journal().append(vec![entry(operation.id(), &key); 10_000 - N_APPENDS]).await?;
    let start = Instant::now();
    let n_entries = engine.journal().entries(operation.id()).await?.len();
    println!("replay of {n_entries} entries: {:?}", start.elapsed());
    let start = Instant::now();
    engine.journal().doubts().await?;
    println!("doubts among them: {:?}", start.elapsed());
    Ok(())
}

fn entry(operation: &OperationId, key: &StepKey) -> NewEntry {
    NewEntry {
        operation: operation.clone(),
        step: Some(key.clone()),
        attempt: 1,
        kind: EntryKind::Progress,
        idem: "0".repeat(64),
        body: json!({ "done": { "address": "module.eks.aws_eks_cluster.this[0]", "action": "create", "id": "uss1" } }),
    }
}

fn show(what: &str, times: &mut [Duration]) {
    times.sort();
    println!("{what}: p50 {:?}, p90 {:?}", times[times.len() / 2], times[times.len() * 9 / 10]);
}
