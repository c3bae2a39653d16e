//! `down` of one instance.

use std::sync::Arc;
use std::time::Duration;

use hangar_engine::Steps;
use hangar_plan::infrastructure::Infrastructure;
use hangar_plan::plan::Plan;
use hangar_terraform::{Approved, DestroyStep, Planning};

use crate::adoption;
use crate::failure::Failure;
use crate::infrastructure;
use crate::prepared::Prepared;
use crate::session::{Outcome, Session, key, kube};
use crate::state_lock;
use crate::up::work;

/// A namespace waits for the cloud to remove its load balancers, and its volumes for the cloud to remove the disks.
pub(crate) const CLOUD_REMOVES: Duration = Duration::from_secs(5 * 60);

impl Session {
    /// Takes the instance down: the release is uninstalled, then terraform destroys what it made. Refused for a member, and for
    /// infrastructure that is protected against deletion, before anything is touched.
    ///
    /// # Errors
    ///
    /// [`Failure`]; the same command goes on.
    pub async fn down(&self) -> Result<Outcome, Failure> {
        let runtime = self.site.runtime(self.program.clone())?;
        let prepared = self.prepare("down", Planning::Destroy, &runtime).await?;
        let vault = self.vault(&runtime).await?;
        if let Some(membership) = self.membership(&vault).await?
            && membership.others() > 0
        {
            return Err(Failure::person(
                "this instance is a member of a pool with others: taking it down would cost them replicas",
            )
            .hint_is("leave the pool first: `hangar pool leave`"));
        }
        let mut plan = Plan::new(self.site.workspace.instance.name.to_string());
        plan.parts.push(infrastructure::part(&prepared.stack_plan, &prepared.provider.name, &prepared.module));
        if !plan.is_empty() && !(self.approve)(&plan)? {
            return Ok(Outcome::Declined);
        }
        let stands = infrastructure::stands(prepared.engine.journal()).await?;
        let kept = match &stands {
            Some(stands) => self.uninstall(&prepared, stands).await?,
            None => Vec::new(),
        };
        // From here on the cluster may be gone: a run that goes on after a kill must not ask it.
        infrastructure::forget(prepared.engine.journal()).await?;
        adoption::remember(&prepared.engine, false).await?;
        let operation = prepared.engine.begin(work("down", &plan)).await?;
        let approved = Approved::Plan(Box::new(prepared.stack_plan.clone()));
        let steps = Steps::new().with(
            key("infrastructure/destroy")?,
            [],
            DestroyStep::new(Arc::clone(&prepared.driver), approved),
        );
        if let Err(err) = operation.run(steps).await {
            return Err(infrastructure::explained_run(err, &prepared.provider).await);
        }
        operation.finish().await?;
        infrastructure::settle(&prepared.engine, &prepared.driver).await?;
        state_lock::keep_lineage(&prepared.engine, None).await?;
        self.prove_gone(&prepared, &kept).await?;
        Ok(if stands.is_none() && plan.is_empty() { Outcome::Unchanged } else { Outcome::Done })
    }

    /// Looks once more: the state knows nothing, and no disk was kept. What the cluster had made in the cloud (load
    /// balancers, disks) was seen to go before the cluster went.
    async fn prove_gone(&self, prepared: &Prepared, kept: &[String]) -> Result<(), Failure> {
        let scratch = self.site.scratch("proof")?;
        let left = prepared.driver.resources(scratch.path()).await.map_err(infrastructure::tool)?;
        let left: Vec<String> = left.into_iter().chain(kept.iter().map(|volume| format!("volume {volume}"))).collect();
        if left.is_empty() {
            return Ok(());
        }
        Err(Failure::person(format!("not all is gone: {}", left.join(", ")))
            .hint_is("volumes with the policy `Retain` stay on purpose: remove their disks by hand; for the rest run `hangar down` again"))
    }

    /// Returns the volumes that stay by their own policy.
    async fn uninstall(&self, prepared: &Prepared, stands: &Infrastructure) -> Result<Vec<String>, Failure> {
        let (access, cluster) = self.connection(&prepared.provider, stands).await?;
        (self.waiting)("the release of the services is uninstalled");
        let services = self.services(prepared.engine.journal(), stands, &cluster, &access).await?;
        services.uninstall(&self.site.paths.state().join("uninstall")).await?;
        let namespace = self.site.workspace.instance.namespace.as_str();
        // Load balancers go with their Services, which a namespace outlives; disks go after it.
        hangar_kube::namespace::delete(&cluster, namespace, CLOUD_REMOVES).await.map_err(kube)?;
        (self.waiting)("the disks of the database are removed");
        let kept = hangar_kube::volumes::gone_with(&cluster, namespace, CLOUD_REMOVES).await.map_err(kube)?;
        self.remove_add_ons(&prepared.engine, &prepared.provider, stands).await?;
        Ok(kept)
    }
}
