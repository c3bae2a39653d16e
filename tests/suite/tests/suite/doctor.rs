//! `hangar doctor`.

use anyhow::Result;
use test_support::needed;

use crate::infra::scripted;
use crate::init::workspace;

#[tokio::test]
async fn everything_that_is_as_it_should_be_is_said_and_ends_well() -> Result<()> {
    needed("HANGAR_TERRAFORM")?;
    needed("HANGAR_HELM")?;
    let workspace = scripted("doctor-good", "").await?;
    let run = workspace.run(&["doctor"]).await?.done()?;
    for subject in ["tool:terraform", "tool:helm", "credential:cluster", "plugin:infra", "plugin:secrets", "cloud"] {
        assert!(run.stdout.contains(&format!("good    {subject}: ")), "{subject}: {}", run.stdout);
    }
    Ok(())
}

#[tokio::test]
async fn every_finding_has_its_cure_and_one_does_not_hide_another() -> Result<()> {
    let workspace = workspace("doctor-bad")?;
    let run = workspace.run_with(&["doctor"], &[("HANGAR_TERRAFORM", "/nowhere/terraform")]).await?.exits(1)?;
    for subject in ["tool:terraform", "credential:cluster", "plugin:infra", "plugin:secrets"] {
        assert!(run.stdout.contains(&format!("bad     {subject}: ")), "{subject}: {}", run.stdout);
    }
    assert_eq!(run.stdout.matches("bad ").count(), run.stdout.matches("cure: ").count(), "{}", run.stdout);
    assert!(run.stdout.contains("cure: `hangar init` shows what it asks for"), "{}", run.stdout);
    Ok(())
}

#[tokio::test]
async fn what_the_cloud_does_not_allow_is_found_by_the_plugins_own_look() -> Result<()> {
    let body = r#"  preflight = {
    ""      = { ok = { poll = { "after-ms" = 10, token = "quotas", message = "asking for quotas" } } }
    "quotas" = { ok = { done = [{ severity = "error", subject = "quota:eip", message = "5 of 5 are used", cure = "ask for 3 more" }] } }
  }"#;
    let workspace = scripted("doctor-cloud", body).await?;
    let run = workspace.run(&["doctor", "--json"]).await?.exits(3)?;
    assert!(run.stderr.contains("asking for quotas"), "{}", run.stderr);
    let found = run.stdout.lines().find(|line| line.contains("quota:eip")).unwrap_or_default();
    assert!(found.contains(r#""health":"bad""#) && found.contains("ask for 3 more"), "{}", run.stdout);
    Ok(())
}
