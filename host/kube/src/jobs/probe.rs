//! One round of probes as a Job.

use std::collections::BTreeMap;
use std::time::Duration;

use hangar_plan::strategy::observation::Observation;
use hangar_plan::strategy::probe::{Probe, Question};
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::answer::Receipt;
use super::run::{End, Run, Running};
use super::template::{Mount, Template};
use crate::cluster::Cluster;
use crate::error::KubeError;
use crate::secrets::Files;
use crate::workload;

/// Where the pod finds who it says it is.
const IDENTITY: &str = "/etc/hangar/identity";

/// Where the pod finds the instance's own client.
const CLIENT: &str = "/etc/hangar/client";

/// Where the image keeps our own program.
const AGENT: &str = "/usr/bin/hangar-agent";

/// Name of the specification, in its ConfigMap and in the pod.
const SPECIFICATION: &str = "spec.json";

/// Version of the forms of a specification and of an answer.
const VERSION: u32 = 1;

/// Most that a round may answer; 64 KiB for each of some hundred probes.
const LIMIT: usize = 16 * 1024 * 1024;

/// How long a log may lag behind the end of its container.
const LAG: Duration = Duration::from_secs(10);

/// Pause between two looks at a log that lags.
const PAUSE: Duration = Duration::from_millis(100);

/// An answered or abandoned round is of no use to anybody.
const KEEP: Duration = Duration::from_secs(300);

/// One round of probes.
#[derive(Debug)]
pub struct ProbeJob<'a> {
    /// Namespace.
    pub namespace: &'a str,
    /// Our own image, best by digest.
    pub image: &'a str,
    /// Names of Secrets for private registries.
    pub pull_secrets: &'a [String],
    /// The questions.
    pub probes: &'a [Probe],
    /// Who the probes say they are.
    pub identity: &'a ProbeIdentity,
    /// Who asks by SQL; mounted only if a probe does.
    pub client: &'a SqlClient,
    /// For all of it.
    pub deadline: Duration,
}

/// The instance's own client of its database.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct SqlClient {
    /// Secret of its certificate and key.
    #[serde(skip)]
    pub secret: String,
    /// User, as the certificate names it.
    pub user: String,
    /// File of the certificate.
    pub certificate_file: String,
    /// File of its key.
    pub key_file: String,
}

/// A leaf that lives for minutes and names nobody.
pub struct ProbeIdentity {
    /// The leaf in PEM.
    pub certificate_pem: String,
    /// Its key in PEM.
    pub key_pem: SecretString,
    /// Authorities of the whole pool in PEM.
    pub bundle_pem: String,
}

impl std::fmt::Debug for ProbeIdentity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ProbeIdentity").finish_non_exhaustive()
    }
}

/// The answer to one probe.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct ProbeResult {
    /// Id of the probe.
    pub id: String,
    /// Milliseconds since 1970-01-01T00:00:00Z, by the node's clock.
    #[serde(alias = "at_ms")]
    pub at_ms: u64,
    /// What was seen.
    pub observation: Observation,
}

/// Pods of the workloads that are asked about; the program in the cluster has no right to look them up.
type Targets = BTreeMap<String, Vec<Target>>;

