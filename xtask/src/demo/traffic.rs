//! A writer and a reader that go on while the pool changes.

use std::{
    fs,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use anyhow::{Context as _, Result, ensure};

use super::{Stage, World, world::kubectl};
use crate::program::Program;

/// Pause between two statements of one of them.
const PACE: Duration = Duration::from_millis(100);
const SECRET: &str = "dss-cockroachdb-client-root";
const FILES: [&str; 3] = ["ca.crt", "client.root.crt", "client.root.key"];

/// Pause between two looks at the Secrets of the root clients.
const FOLLOW: Duration = Duration::from_millis(400);
/// Parts the files of one answer; no PEM has such a line.
const PARTS: &str = "====";

/// What opens a database node: the folder that holds bundle, leaf and key as a Secret had them at one moment.
///
/// A folder never changes once it is named here. Another Secret is another folder, so that whoever connects meanwhile has a leaf and
/// the bundle that goes with it.
struct Certificates {
    folder: PathBuf,
    current: Mutex<(u32, [String; 3])>,
}

impl Certificates {
    fn begin(folder: PathBuf, files: [String; 3]) -> Result<Self> {
        let certificates = Self { folder, current: Mutex::new((0, Default::default())) };
        certificates.follow(files)?;
        Ok(certificates)
    }

    /// Goes over to what the Secret holds now, if that is something else.
    fn follow(&self, files: [String; 3]) -> Result<()> {
        let mut current = lock(&self.current);
        if current.1 == files {
            return Ok(());
        }
        let next = current.0 + 1;
        let folder = self.folder.join(next.to_string());
        fs::create_dir_all(&folder).with_context(|| format!("cannot make `{}`", folder.display()))?;
        for (file, text) in FILES.iter().zip(&files) {
            keep(&folder.join(file), text)?;
        }
        *current = (next, files);
        Ok(())
    }

    fn file(&self, number: u32, name: &str) -> String {
        self.folder.join(number.to_string()).join(name).display().to_string()
    }
}

/// A database node of an organisation, as its root client reaches it.
#[derive(Clone)]
struct Gateway {
    address: String,
    kubeconfig: PathBuf,
    certificates: Arc<Certificates>,
}

impl Gateway {
    /// The first node of an organisation, as its own root client reaches it.
    fn of(stage: &Stage, world: &World, name: &str) -> Result<Self> {
        let kubeconfig = world.kubeconfig(name)?.to_owned();
        let folder = stage.folder.join("traffic").join(name);
        let certificates = Arc::new(Certificates::begin(folder, secret(&kubeconfig)?)?);
        let address =
            kubectl(&kubeconfig).args(["get", "pod", "dss-cockroachdb-0", "-o", "jsonpath={.status.podIP}"]).read()?;
        // The API shows 10.P.k.i for what is 127.P.k.i on this machine.
        let (_, rest) = address.trim().split_once('.').context("the pod has no address")?;
        Ok(Self { address: format!("127.{rest}"), kubeconfig, certificates })
    }

    /// Runs one statement on a connection of its own.
    fn ask(&self, statement: &str) -> Result<String> {
        let number = lock(&self.certificates.current).0;
        let file = |name: &str| self.certificates.file(number, name);
        let connection = format!(
            "host=localhost hostaddr={} port=26257 user=root dbname=defaultdb sslmode=verify-full connect_timeout=30 \
             sslrootcert={} sslcert={} sslkey={}",
            self.address,
            file("ca.crt"),
            file("client.root.crt"),
            file("client.root.key"),
        );
        Program::new("psql").args(["-X", "-q", "-A", "-t", "-d", &connection, "-c", statement]).read()
    }
}

/// The files of the Secret of a root client, all of one moment.
fn secret(kubeconfig: &Path) -> Result<[String; 3]> {
    let file = |name: &str| format!("{{{{index .data \"{name}\" | base64decode}}}}");
    let template = format!("go-template={}", FILES.map(file).join(&format!("\n{PARTS}\n")));
    let text = kubectl(kubeconfig).args(["get", "secret", SECRET, "-o", &template]).read()?;
    parts(&text).with_context(|| format!("`{SECRET}` does not hold {}", FILES.join(", ")))
}

fn parts(text: &str) -> Option<[String; 3]> {
    let parts: Vec<String> = text.split(&format!("\n{PARTS}\n")).map(ToOwned::to_owned).collect();
    parts.try_into().ok()
}

/// Keys that others may read are none to psql.
fn keep(path: &Path, text: &str) -> Result<()> {
    use std::io::Write as _;
    let mut file = fs::OpenOptions::new().create(true).write(true).truncate(true).mode(0o600).open(path)?;
    file.write_all(text.as_bytes()).with_context(|| format!("cannot write `{}`", path.display()))
}

#[derive(Default)]
struct Log {
    stop: AtomicBool,
    n_written: AtomicU64,
    n_read: AtomicU64,
    failures: Mutex<Vec<String>>,
    lost: Mutex<Vec<u64>>,
}

/// Both, at work.
pub(crate) struct Traffic {
    log: Arc<Log>,
    gateways: Vec<Gateway>,
    threads: Vec<JoinHandle<()>>,
}

impl Traffic {
    /// Begins at a node of each of these organisations in turn.
    pub(crate) fn begin(stage: &Stage, world: &World, names: &[&str]) -> Result<Self> {
        let gateways = names.iter().map(|name| Gateway::of(stage, world, name)).collect::<Result<Vec<_>>>()?;
        let first = gateways.first().context("nobody to write at")?;
        first.ask("CREATE TABLE IF NOT EXISTS traffic (n INT PRIMARY KEY)")?;
        let log = Arc::new(Log::default());
        let work: [fn(&Log, &[Gateway], usize); 2] = [write, read];
        let threads = work.map(|turn_of| {
            let (log, gateways) = (Arc::clone(&log), gateways.clone());
            thread::spawn(move || {
                for turn in 0.. {
                    if log.stop.load(Ordering::Acquire) {
                        return;
                    }
                    turn_of(&log, &gateways, turn);
                    thread::sleep(PACE);
                }
            })
        });
        let (followed, following) = (Arc::clone(&log), gateways.clone());
        let follower = thread::spawn(move || {
            while !followed.stop.load(Ordering::Acquire) {
                following.iter().for_each(|gateway| follow(&followed, gateway));
                thread::sleep(FOLLOW);
            }
        });
        Ok(Self { log, gateways, threads: threads.into_iter().chain([follower]).collect() })
    }

    /// How it stands, in words.
    pub(crate) fn so_far(&self) -> String {
        let lost = lock(&self.log.lost).len();
        format!(
            "{} rows written, {} read back, {} queries failed, {lost} rows lost",
            self.log.n_written.load(Ordering::Acquire),
            self.log.n_read.load(Ordering::Acquire),
            self.n_failed(),
        )
    }

    pub(crate) fn n_failed(&self) -> usize {
        lock(&self.log.failures).len()
    }

    /// Ends; every row must be there at every gateway, and no query may have failed but the first `n_forgiven`.
    pub(crate) fn end(self, n_forgiven: usize) -> Result<String> {
        let told = self.so_far();
        self.log.stop.store(true, Ordering::Release);
        for thread in self.threads {
            thread.join().expect("neither panics");
        }
        let n_written = self.log.n_written.load(Ordering::Acquire);
        for gateway in &self.gateways {
            let counted = gateway.ask(&format!("SELECT count(*) FROM traffic WHERE n <= {n_written}"))?;
            ensure!(counted.trim() == n_written.to_string(), "{} of {n_written} rows are there", counted.trim());
        }
        let lost = lock(&self.log.lost);
        ensure!(lost.is_empty(), "written and not found again: {lost:?}");
        let failures = lock(&self.log.failures);
        let failures = failures.get(n_forgiven..).unwrap_or_default();
        ensure!(failures.is_empty(), "queries failed: {failures:#?}");
        Ok(told)
    }
}

/// Goes after what the cluster gives the root client, as a program that mounts the Secret does.
fn follow(log: &Log, gateway: &Gateway) {
    let followed = secret(&gateway.kubeconfig).and_then(|files| gateway.certificates.follow(files));
    if let Err(err) = followed {
        lock(&log.failures).push(format!("follow: {err:#}"));
    }
}

/// Writes the next number; one whose fate is unknown comes again.
fn write(log: &Log, gateways: &[Gateway], turn: usize) {
    let n = log.n_written.load(Ordering::Acquire) + 1;
    match gateways[turn % gateways.len()].ask(&format!("UPSERT INTO traffic VALUES ({n})")) {
        Ok(_) => log.n_written.store(n, Ordering::Release),
        Err(err) => lock(&log.failures).push(format!("write: {err:#}")),
    }
}

/// Looks for the newest number that is written.
fn read(log: &Log, gateways: &[Gateway], turn: usize) {
    let n = log.n_written.load(Ordering::Acquire);
    if n == 0 {
        return;
    }
    match gateways[turn % gateways.len()].ask(&format!("SELECT n FROM traffic WHERE n = {n}")) {
        Ok(found) if found.trim() == n.to_string() => drop(log.n_read.fetch_add(1, Ordering::AcqRel)),
        Ok(_) => lock(&log.lost).push(n),
        Err(err) => lock(&log.failures).push(format!("read: {err:#}")),
    }
}

fn lock<T>(value: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    value.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(what: &str) -> [String; 3] {
        FILES.map(|name| format!("{what} {name}"))
    }

    #[test]
    fn another_secret_is_another_folder_and_the_same_is_none() -> Result<()> {
        let site = tempfile::tempdir()?;
        let certificates = Certificates::begin(site.path().to_owned(), files("old"))?;
        certificates.follow(files("old"))?;
        assert_eq!(lock(&certificates.current).0, 1);
        certificates.follow(files("new"))?;
        assert_eq!(lock(&certificates.current).0, 2);
        for (number, what) in [(1, "old"), (2, "new")] {
            let held = FILES.map(|name| fs::read_to_string(certificates.file(number, name)).unwrap_or_default());
            assert_eq!(held, files(what), "who connects with the former folder finds it as it was");
        }
        Ok(())
    }

    #[test]
    fn one_answer_holds_all_files_or_is_refused() {
        let text = files("a").join(&format!("\n{PARTS}\n"));
        assert_eq!(parts(&text), Some(files("a")));
        assert_eq!(parts("a\n====\nb"), None);
    }
}
