//! The real control plane, one for all tests of a program: etcd, API server, controller manager and scheduler.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use hangar_exec::{Command, Spool, Stream};
use hangar_kube::{Access, Cluster, Credential, namespace};
use k8s_openapi::api::core::v1::Node;
use kube::Api;
use kube::api::{Patch, PatchParams};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use serde_json::json;
use tempfile::TempDir;

use crate::logs;

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
    _dir: TempDir,
}

impl ControlPlane {
    pub(crate) fn endpoint(&self) -> String {
        format!("https://127.0.0.1:{}", self.port)
    }

    pub(crate) fn access(&self, token: &str) -> Access {
        Access {
            endpoint: self.endpoint(),
            ca_pem: Some(self.ca_pem.clone()),
            server_name: None,
            proxy: None,
            credential: Credential::Token(token.into()),
        }
    }

    pub(crate) fn cluster(&self) -> Result<Cluster> {
        Ok(Cluster::connect(&self.access(ADMIN))?)
    }
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
pub(crate) async fn new_namespace(cluster: &Cluster, name: &str) -> Result<()> {
    Ok(namespace::ensure(cluster, name, &[].into(), SOON).await?)
}

async fn start() -> Result<ControlPlane> {
    let dir = tempfile::tempdir()?;
    let ca_pem = write_pki(&dir.path().join("pki"))?;
    let port = free_ports()?;
    for (name, token) in [("kcm", ADMIN), ("sched", ADMIN)] {
        let config = json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "x",
            "clusters": [{"name": "x", "cluster": {"server": format!("https://127.0.0.1:{port}"), "certificate-authority": dir.path().join("pki/ca.crt")}}],
            "users": [{"name": "x", "user": {"token": token}}],
            "contexts": [{"name": "x", "context": {"cluster": "x", "user": "x"}}],
        });
        std::fs::write(dir.path().join(format!("{name}.kubeconfig")), config.to_string())?;
    }
    let spool = Spool::new(dir.path().join("output"));
    let arguments = ["all", "--ttl", "15m", "--port", &port.to_string(), "--dir"].map(str::to_owned);
    let command = Command::new(program()?).args(arguments).arg(dir.path()).env("HOME", dir.path());
    let mut child = command.spawn(&spool).await?;
    let plane = ControlPlane { port, ca_pem, _dir: dir };
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
    make_node(&plane.cluster()?, logs::serve().await?).await?;
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
    let cache = PathBuf::from(std::env::var_os("HOME").context(missing)?).join(".cache/hangar/tools/kubeone");
    let versions = std::fs::read_dir(&cache).context(missing)?;
    let built = versions.filter_map(Result::ok).map(|version| version.path().join("bin/kubeone"));
    built.filter(|path| path.is_file()).max().context(missing)
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

/// A machine for the scheduler to put pods on. `logs` is where the API server asks for what containers wrote.
async fn make_node(cluster: &Cluster, logs: u16) -> Result<()> {
    let nodes: Api<Node> = Api::all(cluster.client().clone());
    let params = PatchParams::apply("stand-in").force();
    let node = json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "node-1"}});
    nodes.patch("node-1", &params, &Patch::Apply(node)).await?;
    let resources = json!({"cpu": "64", "memory": "256Gi", "pods": "1000"});
    let status = json!({"apiVersion": "v1", "kind": "Node", "status": {
        "capacity": resources, "allocatable": resources,
        "addresses": [{"type": "InternalIP", "address": "127.0.0.1"}],
        "daemonEndpoints": {"kubeletEndpoint": {"Port": logs}},
        "conditions": [{"type": "Ready", "status": "True", "reason": "StandIn", "message": "",
            "lastHeartbeatTime": "2026-01-01T00:00:00Z", "lastTransitionTime": "2026-01-01T00:00:00Z"}],
    }});
    nodes.patch_status("node-1", &params, &Patch::Apply(status)).await?;
    Ok(())
}
