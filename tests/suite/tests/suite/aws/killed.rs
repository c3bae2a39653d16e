//! An apply on AWS whose host, terraform and provider are killed in the middle.
//!
//! The certificate is never issued as long as the emulator holds it back, so there is a moment at which everything else of the
//! module stands and terraform still works.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::Value;
use test_support::{Run, Started, Workspace, is_set};
use walkdir::WalkDir;

use super::account::Account;
use super::{DEADLINE, left};
use crate::processes::{Process, kill, of};

/// What waits for the certificate, and makes nothing.
const WAITING: &str = "module.eks.aws_acm_certificate_validation.gateway[0]";
const LOOK_EVERY: Duration = Duration::from_millis(200);
/// Between the end of one resource and the beginning of the next terraform says nothing for less than this.
const STILL: Duration = Duration::from_secs(4);

/// Whom a kill takes.
#[derive(Clone, Copy, Debug)]
enum Victims {
    HostAndTools,
    Host,
    Tools,
}

/// Runs `up` until only the certificate is missing, and kills it there; again and again it makes nothing twice.
///
/// With `HANGAR_SUITE_ALL_POINTS=1` the host alone and the tools alone die too, each a provider's start later.
pub(super) async fn in_the_middle_of_an_apply(workspace: &Workspace, account: &Account) -> Result<()> {
    account.emulator.hold_certificates(true)?;
    let all = [Victims::HostAndTools, Victims::Host, Victims::Tools];
    let n_victims = if is_set("HANGAR_SUITE_ALL_POINTS") { all.len() } else { 1 };
    let mut made = Vec::new();
    for victims in &all[..n_victims] {
        let n_earlier = streams(&workspace.folder).len();
        let run = workspace.start(&["up", "--yes"], &[])?;
        only_the_certificate_is_missing(workspace, n_earlier).await.with_context(|| format!("before {victims:?}"))?;
        let ended = die(run, *victims).await.with_context(|| format!("{victims:?}"))?;
        if made.is_empty() {
            shows_what_is_made(&ended.stdout)?;
        }
        made.push(left::everything(&account.emulator, &account.operator.key).await?);
    }
    ensure!(made.iter().all(|one| *one == made[0]), "something was made twice: {made:#?}");
    account.emulator.hold_certificates(false)?;
    Ok(())
}

fn shows_what_is_made(plan: &str) -> Result<()> {
    for address in
        ["aws_eks_cluster.this", "aws_eip.db[2]", "aws_nat_gateway.this[0]", "aws_route53_record.certificate[0]"]
    {
        ensure!(plan.contains(&format!("module.eks.{address}")), "`{address}` is not in the plan:\n{plan}");
    }
    Ok(())
}

/// What terraform does not know nobody would ever take away.
pub(super) fn terraform_knows_all<'made>(state: &str, made: impl Iterator<Item = &'made String>) -> Result<()> {
    // Terraform leaves the final dot of a name out.
    let is_known = |what: &str| what.split_once(':').is_some_and(|(_, id)| state.contains(id.trim_matches(['"', '.'])));
    let (known, orphans): (Vec<_>, Vec<_>) = made.partition(|what| is_known(what));
    ensure!(orphans.is_empty(), "terraform does not know of {orphans:?}");
    ensure!(known.len() > 30, "only {known:?} was made");
    Ok(())
}

/// Waits until all that terraform has begun is done, but for the wait for the certificate.
async fn only_the_certificate_is_missing(workspace: &Workspace, n_earlier: usize) -> Result<()> {
    let start = Instant::now();
    let mut since: Option<(usize, Instant)> = None;
    loop {
        let streams = streams(&workspace.folder);
        let ours = streams[n_earlier.min(streams.len())..].iter().rev();
        let open = ours.clone().find_map(|stream| open_in(stream));
        // That it goes on waiting is said now and then.
        let n_ended = ours.map(|stream| stream.matches("\"apply_complete\"").count()).sum();
        if open.as_ref().is_none_or(|open| open[..] != [WAITING]) {
            since = None;
        } else if let Some((_, begun)) = since.filter(|(n_then, _)| *n_then == n_ended) {
            if begun.elapsed() > STILL {
                return Ok(());
            }
        } else {
            since = Some((n_ended, Instant::now()));
        }
        if start.elapsed() > DEADLINE {
            bail!("terraform did not come to the certificate; still open: {open:?}");
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// What an apply has begun and not ended; none for a stream that is of none.
fn open_in(stream: &str) -> Option<Vec<String>> {
    let events: Vec<Value> = stream.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let of_kind = |kind: &'static str| {
        let found = events.iter().filter(move |event| event["type"] == kind);
        found.filter_map(|event| event["hook"]["resource"]["addr"].as_str().map(ToOwned::to_owned))
    };
    let done: Vec<String> = of_kind("apply_complete").collect();
    let begun: Vec<String> = of_kind("apply_start").collect();
    (!begun.is_empty()).then(|| begun.into_iter().filter(|address| !done.contains(address)).collect())
}

/// What every run of terraform in this workspace has said, in the order in which they began.
fn streams(folder: &Path) -> Vec<String> {
    let files = WalkDir::new(folder.join(".hangar")).into_iter().filter_map(Result::ok);
    let mut files: Vec<_> = files.filter(|file| file.file_name() == "stdout").collect();
    files.sort_by_key(|file| file.metadata().ok().and_then(|about| about.created().ok()));
    files.iter().map(|file| fs::read_to_string(file.path()).unwrap_or_default()).collect()
}

async fn die(run: Started, victims: Victims) -> Result<Run> {
    let host = run.pid();
    let tools: Vec<Process> = of(host);
    ensure!(tools.iter().any(|tool| tool.name.starts_with("terraform")), "no terraform is at work: {tools:?}");
    if !matches!(victims, Victims::Tools) {
        kill(host)?;
    }
    if !matches!(victims, Victims::Host) {
        // Those that watch over others end by themselves.
        for tool in tools.iter().filter(|tool| tool.name.starts_with("terraform")) {
            kill(tool.pid)?;
        }
    }
    let ended = run.ended().await?;
    let Victims::Tools = victims else { return ended.is_killed() };
    let ended = ended.exits(3)?;
    ensure!(ended.stderr.contains("hint: "), "no cure: {}", ended.stderr);
    Ok(ended)
}
