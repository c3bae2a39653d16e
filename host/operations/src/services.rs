//! The release of the services, as the operator, the infrastructure and the strategy want it together.

mod certificate;
mod images;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use hangar_engine::{Journal, StepContext, StepError};
use hangar_helm::{
    Chart, Deploy, GiveToken, HelmError, Manifest, Marks, Preview, ReleaseName, Releases, Render, Values,
};
use hangar_kube::jobs::SqlClient;
use hangar_kube::rollout::{self, Level, Target};
use hangar_kube::{Access, Cluster, secrets};
use hangar_plan::hint::Hint as _;
use hangar_plan::plan;
use hangar_plan::strategy::observation::Observation;
use serde_json::Value;

use self::certificate::{is_known, layer};
pub(crate) use self::images::Images;
use crate::failure::{Cause, Failure};
use crate::hands::outside;
use crate::session::{Session, kube};

/// For Helm itself; readiness has its own.
pub(crate) const HELM_DEADLINE: Duration = Duration::from_secs(300);
/// Until everything of the release runs: images are pulled and volumes bound in it.
const ROLLOUT: Duration = Duration::from_secs(600);

/// One release, and what it is made of.
pub(crate) struct Services {
    pub(crate) releases: Releases,
    pub(crate) cluster: Cluster,
    pub(crate) release: ReleaseName,
    pub(crate) namespace: String,
    pub(crate) chart: Chart,
    /// Values below those of the strategy, lowest first: the host's, the infrastructure's, the operator's.
    pub(crate) layers: Vec<Value>,
    /// Whose certificate the API shows to the database; none where no strategy says.
    pub(crate) client: Option<SqlClient>,
    pub(crate) marks: Marks,
    pub(crate) kube_version: String,
    pub(crate) cache: PathBuf,
    /// Whether what others made may become part of the release.
    pub(crate) adopt: bool,
}

impl Services {
    /// The release as a strategy sees it.
    pub(crate) async fn observe(&self, name: &str) -> Result<Observation, StepError> {
        let name = ReleaseName::new(name).map_err(StepError::refused)?;
        self.releases.observe(&self.namespace, &name).await.map_err(failed)
    }

    /// Whether the release stands with exactly these values of this chart, nobody has changed it in the cluster since, and no
    /// Deployment still has pods of what it was before: a run may have ended while those were being replaced.
    pub(crate) async fn is_applied(&self, overlay: &str) -> Result<bool, StepError> {
        let values = self.values(overlay).await?;
        let Some(record) = self.releases.latest(&self.namespace, &self.release).await.map_err(failed)? else {
            return Ok(false);
        };
        let is_recorded = record.status.as_str() == "deployed"
            && record.values_digest == Some(values.digest())
            && record.chart_digest == Some(self.chart.digest());
        Ok(is_recorded && self.preview(&values).await?.is_empty() && self.is_through(&values).await?)
    }

