//! Organisations with an authority each, and their nodes on loopback addresses of their own.

use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::{Duration, Instant};

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, SanType};
use serde_json::Value;
use tempfile::TempDir;

/// Arguments of a program that this test binary is to be, one a line; the first is its name.
pub(crate) const ARGS: &str = "WORLD_YUGABYTE_TEST_ARGS";

/// A process that dies with this value.
pub(crate) struct Process {
    child: Child,
    log: PathBuf,
}

impl Process {
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // A process that has ended cannot be killed.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// An authority.
pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pub(crate) pem: String,
}

impl Authority {
    pub(crate) fn new(name: &str) -> Self {
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, format!("CA.{name}"));
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(1));
        let cert = params.self_signed(&key).expect("a root");
        Self { pem: cert.pem(), issuer: Issuer::new(params, key) }
    }

    /// Writes `STEM.crt` and `STEM.key`.
    pub(crate) fn sign(&self, dir: &Path, stem: &str, common_name: &str, ip: Option<Ipv4Addr>) {
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, common_name);
        params.subject_alt_names = ip.map(|ip| SanType::IpAddress(ip.into())).into_iter().collect();
        let cert = params.signed_by(&key, &self.issuer).expect("a leaf");
        fs::write(dir.join(format!("{stem}.crt")), cert.pem()).expect("a writable folder");
        let path = dir.join(format!("{stem}.key"));
        fs::write(&path, key.serialize_pem()).expect("a writable folder");
        fs::set_permissions(path, fs::Permissions::from_mode(0o600)).expect("our own file");
    }
}

/// One node: a master, a tablet server, and their files.
pub(crate) struct Node {
    pub(crate) ip: Ipv4Addr,
    dir: TempDir,
    master: Option<Process>,
    tserver: Option<Process>,
}

impl Node {
    /// A node that has not started, signed by `own` and trusting `all`.
    pub(crate) fn new(own: &Authority, all: &[&Authority]) -> Self {
        static NEXT: AtomicU8 = AtomicU8::new(1);
        let middle = std::process::id().to_be_bytes()[3];
        let ip = Ipv4Addr::new(127, 69, middle, NEXT.fetch_add(1, Ordering::Relaxed));
        let node = Self { ip, dir: TempDir::new().expect("a temporary folder"), master: None, tserver: None };
        fs::create_dir(node.certs()).expect("the folder is new");
        own.sign(&node.certs(), &format!("node.{ip}"), &ip.to_string(), Some(ip));
        own.sign(&node.certs(), "client.yugabyte", "yugabyte", None);
        node.trust(all);
        node
    }

    pub(crate) fn certs(&self) -> PathBuf {
        self.dir.path().join("certs")
    }

    pub(crate) fn trust(&self, all: &[&Authority]) {
        let bundle: String = all.iter().map(|authority| authority.pem.as_str()).collect();
        fs::write(self.certs().join("ca.crt"), bundle).expect("a writable folder");
    }

    pub(crate) fn master(&self) -> String {
        format!("{}:7100", self.ip)
    }

    /// Starts its master with these masters, and its tablet server.
    pub(crate) fn start(&mut self, masters: &[String]) {
        let masters = masters.join(",");
        self.master = Some(self.spawn("yb-master", 7100, &[format!("--master_addresses={masters}")]));
        let own = [
            format!("--tserver_master_addrs={masters}"),
            "--use_client_to_server_encryption=true".into(),
            format!("--certs_for_client_dir={}", self.certs().display()),
            "--enable_ysql=true".into(),
            format!("--pgsql_proxy_bind_address={}:5433", self.ip),
            "--ysql_hba_conf_csv=hostssl all all 0.0.0.0/0 cert,hostssl all all ::0/0 cert".into(),
        ];
        self.tserver = Some(self.spawn("yb-tserver", 9100, &own));
    }

    fn spawn(&self, name: &str, port: u16, more: &[String]) -> Process {
        let ip = self.ip;
        let mut args = vec![
            name.to_owned(),
            format!("--fs_data_dirs={}", self.dir.path().join(name).display()),
            format!("--rpc_bind_addresses={ip}:{port}"),
            format!("--server_broadcast_addresses={ip}:{port}"),
            format!("--webserver_interface={ip}"),
            "--placement_cloud=dss".into(),
            "--placement_region=uss1".into(),
            "--placement_zone=zone".into(),
            "--use_private_ip=never".into(),
            format!("--certs_dir={}", self.certs().display()),
            format!("--cert_node_filename={ip}"),
            "--use_node_to_node_encryption=true".into(),
            "--node_to_node_encryption_use_client_certificates=true".into(),
            "--allow_insecure_connections=false".into(),
            "--logtostderr=true".into(),
        ];
        args.extend(more.iter().cloned());
        let log = self.dir.path().join(format!("{name}.log"));
        let out = File::options().create(true).append(true).open(&log).expect("a log");
        let child = command(&args, ip).stdin(Stdio::null()).stdout(Stdio::null()).stderr(out).spawn();
        Process { child: child.expect("a built program"), log }
    }

