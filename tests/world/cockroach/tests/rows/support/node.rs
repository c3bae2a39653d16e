//! A node as its own process, on an address of its own.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU8, Ordering};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;

use super::authority::{Authority, Leaf, write_bundle};
use super::until;

/// How much faster than real time the nodes live.
pub(crate) const SCALE: &str = "0.15";
pub(crate) const BINARY: &str = env!("CARGO_BIN_EXE_cockroach");

/// A running node; it dies with this value.
pub(crate) struct TestNode {
    pub(crate) address: SocketAddr,
    pub(crate) http: SocketAddr,
    dir: TempDir,
    args: Vec<String>,
    env: Vec<(String, String)>,
    child: Option<Child>,
}

/// What a node is started with.
pub(crate) struct Start<'a> {
    authority: &'a Authority,
    trusts: Vec<&'a Authority>,
    names: Vec<String>,
    join: Vec<String>,
    args: Vec<String>,
    env: Vec<(String, String)>,
}

fn next_address() -> Ipv4Addr {
    static NEXT: AtomicU8 = AtomicU8::new(1);
    let low = NEXT.fetch_add(1, Ordering::Relaxed);
    let [one, two, ..] = std::process::id().to_be_bytes().map(|byte| byte);
    let middle = std::process::id().to_be_bytes()[3] ^ one ^ two;
    Ipv4Addr::new(127, 66, middle, low)
}

/// Two addresses that nobody listens on, and that are not one. Until the node takes them they are anybody's.
fn free(ip: Ipv4Addr) -> [SocketAddr; 2] {
    let both = [(); 2].map(|()| TcpListener::bind((ip, 0)).expect("a free port"));
    both.map(|listener| listener.local_addr().expect("an address"))
}

impl<'a> Start<'a> {
    /// A node of an organisation that trusts itself.
    pub(crate) fn of(authority: &'a Authority) -> Self {
        Self {
            authority,
            trusts: vec![authority],
            names: Vec::new(),
            join: Vec::new(),
            args: Vec::new(),
            env: Vec::new(),
        }
    }

    pub(crate) fn trusting(mut self, trusts: &[&'a Authority]) -> Self {
        self.trusts = trusts.to_vec();
        self
    }

    pub(crate) fn joining(mut self, nodes: &[&TestNode]) -> Self {
        self.join.extend(nodes.iter().map(|node| node.address.to_string()));
        self
    }

    pub(crate) fn joining_address(mut self, address: impl ToString) -> Self {
        self.join.push(address.to_string());
        self
    }

    /// Names in the certificate instead of the node's own address.
    pub(crate) fn named(mut self, names: &[&str]) -> Self {
        self.names = names.iter().map(|name| (*name).to_owned()).collect();
        self
    }

    pub(crate) fn arg(mut self, arg: &str) -> Self {
        self.args.push(arg.to_owned());
        self
    }

    pub(crate) fn env(mut self, name: &str, value: &str) -> Self {
        self.env.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Makes certificates and starts the process; once more, with other ports, where somebody took one of them meanwhile.
    pub(crate) fn start(self) -> TestNode {
        let ip = next_address();
        loop {
            let mut node = self.prepare(ip);
            node.start_again();
            if node.has_ended().is_none() || !node.log().contains("Address already in use") {
                return node;
            }
        }
    }

    fn prepare(&self, ip: Ipv4Addr) -> TestNode {
        let [address, http] = free(ip);
        let dir = TempDir::new().expect("a temporary folder");
        let own = ip.to_string();
        let names: Vec<&str> = if self.names.is_empty() {
            vec!["localhost", own.as_str()]
        } else {
            self.names.iter().map(String::as_str).collect()
        };
        let certs = dir.path().join("certs");
        fs::create_dir(&certs).expect("a writable folder");
        write_bundle(&certs, &self.trusts);
        self.authority.sign(&Leaf::node(&names)).write(&certs, "node");
        self.authority.sign(&Leaf::new("root", &[])).write(&certs, "client.root");
        let join = if self.join.is_empty() { vec![address.to_string()] } else { self.join.clone() };
        let mut args = vec![
            "start".to_owned(),
            format!("--certs-dir={}", certs.display()),
            format!("--store=path={}", dir.path().join("store").display()),
            format!("--listen-addr={address}"),
            format!("--http-addr={http}"),
            format!("--join={}", join.join(",")),
            "--logtostderr=INFO".to_owned(),
        ];
        args.extend(self.args.iter().cloned());
        TestNode { address, http, dir, args, env: self.env.clone(), child: None }
    }
}

impl TestNode {
    /// Starts the process and waits until it answers, or has ended.
    pub(crate) fn start_again(&mut self) {
        let log = File::options().create(true).append(true).open(self.dir.path().join("log")).expect("a log");
        let out = log.try_clone().expect("a second handle");
        let mut command = Command::new(BINARY);
        command.args(&self.args).env("COCKROACH_WORLD_TIME_SCALE", SCALE).env("COCKROACH_WORLD_CONTROL_PORT", "0");
        command.envs(self.env.iter().cloned());
        self.child = Some(command.stdin(Stdio::null()).stdout(out).stderr(log).spawn().expect("the built program"));
        until("the node to listen", || {
            if self.has_ended().is_some() || TcpStream::connect(self.http).is_ok() {
                return Ok(());
            }
            Err(self.log())
        });
    }

    pub(crate) fn certs(&self) -> PathBuf {
        self.dir.path().join("certs")
    }

    pub(crate) fn store(&self) -> PathBuf {
        self.dir.path().join("store")
    }

    /// All that the process has printed so far.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.dir.path().join("log")).unwrap_or_default()
    }

    /// Waits for a text in the log.
    #[track_caller]
    pub(crate) fn logs(&self, text: &str) {
        until(&format!("{text:?} in the log"), || if self.log().contains(text) { Ok(()) } else { Err(self.log()) });
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.as_ref().expect("a started node").id()
    }

    pub(crate) fn has_ended(&mut self) -> Option<ExitStatus> {
        self.child.as_mut().and_then(|child| child.try_wait().expect("our own child"))
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(i32::try_from(self.pid()).expect("a pid")), signal).expect("our own child");
    }

