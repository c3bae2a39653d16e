//! Measures the stream: `cargo run --release -p hangar-terraform --example figures`.
#![expect(clippy::print_stdout, reason = "what it measures is all it is for")]

use std::time::Instant;

use hangar_exec::{Command, Spool, Stream};
use hangar_terraform::{Event, Parser};

const N_LINES: usize = 500_000;

const LINE: &str = r#"{"@level":"info","@message":"module.eks.aws_eks_cluster.this[0]: Still creating... [10s elapsed]","@module":"terraform.ui","@timestamp":"2026-11-27T23:25:33.222767Z","hook":{"resource":{"addr":"module.eks.aws_eks_cluster.this[0]","module":"module.eks","resource":"aws_eks_cluster.this[0]","implied_provider":"aws","resource_type":"aws_eks_cluster","resource_name":"this","resource_key":0},"action":"create","elapsed_seconds":10},"type":"apply_progress"}"#;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let dir = std::env::temp_dir().join(format!("hangar-figures-{}", std::process::id()));
    std::fs::create_dir(&dir)?;
    std::fs::write(dir.join("lines"), format!("{LINE}\n").repeat(N_LINES))?;
    let mut child = Command::new("/bin/cat").arg(dir.join("lines")).spawn(&Spool::new(dir.join("spool"))).await?;
    child.wait().await;
    let start = Instant::now();
    let (mut parser, mut n_events) = (Parser::default(), 0_usize);
    let mut follow = child.follow(Stream::Stdout)?;
    while let Some(lines) = follow.next().await? {
        n_events += lines.iter().filter(|line| matches!(parser.read(&line.text), Event::Running(_))).count();
    }
    let elapsed = start.elapsed().as_secs_f64();
    let rate = n_events as f64 / elapsed;
    println!("{n_events} lines followed and read in {elapsed:.2} s: {rate:.0} lines/s");
    Ok(std::fs::remove_dir_all(&dir)?)
}
