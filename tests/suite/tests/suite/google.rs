//! Terraform on Google Cloud while its tokens end: the real terraform with its backend `gcs`, and a stand-in of the provider that
//! signs in by the library of the real one. Issuer and bucket are the world's, and let in nobody whose token is not good.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use test_support::{Cloud, Clouds, Description, GOOGLE, Plugin, Run, Workspace, needed, scratch};
use test_world::google::{Google, ServiceAccount};
use test_world::rsa;

const BUCKET: &str = "dss-prod-state";
const STATE: &str = "uss1/default.tfstate";
/// Tokens outlive one exchange on a busy machine, and end within an apply.
const LIFETIME: Duration = Duration::from_secs(10);
/// One resource of an apply alone takes longer.
const SLOW_MS: u64 = 14_000;

/// An operator of Google Cloud whose state lies in a bucket, and whose cluster nobody can reach: an `up` ends right after
/// terraform.
struct Site {
    google: Google,
    workspace: Workspace,
    cloud: Cloud,
}

impl Site {
    /// Approved; `credential` is what the block says, beside the file of the account's key. Tokens are good for so long.
    async fn approved(name: &str, lifetime: Duration, credential: impl Fn(&Path) -> String) -> Result<Self> {
        let root = scratch(Path::new(env!("CARGO_TARGET_TMPDIR")), name)?;
        let account = ServiceAccount {
            email: "deploy@dss-prod.iam.gserviceaccount.com".into(),
            key_id: "k1".into(),
            key_pem: rsa::key().await?,
        };
        let google = Google::start(account, BUCKET, lifetime).await?;
        let file = root.join("account.json");
        fs::write(&file, google.key_file())?;
        let clouds = Clouds::lay_down(&root, &[GOOGLE])?;
        let plugins = needed("HANGAR_PLUGINS_DIR")?;
        let plugin = |name: &str| Plugin::of_file(name, &plugins.join(format!("{name}.wasm")));
        let mut description = Description::without_world("uss1", plugin("gcp"));
        description.plugins.push(plugin("local"));
        // Google is on this machine.
        description.plugins[0].is_dev = true;
        description.secrets = Some("local".into());
        description.block = Some(format!(
            "  project      = \"dss-prod\"\n  region       = \"europe-west4\"\n  cluster_name = \"uss1\"\n  kubernetes_version = \
             \"1.34\"\n  endpoints    = {}\n",
            google.endpoints()
        ));
        description.entry = Some(format!(
            r#"cluster {{
  endpoint = "https://127.0.0.1:9"
}}

credential "google" {{
  google {{
    {credential}
  }}
}}

state "gcs" {{
  credential              = "google"
  bucket                  = "{BUCKET}"
  prefix                  = "uss1"
  storage_custom_endpoint = "{storage}"
}}

terraform {{
  provider_mirror = "{mirror}"
}}
"#,
            credential = credential(&file),
            storage = google.storage(),
            mirror = clouds.mirror().display(),
        ));
        let workspace = Workspace::lay_down(&root, &description)?;
        let site = Self { google, workspace, cloud: clouds.cloud("google") };
        site.run(&["init", "--yes"]).await?.done()?;
        let slow = json!({ "operation": "create", "type": "google_compute_network", "delay_ms": SLOW_MS });
        site.cloud.control(&json!({ "issuer": site.google.check(), "faults": [slow] }))?;
        Ok(site)
    }

    async fn run(&self, arguments: &[&str]) -> Result<Run> {
        self.workspace.run_with(arguments, &[("GOOGLE_TOKEN", &self.google.copied_token())]).await
    }

    /// What `doctor` says, which holds all of these.
    async fn looks(&self, wanted: &[&str]) -> Result<String> {
        let said = self.run(&["doctor"]).await?.stdout;
        for wanted in wanted {
            ensure!(said.contains(wanted), "no `{wanted}`:\n{said}");
        }
        Ok(said)
    }

    fn state(&self) -> Result<Value> {
        let bytes = self.google.object(STATE).context("no state in the bucket")?;
        Ok(serde_json::from_slice(&bytes)?)
    }
}

