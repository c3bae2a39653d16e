//! Certificates on disk, as a Job mounts them.

use std::path::PathBuf;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::Result;
use hangar_agent::Spec;
use hangar_agent::probe::{self, Means};
use hangar_pki::{Authority, AuthorityRequest, Bundle, Leaf};
use hangar_plan::strategy::certificate::{KeyAlgorithm, KeyUsage, Placement, Profile, Reload, SubjectAlternative};
use hangar_plan::strategy::observation::Observation;
use hangar_plan::strategy::probe::{Probe, Question, Vantage};
use tempfile::TempDir;

pub(crate) const DAY: u64 = 86_400_000;

pub(crate) fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("the clock is past 1970");
    u64::try_from(since.as_millis()).expect("fits for ages")
}

/// An authority that was founded ten days ago.
pub(crate) fn authority(organisation: &str) -> Authority {
    let request =
        AuthorityRequest { organisation, pool: "us-east", algorithm: KeyAlgorithm::EcdsaP256, lifetime_hours: 87_600 };
    Authority::found(request, now_ms() - 10 * DAY).expect("a fresh authority")
}

pub(crate) fn bundle(authorities: &[&Authority]) -> Bundle {
    authorities.iter().map(|authority| authority.certificate().clone()).collect()
}

fn profile(name: &str, alternatives: Vec<SubjectAlternative>) -> Profile {
    Profile {
        id: name.to_owned(),
        subject: vec![("O".to_owned(), "Cockroach".to_owned()), ("CN".to_owned(), name.to_owned())],
        alternatives,
        usages: vec![KeyUsage::ServerAuth, KeyUsage::ClientAuth],
        algorithm: KeyAlgorithm::EcdsaP256,
        lifetime_hours: 24,
        placement: Placement {
            secret: "cockroachdb-node".to_owned(),
            certificate_file: "node.crt".to_owned(),
            key_file: "node.key".to_owned(),
            bundle_file: None,
        },
        workload: "cockroachdb".to_owned(),
        reload: Reload::None,
    }
}

/// A node's leaf for `localhost`, issued so long ago.
pub(crate) fn node(of: &Authority, ago: u64) -> Leaf {
    let names = vec![SubjectAlternative::Dns("localhost".to_owned())];
    of.issue(&profile("node", names), &[], now_ms() - ago).expect("a leaf")
}

pub(crate) fn root(of: &Authority) -> Leaf {
    of.issue(&profile("root", Vec::new()), &[], now_ms()).expect("a leaf")
}

/// Folders of certificates, as they are mounted into a probe.
pub(crate) struct Site {
    dir: TempDir,
}

impl Site {
    pub(crate) fn new() -> Result<Self> {
        Ok(Self { dir: tempfile::tempdir()? })
    }

    /// The folder of the probe leaf: shows this leaf, trusts this bundle.
    pub(crate) fn identity(&self, leaf: &Leaf, trusts: &Bundle) -> Result<Means> {
        let dir = self.folder("identity", trusts)?;
        std::fs::write(dir.join("tls.crt"), leaf.certificate.to_pem())?;
        std::fs::write(dir.join("tls.key"), leaf.key.to_pem().expose())?;
        Ok(Means { identity: Some(dir), ..Means::default() })
    }

    /// The folder of the root client.
    pub(crate) fn client(&self, leaf: &Leaf, trusts: &Bundle) -> Result<Means> {
        let dir = self.folder("client", trusts)?;
        std::fs::write(dir.join("client.root.crt"), leaf.certificate.to_pem())?;
        std::fs::write(dir.join("client.root.key"), leaf.key.to_pem().expose())?;
        Ok(Means { client: Some(dir), ..Means::default() })
    }

    pub(crate) fn folder(&self, name: &str, trusts: &Bundle) -> Result<PathBuf> {
        let dir = self.path(name);
        std::fs::create_dir_all(&dir)?;
        std::fs::write(dir.join("ca.crt"), trusts.to_pem())?;
        Ok(dir)
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }
}

pub(crate) fn probe(question: Question, timeout_ms: u32) -> Probe {
    Probe { id: "one".to_owned(), vantage: Vantage::OwnCluster, timeout_ms, question }
}

/// Asks one question and returns what was seen.
pub(crate) async fn ask(question: Question, means: &Means) -> Result<Observation> {
    ask_within(question, means, 10_000).await
}

pub(crate) async fn ask_within(question: Question, means: &Means, timeout_ms: u32) -> Result<Observation> {
    let report = probe::run(Spec::new(vec![probe(question, timeout_ms)]), means).await?;
    assert_eq!(report.results.len(), 1);
    assert_eq!(report.results[0].id, "one");
    Ok(report.results[0].observation.clone())
}

/// Waits until something is so, with a deadline and the last thing seen.
pub(crate) async fn until<T: std::fmt::Debug>(mut look: impl AsyncFnMut() -> T, is_so: impl Fn(&T) -> bool) -> T {
    let deadline = tokio::time::Instant::now() + Duration::from_secs(20);
    loop {
        let seen = look().await;
        if is_so(&seen) {
            return seen;
        }
        assert!(tokio::time::Instant::now() < deadline, "never so; last seen: {seen:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
