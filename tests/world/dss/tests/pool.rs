//! core-service and db-manager against nodes that are processes of their own.

#![expect(clippy::disallowed_methods, reason = "these tests start the programs they test")]

use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, SanType};
use tempfile::TempDir;
use world_dss::datastore::{self, Datastore};
use world_dss::goflag::Flags;

const NODE_ARGS: &str = "WORLD_DSS_TEST_NODE_ARGS";

/// Not a test of its own: with the variable set, this process is a node of the database.
#[test]
fn node() {
    let Ok(args) = std::env::var(NODE_ARGS) else { return };
    let code = world_cockroach::cli::main(args.split('\n').map(str::to_owned).collect());
    assert_eq!(code, ExitCode::SUCCESS);
}

/// A process that dies with this value.
struct Process {
    child: Child,
    log: PathBuf,
}

impl Process {
    fn start(mut command: Command, log: PathBuf) -> Self {
        let out = File::options().create(true).append(true).open(&log).expect("a log");
        let err = out.try_clone().expect("a second handle");
        let child = command.stdin(Stdio::null()).stdout(out).stderr(err).spawn().expect("a built program");
        Self { child, log }
    }

    fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    fn stop(&mut self) -> Option<i32> {
        let pid = Pid::from_raw(i32::try_from(self.child.id()).expect("a pid"));
        kill(pid, Signal::SIGTERM).expect("our own child");
        self.child.wait().expect("our own child").code()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // A process that has ended cannot be killed.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

#[track_caller]
fn until<T>(what: &str, mut look: impl FnMut() -> Result<T, String>) -> T {
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        match look() {
            Ok(found) => return found,
            Err(seen) if Instant::now() > deadline => panic!("waited in vain for {what}; last seen: {seen}"),
            Err(_) => std::thread::sleep(Duration::from_millis(30)),
        }
    }
}

fn free() -> SocketAddr {
    static NEXT: AtomicU8 = AtomicU8::new(1);
    let middle = std::process::id().to_be_bytes()[3];
    let ip = Ipv4Addr::new(127, 67, middle, NEXT.fetch_add(1, Ordering::Relaxed));
    TcpListener::bind((ip, 0)).and_then(|listener| listener.local_addr()).expect("a free port")
}

/// An organisation: its authority, and what it signs.
struct Organisation {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

impl Organisation {
    fn new(name: &str) -> Self {
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, format!("{name} CA"));
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(1));
        let cert = params.self_signed(&key).expect("a root");
        Self { pem: cert.pem(), issuer: Issuer::new(params, key) }
    }

    fn sign(&self, dir: &Path, stem: &str, common_name: &str, ip: Option<SocketAddr>) {
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, common_name);
        params.subject_alt_names = ip.map(|address| SanType::IpAddress(address.ip())).into_iter().collect();
        let cert = params.signed_by(&key, &self.issuer).expect("a leaf");
        fs::write(dir.join(format!("{stem}.crt")), cert.pem()).expect("a writable folder");
        let path = dir.join(format!("{stem}.key"));
        fs::write(&path, key.serialize_pem()).expect("a writable folder");
        fs::set_permissions(path, fs::Permissions::from_mode(0o600)).expect("our own file");
    }
}

/// One organisation's node and the folder of its certificates.
struct Instance {
    dir: TempDir,
    address: SocketAddr,
    node: Process,
}

impl Instance {
    fn start(own: &Organisation, all: &[&Organisation], join: Option<SocketAddr>) -> Self {
        let dir = TempDir::new().expect("a temporary folder");
        let address = free();
        let http = SocketAddr::new(
            address.ip(),
            TcpListener::bind((address.ip(), 0)).and_then(|l| l.local_addr()).expect("a port").port(),
        );
        let certs = dir.path().join("certs");
        fs::create_dir(&certs).expect("a writable folder");
        let bundle: String = all.iter().map(|organisation| organisation.pem.as_str()).collect();
        fs::write(certs.join("ca.crt"), bundle).expect("a writable folder");
        own.sign(&certs, "node", "node", Some(address));
        own.sign(&certs, "client.root", "root", None);
        let args = [
            "cockroach".to_owned(),
            "start".to_owned(),
            format!("--certs-dir={}", certs.display()),
            format!("--store={}", dir.path().join("store").display()),
            format!("--listen-addr={address}"),
            format!("--http-addr={http}"),
            format!("--join={}", join.unwrap_or(address)),
            "--logtostderr".to_owned(),
        ];
        let mut command = Command::new(std::env::current_exe().expect("this test"));
        command.args(["--exact", "node", "--nocapture"]).env(NODE_ARGS, args.join("\n"));
        command.env("COCKROACH_WORLD_TIME_SCALE", "0.15");
        let node = Process::start(command, dir.path().join("node.log"));
        until("the node to listen", || TcpStream::connect(address).map_err(|_| node.log()));
        Self { dir, address, node }
    }

