//! The OCI registry server of the distribution project, on a free port, gone when dropped.

use std::{
    io::{BufRead as _, BufReader},
    process::{Child, Stdio},
    sync::mpsc,
    time::Duration,
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use tempfile::TempDir;

use crate::tools::{command, tool};

/// `ana` with the password `let-me-in`; the server takes bcrypt only.
const HTPASSWD: &str = "ana:$2a$04$GeVq27aE6C4fKFtkCzTNgugKXNDR3q2KO9WfDHTYIj65KUOpUBqiK\n";
/// A server whose test was killed ends by itself after this many seconds.
const LIFE: &str = "300";

pub(crate) struct Server {
    /// `127.0.0.1:PORT`.
    pub(crate) address: String,
    child: Child,
    _folder: TempDir,
}

impl Server {
    pub(crate) fn open() -> Self {
        Self::start("")
    }

    pub(crate) fn with_password() -> Self {
        Self::start("auth: {htpasswd: {realm: test, path: HTPASSWD}}")
    }

    fn start(auth: &str) -> Self {
        let program = tool("HANGAR_REGISTRY", "the OCI registry server");
        let folder = tempfile::tempdir().expect("temp folder");
        let htpasswd = folder.path().join("htpasswd");
        std::fs::write(&htpasswd, HTPASSWD).expect("temp folder is writable");
        let config = format!(
            "version: 0.1\n\
             log: {{level: info, formatter: json, accesslog: {{disabled: true}}}}\n\
             storage: {{filesystem: {{rootdirectory: {}/data}}}}\n\
             http: {{addr: '127.0.0.1:0', secret: test}}\n{}\n",
            folder.path().display(),
            auth.replace("HTPASSWD", &htpasswd.display().to_string()),
        );
        let file = folder.path().join("config.yml");
        std::fs::write(&file, config).expect("temp folder is writable");
        let mut child = command("timeout".as_ref())
            .arg(LIFE)
            .arg(&program)
            .arg("serve")
            .arg(&file)
            .env_clear()
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the registry server can be started");
        let stderr = child.stderr.take().expect("piped");
        let (sender, receiver) = mpsc::channel();
        // Reads on after the address, for a full pipe would stop the server; ends with it.
        std::thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                drop(sender.send(line));
            }
        });
        let mut said = Vec::new();
        let address = loop {
            match receiver.recv_timeout(Duration::from_secs(60)) {
                Ok(line) => match line.split_once("listening on ") {
                    Some((_, rest)) => break rest.split('"').next().unwrap_or_default().to_owned(),
                    None => said.push(line),
                },
                Err(_) => panic!("the registry server did not come up; it said {said:#?}"),
            }
        };
        Self { address, child, _folder: folder }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // `timeout` hands this on to the server.
        let pid = Pid::from_raw(self.child.id().try_into().expect("a pid fits"));
        kill(pid, Signal::SIGTERM).ok();
        drop(self.child.wait());
    }
}
