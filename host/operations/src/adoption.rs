//! Taking over an instance that others made: by another tool, by hand, or by another journal.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use hangar_engine::{Seen, Step, StepContext, StepError, Steps};
use hangar_plan::infrastructure::Infrastructure;
use hangar_plan::plan::{Part, Plan};
use serde_json::{Value, json};

use crate::failure::Failure;
use crate::services::Services;
use crate::up::{Prepared, Session, key, work};
use crate::vault::Vault;

/// Values of nobody above the operator's: what a pool would add comes with its membership.
const NO_OVERLAY: &str = "{}";
/// Beyond what Helm and the rollout have for themselves.
const DEADLINE: Duration = Duration::from_secs(1000);

/// Makes what others made part of our release.
///
/// Probe: the release stands with these values of this chart, and the cluster is as they say. Act: as for any release, with
/// the fields and objects of others taken over. No volume changes hands.
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
        self.services.apply(cx, NO_OVERLAY).await
    }
}

impl Session {
    /// What taking over would change; nothing unless it is asked for, or a release of others stands under our name. A
    /// member's release is the strategy's.
    pub(crate) async fn adoption_part(
        &self,
        prepared: &Prepared,
        vault: &Arc<Vault>,
        stands: &Infrastructure,
    ) -> Result<Option<Part>, Failure> {
        let Some(services) = self.adoptable(prepared, vault, stands).await? else { return Ok(None) };
        Ok(Some(Part::Release(services.part(NO_OVERLAY).await?)))
    }

    /// Takes over what the plan showed, if that was asked for. Says whether anything changed.
    pub(crate) async fn take_over(
        &self,
        prepared: &Prepared,
        plan: &Plan,
        vault: &Arc<Vault>,
    ) -> Result<bool, Failure> {
        if !self.adopt {
            return Ok(false);
        }
        let stands = self.standing(&prepared.engine).await?;
        let Some(services) = self.adoptable(prepared, vault, &stands).await? else { return Ok(false) };
        let operation = prepared.engine.begin(work("adopt", plan)).await?;
        let steps = Steps::new().with(key("services/adopt")?, [], AdoptRelease { services });
        let changed = operation.run(steps).await?.n_changed();
        operation.finish().await?;
        Ok(changed > 0)
    }

    async fn adoptable(
        &self,
        prepared: &Prepared,
        vault: &Arc<Vault>,
        stands: &Infrastructure,
    ) -> Result<Option<Services>, Failure> {
        if self.membership(vault).await?.is_some_and(|membership| membership.is_active()) {
            return Ok(None);
        }
        let (access, cluster) = self.connection(&prepared.provider, stands).await?;
        let services = self.services(&prepared.engine, stands, &cluster, &access).await?;
        Ok((self.adopt || services.is_foreign().await?).then_some(services))
    }
}
