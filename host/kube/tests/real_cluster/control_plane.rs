//! The real control plane, one for all tests of a program: etcd, API server, controller manager and scheduler.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use hangar_exec::{Command, Spool, Stream};
use k8s_openapi::api::core::v1::{Namespace, ServiceAccount};
use kube::api::{Patch, PatchParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Api, Client};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use serde_json::{Value, json};

/// Tokens of two people: one who may do everything, one who may do nothing.
pub(crate) const ADMIN: &str = "admin-token";
pub(crate) const NOBODY: &str = "nobody-token";

/// Ports it takes in a row.
const PORTS: u16 = 5;
const START: Duration = Duration::from_secs(180);
/// For what is quick on an idle machine.
pub(crate) const SOON: Duration = Duration::from_secs(60);

/// A control plane that runs. It ends with the program: its starter lives in a thread that does, and it has a time to live.
pub(crate) struct ControlPlane {
    port: u16,
    ca_pem: String,
}

impl ControlPlane {
    fn endpoint(&self) -> String {
        format!("https://127.0.0.1:{}", self.port)
    }

    /// A client of the test itself, known by one of the tokens.
    pub(crate) async fn client(&self, token: &str) -> Result<Client> {
        let kubeconfig: Kubeconfig = serde_json::from_value(self.kubeconfig(token))?;
        let config = kube::Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await?;
        Ok(Client::try_from(config)?)
    }

    pub(crate) fn kubeconfig(&self, token: &str) -> Value {
        kubeconfig(&self.endpoint(), &self.ca_pem, token)
    }
}

fn kubeconfig(endpoint: &str, ca_pem: &str, token: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "x",
        "clusters": [{"name": "x", "cluster": {"server": endpoint, "certificate-authority-data": BASE64_STANDARD.encode(ca_pem)}}],
        "users": [{"name": "x", "user": {"token": token}}],
        "contexts": [{"name": "x", "context": {"cluster": "x", "user": "x"}}],
    })
}

/// The control plane of this program; the first caller starts it.
pub(crate) fn control_plane() -> Result<&'static ControlPlane> {
    static SHARED: OnceLock<Result<ControlPlane, String>> = OnceLock::new();
    let shared = SHARED.get_or_init(|| {
        let (sender, started) = std::sync::mpsc::channel();
        // Its runtime serves all tests and outlives each.
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Runtime::new().expect("a runtime");
            sender.send(runtime.block_on(start()).map_err(|err| format!("{err:#}"))).ok();
            runtime.block_on(std::future::pending::<()>());
        });
        started.recv().expect("the thread answers")
    });
    shared.as_ref().map_err(|err| anyhow::anyhow!("no control plane: {err}"))
}

/// A namespace of its own for one test.
pub(crate) async fn new_namespace(client: &Client, name: &str) -> Result<()> {
    let namespaces: Api<Namespace> = Api::all(client.clone());
    let wanted = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}});
    namespaces.patch(name, &PatchParams::apply("test"), &Patch::Apply(wanted)).await?;
    let accounts: Api<ServiceAccount> = Api::namespaced(client.clone(), name);
    let started = Instant::now();
    while accounts.get_opt("default").await?.is_none() {
        ensure!(started.elapsed() < SOON, "no service account in `{name}`");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Ok(())
}

async fn start() -> Result<ControlPlane> {
    // What a `static` holds is never dropped: the folder goes with the next run of the tests.
    let dir = test_support::scratch(Path::new(env!("CARGO_TARGET_TMPDIR")), "control-plane")?;
    let ca_pem = write_pki(&dir.join("pki"))?;
    let port = free_ports()?;
    for name in ["kcm", "sched"] {
        let config = kubeconfig(&format!("https://127.0.0.1:{port}"), &ca_pem, ADMIN);
        std::fs::write(dir.join(format!("{name}.kubeconfig")), config.to_string())?;
    }
    let spool = Spool::new(dir.join("output"));
    let arguments = ["all", "--ttl", "15m", "--port", &port.to_string(), "--dir"].map(str::to_owned);
    let command = Command::new(program()?).args(arguments).arg(&dir).env("HOME", &dir);
    let mut child = command.spawn(&spool).await?;
    let plane = ControlPlane { port, ca_pem };
    let ready = async {
        let mut lines = child.follow(Stream::Stdout)?;
        while let Some(batch) = lines.next().await? {
            if batch.iter().any(|line| line.text.contains("\"ready\":true")) {
                return Ok(());
            }
        }
        bail!("it ended: {}", std::fs::read_to_string(spool.path(Stream::Stderr)).unwrap_or_default())
    };
    let ended = tokio::time::timeout(START, ready).await;
    if !matches!(ended, Ok(Ok(()))) {
        child.kill();
        child.wait().await;
    }
    ended.context("not ready in time")??;
    Ok(plane)
}

#[expect(clippy::disallowed_methods, reason = "tests are told where the tools are by the environment")]
fn program() -> Result<PathBuf> {
    let missing = "no `kubeone`: `cargo xtask test` sets up every tool and runs all tests";
    if let Some(named) = std::env::var_os("HANGAR_KUBEONE") {
        let path = PathBuf::from(named);
        ensure!(path.is_file(), "{missing} (HANGAR_KUBEONE names `{}`)", path.display());
        return Ok(path);
    }
    // Of several built ones the oldest: the newer are for those who ask for them by name.
    let cache = PathBuf::from(std::env::var_os("HOME").context(missing)?).join(".cache/hangar/tools/kubeone");
    let versions = std::fs::read_dir(&cache).context(missing)?;
    let built = versions.filter_map(Result::ok).map(|version| version.path().join("bin/kubeone"));
    built.filter(|path| path.is_file()).min().context(missing)
}

fn write_pki(folder: &Path) -> Result<String> {
    std::fs::create_dir(folder)?;
    let mut authority = CertificateParams::new(Vec::new())?;
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate()?)?;
    let (key, accounts) = (KeyPair::generate()?, KeyPair::generate()?);
    let server = CertificateParams::new(vec!["127.0.0.1".to_owned()])?.signed_by(&key, &authority)?;
    let files = [
        ("ca.crt", authority.pem()),
        ("server.crt", server.pem()),
        ("server.key", key.serialize_pem()),
        ("sa.key", accounts.serialize_pem()),
        ("sa.pub", accounts.public_key_pem()),
        ("tokens.csv", format!("{ADMIN},admin,1,\"system:masters\"\n{NOBODY},nobody,2\n")),
    ];
    for (name, content) in files {
        std::fs::write(folder.join(name), content)?;
    }
    Ok(authority.pem())
}

/// Below the range that Linux hands out by itself, from a place that depends on who asks.
fn free_ports() -> Result<u16> {
    let start = 16_400 + u16::try_from(std::process::id() % 3000)? * PORTS;
    let is_free = |port: u16| TcpListener::bind(("127.0.0.1", port)).is_ok();
    let mut starts = (start..32_000).step_by(usize::from(PORTS));
    starts.find(|first| (*first..first + PORTS).all(is_free)).context("no free ports")
}
