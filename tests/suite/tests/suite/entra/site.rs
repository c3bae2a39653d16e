//! An operator of Azure whose cloud is on this machine.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Result, ensure};
use serde_json::Value;
use test_support::{AZURE, Clouds, Description, Run, Workspace, scratch};
use test_world::azure::{Azure, Federation, Principal};
use test_world::rsa;

use crate::azure::{CLIENT, SECRET, SUBSCRIPTION, TENANT, TOKENS, plugin};

/// What is put into the environment of each command, whether a block names it or not.
const VARIABLE: &str = "ENTRA_SECRET";

/// Its workspace, and the cloud.
pub(super) struct Site {
    pub(super) azure: Azure,
    workspace: Workspace,
    /// Where the proof is, if it is a file.
    pub(super) proof: PathBuf,
    pub(super) federation: Federation,
}

impl Site {
    /// Approved. `credential` is what the block says of the client's proof, which is a file where it is a certificate or a token.
    pub(super) async fn approved(name: &str, credential: impl Fn(&Path) -> String) -> Result<Self> {
        let root = scratch(Path::new(env!("CARGO_TARGET_TMPDIR")), name)?;
        let proof = root.join("proof");
        let certificate = rsa::certified(&rsa::key().await?)?;
        fs::write(&proof, &certificate)?;
        let federation = Federation {
            issuer: "https://oidc.example.com/uss1".into(),
            subject: "system:serviceaccount:hangar:manager".into(),
            key_pem: rsa::key().await?,
        };
        let principal = Principal {
            certificate: Some(certificate),
            federation: Some(federation.clone()),
            ..Principal::with_secret(TENANT, CLIENT, SECRET)
        };
        let azure = Azure::start(principal, None, TOKENS).await?;
        azure.delegate("uss1.example.com", &["ns2-01.azure-dns.net.", "ns1-01.azure-dns.com."]);
        let clouds = Clouds::lay_down(&root, &[AZURE])?;
        let mut description = Description::without_world("uss1", plugin("azure")?);
        description.plugins.push(plugin("local")?);
        // Azure is on this machine.
        description.plugins[0].is_dev = true;
        description.secrets = Some("local".into());
        description.block = Some(format!(
            r#"  subscription_id = "{SUBSCRIPTION}"
  location        = "westeurope"
  cluster_name    = "uss1"
  dns_zone_id     = "{zone}"
  endpoints       = {endpoints}"#,
            zone = zone(),
            endpoints = azure.endpoints(),
        ));
        description.entry = Some(format!(
            r#"cluster {{
  endpoint = "https://127.0.0.1:9"
}}

credential "azure" {{
  azure {{
    tenant_id = "{TENANT}"
    client_id = "{CLIENT}"
    authority = "{authority}"
    {credential}
  }}
}}

terraform {{
  provider_mirror = "{mirror}"
}}
"#,
            authority = azure.authority(),
            credential = credential(&proof),
            mirror = clouds.mirror().display(),
        ));
        let workspace = Workspace::lay_down(&root, &description)?;
        let site = Self { azure, workspace, proof, federation };
        site.run(&["init", "--yes"]).await?.done()?;
        Ok(site)
    }

    async fn run(&self, arguments: &[&str]) -> Result<Run> {
        self.workspace.run_with(arguments, &[(VARIABLE, SECRET)]).await
    }

    /// What `doctor` says, which holds all of these, and none of what is secret.
    pub(super) async fn looks(&self, wanted: &[&str]) -> Result<String> {
        let run = self.run(&["doctor"]).await?;
        let said = run.stdout;
        for wanted in wanted {
            ensure!(said.contains(wanted), "no `{wanted}`:\n{said}");
        }
        let secrets = self.azure.tokens().into_iter().chain([SECRET.to_owned(), "PRIVATE KEY".to_owned()]);
        for secret in secrets {
            ensure!(!said.contains(&secret) && !run.stderr.contains(&secret), "`{secret}` is shown:\n{said}");
        }
        Ok(said)
    }

    /// The look where all is well, by this proof.
    pub(super) async fn is_well(&self, proof: &str) -> Result<()> {
        let said = self
            .looks(&[
                &format!("good    credential:azure: by client `{CLIENT}` of tenant `{TENANT}` with {proof}"),
                "good    identity: signed in; subscription `Production` is enabled",
                "good    providers: 5 of 5 resource providers are registered",
                &format!("good    permission: all 10 actions are allowed at `/subscriptions/{SUBSCRIPTION}`"),
                &format!("good    permission: all 2 actions are allowed at `{}`", zone()),
                "good    kubernetes-version: AKS offers 1.34 in `westeurope`",
                "good    machine: `westeurope` has `Standard_D4s_v5` in all three zones",
                "good    quota:cores: 28 vCPUs are wanted, 90 are left",
                "good    quota:standardDSv5Family: 28 vCPUs are wanted, 90 are left",
                "good    quota:StandardSkuPublicIpAddresses: 5 public addresses are wanted, 19 are left",
                "good    dns:delegation: `uss1.example.com` is delegated to this zone",
            ])
            .await?;
        let others = ["identity", "provider:", "permission", "kubernetes-version", "machine", "quota", "dns"];
        for (subject, health) in others.iter().flat_map(|subject| [(subject, "bad     "), (subject, "warning ")]) {
            ensure!(!said.contains(&format!("{health}{subject}")), "{said}");
        }
        ensure!(self.azure.n_refused() == 0, "{} calls came without a good token", self.azure.n_refused());
        ensure!(self.azure.tokens().len() >= 2, "one token was for two audiences: {:?}", self.azure.tokens());
        Ok(())
    }

    pub(super) fn answer(&self, asked: &str, status: u16, body: Value) {
        self.azure.answer(&format!("GET /subscriptions/{SUBSCRIPTION}{asked}"), status, body);
    }
}

fn zone() -> String {
    format!("/subscriptions/{SUBSCRIPTION}/resourceGroups/dns/providers/Microsoft.Network/dnsZones/uss1.example.com")
}