    async fn is_through(&self, values: &Values) -> Result<bool, StepError> {
        for object in self.manifest(values).await?.objects().filter(|object| object.kind == "Deployment") {
            if !rollout::is_through(&self.cluster, &self.namespace, &object.name).await.map_err(outside)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// What of the cluster would change, as a part of a plan. Asked to adopt, it refuses what not even that allows.
    pub(crate) async fn part(&self, overlay: &str) -> Result<plan::Release, StepError> {
        let preview = self.preview(&self.values(overlay).await?).await?;
        if self.adopt {
            preview.allow(self.release.as_str(), true).map_err(failed)?;
        }
        Ok(plan::Release { changes: preview.lines(), ..self.named() })
    }

    /// The first thing of the cluster that would change beyond the certificate of the API, in words.
    pub(crate) async fn pending(&self, overlay: &str) -> Result<Option<String>, StepError> {
        Ok(certificate::beyond(&self.preview(&self.values(overlay).await?).await?))
    }

    /// The release as a part of a plan that changes nothing.
    pub(crate) fn named(&self) -> plan::Release {
        plan::Release {
            name: self.release.to_string(),
            namespace: self.namespace.clone(),
            chart: format!("{} {}", self.chart.name(), self.chart.version()),
            changes: Vec::new(),
        }
    }

    /// What the chart makes of these values.
    pub(crate) async fn rendered(&self, overlay: &str) -> Result<Manifest, StepError> {
        self.manifest(&self.values(overlay).await?).await
    }

    async fn manifest(&self, values: &Values) -> Result<Manifest, StepError> {
        let render = Render {
            release: &self.release,
            namespace: &self.namespace,
            chart: &self.chart,
            values,
            kube_version: &self.kube_version,
        };
        self.releases.helm().render(&render, &self.cache).await.map_err(failed)
    }

    /// Image of the database by the values alone: that of whatever the chart calls its datastore.
    pub(crate) fn database_image(&self) -> Option<String> {
        let values = Values::layered(std::iter::once(self.chart.values()?).chain(self.layers.iter().cloned())).ok()?;
        let datastore = values.as_object().get("datastore")?.as_str()?;
        Some(values.as_object().get(datastore)?.get("image")?.as_str()?.to_owned())
    }

    /// Sets of others that run the program of this image in the namespace, in words.
    pub(crate) async fn running_beside(&self, image: &str) -> Result<Vec<String>, StepError> {
        self.releases.running_beside(&self.namespace, &self.release, image).await.map_err(failed)
    }

    /// Whether a release of this name stands that is none of ours.
    pub(crate) async fn is_foreign(&self) -> Result<bool, StepError> {
        let foreign = self.releases.foreign(&self.namespace, &self.release, &self.marks).await;
        Ok(foreign.map_err(failed)?.is_some())
    }

    async fn preview(&self, values: &Values) -> Result<Preview, StepError> {
        // Nothing is written for a look.
        self.releases.preview(&self.deploy(values, Path::new(""))).await.map_err(failed)
    }

    /// Waits for a helm that an earlier attempt has started and that still lives.
    pub(crate) async fn settle(&self, folder: &Path) -> Result<(), StepError> {
        hangar_helm::settle(folder, HELM_DEADLINE).await.map(drop).map_err(failed)
    }

    /// Brings the release to these values and waits until all of it runs; the API and the schema until they are ready.
    pub(crate) async fn apply(&self, cx: &StepContext, overlay: &str) -> Result<(), StepError> {
        self.bring(cx, overlay, targets).await
    }

    /// The same before a restart of the database: what does not run by a former template comes back by the restart alone.
    pub(crate) async fn apply_before_restart(&self, cx: &StepContext, overlay: &str) -> Result<(), StepError> {
        self.bring(cx, overlay, targets_before_restart).await
    }

    async fn bring(
        &self,
        cx: &StepContext,
        overlay: &str,
        targets: fn(&Manifest) -> Vec<Target>,
    ) -> Result<(), StepError> {
        let values = self.values(overlay).await?;
        let folder = cx.folder().map_err(StepError::outside)?;
        let wanted = self.deploy(&values, &folder);
        let deployed = self.releases.deploy(&wanted).await.map_err(failed)?;
        let targets = targets(&deployed.manifest);
        let waiting = |text: &str| cx.waiting(text);
        rollout::wait(&self.cluster, &self.namespace, &targets, ROLLOUT, waiting).await.map_err(outside)
    }

    /// Takes the release away; one that is not there is away. Volumes stay until their namespace goes.
    pub(crate) async fn uninstall(&self, folder: &Path) -> Result<(), Failure> {
        hangar_durable::private_dir(folder)
            .map_err(|err| Failure::of(Cause::Outside, "cannot make a folder for helm", err))?;
        let gone = self.releases.uninstall(&self.namespace, &self.release, folder, HELM_DEADLINE).await;
        gone.map(drop).map_err(|err| failed(err).into())
    }

    fn deploy<'a>(&'a self, values: &'a Values, folder: &'a Path) -> Deploy<'a> {
        Deploy {
            release: &self.release,
            namespace: &self.namespace,
            chart: &self.chart,
            values,
            marks: &self.marks,
            kube_version: &self.kube_version,
            folder,
            cache: &self.cache,
            deadline: HELM_DEADLINE,
            adopt: self.adopt,
        }
    }

    /// Everything there is to say, lowest first. What the strategy says comes last.
    async fn values(&self, overlay: &str) -> Result<Values, StepError> {
        let overlay: Value = serde_json::from_str(overlay).map_err(StepError::refused)?;
        let certificate = self.certificate().await?;
        Values::layered(self.layers.iter().cloned().chain(certificate).chain([overlay])).map_err(failed)
    }