#[derive(Serialize)]
struct Target {
    pod: String,
    /// Name or address, as the cluster resolves it.
    address: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Answer {
    version: u32,
    results: Vec<ProbeResult>,
}

/// Asks one round of questions from inside our own cluster, and removes every trace of it.
///
/// Failures of single probes are answers. Reading only, so a round that fails is simply asked again.
///
/// # Errors
///
/// [`KubeError::Deadline`] with why its pod did not run; [`KubeError::JobFailed`] if our program failed;
/// [`KubeError::Answer`] if what it wrote is not what it says it wrote, or does not answer every question.
pub async fn probe(cluster: &Cluster, job: &ProbeJob<'_>) -> Result<Vec<ProbeResult>, KubeError> {
    let run = job.to_run(&targets(cluster, job).await?);
    let running = Running::start(cluster, &run).await?;
    let answered = answer(&running, job, &run.name).await;
    running.remove().await;
    answered
}

/// Looks up the pods of each workload whose mounted certificates are asked for. One that is not there has no entry, which
/// its question is then answered with.
async fn targets(cluster: &Cluster, job: &ProbeJob<'_>) -> Result<Targets, KubeError> {
    let mut targets = Targets::new();
    for probe in job.probes {
        let Question::Mounted(name) = &probe.question else { continue };
        let addresses = workload::addresses(cluster, job.namespace, name).await?;
        let pods: Vec<_> = addresses.into_iter().map(|(pod, address)| Target { pod, address }).collect();
        if !pods.is_empty() {
            targets.insert(name.clone(), pods);
        }
    }
    Ok(targets)
}

impl ProbeJob<'_> {
    fn to_run(&self, targets: &Targets) -> Run<'_> {
        let name = format!("hangar-probe-{}", random_name());
        let mut command = vec![AGENT.to_owned(), "probe".to_owned(), format!("--identity={IDENTITY}")];
        let mut mounts = vec![
            Mount::config_file("spec", "/etc/hangar/spec.json", SPECIFICATION, &name),
            Mount::secret("identity", IDENTITY, &name),
        ];
        if self.probes.iter().any(|probe| matches!(probe.question, Question::Sql(_))) {
            mounts.push(Mount::secret("client", CLIENT, &self.client.secret));
            command.push(format!("--client={CLIENT}"));
        }
        let template = Template { image: self.image, pull_secrets: self.pull_secrets, command: &command, mounts };
        let specification =
            json!({"version": VERSION, "probes": self.probes, "targets": targets, "client": self.client}).to_string();
        Run {
            namespace: self.namespace,
            sort: "probe",
            pod: template.to_pod(),
            config: [(SPECIFICATION.to_owned(), specification)].into(),
            secret: Some(self.identity.to_files()),
            deadline: self.deadline,
            keep: KEEP,
            name,
        }
    }
}

impl ProbeIdentity {
    fn to_files(&self) -> Files {
        Files::default()
            .with("tls.crt", self.certificate_pem.as_bytes())
            .with("tls.key", self.key_pem.expose_secret().as_bytes())
            .with("ca.crt", self.bundle_pem.as_bytes())
    }
}

async fn answer(running: &Running<'_>, job: &ProbeJob<'_>, name: &str) -> Result<Vec<ProbeResult>, KubeError> {
    let end = running.end().await?;
    if end.exit_code != 0 {
        return Err(failed(running, &end, name).await);
    }
    let unusable = |reason: String| KubeError::Answer { job: name.to_owned(), reason };
    let receipt = Receipt::parse(&end.message).map_err(|err| unusable(format!("no receipt of it: {err}")))?;
    if receipt.length > LIMIT {
        return Err(unusable(format!("{} bytes, more than {LIMIT}", receipt.length)));
    }
    let text = whole_answer(running, &end, &receipt).await?;
    let text =
        text.ok_or_else(|| unusable(format!("no {} bytes of its log have the digest it gave", receipt.length)))?;
    let answer: Answer = serde_json::from_str(&text).map_err(|err| unusable(err.to_string()))?;
    if answer.version != VERSION {
        return Err(unusable(format!("version {} of the form, not {VERSION}", answer.version)));
    }
    let is_missing = |probe: &&Probe| !answer.results.iter().any(|result| result.id == probe.id);
    match job.probes.iter().find(is_missing) {
        Some(probe) => Err(unusable(format!("nothing about `{}`", probe.id))),
        None => Ok(answer.results),
    }
}

/// Reads until the answer is there: the end of a container is told before the end of its log is written.
async fn whole_answer(running: &Running<'_>, end: &End, receipt: &Receipt) -> Result<Option<String>, KubeError> {
    let started = tokio::time::Instant::now();
    loop {
        let log = running.output(end, None).await?;
        if let Some(answer) = receipt.find(&log) {
            return Ok(Some(answer.to_owned()));
        }
        if started.elapsed() > LAG {
            return Ok(None);
        }
        tokio::time::sleep(PAUSE).await;
    }
}

async fn failed(running: &Running<'_>, end: &End, name: &str) -> KubeError {
    let output = running.output(end, Some(64 * 1024)).await.unwrap_or_default();
    let said = if end.message.is_empty() { String::new() } else { format!(": {}", end.message) };
    KubeError::JobFailed { job: name.to_owned(), reason: format!("status {}{said}", end.exit_code), output }
}

fn random_name() -> String {
    let mut bytes = [0_u8; 6];
    getrandom::fill(&mut bytes).expect("the system has randomness");
    hex::encode(bytes)
}
