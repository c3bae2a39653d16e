//! What the host does for a strategy, by the drivers.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use hangar_engine::{StepContext, StepError};
use hangar_kube::jobs::{ProbeIdentity, ProbeJob, SqlClient, VerbJob};
use hangar_kube::restart::Restart;
use hangar_kube::rollout::Level;
use hangar_kube::{Cluster, KubeError};
use hangar_pki::{Authority, Bundle};
use hangar_plan::grant::VerbGrant;
use hangar_plan::hint::Hint as _;
use hangar_plan::strategy::action::{Action, Check, Step, Verb};
use hangar_plan::strategy::certificate::CertificatePolicy;
use hangar_plan::strategy::observation::{Fact, Failure, FailureClass, Observation};
use hangar_plan::strategy::probe::{Probe, Question, Vantage};
use hangar_pool::{Hands, OwnRecord};
use secrecy::SecretString;

use crate::adoption::Trust;
use crate::clock::now_ms;
use crate::services::Services;

mod put_secret;
mod signing;

use signing::Signing;

/// Minutes that a probe's leaf lives.
const PROBE_MINUTES: u32 = 10;
/// For one round of probes, its Job's start included.
const ROUND: Duration = Duration::from_secs(90);
/// For all pods of a workload, one after the other.
const RESTART: Duration = Duration::from_secs(28 * 60);
/// For one run of a verb; a step's own deadline is mostly shorter.
const VERB: Duration = Duration::from_secs(58 * 60);

/// The drivers, and what they need to act for one instance.
pub(crate) struct ClusterHands {
    pub(crate) cluster: Cluster,
    pub(crate) namespace: String,
    pub(crate) services: Services,
    /// Every authority of ours, oldest first.
    pub(crate) authorities: Vec<Authority>,
    /// Which of them signs leaves, and which a probe shows.
    pub(crate) signing: Mutex<Signing>,
    /// Leaves issued before this time are replaced.
    pub(crate) renew_before: u64,
    pub(crate) policy: CertificatePolicy,
    /// Authorities of all members, as their verified records say.
    pub(crate) members: Mutex<Bundle>,
    pub(crate) agent_image: String,
    pub(crate) database_image: String,
    /// Secrets that open the registries of both.
    pub(crate) pull_secrets: Vec<String>,
    /// The instance's own client of its database.
    pub(crate) client: SqlClient,
    /// Verbs the operator granted, with the names of the instance filled in.
    pub(crate) verbs: Vec<VerbGrant>,
}

impl ClusterHands {
    /// Takes up the authorities of the records that were verified last, and which of ours are in use by them.
    pub(crate) fn trust(&self, own: &OwnRecord) {
        *self.members.lock().unwrap_or_else(PoisonError::into_inner) = crate::pooling::bundle(own);
        let signing = signing::signing(own, &self.authorities);
        *self.signing.lock().unwrap_or_else(PoisonError::into_inner) = signing;
    }

