//! One node that is a cluster of its own.

use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use hangar_agent::Datastore;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, SanType};
use tempfile::TempDir;

const ARGUMENTS: &str = "TEST_CHART_NODE_ARGUMENTS";

/// Not a test of its own: with the variable set, this process is a node of the database.
#[test]
#[expect(clippy::disallowed_methods, reason = "the process is told by its starter what it is")]
fn process() {
    let Ok(arguments) = std::env::var(ARGUMENTS) else { return };
    let code = world_cockroach::cli::main(arguments.split('\n').map(str::to_owned).collect());
    assert_eq!(code, ExitCode::SUCCESS);
}

/// It dies with this value.
pub(crate) struct Node {
    dir: TempDir,
    address: SocketAddr,
    child: Child,
}

impl Drop for Node {
    fn drop(&mut self) {
        // A process that has ended cannot be killed.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

impl Node {
    pub(crate) fn start() -> Result<Self> {
        let dir = tempfile::tempdir()?;
        let certs = dir.path().join("certs");
        std::fs::create_dir(&certs)?;
        let (address, http) = (free()?, free()?);
        certify(&certs, address)?;
        let arguments = [
            "start".to_owned(),
            format!("--certs-dir={}", certs.display()),
            format!("--store={}", dir.path().join("store").display()),
            format!("--listen-addr={address}"),
            format!("--http-addr={http}"),
            format!("--join={address}"),
            "--logtostderr".to_owned(),
        ];
        let log = std::fs::File::create(dir.path().join("log"))?;
        let child = command(&arguments)?.stdout(log.try_clone()?).stderr(log).spawn()?;
        let node = Self { dir, address, child };
        let started = Instant::now();
        while TcpStream::connect(address).is_err() {
            ensure!(started.elapsed() < Duration::from_secs(60), "{}", node.log());
            std::thread::sleep(Duration::from_millis(30));
        }
        let init = ["init".to_owned(), format!("--host={address}"), format!("--certs-dir={}", certs.display())];
        let output = command(&init)?.output()?;
        ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
        Ok(node)
    }

    fn certs(&self) -> PathBuf {
        self.dir.path().join("certs")
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.dir.path().join("log")).unwrap_or_default()
    }

    pub(crate) fn datastore(&self) -> Datastore {
        Datastore {
            host: self.address.ip().to_string(),
            port: self.address.port(),
            user: "root".to_owned(),
            client: self.certs(),
            certificate: "client.root".to_owned(),
            source: None,
        }
    }

    pub(crate) async fn sql(&self, statements: &str) -> Result<()> {
        let client = self.datastore().connect("defaultdb").await?;
        client.batch_execute(statements).await.with_context(|| self.log())
    }
}

#[expect(clippy::disallowed_methods, reason = "the test's own process")]
fn command(arguments: &[String]) -> Result<Command> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["--exact", "node::process", "--nocapture"]).stdin(Stdio::null());
    command.env(ARGUMENTS, ["cockroach".to_owned()].iter().chain(arguments).cloned().collect::<Vec<_>>().join("\n"));
    command.env("COCKROACH_WORLD_TIME_SCALE", "0.15");
    Ok(command)
}

/// A port that was free a moment ago, on a loopback address that is hardly anybody else's.
fn free() -> Result<SocketAddr> {
    let [.., high, low] = std::process::id().to_be_bytes();
    let listener = TcpListener::bind((Ipv4Addr::new(127, 68, high, low.max(1)), 0))?;
    Ok(listener.local_addr()?)
}

fn certify(dir: &Path, address: SocketAddr) -> Result<()> {
    let key = KeyPair::generate()?;
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, "uss1 CA");
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(1));
    std::fs::write(dir.join("ca.crt"), params.self_signed(&key)?.pem())?;
    let issuer = Issuer::new(params, key);
    for (stem, name) in [("node", "node"), ("client.root", "root")] {
        let key = KeyPair::generate()?;
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        if stem == "node" {
            params.subject_alt_names = vec![SanType::IpAddress(address.ip())];
        }
        std::fs::write(dir.join(format!("{stem}.crt")), params.signed_by(&key, &issuer)?.pem())?;
        let path = dir.join(format!("{stem}.key"));
        std::fs::write(&path, key.serialize_pem())?;
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))?;
    }
    Ok(())
}
