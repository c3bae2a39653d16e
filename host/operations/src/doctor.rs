//! Whether everything is there that the workspace needs: each finding with its cure.

use std::error::Error as _;
use std::time::Duration;

use hangar_engine::Level;
use hangar_plan::diagnostic::Severity;
use hangar_plan::infrastructure::{Finding, Progress};
use hangar_runtime::Runtime;
use serde::Serialize;

use crate::failure::{Cause, Failure};
use crate::infrastructure::{self, Provider};
use crate::session::{Session, kube};

/// No look at a cloud takes longer.
const PREFLIGHT: Duration = Duration::from_secs(5 * 60);
/// What terraform's providers, charts and plugins need at least.
const DISK_MIB: u64 = 1024;

/// What a look has come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Health {
    /// It is as it should be.
    Good,
    /// It will do, for now.
    Warning,
    /// It stands in the way.
    Bad,
}

/// One thing that was looked at.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Diagnosis {
    /// What was looked at, such as `tool:terraform` or `quota:eip`.
    pub subject: String,
    /// How it is.
    pub health: Health,
    /// What was found.
    pub message: String,
    /// What to do about it.
    pub cure: Option<String>,
    /// Who stands in the way, if anything does.
    #[serde(skip)]
    pub cause: Option<Cause>,
}

impl Diagnosis {
    fn good(subject: impl Into<String>, message: impl Into<String>) -> Self {
        Self { subject: subject.into(), health: Health::Good, message: message.into(), cure: None, cause: None }
    }

    fn bad(subject: impl Into<String>, failure: &Failure) -> Self {
        let mut message = failure.to_string();
        let mut source = failure.source();
        while let Some(err) = source {
            let said = err.to_string();
            if !message.ends_with(&said) {
                message.push_str(": ");
                message.push_str(&said);
            }
            source = err.source();
        }
        let cure =
            failure.hint().map(str::to_owned).or_else(|| Some("mend it, then run `hangar doctor` again".to_owned()));
        Self { subject: subject.into(), health: Health::Bad, message, cure, cause: Some(failure.cause()) }
    }

    fn of<T>(subject: impl Into<String>, looked: Result<T, Failure>, good: impl FnOnce(T) -> String) -> Self {
        match looked {
            Ok(found) => Self::good(subject, good(found)),
            Err(failure) => Self::bad(subject, &failure),
        }
    }
}

impl From<Finding> for Diagnosis {
    fn from(finding: Finding) -> Self {
        let health = match finding.severity {
            Severity::Error => Health::Bad,
            Severity::Warning => Health::Warning,
            Severity::Note => Health::Good,
        };
        let cause = (health == Health::Bad).then_some(Cause::Outside);
        Self { subject: finding.subject, health, message: finding.message, cure: finding.cure, cause }
    }
}

impl Session {
    /// Looks at tools, plugins, credentials, the cloud, the cluster and this machine. Changes nothing, takes no lock, and
    /// looks at everything, whatever it finds.
    pub async fn doctor(&self) -> Vec<Diagnosis> {
        let mut found = vec![self.disk(), self.journal()];
        found.extend(self.tools().await);
        found.extend(self.credentials().await);
        found.push(Diagnosis::of("chart", self.site.chart().await, |path| format!("`{}`", path.display())));
        match self.site.runtime(self.program.clone()) {
            Err(failure) => found.push(Diagnosis::bad("plugins", &failure)),
            Ok(runtime) => found.extend(self.plugins(&runtime).await),
        }
        found
    }

    async fn tools(&self) -> [Diagnosis; 2] {
        let scratch = self.site.paths.cache.join("tools-asked");
        let terraform = match hangar_durable::private_dir(&scratch) {
            Ok(()) => self.site.terraform(&scratch).await.map_err(infrastructure::tool),
            Err(err) => Err(Failure::of(Cause::Outside, "cannot keep what tools answer", err)),
        };
        [
            Diagnosis::of("tool:terraform", terraform, |tool| format!("{tool} at `{}`", tool.binary().display())),
            Diagnosis::of("tool:helm", self.site.helm().await, |helm| format!("helm {}", helm.version())),
        ]
    }

    /// Who each credential is; those that somebody has to be asked for are asked for.
    async fn credentials(&self) -> Vec<Diagnosis> {
        let slots = self.site.slots();
        let mut found = Vec::new();
        for slot in self.site.workspace.credentials.keys() {
            let who = slots.identity(slot.as_str()).await;
            let who = who.map_err(|err| Failure::of(Cause::Refused, "it is of no use", err));
            found.push(Diagnosis::of(format!("credential:{slot}"), who, |who| who));
        }
        found
    }

    async fn plugins(&self, runtime: &Runtime) -> Vec<Diagnosis> {
        let mut found = Vec::new();
        match self.site.provider(runtime).await {
            Err(failure) => found.push(Diagnosis::bad("plugin:infra", &failure)),
            Ok(provider) => {
                found.push(Diagnosis::good("plugin:infra", format!("`{}` takes its block", provider.name)));
                found.extend(self.preflight(&provider).await);
                found.extend(self.cluster_health(&provider).await);
            }
        }
        let vault = self.vault(runtime).await;
        let has_key = match vault {
            Ok(vault) => crate::organisation::read_key(&vault).await.map(|key| key.is_some()),
            Err(failure) => Err(failure),
        };
        found.push(Diagnosis::of("plugin:secrets", has_key, |has_key| {
            let key = if has_key {
                "the organisation key is there"
            } else {
                "`hangar up` will put the organisation key there"
            };
            format!("the store answers; {key}")
        }));
        found
    }