    fn signing(&self) -> Signing {
        *self.signing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn leaves_by(&self) -> &Authority {
        &self.authorities[self.signing().leaves]
    }

    fn bundle(&self) -> Bundle {
        self.members.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Looks that need the Kubernetes API alone.
    async fn look_from_host(&self, probe: &Probe) -> Result<Observation, StepError> {
        let seen = match &probe.question {
            Question::Secret(name) => self.look_at_secret(name).await,
            Question::Workload(name) => hangar_kube::workload::observe(&self.cluster, &self.namespace, name).await,
            Question::Release(name) => return self.services.observe(name).await,
            other => {
                return Err(StepError::bug(format!("question {other:?} cannot be asked from the host")));
            }
        };
        answered(seen)
    }

    async fn look_at_secret(&self, name: &str) -> Result<Observation, KubeError> {
        let Some(files) = hangar_kube::secrets::read(&self.cluster, &self.namespace, name).await? else {
            return Ok(Observation::Absent);
        };
        let mut seen = Vec::new();
        for (file, pem) in files.certificates() {
            match hangar_pki::inventory(&file, &pem) {
                Ok(certificates) => seen.extend(certificates),
                Err(err) => {
                    return Ok(Observation::Failed(Failure { class: FailureClass::Other, detail: err.to_string() }));
                }
            }
        }
        Ok(Observation::Certificates(seen))
    }

    /// One Job for all that is asked from inside the cluster.
    async fn look_from_cluster(&self, probes: &[Probe]) -> Result<Vec<Fact>, StepError> {
        if probes.is_empty() {
            return Ok(Vec::new());
        }
        let leaf =
            self.authorities[self.signing().probes].probe_leaf(PROBE_MINUTES, now_ms()).map_err(StepError::refused)?;
        let identity = ProbeIdentity {
            certificate_pem: leaf.certificate.to_pem(),
            key_pem: SecretString::from(leaf.key.to_pem().expose().to_owned()),
            bundle_pem: self.bundle().to_pem(),
        };
        let job = ProbeJob {
            namespace: &self.namespace,
            image: &self.agent_image,
            pull_secrets: &self.pull_secrets,
            probes,
            identity: &identity,
            client: &self.client,
            deadline: ROUND,
        };
        let results = hangar_kube::jobs::probe(&self.cluster, &job).await.map_err(outside)?;
        let mut answers: BTreeMap<String, (u64, Observation)> =
            results.into_iter().map(|result| (result.id, (result.at_ms, result.observation))).collect();
        // The host's own clock dates what was seen, so that ages compare.
        let at_ms = now_ms();
        Ok(probes
            .iter()
            .filter_map(|probe| {
                let (_, observation) = answers.remove(&probe.id)?;
                Some(Fact { probe: probe.clone(), observation, at_ms })
            })
            .collect())
    }

    async fn run_verb(&self, cx: &StepContext, verb: &Verb) -> Result<(), StepError> {
        let Some(grant) = self.verbs.iter().find(|granted| granted.name == verb.name) else {
            return Err(StepError::refused(format!("verb `{}` is not granted to the strategy", verb.name))
                .with_hint("`hangar plugin approve` shows what is asked"));
        };
        let command: Vec<String> = grant.command.iter().chain(&verb.arguments).cloned().collect();
        let key = format!("{}/{}", cx.operation(), cx.key());
        let job = VerbJob {
            namespace: &self.namespace,
            key: &key,
            image: &self.database_image,
            pull_secrets: &self.pull_secrets,
            command: &command,
            client_secret: grant.secret.as_deref().unwrap_or(&self.client.secret),
            client_path: grant.mount.as_deref().unwrap_or_default(),
            deadline: VERB,
        };
        let end = hangar_kube::jobs::verb(&self.cluster, &job).await.map_err(outside)?;
        if end.exit_code == 0 {
            return Ok(());
        }
        let last = end.output.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or_default().to_owned();
        Err(StepError::outside(format!("verb `{}` ended with status {}: {last}", verb.name, end.exit_code)))
    }

    /// One pod after the other, each only while all others are ready and what the step verifies holds, and only those of an older
    /// template: a run that goes on restarts what is left.
    async fn restart(&self, workload: &str, health: Option<&Check>) -> Result<(), StepError> {
        let restart = Restart { namespace: &self.namespace, workload, level: Level::Ready, deadline: RESTART };
        let between = || self.unwell(health);
        hangar_kube::restart::rolling(&self.cluster, &restart, between).await.map(drop).map_err(outside)
    }

    /// What of a check does not hold now.
    async fn unwell(&self, health: Option<&Check>) -> Option<String> {
        let check = health?;
        match hangar_pool::unmet(self, check).await {
            Ok(seen) => Some(format!("{}: {}", check.probe.id, hangar_pool::describe(&seen?))),
            Err(err) => Some(err.to_string()),
        }
    }
}

#[async_trait]
impl Hands for ClusterHands {
    async fn look(&self, probes: &[Probe]) -> Result<Vec<Fact>, StepError> {
        let (host, inside): (Vec<_>, Vec<_>) = probes.iter().cloned().partition(|probe| probe.vantage == Vantage::Host);
        let mut facts = self.look_from_cluster(&inside).await?;
        for probe in host {
            let observation = self.look_from_host(&probe).await?;
            facts.push(Fact { probe, observation, at_ms: now_ms() });
        }
        Ok(facts)
    }

    async fn is_done(&self, action: &Action) -> Result<bool, StepError> {
        match action {
            Action::ApplyRelease(overlay) => self.services.is_applied(overlay).await,
            // A strategy's own check has been asked already.
            Action::PutSecret(secret) => self.holds_secret(secret).await,
            Action::Verb(_) | Action::Reload(_) => Ok(true),
            _ => Ok(false),
        }
    }

    async fn settle(&self, action: &Action, folder: &Path) -> Result<(), StepError> {
        match action {
            Action::ApplyRelease(_) => self.services.settle(folder).await,
            // A Job is met again by its name; everything else is one request.
            _ => Ok(()),
        }
    }

    async fn act(&self, cx: &StepContext, step: &Step) -> Result<(), StepError> {
        match &step.action {
            Action::PutSecret(secret) => self.put_secret(secret).await,
            Action::ApplyRelease(overlay) => {
                if self.services.adopt {
                    // Pods of others come to trust what the roster trusts, and nobody less.
                    Trust::of(&self.services, overlay).await?.allow_member()?;
                }
                match &step.verify {
                    Some(_) => self.services.apply(cx, overlay).await,
                    // Who does not ask whether the nodes run goes on to restart them.
                    None => self.services.apply_before_restart(cx, overlay).await,
                }
            }
            // The sidecars do it by themselves: the step's check waits for them.
            Action::Reload(_) => Ok(()),
            Action::Verb(verb) => self.run_verb(cx, verb).await,
            Action::Restart(workload) => self.restart(workload, step.verify.as_ref()).await,
            other => Err(StepError::refused(format!("action {other:?} is not known to this host"))),
        }
    }

    fn now_ms(&self) -> u64 {
        now_ms()
    }
}

/// A look that fails is an answer, unless nothing can be looked at: then the run must stop and say so.
fn answered(seen: Result<Observation, KubeError>) -> Result<Observation, StepError> {
    seen.map_err(outside)
}

/// A failure of the driver, with its own advice.
pub(crate) fn outside(err: KubeError) -> StepError {
    let hint = err.hint();
    let step = StepError::outside(err);
    match hint {
        Some(hint) => step.with_hint(hint),
        None => step,
    }
}
