//! Roles of AWS: taken by the host, renewed for terraform, which finds no key in its environment. The token service and the
//! bucket are the emulator's, which checks every signature.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use test_support::{needed, scratch};
use test_world::aws::Call;

use super::NAME;
use super::account::{Account, REGION};
use super::refused::workspace;

const ROLE: &str = "deployer";
const TRUST: &str =
    r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"*"},"Action":"sts:AssumeRole"}]}"#;
const EVERYTHING: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}"#;
const BUCKET: &str = "uss1-state";

#[tokio::test(flavor = "multi_thread")]
async fn a_role_is_taken_by_a_profile_and_terraform_and_its_state_ask_the_host_for_its_keys() -> Result<()> {
    let root = scratch(Path::new(env!("CARGO_TARGET_TMPDIR")), "aws-roles")?;
    let account = Account::open(&root, NAME).await?;
    let role = add_role(&account).await?;
    let key = &account.operator.key;
    account.emulator.call(key, &Call::rest("s3", REGION, "PUT", &format!("/{BUCKET}"), "")).await?;
    let config = root.join("aws-config");
    let text = format!(
        "[profile hub]\naws_access_key_id = {}\naws_secret_access_key = {}\n[profile deploy]\nrole_arn = {role}\n\
         source_profile = hub\nregion = {REGION}\n",
        key.id,
        key.secret()
    );
    fs::write(&config, &text)?;
    let from = format!("profile     = \"deploy\"\n    config_file = \"{}\"", config.display());
    let workspace = workspace(&account, &root, entry(&account, &from)?)?;
    let sts = [("AWS_ENDPOINT_URL_STS", account.emulator.endpoint())];
    workspace.run_with(&["init", "--yes"], &sts).await?.done()?;

    let doctor = workspace.run_with(&["doctor"], &sts).await?;
    let by = format!("credential:aws: by profile `deploy` (keys of `hub`, then role `{role}`), good until ");
    for found in [by.as_str(), &format!(":assumed-role/{ROLE}/")] {
        ensure!(doctor.stdout.contains(found), "no `{found}`:\n{}", doctor.stdout);
    }
    let plan = workspace.run_with(&["plan"], &sts).await?;
    ensure!(plan.stdout.contains("module.eks.aws_eks_cluster.this"), "no plan:\n{}\n{}", plan.stdout, plan.stderr);
    let left = crate::secrets::search(&workspace.folder, &[key.secret().to_owned()])?;
    ensure!(left > 10, "only {left} files were looked at");

    // Who may not take the role is told so before terraform starts.
    let powerless = account.emulator.add_user("powerless", key).await?;
    fs::write(&config, text.replace(&key.id, &powerless.id).replace(key.secret(), powerless.secret()))?;
    let run = workspace.run_with(&["plan"], &sts).await?.exits(1)?;
    let words = format!("then role `{role}`) gives no keys");
    ensure!(run.stderr.contains("terraform needs a credential that is not there"), "{}", run.stderr);
    ensure!(run.stderr.contains(&words) && !run.stderr.contains(powerless.secret()), "{}", run.stderr);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_of_a_pipeline_is_exchanged_for_a_role() -> Result<()> {
    let root = scratch(Path::new(env!("CARGO_TARGET_TMPDIR")), "aws-web-identity")?;
    let account = Account::open(&root, NAME).await?;
    let role = add_role(&account).await?;
    let token = root.join("token");
    fs::write(&token, "of-a-pipeline")?;
    let workspace = workspace(&account, &root, entry(&account, "source = \"web_identity\"")?)?;
    let token = token.to_str().context("the path is text")?;
    let pipeline = [
        ("AWS_ENDPOINT_URL_STS", account.emulator.endpoint()),
        ("AWS_WEB_IDENTITY_TOKEN_FILE", token),
        ("AWS_ROLE_ARN", &role),
    ];
    workspace.run_with(&["init", "--yes"], &pipeline).await?.done()?;
    let doctor = workspace.run_with(&["doctor"], &pipeline).await?;
    let by = format!("credential:aws: by web identity (token `{token}` for role `{role}`), good until ");
    for found in [by.as_str(), &format!(":assumed-role/{ROLE}/")] {
        ensure!(doctor.stdout.contains(found), "no `{found}`:\n{}", doctor.stdout);
    }
    Ok(())
}

/// A role that may do everything and trusts the account; returns its ARN.
async fn add_role(account: &Account) -> Result<String> {
    let key = &account.operator.key;
    let version = ("Version", "2010-05-08");
    let made = [("Action", "CreateRole"), version, ("RoleName", ROLE), ("AssumeRolePolicyDocument", TRUST)];
    account.emulator.call(key, &Call::form("iam", REGION, &made)).await?;
    let allowed = [
        ("Action", "PutRolePolicy"),
        version,
        ("RoleName", ROLE),
        ("PolicyName", "everything"),
        ("PolicyDocument", EVERYTHING),
    ];
    account.emulator.call(key, &Call::form("iam", REGION, &allowed)).await?;
    let of_account = account.operator.arn.split(":user/").next().context("the operator is a user")?;
    Ok(format!("{of_account}:role/{ROLE}"))
}

/// The state in a bucket, keys that come `from` somewhere, and no cluster to reach.
fn entry(account: &Account, from: &str) -> Result<String> {
    Ok(format!(
        r#"cluster {{
  endpoint = "https://127.0.0.1:9"
}}

credential "aws" {{
  aws {{
    {from}
  }}
}}

state "s3" {{
  credential     = "aws"
  bucket         = "{BUCKET}"
  key            = "infrastructure.tfstate"
  region         = "{REGION}"
  use_path_style = true
  endpoints      = {{ s3 = "{endpoint}", sts = "{endpoint}", iam = "{endpoint}" }}
}}

terraform {{
  provider_mirror = "{mirror}"
}}
"#,
        endpoint = account.emulator.endpoint(),
        mirror = needed("HANGAR_AWS_PROVIDER_MIRROR")?.display(),
    ))
}