    /// The plugin's own look at its cloud: identity, permissions, quotas, names.
    async fn preflight(&self, provider: &Provider) -> Vec<Diagnosis> {
        let looking = async {
            let mut token = None;
            loop {
                let asked = provider.provider.preflight(&provider.config, &provider.instance, token.as_deref());
                match asked.await.map_err(infrastructure::failed)? {
                    Progress::Done(findings) => return Ok(findings),
                    Progress::Poll(poll) => {
                        (self.waiting)(&poll.message);
                        tokio::time::sleep(Duration::from_millis(poll.after_ms.into())).await;
                        token = Some(poll.token);
                    }
                }
            }
        };
        let looked: Result<Vec<Finding>, Failure> = tokio::select! {
            looked = tokio::time::timeout(PREFLIGHT, looking) => looked.unwrap_or_else(|_| {
                Err(Failure::new(Cause::Outside, format!("plugin `{}` did not come to an end within {PREFLIGHT:?}", provider.name)))
            }),
            () = self.site.cancel.reached(Level::Draining) => Err(Failure::new(Cause::Interrupted, "stopped when asked")),
        };
        match looked {
            Err(failure) => vec![Diagnosis::bad("cloud", &failure)],
            Ok(findings) if findings.is_empty() => {
                vec![Diagnosis::good("cloud", format!("plugin `{}` has nothing to object", provider.name))]
            }
            Ok(findings) => findings.into_iter().map(Into::into).collect(),
        }
    }

    /// The cluster of the last `up`, if there was one.
    async fn cluster_health(&self, provider: &Provider) -> Option<Diagnosis> {
        let journal = self.site.journal().ok()?;
        let stands = match infrastructure::stands(&journal).await {
            Ok(stands) => stands?,
            Err(failure) => return Some(Diagnosis::bad("cluster", &failure)),
        };
        let known = async {
            let (access, cluster) = self.connection(provider, &stands).await?;
            let version = cluster.version().await.map_err(kube)?;
            self.refuse_old(&version).await?;
            Ok::<_, Failure>(format!("`{}` knows us and runs Kubernetes {version}", access.endpoint))
        };
        Some(Diagnosis::of("cluster", known.await, |words| words))
    }

    /// The chart says which Kubernetes it was made for; one that cannot be read has a finding of its own.
    async fn refuse_old(&self, kube_version: &str) -> Result<(), Failure> {
        let Ok(path) = self.site.chart().await else { return Ok(()) };
        let Ok(chart) = hangar_helm::Chart::open(path) else { return Ok(()) };
        match (chart.admits(kube_version), chart.kube_versions()) {
            (Some(false), Some(wanted)) => Err(Failure::refused(format!(
                "the cluster runs Kubernetes {kube_version}, and chart `{}` {} was made for {wanted}",
                chart.name(),
                chart.version()
            ))
            .hint_is("upgrade the cluster, or name a chart that was made for its version")),
            _ => Ok(()),
        }
    }

    fn journal(&self) -> Diagnosis {
        let state = self.site.paths.state();
        match hangar_engine::Lock::look(&state) {
            Ok(hangar_engine::LockState::Held(owner)) => Diagnosis {
                subject: "lock".into(),
                health: Health::Warning,
                message: match owner {
                    Some(owner) => format!("{owner} is at work on this workspace"),
                    None => "somebody is at work on this workspace".to_owned(),
                },
                cure: Some("wait for it".to_owned()),
                cause: None,
            },
            Ok(hangar_engine::LockState::Abandoned(owner)) => {
                Diagnosis::good("lock", format!("free; {owner} died, and the next run goes on where it was"))
            }
            Ok(hangar_engine::LockState::Free) => Diagnosis::good("lock", "free"),
            Err(err) => {
                Diagnosis::bad("lock", &Failure::of(Cause::Outside, "cannot see who is at work on this workspace", err))
            }
        }
    }

    fn disk(&self) -> Diagnosis {
        let folder = &self.site.paths.workspace;
        match nix::sys::statvfs::statvfs(folder) {
            Err(err) => Diagnosis::bad(
                "disk",
                &Failure::of(Cause::Outside, format!("cannot look at `{}`", folder.display()), err),
            ),
            Ok(disk) => {
                let free_mib = disk.blocks_available().saturating_mul(disk.fragment_size()) / 1024 / 1024;
                let message = format!("{free_mib} MiB are free for `{}`", folder.display());
                if free_mib >= DISK_MIB {
                    return Diagnosis::good("disk", message);
                }
                Diagnosis {
                    subject: "disk".into(),
                    health: Health::Warning,
                    message,
                    cure: Some(format!("free {DISK_MIB} MiB: a full disk stops a run, which then goes on later")),
                    cause: None,
                }
            }
        }
    }
}
