//! Steps between terraform and the pool.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use hangar_engine::{Seen, Step, StepContext, StepError};
use hangar_kube::Cluster;
use hangar_plan::strategy::certificate::CertificatePolicy;
use serde_json::{Value, json};

use crate::failure::{Cause, Failure};
use crate::hands::outside;
use crate::organisation;
use crate::vault::Vault;

const DEADLINE: Duration = Duration::from_secs(60);

/// Makes the namespace of the services.
///
/// Probe and act are one: a server-side apply that changes nothing where everything is there.
pub(crate) struct MakeNamespace {
    pub(crate) cluster: Cluster,
    pub(crate) name: String,
}

#[async_trait]
impl Step for MakeNamespace {
    const NAME: &'static str = "make-namespace";
    type Output = ();

    fn input(&self) -> Value {
        json!({"name": self.name})
    }

    async fn probe(&self, _cx: &StepContext) -> Result<Seen<()>, StepError> {
        let there = hangar_kube::namespace::is_ready(&self.cluster, &self.name).await.map_err(outside)?;
        Ok(if there { Seen::Done(()) } else { Seen::NotDone })
    }

    async fn act(&self, _cx: &StepContext) -> Result<(), StepError> {
        hangar_kube::namespace::ensure(&self.cluster, &self.name, &BTreeMap::new(), DEADLINE).await.map_err(outside)
    }
}

/// Makes the organisation's key and its authority, and puts them, sealed, into the secret store.
///
/// Probe: both are there and can be opened. Act: whoever comes first decides, so two runs end with one key.
pub(crate) struct MakeKeys {
    pub(crate) vault: Arc<Vault>,
    pub(crate) organisation: String,
    pub(crate) pool: Option<(String, CertificatePolicy)>,
}

#[async_trait]
impl Step for MakeKeys {
    const NAME: &'static str = "make-keys";
    type Output = ();

    fn input(&self) -> Value {
        json!({"organisation": self.organisation, "pool": self.pool.as_ref().map(|(name, _)| name)})
    }

    async fn probe(&self, _cx: &StepContext) -> Result<Seen<()>, StepError> {
        let key = organisation::read_key(&self.vault).await.map_err(step)?.is_some();
        let authority = match &self.pool {
            Some(_) => organisation::read_authority(&self.vault).await.map_err(step)?.is_some(),
            None => true,
        };
        Ok(if key && authority { Seen::Done(()) } else { Seen::NotDone })
    }

    async fn act(&self, _cx: &StepContext) -> Result<(), StepError> {
        organisation::make_key(&self.vault).await.map_err(step)?;
        if let Some((pool, policy)) = &self.pool {
            organisation::make_authority(&self.vault, &self.organisation, pool, policy).await.map_err(step)?;
        }
        Ok(())
    }
}

/// A failure of ours inside a step.
pub(crate) fn step(failure: Failure) -> StepError {
    let hint = failure.hint().map(ToOwned::to_owned);
    let step = match failure.cause() {
        Cause::Refused => StepError::refused(failure),
        Cause::Person => StepError::person(failure),
        Cause::Bug => StepError::bug(failure),
        Cause::Outside | Cause::Interrupted => StepError::outside(failure),
    };
    match hint {
        Some(hint) => step.with_hint(hint),
        None => step,
    }
}
