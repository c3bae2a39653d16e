//! The program as a container runs it.

use std::process::{Command, Output, Stdio};

use anyhow::{Context, Result};
use hangar_agent::{Report, Seal, Spec};
use hangar_plan::strategy::observation::{FailureClass, Observation};
use hangar_plan::strategy::probe::Question;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::site::{Site, authority, bundle, probe, until};

#[expect(clippy::disallowed_methods, reason = "the program under test")]
fn agent() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hangar-agent"));
    command.env_clear().stdin(Stdio::null());
    command
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn run(site: &Site, spec: &str) -> Result<Output> {
    std::fs::write(site.path("spec.json"), spec)?;
    let mut command = agent();
    command.arg("probe").arg("--spec").arg(site.path("spec.json")).arg("--termination-log").arg(site.path("log"));
    Ok(command.env("POD_IP", "127.0.0.1").output()?)
}

#[test]
fn a_round_is_one_line_and_its_seal_is_in_the_termination_message() -> Result<()> {
    let site = Site::new()?;
    let spec = Spec::new(vec![probe(Question::Workload("cockroachdb".to_owned()), 100)]);
    let output = run(&site, &serde_json::to_string(&spec)?)?;
    assert!(output.status.success(), "{}", text(&output.stderr));
    let seal: Seal = serde_json::from_slice(&std::fs::read(site.path("log"))?)?;
    let report = Report::find(&text(&output.stdout), &seal).context("the log holds the report")?;
    assert!(
        matches!(&report.results[0].observation, Observation::Failed(failure) if failure.class == FailureClass::Other)
    );
    Ok(())
}

#[test]
fn a_specification_that_cannot_be_used_is_one_clear_error() -> Result<()> {
    let site = Site::new()?;
    for (spec, wanted) in [
        ("{}", "is not a specification"),
        ("{\"version\":2,\"probes\":[]}", "specification has version 2, and only 1 is known here"),
        ("{\"version\":1,\"probes\":[],\"more\":1}", "unknown field `more`"),
        ("{\"version\":1,\"probes\":[],\"bundle\":\"-----BEGIN\"}", "cannot use the bundle `of the specification`"),
    ] {
        let output = run(&site, spec)?;
        assert_eq!(output.status.code(), Some(1));
        assert!(text(&output.stderr).contains(wanted), "{}", text(&output.stderr));
        assert!(output.stdout.is_empty());
    }
    Ok(())
}

#[tokio::test]
async fn the_sidecar_ends_when_it_is_asked_to() -> Result<()> {
    let site = Site::new()?;
    let dir = site.folder("certs", &bundle(&[&authority("uss1")]))?;
    let log = site.path("stderr");
    let mut command = agent();
    command.arg("reload").arg("--certs-dir").arg(dir).args(["--process", "none-of-a-test", "--listen", "127.0.0.1:0"]);
    let mut child = command.stderr(std::fs::File::create(&log)?).spawn()?;
    until(async || std::fs::read_to_string(&log).unwrap_or_default(), |log| log.contains("listening on 127.0.0.1:"))
        .await;
    kill(Pid::from_raw(i32::try_from(child.id())?), Signal::SIGTERM)?;
    let status = until(async || child.try_wait().ok().flatten(), Option::is_some).await;
    assert!(status.is_some_and(|status| status.success()));
    Ok(())
}