fn by_key(file: &Path) -> String {
    format!("key_file = \"{}\"", file.display())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_apply_that_outlives_its_tokens_gets_others_for_its_provider_and_for_its_state() -> Result<()> {
    let site = Site::approved("google-renewed", LIFETIME, by_key).await?;
    let end = site.run(&["up", "--yes"]).await?.exits(3)?;
    ensure!(end.stderr.contains("the Kubernetes API"), "{}", end.stderr);
    ensure!(site.google.n_refused() == 0, "{} calls came without a good token", site.google.n_refused());
    ensure!(site.cloud.configured()?["signed_in_by"] == "metadata server", "{}", site.cloud.configured()?);
    let n_known = site.state()?["resources"].as_array().map_or(0, Vec::len);
    let (n_made, made) = (site.cloud.calls("create", "")?, site.cloud.all()?);
    ensure!(n_known > 10 && n_made == made.len(), "{n_known} in the state, {n_made} made, and there are {made:?}");
    ensure!(site.google.object("uss1/default.tflock").is_none(), "the lock is left");

    site.run(&["up", "--yes"]).await?.exits(3)?;
    ensure!(site.cloud.calls("create", "")? == n_made, "something was made twice");
    let tokens = site.google.tokens();
    ensure!(tokens.len() > 10, "only {} tokens were given", tokens.len());
    let secrets: Vec<String> = tokens.into_iter().chain([site.google.key_file(), "PRIVATE KEY".to_owned()]).collect();
    let n_files = crate::secrets::search(&site.workspace.folder, &secrets)?;
    ensure!(n_files > 10, "only {n_files} files were looked at");
    Ok(())
}

/// The other side of the test above: the same apply with a token that nobody renews.
#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_somebody_else_renews_ends_an_apply_when_it_ends() -> Result<()> {
    let site = Site::approved("google-fixed", LIFETIME, |_| "access_token_env = \"GOOGLE_TOKEN\"".to_owned()).await?;
    let run = site.run(&["up", "--yes"]).await?.exits(3)?;
    ensure!(run.stderr.contains("401") || run.stderr.contains("invalid authentication"), "{}", run.stderr);
    ensure!(site.google.n_refused() > 0, "nobody was refused");
    Ok(())
}

/// The looks of `doctor`, with tokens of the issuer, at APIs that answer nobody else.
#[tokio::test(flavor = "multi_thread")]
async fn a_project_is_looked_at_with_tokens_that_its_key_has_signed_for() -> Result<()> {
    let site = Site::approved("google-doctor", Duration::from_secs(3600), by_key).await?;
    let well = site
        .looks(&[
            "identity: signed in; project `dss-prod` is projects/415104041262",
            "permission: all 20 that are needed are there",
            "services: all APIs that are needed are enabled",
            "machine: `n2-standard-4` has 4 processors",
            "quota: region `europe-west4` has enough",
            "quota: the project has enough",
            "kubernetes: channel REGULAR has 1.34",
        ])
        .await?;
    ensure!(!well.contains("permission:compute"), "{well}");
    ensure!(site.google.n_refused() == 0, "{} calls came without a good token", site.google.n_refused());

    site.google.deny("compute.networks.create");
    let quotas = json!({ "quotas": [{ "metric": "STATIC_ADDRESSES", "limit": 8.0, "usage": 6.0 }] });
    site.google.answer("GET /compute/v1/projects/dss-prod/regions/europe-west4", 200, quotas);
    // As Google answers for an API that nobody has switched on.
    let disabled = json!({ "error": {
        "code": 403, "status": "PERMISSION_DENIED",
        "message": "Service Usage API has not been used in project 415104041262 before or it is disabled.",
        "details": [{ "@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "SERVICE_DISABLED",
                      "domain": "googleapis.com", "metadata": { "service": "serviceusage.googleapis.com" } }],
    } });
    site.google.answer("GET /v1/projects/415104041262/services:batchGet", 403, disabled);
    site.looks(&[
        "permission:compute.networks.create: the credential may not `compute.networks.create` in project `dss-prod`",
        "give it `roles/compute.admin`",
        "quota:STATIC_ADDRESSES: region `europe-west4` has 2 of 8 `STATIC_ADDRESSES` left, 4 are needed",
        "services: cannot be looked at: the API `service_usage` is not enabled yet",
    ])
    .await?;

    site.google.revoke();
    site.looks(&["the credential of slot `google` has expired: sign in again"]).await?;
    ensure!(site.google.n_refused() > 0, "nobody was refused");
    Ok(())
}

