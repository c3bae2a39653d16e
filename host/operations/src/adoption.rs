//! Taking over an instance that others made: by another tool, by hand, or by another journal.

mod trust;

use std::time::Duration;

use async_trait::async_trait;
use hangar_engine::{Engine, Seen, Step, StepContext, StepError, Steps};
use hangar_plan::infrastructure::Infrastructure;
use hangar_plan::plan::{Part, Plan, Release};
use serde_json::{Value, json};
pub(crate) use trust::Trust;

use crate::failure::Failure;
use crate::infrastructure::unkept;
use crate::prepared::Prepared;
use crate::services::Services;
use crate::session::{Session, key};
use crate::up::work;
use crate::vault::Vault;

/// Values of nobody above the operator's: what a pool would add comes with its membership.
const NO_OVERLAY: &str = "{}";
/// Where it is kept that a release was taken over, which from then on follows the values file.
const SCOPE: &str = "services";
const KEY: &str = "adopted";
/// Beyond what Helm and the rollout have for themselves.
const DEADLINE: Duration = Duration::from_secs(1000);

/// Makes what others made part of our release.
///
/// Probe: the release stands with these values of this chart, and the cluster is as they say. Act: as for any release, with
/// the fields and objects of others taken over. No volume changes hands, and no pod comes to trust fewer authorities.
struct AdoptRelease {
    services: Services,
}

#[async_trait]
impl Step for AdoptRelease {
    const NAME: &'static str = "adopt-release";
    type Output = ();

    fn input(&self) -> Value {
        json!({"release": self.services.release, "namespace": self.services.namespace, "chart": self.services.chart.digest()})
    }

    fn deadline(&self) -> Duration {
        DEADLINE
    }

    async fn probe(&self, _cx: &StepContext) -> Result<Seen<()>, StepError> {
        let is_ours = !self.services.is_foreign().await?;
        Ok(if is_ours && self.services.is_applied(NO_OVERLAY).await? { Seen::Done(()) } else { Seen::NotDone })
    }

    async fn act(&self, cx: &StepContext) -> Result<(), StepError> {
        Trust::of(&self.services, NO_OVERLAY).await?.allow()?;
        self.services.apply(cx, NO_OVERLAY).await
    }
}

/// What became of taking over.
pub(crate) struct Taken {
    /// Whether anything changed.
    pub(crate) changed: bool,
    /// All that was shown.
    pub(crate) plan: Plan,
}

/// What stands in the place of our release.
struct Found {
    services: Services,
    /// Whether it is to become, or to stay, what the values file says.
    is_wanted: bool,
    /// Databases beside it that none of our releases made, in words.
    beside: Vec<String>,
}

impl Session {
    /// What taking over would change; nothing unless it is asked for or was done before, or a release of others stands under
    /// our name, or a database of others in our namespace. A member's release is the strategy's.
    pub(crate) async fn adoption_part(
        &self,
        prepared: &Prepared,
        vault: &Vault,
        stands: &Infrastructure,
    ) -> Result<Option<Part>, Failure> {
        let Some(found) = self.adoptable(prepared, vault, stands).await? else { return Ok(None) };
        let Found { services, is_wanted, beside } = found;
        match shown(&services, is_wanted).await {
            Ok(part) => Ok(Some(Part::Release(part))),
            Err(err) if is_wanted => Err(err.into()),
            // Nobody asked for it, so it hinders nothing.
            Err(err) => {
                let mut changes: Vec<String> = beside.iter().map(|set| format!("! {set}")).collect();
                changes.push(format!("! what taking over would change is known once the chart renders: {err}"));
                Ok(Some(Part::Release(Release { changes, ..services.named() })))
            }
        }
    }

    /// Takes over what the plan showed, if that was asked for, and keeps what was taken over. What could not be known when the
    /// plan was shown is shown now; none if the operator then says no.
    pub(crate) async fn take_over(
        &self,
        prepared: &Prepared,
        mut plan: Plan,
        vault: &Vault,
    ) -> Result<Option<Taken>, Failure> {
        let stands = self.standing(prepared.engine.journal()).await?;
        let found = self.adoptable(prepared, vault, &stands).await?.filter(|found| found.is_wanted);
        let Some(Found { services, .. }) = found else { return Ok(Some(Taken { changed: false, plan })) };
        if prepared.changes_infrastructure() {
            let mut late = Plan::new(plan.instance.clone());
            late.parts.extend(self.adoption_part(prepared, vault, &stands).await?);
            if !late.is_empty() && !(self.approve)(&late)? {
                return Ok(None);
            }
            plan.parts.extend(late.parts);
        }
        let operation = prepared.engine.begin(work("adopt", &plan)).await?;
        let steps = Steps::new().with(key("services/adopt")?, [], AdoptRelease { services });
        let changed = operation.run(steps).await?.n_changed();
        operation.finish().await?;
        remember(&prepared.engine, true).await?;
        Ok(Some(Taken { changed: changed > 0, plan }))
    }

    async fn adoptable(
        &self,
        prepared: &Prepared,
        vault: &Vault,
        stands: &Infrastructure,
    ) -> Result<Option<Found>, Failure> {
        let membership = self.membership(vault).await?;
        if membership.as_ref().is_some_and(|membership| membership.is_active()) {
            return Ok(None);
        }
        let kept = prepared.engine.journal().fact(SCOPE, KEY).await.map_err(unkept)?;
        let is_wanted = self.adopt || (membership.is_none() && kept.is_some());
        let (access, cluster) = self.connection(&prepared.provider, stands).await?;
        let services = self.services(prepared.engine.journal(), stands, &cluster, &access).await?;
        let named = self.site.workspace.instance.database_image.as_ref();
        let image = named.or(prepared.provider.database.as_ref().map(|database| &database.image));
        let beside = match image.map(ToString::to_string).or_else(|| services.database_image()) {
            Some(image) => services.running_beside(&image).await?,
            None => Vec::new(),
        };
        let is_there = is_wanted || !beside.is_empty() || services.is_foreign().await?;
        Ok(is_there.then_some(Found { services, is_wanted, beside }))
    }
}

/// Keeps in the journal whether the release was taken over.
pub(crate) async fn remember(engine: &Engine, was_adopted: bool) -> Result<(), Failure> {
    let value: Option<&[u8]> = was_adopted.then_some(b"yes");
    engine.journal().set_fact(SCOPE, KEY, value).await.map_err(unkept)
}

/// What changes, and below it the certificates of the pods that stand. What must not be done is refused if it is wanted.
async fn shown(services: &Services, is_wanted: bool) -> Result<Release, StepError> {
    let mut part = services.part(NO_OVERLAY).await?;
    if part.changes.is_empty() {
        return Ok(part);
    }
    let trust = Trust::of(services, NO_OVERLAY).await?;
    part.changes.extend(trust.warnings());
    part.changes.extend(trust.lines.iter().cloned());
    if is_wanted {
        trust.allow()?;
    }
    Ok(part)
}