    pub(crate) fn log(&self) -> String {
        let of = |process: &Option<Process>| process.as_ref().map(Process::log).unwrap_or_default();
        format!("{}{}", of(&self.master), of(&self.tserver))
    }

    /// Runs a tool as this node, with its certificates.
    pub(crate) fn tool(&self, name: &str, args: &[&str]) -> Output {
        let mut all = vec![name.to_owned(), format!("--certs_dir_name={}", self.certs().display())];
        all.push(format!("--client_node_name={}", self.ip));
        all.extend(args.iter().map(|arg| (*arg).to_owned()));
        command(&all, self.ip).output().expect("a built program")
    }

    /// `yb-admin`, which asks these masters.
    pub(crate) fn admin(&self, masters: &[String], words: &[&str]) -> Result<String, String> {
        let masters = format!("--master_addresses={}", masters.join(","));
        let output = self.tool("yb-admin", &[&[masters.as_str()], words].concat());
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        if output.status.success() { Ok(text(&output.stdout)) } else { Err(text(&output.stderr)) }
    }

    /// A page of its master.
    pub(crate) fn page(&self, name: &str) -> Result<Value, String> {
        let mut stream = TcpStream::connect((self.ip, 7000)).map_err(|err| err.to_string())?;
        let request = format!("GET /api/v1/{name} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\n\r\n", self.ip);
        stream.write_all(request.as_bytes()).map_err(|err| err.to_string())?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).map_err(|err| err.to_string())?;
        let (head, body) = answer.split_once("\r\n\r\n").ok_or("no answer")?;
        if !head.starts_with("HTTP/1.1 200") {
            return Err(answer);
        }
        serde_json::from_str(body).map_err(|err| err.to_string())
    }

    /// Addresses of the masters that its leader counts, with their roles.
    pub(crate) fn masters(&self) -> Result<Vec<(String, String)>, String> {
        let page = self.page("masters")?;
        let entries = page["masters"].as_array().cloned().unwrap_or_default();
        let one = |entry: &Value| {
            let host = entry["registration"]["private_rpc_addresses"][0]["host"].as_str().unwrap_or_default();
            (host.to_owned(), entry["role"].as_str().unwrap_or_default().to_owned())
        };
        Ok(entries.iter().map(one).collect())
    }

    /// Tablet servers that its leader calls alive, with what they hold.
    pub(crate) fn tablet_servers(&self) -> Result<Vec<(String, u64)>, String> {
        let page = self.page("tablet-servers")?;
        let entries = page[""].as_object().cloned().unwrap_or_default();
        let alive = entries.into_iter().filter(|(_, entry)| entry["status"] == "ALIVE");
        Ok(alive.map(|(address, entry)| (address, entry["user_tablets_total"].as_u64().unwrap_or_default())).collect())
    }
}

fn command(args: &[String], ip: Ipv4Addr) -> Command {
    let mut command = Command::new(std::env::current_exe().expect("this program"));
    command
        .args(["--exact", "program", "--nocapture", "--quiet"])
        .env(ARGS, args.join("\n"))
        .env("POD_IP", ip.to_string());
    command
}

/// Nodes of one organisation, started together: they found a universe.
pub(crate) fn universe(own: &Authority, n_nodes: usize) -> Vec<Node> {
    let mut nodes: Vec<Node> = (0..n_nodes).map(|_| Node::new(own, &[own])).collect();
    let masters = masters(&nodes);
    nodes.iter_mut().for_each(|node| node.start(&masters));
    until("a universe", || whole(&nodes[0], n_nodes));
    nodes
}

pub(crate) fn masters(nodes: &[Node]) -> Vec<String> {
    nodes.iter().map(Node::master).collect()
}

/// Whether so many masters take part and so many tablet servers live.
pub(crate) fn whole(node: &Node, n_nodes: usize) -> Result<(), String> {
    let masters = node.masters().map_err(|err| format!("{err}\n{}", node.log()))?;
    let n_in = masters.iter().filter(|(_, role)| role == "LEADER" || role == "FOLLOWER").count();
    let n_alive = node.tablet_servers()?.len();
    if n_in == n_nodes && n_alive == n_nodes { Ok(()) } else { Err(format!("{masters:?}, {n_alive} servers")) }
}

#[track_caller]
pub(crate) fn until<T>(what: &str, mut look: impl FnMut() -> Result<T, String>) -> T {
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        match look() {
            Ok(found) => return found,
            Err(seen) if Instant::now() > deadline => panic!("waited in vain for {what}; last seen: {seen}"),
            Err(_) => std::thread::sleep(Duration::from_millis(50)),
        }
    }
}
