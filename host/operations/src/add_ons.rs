//! Charts that the cluster needs before the services: as the infra provider answers, by digest, within its grant.

pub(crate) mod installed;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use async_trait::async_trait;
use hangar_engine::{Attempt, Engine, Seen, Step, StepContext, StepError, Steps};
use hangar_helm::ReleaseName;
use hangar_plan::infrastructure::{AddOn, Infrastructure};
use hangar_plan::plan::{Part, Release};
use registry_reference::Reference;
use serde_json::{Value, json};

use crate::failure::{Cause, Failure};
use crate::hands::outside;
use crate::infrastructure::Provider;
use crate::services::Services;
use crate::session::{Session, key};

/// An add-on's values are its own: nothing lies over them.
const NOTHING_OVER: &str = "{}";
const NAMESPACE: Duration = Duration::from_secs(60);
/// Says whose add-ons a namespace was made for: one that was there before stays.
const MADE_FOR: &str = "hangar.dev/made-for-add-ons-of";
/// Helm, and then every object of it.
const DEADLINE: Duration = Duration::from_secs(20 * 60);

/// Installs an add-on, or brings it to other values or another chart.
///
/// Probe: the release stands with exactly this chart and these values. Act: its namespace, and one `upgrade --install`; what
/// a killed run left pending is repaired forward.
pub(crate) struct ApplyAddOn {
    add_on: AddOn,
    services: Services,
}

#[async_trait]
impl Step for ApplyAddOn {
    const NAME: &'static str = "apply-add-on";
    type Output = ();

    fn input(&self) -> Value {
        json!({ "name": self.add_on.name, "namespace": self.add_on.namespace, "chart": self.add_on.chart })
    }

    fn deadline(&self) -> Duration {
        DEADLINE
    }

    async fn settle(&self, _cx: &StepContext, earlier: &Attempt) -> Result<(), StepError> {
        self.services.settle(&earlier.folder).await
    }

    async fn probe(&self, _cx: &StepContext) -> Result<Seen<()>, StepError> {
        Ok(if self.services.is_applied(NOTHING_OVER).await? { Seen::Done(()) } else { Seen::NotDone })
    }

    async fn act(&self, cx: &StepContext) -> Result<(), StepError> {
        let services = &self.services;
        // A namespace that is there, such as `kube-system`, is not ours to mark.
        if !hangar_kube::namespace::is_ready(&services.cluster, &services.namespace).await.map_err(outside)? {
            let labels = BTreeMap::from([(MADE_FOR.to_owned(), services.marks.lineage.clone())]);
            hangar_kube::namespace::ensure(&services.cluster, &services.namespace, &labels, NAMESPACE)
                .await
                .map_err(outside)?;
        }
        services.apply(cx, NOTHING_OVER).await
    }
}

/// As steps, one after the other: each may stand on those before it.
pub(crate) fn steps(wanted: Vec<ApplyAddOn>) -> Result<Steps, Failure> {
    let named = wanted.into_iter().map(|step| Ok((key(&format!("add-on/{}", step.add_on.name))?, step)));
    Ok(Steps::in_turn(named.collect::<Result<Vec<_>, Failure>>()?))
}

/// What of them is not as it should be, for the plan.
pub(crate) async fn parts(wanted: &[ApplyAddOn]) -> Result<Vec<Part>, Failure> {
    let mut parts = Vec::new();
    for ApplyAddOn { add_on, services } in wanted {
        if services.is_applied(NOTHING_OVER).await? {
            continue;
        }
        let identity = add_on.identity.as_ref().map(|identity| format!(", as `{identity}`")).unwrap_or_default();
        parts.push(Part::Release(Release {
            name: add_on.name.clone(),
            namespace: add_on.namespace.clone(),
            chart: add_on.chart.clone(),
            changes: vec![format!("install or upgrade{identity}")],
        }));
    }
    Ok(parts)
}

impl Session {
    /// The add-ons of what stands, their charts fetched.
    pub(crate) async fn add_ons(
        &self,
        engine: &Engine,
        provider: &Provider,
        stands: &Infrastructure,
    ) -> Result<Vec<ApplyAddOn>, Failure> {
        let mut wanted = Vec::new();
        for add_on in &stands.add_ons {
            let (access, cluster) = self.connection(provider, stands).await?;
            let name = ReleaseName::new(add_on.name.as_str())
                .map_err(|err| Failure::of(Cause::Refused, "an add-on cannot have this name", err))?;
            let chart = self.add_on_chart(add_on).await?;
            let values = serde_json::from_str(&add_on.values).map_err(|err| {
                Failure::of(Cause::Refused, format!("the values of add-on `{}` are no JSON", add_on.name), err)
            })?;
            let services =
                self.release(engine.journal(), &cluster, &access, name, &add_on.namespace, chart, vec![values]).await?;
            wanted.push(ApplyAddOn { add_on: add_on.clone(), services });
        }
        Ok(wanted)
    }

    /// The chart by its digest. The policy has seen to it that there is one, and that the repository is granted.
    async fn add_on_chart(&self, add_on: &AddOn) -> Result<PathBuf, Failure> {
        let text = add_on.chart.strip_prefix("oci://").unwrap_or(&add_on.chart);
        let reference: Reference = text.parse().map_err(|err| {
            Failure::of(Cause::Refused, format!("add-on `{}` names no chart of a registry", add_on.name), err)
        })?;
        let dev = self.site.workspace.plugins.get(&self.site.workspace.infra.plugin).is_some_and(|plugin| plugin.dev);
        let failed = |err| Failure::of_registry(format!("cannot fetch the chart of add-on `{}`", add_on.name), err);
        Ok(self.site.pulled_chart(&reference, dev).await.map_err(failed)?.path)
    }
}
