use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use k8s_openapi::api::core::v1::ServiceAccount;
use kube::config::Kubeconfig;
use kube::{Api, Client, Config};
use serde_json::json;

use crate::WorldError;
use crate::address::OrganisationAddresses;
use crate::bound::{Bound, Server};
use crate::options::Tools;
use crate::pki::{Pki, write_private};
use crate::port_block;

/// The Kubernetes of one organisation: etcd, API server, controller manager and scheduler in one process.
pub(crate) struct ControlPlane {
    process: Bound,
    organisation: String,
    dir: PathBuf,
    port: u16,
    pub(crate) pki: Pki,
}

const DEADLINE: Duration = Duration::from_secs(120);
const TTL_MARGIN: Duration = Duration::from_secs(60);
const ATTEMPTS: u16 = 4;
const NAME: &str = "kubeone";

/// What a control plane is started from.
pub(crate) struct Plan<'a> {
    pub(crate) tools: &'a Tools,
    pub(crate) organisation: &'a str,
    pub(crate) dir: PathBuf,
    pub(crate) addresses: OrganisationAddresses,
    pub(crate) block: u8,
    pub(crate) ttl: Duration,
    /// Configuration of whoever else knows bearer tokens.
    pub(crate) token_webhook: Option<PathBuf>,
}

impl ControlPlane {
    /// Starts it and returns once it is ready for pods: the API answers and has made the default service account.
    pub(crate) async fn start(plan: Plan<'_>) -> Result<Self, WorldError> {
        let mut attempt = 0;
        loop {
            match Self::try_start(&plan, attempt).await {
                // Somebody took a port between our look and its start.
                Err(WorldError::Ended { .. }) if attempt + 1 < ATTEMPTS => attempt += 1,
                other => return other,
            }
        }
    }

    async fn try_start(plan: &Plan<'_>, attempt: u16) -> Result<Self, WorldError> {
        let pki = Pki::make(&plan.dir.join("pki"), plan.organisation, plan.addresses.node())?;
        let port = port_block::find(plan.block, plan.addresses.index(), attempt, plan.organisation)?;
        write_kubeconfigs(&plan.dir, &pki, port)?;
        // Longer than the world's own, which ends it in order; this one is for a world that cannot.
        let ttl = format!("{}s", (plan.ttl + DEADLINE + TTL_MARGIN).as_secs());
        let mut arguments: Vec<OsString> = ["all", "--dir"].map(Into::into).into();
        arguments.extend([
            plan.dir.clone().into(),
            "--port".into(),
            port.to_string().into(),
            "--ttl".into(),
            ttl.into(),
        ]);
        if let Some(config) = &plan.token_webhook {
            let mut flag = OsString::from("--authentication-token-webhook-config-file=");
            flag.push(config);
            arguments.extend(["--".into(), flag, "--authentication-token-webhook-version=v1".into()]);
        }
        let process = Bound::start(Server {
            runner: &plan.tools.runner,
            program: plan.tools.kubeone(plan.organisation),
            arguments,
            variables: Vec::new(),
            log: plan.dir.join("kubeone.log"),
        })?;
        let mut plane = Self { process, organisation: plan.organisation.to_owned(), dir: plan.dir.clone(), port, pki };
        plane.wait_until_ready().await?;
        Ok(plane)
    }

    async fn wait_until_ready(&mut self) -> Result<(), WorldError> {
        let (client, start) = (self.client(&self.pki.tokens.world).await?, Instant::now());
        let accounts: Api<ServiceAccount> = Api::namespaced(client.clone(), "default");
        loop {
            let last_seen = match readyz(&client).await {
                Err(err) => err.to_string(),
                Ok(()) => match accounts.get_opt("default").await {
                    Ok(Some(_)) => return Ok(()),
                    Ok(None) => "no default service account".to_owned(),
                    Err(err) => err.to_string(),
                },
            };
            let organisation = self.organisation.clone();
            if let Some(status) = self.process.exited() {
                return Err(WorldError::Ended {
                    program: NAME,
                    organisation,
                    status,
                    last_words: self.process.last_words(),
                });
            }
            if start.elapsed() > DEADLINE {
                return Err(WorldError::NotReady {
                    program: NAME,
                    organisation,
                    seconds: DEADLINE.as_secs(),
                    last_seen,
                });
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    pub(crate) fn endpoint(&self) -> String {
        endpoint(self.port)
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Of the cluster's own admin.
    pub(crate) fn kubeconfig(&self) -> PathBuf {
        self.dir.join("admin.kubeconfig")
    }

    /// File of the operator's bearer token.
    pub(crate) fn operator_token(&self) -> PathBuf {
        self.dir.join("operator.token")
    }

    /// A client for the bearer of `token`.
    pub(crate) async fn client(&self, token: &str) -> Result<Client, WorldError> {
        let tls = |err: Box<dyn std::error::Error + Send + Sync>| WorldError::Tls { what: "a Kubernetes client", err };
        let kubeconfig = kubeconfig(&self.pki, self.port, token);
        let kubeconfig: Kubeconfig = serde_json::from_value(kubeconfig).map_err(|err| tls(err.into()))?;
        let config = Config::from_custom_kubeconfig(kubeconfig, &Default::default()).await;
        let mut config = config.map_err(|err| tls(err.into()))?;
        config.connect_timeout = Some(Duration::from_secs(5));
        Client::try_from(config).map_err(|err| tls(err.into()))
    }
}

async fn readyz(client: &Client) -> Result<(), kube::Error> {
    let request = http::Request::get("/readyz").body(Vec::new()).map_err(kube::Error::HttpError)?;
    client.request_text(request).await.map(drop)
}

fn endpoint(port: u16) -> String {
    format!("https://127.0.0.1:{port}")
}

fn write_kubeconfigs(dir: &Path, pki: &Pki, port: u16) -> Result<(), WorldError> {
    let tokens = &pki.tokens;
    for (name, token) in [("admin", &tokens.admin), ("kcm", &tokens.controller_manager), ("sched", &tokens.scheduler)] {
        // JSON is YAML too.
        let text = serde_json::to_string_pretty(&kubeconfig(pki, port, token)).expect("plain values always serialise");
        write_private(&dir.join(format!("{name}.kubeconfig")), &text)?;
    }
    write_private(&dir.join("operator.token"), &tokens.operator)
}

fn kubeconfig(pki: &Pki, port: u16, token: &str) -> serde_json::Value {
    json!({
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{ "name": "world", "cluster": { "server": endpoint(port), "certificate-authority": pki.ca_file() } }],
        "users": [{ "name": "user", "user": { "token": token } }],
        "contexts": [{ "name": "world", "context": { "cluster": "world", "user": "user" } }],
        "current-context": "world",
    })
}
