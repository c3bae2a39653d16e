//! What the driver adds to an apply, and how an apply grows with the number of resources. The peer is the same tool with the same
//! arguments in the same folder, started by hand; both take turns. Numbers among the arguments are the sizes to measure.
#![expect(clippy::print_stdout, reason = "a benchmark tells what it has measured")]

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use hangar_terraform::{Backend, Driver, Environment, Planning, Quiet, Stack, StackName, StackPlan, Terraform};
use tokio::runtime::Runtime;

/// Rounds of each, after one that does not count.
const ROUNDS: usize = 3;
const SIZES: [usize; 3] = [250, 500, 1_000];

fn main() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let binary = binary();
    println!("apply of N resources of `terraform_data`, median of {ROUNDS}: the driver, the tool alone");
    let asked: Vec<usize> = std::env::args().filter_map(|argument| argument.parse().ok()).collect();
    for n in if asked.is_empty() { SIZES.to_vec() } else { asked } {
        let (mut driven, mut alone) = (Vec::new(), Vec::new());
        for round in 0..=ROUNDS {
            let (ours, theirs) = (applied(&runtime, &binary, n, true), applied(&runtime, &binary, n, false));
            if round > 0 {
                driven.push(ours);
                alone.push(theirs);
            }
        }
        let (driven, alone) = (median(driven), median(alone));
        println!(
            "{n:5}: {:.3} s, {:.3} s, ratio {:.3}; {:.2} ms a resource",
            driven.as_secs_f64(),
            alone.as_secs_f64(),
            driven.as_secs_f64() / alone.as_secs_f64(),
            driven.as_secs_f64() * 1_000.0 / n as f64
        );
    }
}

/// How long the apply alone took, from nothing, in a folder of its own.
fn applied(runtime: &Runtime, binary: &Path, n: usize, is_driven: bool) -> Duration {
    let dir = tempfile::tempdir().expect("a folder");
    let name = StackName::new("infra").expect("a name");
    let stack = Stack::new(name, dir.path().join("infra"), Backend::Local(dir.path().join("state/terraform.tfstate")));
    let module = format!("resource \"terraform_data\" \"node\" {{\n  count = {n}\n  input = count.index\n}}\n");
    stack.lay_down(&[("main.tf".into(), module.into_bytes())]).expect("laid down");
    let folder = |name: &str| {
        let folder = dir.path().join(name);
        hangar_durable::private_dir(&folder).expect("a folder");
        folder
    };
    runtime.block_on(async {
        let terraform = Terraform::at(binary, &folder("asked")).await.expect("a tool");
        let driver = Driver::new(terraform, stack, Environment::new());
        driver.init(&folder("init"), &Quiet).await.expect("initialised");
        let plan = driver.plan(Planning::Apply, &folder("plan"), &Quiet).await.expect("planned");
        let start = Instant::now();
        if is_driven {
            let done = driver.apply(&plan, &folder("apply"), &Quiet).await.expect("applied");
            assert_eq!(done.summary.add, n as u64);
        } else {
            by_hand(binary, &dir.path().join("infra"), &plan);
        }
        start.elapsed()
    })
}

#[expect(clippy::disallowed_methods, reason = "the peer is started without any of our code")]
fn by_hand(binary: &Path, folder: &Path, plan: &StackPlan) {
    let stream = std::fs::File::create(folder.join("stream")).expect("a file");
    let status = std::process::Command::new(binary)
        .args(["apply", "-json", "-input=false", "-no-color"])
        .arg(&plan.file)
        .current_dir(folder)
        .env("CHECKPOINT_DISABLE", "1")
        .stdout(stream)
        .status()
        .expect("started");
    assert!(status.success(), "the tool failed");
}

#[expect(clippy::disallowed_methods, reason = "the tool is named by the environment, as for the tests")]
fn binary() -> PathBuf {
    let named = std::env::var_os("HANGAR_TERRAFORM").map(PathBuf::from);
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = || std::env::split_paths(&path).map(|folder| folder.join("terraform")).find(|tool| tool.is_file());
    named.or_else(found).expect("`HANGAR_TERRAFORM`, or terraform on PATH")
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}