    async fn certificate(&self) -> Result<Option<Value>, StepError> {
        let Some(client) = self.client.as_ref().filter(|_| self.chart.values().is_some_and(|own| is_known(&own)))
        else {
            return Ok(None);
        };
        let live = secrets::read(&self.cluster, &self.namespace, &client.secret).await.map_err(outside)?;
        Ok(live.and_then(|live| layer(&live, &client.certificate_file)))
    }
}

impl Session {
    /// A release on this cluster, as layers of values want it.
    #[expect(clippy::too_many_arguments, reason = "a release is as many things")]
    pub(crate) async fn release(
        &self,
        journal: &Journal,
        cluster: &Cluster,
        access: &Access,
        release: ReleaseName,
        namespace: &str,
        chart: PathBuf,
        layers: Vec<Value>,
    ) -> Result<Services, Failure> {
        let chart = Chart::open(chart).map_err(|err| {
            let hint = err.hint();
            Failure::of(Cause::Refused, format!("cannot use the chart of release `{release}`"), err).hint_maybe(hint)
        })?;
        let kube_version = cluster.version().await.map_err(kube)?;
        Ok(Services {
            releases: self.releases(cluster, access, namespace).await?,
            cluster: cluster.clone(),
            release,
            namespace: namespace.to_owned(),
            chart,
            layers,
            client: None,
            marks: self.marks(journal),
            kube_version,
            cache: self.site.paths.cache.join("rendered"),
            adopt: false,
        })
    }

    /// The releases of a cluster, with Helm's own way to it.
    pub(crate) async fn releases(
        &self,
        cluster: &Cluster,
        access: &Access,
        namespace: &str,
    ) -> Result<Releases, Failure> {
        let helm = self.site.helm().await?;
        let (kubeconfig, tokens) = hangar_kube::kubeconfig::split(access, "hangar", namespace);
        let token = tokens.map(|tokens| -> GiveToken {
            Arc::new(move || {
                let tokens = tokens.clone();
                Box::pin(async move { tokens.current().await })
            })
        });
        let access = hangar_helm::ClusterAccess { kubeconfig, token };
        Ok(Releases::new(helm, cluster.client().clone(), access))
    }

    /// By what a release is known as ours.
    pub(crate) fn marks(&self, journal: &Journal) -> Marks {
        Marks { lineage: journal.lineage().to_owned(), actor: "hangar".into() }
    }
}

/// What must run before the step is over. A database that waits for its cluster is as far as it can be.
fn targets(manifest: &Manifest) -> Vec<Target> {
    manifest
        .objects()
        .filter_map(|object| match object.kind.as_str() {
            "StatefulSet" => Some(Target::StatefulSet(object.name.clone(), Level::Running)),
            "Deployment" => Some(Target::Deployment(object.name.clone(), Level::Ready)),
            "Job" => Some(Target::Job(object.name.clone())),
            "Service" if manifest.is_load_balancer(object) => Some(Target::Service(object.name.clone())),
            _ => None,
        })
        .collect()
}

fn targets_before_restart(manifest: &Manifest) -> Vec<Target> {
    targets(manifest).into_iter().filter(|target| !matches!(target, Target::StatefulSet(..))).collect()
}

pub(crate) fn failed(err: HelmError) -> StepError {
    let hint = err.hint();
    let step = match &err {
        HelmError::SecretInValues { .. }
        | HelmError::ValuesShape
        | HelmError::ValuesRefused { .. }
        | HelmError::Chart { .. } => StepError::refused(err),
        HelmError::Pending { .. }
        | HelmError::Foreign { .. }
        | HelmError::NotOurs { .. }
        | HelmError::FieldConflict { .. }
        | HelmError::Twin { .. }
        | HelmError::VolumesLost { .. } => StepError::person(err),
        _ => StepError::outside(err),
    };
    match hint {
        Some(hint) => step.with_hint(hint),
        None => step,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Otherwise a corrected image would never get to the node that does not come up with the former one.
    #[test]
    fn before_a_restart_nobody_waits_for_the_nodes_that_it_is_for() {
        let object =
            |kind: &str, name: &str| format!("---\napiVersion: apps/v1\nkind: {kind}\nmetadata:\n  name: {name}\n");
        let manifest =
            Manifest::parse(&(object("StatefulSet", "db") + &object("Deployment", "core"))).expect("a manifest");
        let (set, api) =
            (Target::StatefulSet("db".into(), Level::Running), Target::Deployment("core".into(), Level::Ready));
        assert_eq!(targets(&manifest), [set, api.clone()]);
        assert_eq!(targets_before_restart(&manifest), [api]);
    }
}
