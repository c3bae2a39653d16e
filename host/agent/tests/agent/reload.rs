//! The reload sidecar with a real process that counts its SIGHUPs.

use std::fs;
use std::io::Write as _;
use std::net::SocketAddr;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result};
use hangar_agent::probe::{self, Means};
use hangar_agent::reload::{Options, serve};
use hangar_agent::{Loaded, Spec, Target};
use hangar_durable::process::ignores_signal;
use hangar_pki::{Authority, Bundle};
use hangar_plan::strategy::observation::{HttpAnswer, Observation};
use hangar_plan::strategy::probe::{HttpQuestion, Question};
use nix::sys::signal::Signal;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::server::Server;
use crate::site::{Site, ask, authority, bundle, node, probe as asked, until};

/// A process of a name of its own that writes a line for each SIGHUP.
struct Database {
    child: Child,
    hang_ups: PathBuf,
}

impl Drop for Database {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

impl Database {
    #[expect(clippy::disallowed_methods, reason = "the test's own process")]
    async fn start(site: &Site, name: &str) -> Result<Self> {
        let program = site.path(name);
        if !program.exists() {
            fs::copy("/bin/sh", &program)?;
        }
        let hang_ups = site.path(&format!("{name}.log"));
        // It starts nothing: until it is another program, a child is one more process of this name.
        let lines = "while kill -0 $PPID; do read -r _; done";
        let script = format!("trap 'echo hup >> {0}' HUP; echo ready >> {0}; {lines}", hang_ups.display());
        drop(fs::remove_file(&hang_ups));
        if ignores_signal(Signal::SIGHUP as i32)? {
            // As under `nohup`. A shell cannot trap what it was told to ignore; what is caught here it has by default.
            drop(signal(SignalKind::hangup())?);
        }
        let child = Command::new(&program).args(["-c", &script]).stdin(Stdio::piped()).spawn()?;
        let database = Self { child, hang_ups };
        until(async || database.log(), |log| log.contains("ready")).await;
        Ok(database)
    }

    fn log(&self) -> String {
        // A signal that came just before the shell waits for a line is seen with the next one.
        let mut lines = self.child.stdin.as_ref().expect("it is piped");
        writeln!(lines).expect("it reads as long as it runs");
        fs::read_to_string(&self.hang_ups).unwrap_or_default()
    }

    fn n_hang_ups(&self) -> usize {
        self.log().matches("hup").count()
    }
}

/// A volume as the kubelet lays it out: files behind a link that is swapped in one rename.
struct Volume {
    dir: PathBuf,
    n_versions: usize,
}

impl Volume {
    fn new(dir: PathBuf) -> Result<Self> {
        fs::create_dir_all(&dir)?;
        Ok(Self { dir, n_versions: 0 })
    }

