//! Installing and upgrading, one and the same.

use std::path::Path;
use std::time::Duration;

use hangar_durable::failpoint;
use hangar_exec::Command;

use crate::access::KubeconfigFile;
use crate::attempts::Attempts;
use crate::chart::Chart;
use crate::error::HelmError;
use crate::manifest::Manifest;
use crate::record::{self, Record};
use crate::refusal;
use crate::release::{Marks, ReleaseName, Status};
use crate::releases::Releases;
use crate::render::Render;
use crate::values::Values;

/// Revisions that are kept.
const HISTORY: &str = "10";

/// A release as it is to be.
#[derive(Debug, Clone, Copy)]
pub struct Deploy<'a> {
    /// Name.
    pub release: &'a ReleaseName,
    /// Namespace, which is there already.
    pub namespace: &'a str,
    /// Chart.
    pub chart: &'a Chart,
    /// Values over the chart's own.
    pub values: &'a Values,
    /// Whose release it is.
    pub marks: &'a Marks,
    /// Version of the Kubernetes API.
    pub kube_version: &'a str,
    /// Folder of this step: the same when the step is taken up again, and of no other step.
    pub folder: &'a Path,
    /// Where rendered charts are kept.
    pub cache: &'a Path,
    /// For Helm; hooks included, readiness not.
    pub deadline: Duration,
    /// Whether what others made may become part of the release: objects, the release itself, fields they own.
    pub adopt: bool,
}

/// A release as it now is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deployed {
    /// Its revision.
    pub revision: u32,
    /// Whether it was so before.
    pub was_there: bool,
    /// What it consists of, for whoever watches it come up.
    pub manifest: Manifest,
}

impl Releases {
    /// Brings a release to these values of this chart, from whatever state it is in, and does nothing if it is there already.
    ///
    /// May be called again after a kill at any point: a Helm that still runs is waited for, and a revision that one of ours
    /// left pending is marked failed and upgraded. The pods may be far from ready when this returns.
    ///
    /// # Errors
    ///
    /// [`HelmError::Pending`] for a release in somebody else's hands; [`HelmError::Foreign`], [`HelmError::NotOurs`] and
    /// [`HelmError::FieldConflict`] for what others made, unless it is to be adopted; and whatever the API server refuses when
    /// it is tried. All of them before anything is done. Every other failure leaves a release that the same call goes on with.
    pub async fn deploy(&self, wanted: &Deploy<'_>) -> Result<Deployed, HelmError> {
        let attempts = Attempts::new(wanted.folder, wanted.deadline);
        attempts.outlive().await?;
        let manifest = self.helm.render(&wanted.to_render(), wanted.cache).await?;
        record::check_size(wanted.chart, wanted.values, &manifest)?;
        let there = self.take_up(wanted).await?;
        let preview = self.preview_of(wanted, &manifest).await?;
        if let Some(record) = there
            && preview.is_empty()
        {
            return Ok(Deployed { revision: record.revision, was_there: true, manifest });
        }
        preview.allow(wanted.release.as_str(), wanted.adopt)?;
        self.make_way(wanted, &manifest, &preview).await?;
        failpoint::hit("helm.upgrade.before");
        self.upgrade(wanted, &attempts).await.map_err(|err| match err {
            HelmError::HookFailed { detail, .. } => {
                HelmError::HookFailed { hooks: preview.hooks.iter().map(ToString::to_string).collect(), detail }
            }
            err => err,
        })?;
        failpoint::hit("helm.upgrade.after");
        match self.latest(wanted.namespace, wanted.release).await? {
            Some(record) if wanted.is(&record) => {
                Ok(Deployed { revision: record.revision, was_there: false, manifest })
            }
            Some(record) => Err(pending(wanted, &record)),
            None => Err(HelmError::Ended { exit: "success".to_owned(), detail: "it stored no release".to_owned() }),
        }
    }