    fn init(&self) {
        let args = [
            "cockroach".to_owned(),
            "init".to_owned(),
            format!("--host={}", self.address),
            format!("--certs-dir={}", self.certs().display()),
        ];
        let mut command = Command::new(std::env::current_exe().expect("this test"));
        command.args(["--exact", "node", "--nocapture"]).env(NODE_ARGS, args.join("\n"));
        let output = command.output().expect("this test");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    }

    fn certs(&self) -> PathBuf {
        self.dir.path().join("certs")
    }

    fn datastore(&self) -> Vec<String> {
        vec![
            format!("--datastore_host={}", self.address.ip()),
            format!("--datastore_port={}", self.address.port()),
            "--datastore_user=root".to_owned(),
            "--datastore_ssl_mode=verify-full".to_owned(),
            format!("--datastore_ssl_dir={}", self.certs().display()),
        ]
    }

    fn migrate(&self, folder: &str, version: &str) -> (bool, String) {
        let (folder, version) = (format!("--schemas_dir=/db-schemas/{folder}"), format!("--db_version={version}"));
        self.manage(&["migrate", &folder, &version])
    }

    fn manage(&self, args: &[&str]) -> (bool, String) {
        let output = Command::new(env!("CARGO_BIN_EXE_db-manager"))
            .args(args)
            .args(self.datastore())
            .env("POD_IP", self.address.ip().to_string())
            .output()
            .expect("the built program");
        (output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned())
    }

    fn core_service(&self, locality: &str) -> (Process, SocketAddr) {
        let addr = free();
        let mut command = Command::new(env!("CARGO_BIN_EXE_core-service"));
        command
            .args([
                format!("--addr={addr}"),
                format!("--locality={locality}"),
                format!("--public_endpoint=https://dss.{locality}.example.com"),
                format!("--accepted_jwt_audiences=dss.{locality}.example.com"),
                "--jwks_endpoint=https://auth.example.com/.well-known/jwks.json".to_owned(),
                "--jwks_key_ids=k1,k2".to_owned(),
                "--enable_scd=true".to_owned(),
            ])
            .args(self.datastore())
            .env("POD_IP", self.address.ip().to_string());
        (Process::start(command, self.dir.path().join("core.log")), addr)
    }
}

fn get(address: SocketAddr, path: &str) -> Result<String, String> {
    ask(address, path, "Authorization: Bearer token\r\n")
}

fn ask(address: SocketAddr, path: &str, header: &str) -> Result<String, String> {
    let mut stream = TcpStream::connect(address).map_err(|err| err.to_string())?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: dss\r\nConnection: close\r\n{header}\r\n")
        .map_err(|err| err.to_string())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).map_err(|err| err.to_string())?;
    match answer.split_once("\r\n\r\n") {
        Some((head, body)) if head.contains(" 200 ") => Ok(body.to_owned()),
        _ => Err(answer),
    }
}

#[test]
fn two_organisations_in_one_pool_see_one_identity_and_each_other() {
    let (alpha, beta) = (Organisation::new("alpha"), Organisation::new("beta"));
    let all = [&alpha, &beta];
    let one = Instance::start(&alpha, &all, None);
    one.init();
    let two = Instance::start(&beta, &all, Some(one.address));
    for (folder, version, told) in [
        ("rid", "4.0.0", "v0.0.0 to v4.0.0 in 1"),
        ("scd", "latest", "v0.0.0 to v3.4.1 in 2"),
        ("aux_", "1.1.0", "v0.0.0 to v1.1.0 in 2"),
    ] {
        let (done, said) = one.migrate(folder, version);
        assert!(done && said.contains(told), "{said}");
    }
    // A second run, by another member, goes on from where the first ended, and a third has nothing to do.
    let (done, said) = two.migrate("rid", "latest");
    assert!(done && said.contains("v4.0.0 to v4.1.0 in 1"), "{said}\n{}", two.node.log());
    let (done, said) = one.migrate("rid", "latest");
    assert!(done && said.contains("v4.1.0 to v4.1.0 in 0"), "{said}");
    let (done, said) = one.migrate("rid", "");
    assert!(done && said.contains("rid schema version: v4.1.0"), "{said}");

    let (done, said) = two.manage(&["evict", "--rid_isa=true", "--rid_ttl=30m", "--locality=beta", "--delete=true"]);
    assert!(done && said.contains("rid.identification_service_areas: 0 expired"), "{said}");
    let (done, said) = two.manage(&["evict", "--scd_oir=true", "--scd_ttl=2688h"]);
    assert!(done && said.contains("scd.scd_operations: 0 expired"), "{said}");

    let (mut first, first_at) = one.core_service("alpha");
    let (_second, second_at) = two.core_service("beta");
    for (at, process) in [(first_at, &first), (second_at, &_second)] {
        until("health", || get(at, "/healthy").map_err(|err| err + &process.log()));
    }
    let pool = get(first_at, "/aux/v1/pool").expect("a pool");
    assert!(pool.starts_with("{\"dar_id\":\"") && pool.len() > 40, "{pool}");
    assert_eq!(get(second_at, "/aux/v1/pool").as_deref(), Ok(pool.as_str()));
    let refused = ask(first_at, "/aux/v1/pool", "").expect_err("it asks for a token");
    assert!(refused.starts_with("HTTP/1.1 401 "), "{refused}");
    for at in [first_at, second_at] {
        let instances = get(at, "/aux/v1/pool/dss_instances").expect("a list");
        assert!(
            instances.contains("\"id\":\"alpha\",\"public_endpoint\":\"https://dss.alpha.example.com\""),
            "{instances}"
        );
        assert!(instances.contains("\"id\":\"beta\""), "{instances}");
    }
    assert_eq!(get(first_at, "/aux/v1/version").as_deref(), Ok("{\"version\":\"v0.22.0\"}"));
    let authorities = get(second_at, "/aux/v1/configuration/accepted_ca_certs").expect("a list");
    assert_eq!(authorities.matches("BEGIN CERTIFICATE").count(), 2, "{authorities}");
    // Other files on disk are nothing to a service that runs: what it read is what its next connection is made of.
    beta.sign(&one.certs(), "client.root", "root", None);
    fs::write(one.certs().join("ca.crt"), &beta.pem).expect("our own folder");
    assert_eq!(get(first_at, "/aux/v1/pool"), Ok(pool));
    assert_eq!(first.stop(), Some(0));
}