    fn put(&mut self, files: &[(&str, String)]) -> Result<()> {
        self.n_versions += 1;
        let version = format!("..{}", self.n_versions);
        fs::create_dir(self.dir.join(&version))?;
        for (name, text) in files {
            fs::write(self.dir.join(&version).join(name), text)?;
            let link = self.dir.join(name);
            if !link.is_symlink() {
                symlink(Path::new("..data").join(name), link)?;
            }
        }
        symlink(&version, self.dir.join("..data_tmp"))?;
        fs::rename(self.dir.join("..data_tmp"), self.dir.join("..data"))?;
        Ok(())
    }
}

fn files(of: &Authority, trusted: &Bundle) -> [(&'static str, String); 3] {
    let leaf = node(of, 0);
    [
        ("ca.crt", trusted.to_pem()),
        ("node.crt", leaf.certificate.to_pem()),
        ("node.key", leaf.key.to_pem().expose().to_owned()),
    ]
}

struct Sidecar {
    port: u16,
    task: JoinHandle<()>,
    said: mpsc::UnboundedReceiver<String>,
}

impl Drop for Sidecar {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Sidecar {
    async fn start(dir: &Path, process: &str) -> Result<Self> {
        Self::start_with(dir, Some(process), None).await
    }

    async fn start_with(dir: &Path, process: Option<&str>, health: Option<SocketAddr>) -> Result<Self> {
        let (send, mut said) = mpsc::unbounded_channel();
        let options = Options {
            certs_dir: dir.to_owned(),
            process: process.map(str::to_owned),
            listen: "127.0.0.1:0".parse()?,
            health,
            interval: Duration::from_millis(20),
            grace: Duration::ZERO,
        };
        let task = tokio::spawn(async move {
            serve(&options, |text| drop(send.send(text.to_owned()))).await.expect("loopback has free ports");
        });
        let first = said.recv().await.context("it says where it listens")?;
        let port = first.rsplit_once(':').context("an address and a port")?.1.parse()?;
        Ok(Self { port, task, said })
    }

    async fn get(&self, path: &str) -> HttpAnswer {
        let question = HttpQuestion {
            host: "127.0.0.1".to_owned(),
            port: self.port,
            tls: false,
            server_name: None,
            path: path.to_owned(),
        };
        match ask(Question::Http(question), &Means::default()).await {
            Ok(Observation::Http(answer)) => answer,
            other => panic!("{other:?}"),
        }
    }

    async fn loaded(&self) -> Loaded {
        serde_json::from_str(&self.get("/").await.body).expect("its own form")
    }
}

#[tokio::test]
async fn changed_files_lead_to_one_hang_up_and_show_what_is_mounted() -> Result<()> {
    let (site, ours, theirs) = (Site::new()?, authority("uss1"), authority("uss2"));
    let mut volume = Volume::new(site.path("certs"))?;
    volume.put(&files(&ours, &bundle(&[&ours])))?;
    let database = Database::start(&site, "cockroach-of-a-test").await?;
    let sidecar = Sidecar::start(&volume.dir, "cockroach-of-a-test").await?;
    let first = until(async || sidecar.loaded().await, |loaded| !loaded.pending).await;
    let n_before = until(async || database.n_hang_ups(), |n| *n <= 1).await;

    volume.put(&files(&ours, &bundle(&[&ours, &theirs])))?;
    let second =
        until(async || sidecar.loaded().await, |loaded| !loaded.pending && loaded.generation != first.generation).await;
    until(async || database.n_hang_ups(), |n| *n > n_before).await;
    assert!(second.signalled_ms.is_some() && second.problem.is_none());
    let mounted: Vec<_> = second.certificates.iter().map(|one| (one.file.as_str(), one.fingerprint.clone())).collect();
    assert_eq!(mounted[0], ("ca.crt", ours.certificate().fingerprint().to_string()));
    assert_eq!(mounted[1], ("ca.crt", theirs.certificate().fingerprint().to_string()));
    assert_eq!(mounted[2].0, "node.crt");

    // The same through a probe, as the strategy asks it.
    let target = Target { pod: "cockroachdb-0".to_owned(), address: "localhost".to_owned() };
    let mut spec = Spec::new(vec![asked(Question::Mounted("cockroachdb".to_owned()), 5000)]);
    spec.targets.insert("cockroachdb".to_owned(), vec![target]);
    spec.reload_port = sidecar.port;
    let report = probe::run(spec, &Means::default()).await?;
    let Observation::Mounted(pods) = &report.results[0].observation else { anyhow::bail!("{report:?}") };
    assert_eq!(
        (pods[0].pod.as_str(), &pods[0].certificates, pods[0].pending),
        ("cockroachdb-0", &second.certificates, false)
    );
    Ok(())
}

#[tokio::test]
async fn files_that_are_not_whole_are_told_to_nobody() -> Result<()> {
    let (site, ours) = (Site::new()?, authority("uss1"));
    let mut volume = Volume::new(site.path("certs"))?;
    let [ca, certificate, key] = files(&ours, &bundle(&[&ours]));
    let [_, _, other_key] = files(&ours, &bundle(&[&ours]));
    volume.put(&[ca.clone(), certificate.clone(), other_key])?;
    let database = Database::start(&site, "whole-of-a-test").await?;
    let mut sidecar = Sidecar::start(&volume.dir, "whole-of-a-test").await?;
    let loaded = sidecar.loaded().await;
    assert!(loaded.pending && loaded.signalled_ms.is_none());
    assert_eq!(loaded.problem.as_deref(), Some("node.key: does not belong to node.crt"));
    assert_eq!(loaded.certificates.len(), 2);

    let cut = ("ca.crt", ca.1[..ca.1.len() / 2].to_owned());
    volume.put(&[cut, certificate.clone(), key.clone()])?;
    let loaded = until(async || sidecar.loaded().await, |loaded| loaded.certificates.len() == 1).await;
    assert!(loaded.pending && loaded.problem.is_some_and(|problem| problem.starts_with("ca.crt: ")));
    assert_eq!(database.n_hang_ups(), 0);

    volume.put(&[ca, certificate, key])?;
    until(async || sidecar.loaded().await, |loaded| !loaded.pending).await;
    until(async || database.n_hang_ups(), |n| *n == 1).await;
    let mut said = Vec::new();
    while let Ok(text) = sidecar.said.try_recv() {
        said.push(text);
    }
    // Each thing is said once, however often it is looked at.
    assert_eq!(said.iter().filter(|text| text.contains("does not belong")).count(), 1, "{said:?}");
    assert_eq!(said.iter().filter(|text| text.starts_with("SIGHUP")).count(), 1, "{said:?}");
    Ok(())
}

#[tokio::test]
async fn a_process_that_started_with_these_files_is_left_alone_and_none_at_all_is_pending() -> Result<()> {
    let (site, ours) = (Site::new()?, authority("uss1"));
    let dir = site.folder("certs", &bundle(&[&ours]))?;
    for (name, text) in files(&ours, &bundle(&[&ours])) {
        fs::write(dir.join(name), text)?;
        fs::File::open(dir.join(name))?.set_modified(SystemTime::now() - Duration::from_secs(3600))?;
    }
    let sidecar = Sidecar::start(&dir, "patient-of-a-test").await?;
    assert!(sidecar.loaded().await.pending);
    let database = Database::start(&site, "patient-of-a-test").await?;
    let loaded = until(async || sidecar.loaded().await, |loaded| !loaded.pending).await;
    assert_eq!((loaded.signalled_ms, database.n_hang_ups()), (None, 0));
    Ok(())
}

#[tokio::test]
async fn nothing_but_certificates_is_served() -> Result<()> {
    let (site, ours) = (Site::new()?, authority("uss1"));
    let mut volume = Volume::new(site.path("certs"))?;
    let all = files(&ours, &bundle(&[&ours]));
    let secret = all[2].1.lines().nth(1).context("a key has lines")?.to_owned();
    volume.put(&all)?;
    let sidecar = Sidecar::start(&volume.dir, "nobody-of-a-test").await?;
    for (path, status) in [("/", 200), ("/healthy", 200), ("/node.key", 404), ("/../node.key", 404)] {
        let answer = sidecar.get(path).await;
        assert_eq!(answer.status, status, "{path}");
        assert!(!answer.body.contains(&secret) && !answer.body.contains("PRIVATE"));
    }
    Ok(())
}

/// The database's own metrics say nothing of copies that are missing; the page of a master does.
#[tokio::test]
async fn copies_that_are_missing_are_told_as_long_as_a_master_answers() -> Result<()> {
    const GAUGE: &str = "hangar_database_under_replicated_tablets 2\n";
    let (site, ours) = (Site::new()?, authority("uss1"));
    let mut volume = Volume::new(site.path("certs"))?;
    volume.put(&files(&ours, &bundle(&[&ours])))?;
    let master = Server::start(|mut stream| async move {
        let page = r#"{"dead_nodes":["d"],"most_recent_uptime":1,"under_replicated_tablets":["a","b"]}"#;
        let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{page}", page.len());
        // A client that is gone does not matter here.
        drop(stream.read(&mut [0; 1024]).await);
        drop(stream.write_all(answer.as_bytes()).await);
    });
    let master = master.await?;
    let sidecar = Sidecar::start_with(&volume.dir, None, Some(master.address)).await?;
    let told = sidecar.get("/metrics").await.body;
    assert!(told.ends_with(GAUGE), "{told}");
    drop(master);
    let told = until(async || sidecar.get("/metrics").await.body, |told| !told.contains(GAUGE)).await;
    assert!(told.contains("hangar_certificates_broken 0\n"), "{told}");
    Ok(())
}
