//! How often a provider is started: the large ones take seconds for it, and `hangar` adds none to what terraform itself does.

use anyhow::{Result, ensure};
use test_support::GOOGLE;

use crate::bad_input::Site;
use crate::module::User;

#[tokio::test]
async fn a_provider_is_started_as_often_as_by_terraform_alone_and_never_to_look_at_a_state() -> Result<()> {
    let user = User::new("starts-alone", "gke", GOOGLE)?;
    let example = user.module.join("examples/new-network");
    std::fs::write(example.join("override.tf"), "terraform {\n  backend \"local\" {}\n}\n")?;
    let terraform = user.terraform(&example).with("GOOGLE_OAUTH_ACCESS_TOKEN", "a-token-of-google");
    let cloud = user.clouds.cloud("google");
    terraform.done(&["init"]).await?;
    terraform.done(&["plan", "-out", "plan"]).await?;
    let n_plan = cloud.starts()?;
    terraform.done(&["apply", "plan"]).await?;
    let n_both = cloud.starts()?;
    ensure!(n_plan > 0 && n_both > n_plan, "{n_plan}, {n_both}");

    let site = Site::approved("starts").await?;
    site.run(&["plan"]).await?.done()?;
    ensure!(site.cloud.starts()? == n_plan, "a plan: {} starts, alone {n_plan}", site.cloud.starts()?);
    // Its cluster is reached by nobody, but by then all is laid down and its outputs are read.
    site.run(&["up", "--yes"]).await?.exits(3)?;
    ensure!(site.cloud.starts()? == n_plan + n_both, "{} starts, alone {}", site.cloud.starts()?, n_plan + n_both);
    Ok(())
}
