//! How fast the stream of a tool is followed and read, on one core.

use std::path::Path;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use hangar_exec::{Command, Spool, Stream};
use hangar_terraform::{Event, Parser};
use tokio::runtime::Runtime;

const N_LINES: usize = 100_000;

const LINE: &str = r#"{"@level":"info","@message":"module.eks.aws_eks_cluster.this[0]: Still creating... [10s elapsed]","@module":"terraform.ui","@timestamp":"2026-11-27T23:25:33.222767Z","hook":{"resource":{"addr":"module.eks.aws_eks_cluster.this[0]","module":"module.eks","resource":"aws_eks_cluster.this[0]","implied_provider":"aws","resource_type":"aws_eks_cluster","resource_name":"this","resource_key":0},"action":"create","elapsed_seconds":10},"type":"apply_progress"}"#;

/// Follows what a child that has ended left in a spool of its own, and counts the events among it.
async fn followed(dir: &Path) -> usize {
    let spool = tempfile::tempdir_in(dir).expect("a folder");
    let spool = Spool::new(spool.path().join("spool"));
    let mut child = Command::new("/bin/cat").arg(dir.join("lines")).spawn(&spool).await.expect("started");
    child.wait().await;
    let (mut parser, mut n_events) = (Parser::default(), 0_usize);
    let mut follow = child.follow(Stream::Stdout).expect("a spool");
    while let Some(lines) = follow.next().await.expect("read") {
        n_events += lines.iter().filter(|line| matches!(parser.read(&line.text), Event::Running(_))).count();
    }
    n_events
}

fn stream(criterion: &mut Criterion) {
    let runtime: Runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let dir = tempfile::tempdir().expect("a folder");
    std::fs::write(dir.path().join("lines"), format!("{LINE}\n").repeat(N_LINES)).expect("written");
    let mut group = criterion.benchmark_group("100,000 lines of a tool");
    group.throughput(Throughput::Elements(N_LINES as u64)).sample_size(10);
    group.bench_function("peer: read as a file, each line parsed by serde_json", |bencher| {
        bencher.iter(|| {
            let text = std::fs::read_to_string(dir.path().join("lines")).expect("read");
            let lines = text.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).expect("JSON"));
            assert_eq!(lines.filter(|line| line["type"] == "apply_progress").count(), N_LINES);
        });
    });
    group.bench_function("written by `cat` into a spool, followed and parsed", |bencher| {
        bencher.iter(|| assert_eq!(runtime.block_on(followed(dir.path())), N_LINES));
    });
    group.finish();
}

criterion_group!(benches, stream);
criterion_main!(benches);