/// Services that are off among others that are on, and a zone that is led to nowhere, to another's servers, and to its own.
#[tokio::test(flavor = "multi_thread")]
async fn services_that_are_off_and_a_zone_that_nobody_is_led_to_are_told_each_by_its_name() -> Result<()> {
    let site = Site::approved("google-names", Duration::from_secs(3600), by_key).await?;
    site.workspace.edit("hangar.hcl", "endpoints ", "dns_managed_zone = \"dss\"\n  endpoints ")?;
    let service = |name: &str, state: &str| {
        let name = format!("{name}.googleapis.com");
        json!({ "name": format!("projects/415104041262/services/{name}"), "config": { "name": name }, "state": state })
    };
    let some = json!({ "services": [
        service("cloudkms", "DISABLED"), service("compute", "ENABLED"), service("container", "ENABLED"),
        service("dns", "ENABLED"), service("iam", "ENABLED"), service("secretmanager", "DISABLED"),
    ] });
    site.google.answer("GET /v1/projects/415104041262/services:batchGet", 200, some);
    let off = ["cloudkms", "secretmanager"].map(|name| format!("service:{name}.googleapis.com: "));
    let early = site
        .looks(&[
            &off[0],
            &off[1],
            "secretmanager.googleapis.com is not enabled yet; `hangar up` enables it",
            "permission: all 23 that are needed are there",
            "bad     dns:delegation: nobody delegates `uss1.example.com`",
            "name for `uss1.example.com`: ns-cloud-a1.googledomains.com, ns-cloud-a2.googledomains.com",
        ])
        .await?;
    ensure!(early.matches("service:").count() == 2 && !early.contains("bad     service:"), "{early}");

    // Nobody switches them on then.
    site.workspace.edit("hangar.hcl", "endpoints ", "enable_services = false\n  endpoints ")?;
    site.google.delegate("uss1.example.com", &["ns1.registrar.example."]);
    site.looks(&[
        "bad     service:cloudkms.googleapis.com: cloudkms.googleapis.com is not enabled",
        "bad     service:secretmanager.googleapis.com: secretmanager.googleapis.com is not enabled",
        "cure: `gcloud services enable secretmanager.googleapis.com`, or leave `enable_services` on",
        "bad     dns:delegation: `uss1.example.com` is delegated to ns1.registrar.example, not to this zone",
    ])
    .await?;

    site.google.delegate("uss1.example.com", &["NS-CLOUD-A2.googledomains.com."]);
    site.looks(&["good    dns:delegation: `uss1.example.com` is delegated to this zone"]).await?;
    ensure!(site.google.n_refused() == 0, "{} calls came without a good token", site.google.n_refused());
    Ok(())
}

/// An assertion that another key has signed is no sign-in.
#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_is_not_the_accounts_is_told_before_anything_starts() -> Result<()> {
    let site = Site::approved("google-other-key", LIFETIME, by_key).await?;
    let folder = site.workspace.folder.parent().context("it has a parent")?;
    let file = folder.join("account.json");
    let mut account: Value = serde_json::from_str(&fs::read_to_string(&file)?)?;
    account["private_key"] = json!(rsa::key().await?);
    fs::write(&file, account.to_string())?;
    let run = site.run(&["plan"]).await?.exits(1)?;
    ensure!(run.stderr.contains("terraform needs a credential that is not there"), "{}", run.stderr);
    ensure!(run.stderr.contains("400 invalid_grant") && run.stderr.contains("make a new key"), "{}", run.stderr);
    Ok(())
}