    /// Asks the process to end and waits for it.
    pub(crate) fn stop(&mut self) -> ExitStatus {
        self.signal(Signal::SIGTERM);
        let child = self.child.as_mut().expect("a started node");
        child.wait().expect("our own child")
    }

    /// Kills the process.
    pub(crate) fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().expect("our own child");
            child.wait().expect("our own child");
        }
    }

    /// Runs a command of the binary against this node.
    pub(crate) fn cockroach(&self, args: &[&str]) -> (bool, String, String) {
        cockroach(args, &[&format!("--host={}", self.address), &format!("--certs-dir={}", self.certs().display())])
    }

    /// Founds the cluster with the command line.
    #[track_caller]
    pub(crate) fn init(&self) {
        let (done, out, err) = self.cockroach(&["init"]);
        assert!(done && out == "Cluster successfully initialized\n", "{out}{err}\n{}", self.log());
        self.serves();
    }

    /// Waits until the node is ready for clients.
    #[track_caller]
    pub(crate) fn serves(&self) {
        until("the node to be ready", || match super::http::get(self, "/health?ready=1") {
            Ok((200, _)) => Ok(()),
            other => Err(format!("{other:?}\n{}", self.log())),
        });
    }

    /// Sets something over the node's control socket, and gives what is set then.
    #[track_caller]
    pub(crate) fn control(&self, request: &str) -> String {
        let address = fs::read_to_string(self.store().join("world.control-addr")).expect("a control socket");
        let mut stream = TcpStream::connect(address).expect("an open control socket");
        writeln!(stream, "{request}").expect("an open connection");
        let mut answer = String::new();
        BufReader::new(stream).read_line(&mut answer).expect("an answer");
        assert!(!answer.contains("\"error\""), "{request}: {answer}");
        answer
    }

    /// Cuts what this node dials to others, or all of it.
    pub(crate) fn cut(&self, others: &[&Self]) {
        for other in others {
            self.control(&format!("{{\"op\":\"link\",\"to\":\"{}\",\"cut\":true}}", other.address.ip()));
        }
    }

    /// Makes the node run another release, with other certificates or flags, from its next start on.
    pub(crate) fn set_env(&mut self, name: &str, value: &str) {
        self.env.retain(|(known, _)| known != name);
        self.env.push((name.to_owned(), value.to_owned()));
    }

    /// Starts a command of the binary against this node without waiting for it; what it says goes to a file.
    pub(crate) fn begin(&self, args: &[&str], scale: &str) -> (Child, PathBuf) {
        let path = self.dir.path().join(format!("{}.said", args.join("-").replace('/', "_")));
        let out = File::create(&path).expect("a writable folder");
        let err = out.try_clone().expect("a second handle");
        let mut command = Command::new(BINARY);
        command
            .args(args)
            .arg(format!("--host={}", self.address))
            .arg(format!("--certs-dir={}", self.certs().display()));
        command.env("COCKROACH_WORLD_TIME_SCALE", scale);
        (command.stdin(Stdio::null()).stdout(out).stderr(err).spawn().expect("the built program"), path)
    }

    /// A temporary folder of this node's.
    pub(crate) fn dir(&self) -> &Path {
        self.dir.path()
    }
}

impl Drop for TestNode {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("---- {} ----\n{}", self.address, self.log());
        }
        self.kill();
    }
}

/// Runs a command of the binary.
pub(crate) fn cockroach(args: &[&str], more: &[&str]) -> (bool, String, String) {
    let mut command = Command::new(BINARY);
    command.args(args).args(more).env("COCKROACH_WORLD_TIME_SCALE", SCALE).stdin(Stdio::null());
    let output = command.output().expect("the built program");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
    (output.status.success(), text(output.stdout), text(output.stderr))
}