    /// Looks at what is there. Returns it if it was made of what is wanted; repairs it if it is ours and half done.
    async fn take_up(&self, wanted: &Deploy<'_>) -> Result<Option<Record>, HelmError> {
        let Some(record) = self.latest(wanted.namespace, wanted.release).await? else { return Ok(None) };
        match &record.status {
            Status::Deployed if wanted.is(&record) => Ok(Some(record)),
            Status::Pending(_) if wanted.marks.is_of(record.lineage.as_deref()) => {
                failpoint::hit("helm.repair.before");
                tracing::warn!(release = %wanted.release, revision = record.revision, "left pending by an earlier run");
                self.storage(wanted.namespace).mark_failed(wanted.release, record.revision).await?;
                failpoint::hit("helm.repair.after");
                Ok(None)
            }
            Status::Pending(_) => Err(pending(wanted, &record)),
            Status::Uninstalled(word) if word == "uninstalling" => Err(pending(wanted, &record)),
            _ => Ok(None),
        }
    }

    async fn upgrade(&self, wanted: &Deploy<'_>, attempts: &Attempts) -> Result<(), HelmError> {
        let writing = |path: &Path| {
            let path = path.to_owned();
            move |err| HelmError::Write { path, err }
        };
        hangar_durable::private_dir(wanted.folder).map_err(writing(wanted.folder))?;
        let values = wanted.folder.join("values.json");
        hangar_durable::write_private(&values, wanted.values.to_file().as_bytes()).map_err(writing(&values))?;
        let kubeconfig = KubeconfigFile::write(wanted.folder, &self.access)?;
        let command = self.helm.cluster_command(wanted.folder, &self.access, kubeconfig.path()).await?;
        let mut child = attempts.start(self.arguments(command, wanted, &values)).await?;
        failpoint::hit("helm.upgrade.started");
        let ended = attempts.end(&mut child).await?;
        if ended.exit.is_success() {
            return Ok(());
        }
        if refusal::is_busy(&ended.stderr)
            && let Some(record) = self.latest(wanted.namespace, wanted.release).await?
        {
            return Err(pending(wanted, &record));
        }
        Err(refusal::read(&ended.stderr, &ended.exit.to_string()))
    }

    fn arguments(&self, command: Command, wanted: &Deploy<'_>, values: &Path) -> Command {
        let labels = wanted.marks.to_labels(wanted.chart.digest_bytes(), &wanted.values.digest_bytes());
        let command = command
            .args(["upgrade", wanted.release.as_str()])
            .arg(wanted.chart.path())
            .args(["--install", "--reset-values", "--hide-notes", "--namespace", wanted.namespace])
            .args(["--history-max", HISTORY, "--timeout", &format!("{}s", wanted.deadline.as_secs())])
            .args(["--labels", &labels])
            .arg("--values")
            .arg(values);
        let command = if wanted.adopt { command.arg("--take-ownership") } else { command };
        if !self.helm.has_server_side_apply() {
            return command;
        }
        // Said out loud: `auto` would go on with what an older Helm began.
        let command = command.args(["--server-side=true", "--wait=hookOnly"]);
        // What is overwritten was shown before.
        if wanted.adopt { command.arg("--force-conflicts") } else { command }
    }
}

impl<'a> Deploy<'a> {
    pub(crate) fn to_render(self) -> Render<'a> {
        let Self { release, namespace, chart, values, kube_version, .. } = self;
        Render { release, namespace, chart, values, kube_version }
    }

    /// Whether a revision is this release, all of it.
    fn is(&self, record: &Record) -> bool {
        record.status == Status::Deployed
            && record.chart_digest.as_deref() == Some(self.chart.digest().as_str())
            && record.values_digest.as_deref() == Some(self.values.digest().as_str())
    }
}

fn pending(wanted: &Deploy<'_>, record: &Record) -> HelmError {
    HelmError::Pending {
        release: wanted.release.to_string(),
        status: record.status.as_str().to_owned(),
        revision: record.revision,
        since: record.changed_s.and_then(time).unwrap_or_else(|| "an unknown time".to_owned()),
        by: record.made_by(),
    }
}

fn time(seconds: u64) -> Option<String> {
    let seconds = i64::try_from(seconds).ok()?;
    k8s_openapi::jiff::Timestamp::from_second(seconds).ok().map(|time| time.to_string())
}