#[test]
fn bad_flags_fail_as_the_real_programs_do() {
    let run = |program: &str, args: &[&str]| {
        let output = Command::new(program).args(args).output().expect("the built program");
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let core = env!("CARGO_BIN_EXE_core-service");
    let (code, said) = run(core, &["--foo=1"]);
    assert_eq!(code, Some(2));
    assert!(said.starts_with("flag provided but not defined: -foo\nUsage of core-service:\n"), "{said}");
    let (code, said) = run(core, &["--public_endpoint=https://x"]);
    assert_eq!((code, said.as_str()), (Some(1), "Failed to execute service: locality must be specified\n"));
    let (code, said) = run(core, &["--locality=x"]);
    assert_eq!((code, said.as_str()), (Some(1), "Failed to execute service: public_endpoint must be specified\n"));
    let (code, said) = run(env!("CARGO_BIN_EXE_db-manager"), &["migrate", "--foo"]);
    assert_eq!((code, said.as_str()), (Some(1), "Error: unknown flag: --foo\n"));
}

/// As the driver of the real programs does: whoever wants new files in use starts anew.
#[test]
fn certificates_are_read_once_and_files_that_are_missing_end_the_start() {
    let (alpha, stranger) = (Organisation::new("alpha"), Organisation::new("stranger"));
    let one = Instance::start(&alpha, &[&alpha], None);
    one.init();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let configured = || {
        let flags = Flags::parse(&one.datastore(), &datastore::FLAGS).expect("known flags");
        Datastore::of(&flags).map_err(|err| err.to_string())
    };
    let reaches = |datastore: &Datastore| runtime.block_on(datastore.connect("postgres")).map(drop);
    let before = configured().expect("whole files");
    until("a connection", || reaches(&before).map_err(|err| err.to_string()));
    stranger.sign(&one.certs(), "client.root", "root", None);
    fs::write(one.certs().join("ca.crt"), &stranger.pem).expect("our own folder");
    reaches(&before).expect("a new connection is made of what was read");
    let after = configured().expect("whole files");
    assert!(reaches(&after).is_err(), "who starts now has other files");
    for (file, content) in [("client.root.key", Some("no key")), ("client.root.crt", None), ("ca.crt", None)] {
        let path = one.certs().join(file);
        content.map_or_else(|| fs::remove_file(&path), |text| fs::write(&path, text)).expect("our own folder");
        let refusal = configured().expect_err("a broken file");
        assert!(refusal.starts_with("cannot use certificates in ") && refusal.contains(file), "{refusal}");
    }
    let (mut core, _) = one.core_service("alpha");
    assert_eq!(core.child.wait().expect("our own child").code(), Some(1), "{}", core.log());
}

#[test]
fn a_core_service_whose_database_does_not_trust_it_says_so_and_waits() {
    let (alpha, stranger) = (Organisation::new("alpha"), Organisation::new("stranger"));
    let one = Instance::start(&alpha, &[&alpha], None);
    one.init();
    stranger.sign(&one.certs(), "client.root", "root", None);
    let (mut core, at) = one.core_service("alpha");
    until("the reason", || {
        let log = core.log();
        if log.contains("waiting for the datastore: ") { Ok(()) } else { Err(log) }
    });
    assert!(TcpStream::connect(at).is_err(), "nothing is served before the database answers");
    assert_eq!(core.stop(), Some(0));
}
