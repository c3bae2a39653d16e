//! `restart`: database nodes take up what was changed for them, one after the other.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use hangar_engine::{Seen, Step, StepContext, StepError, Steps};
use hangar_kube::Cluster;
use hangar_kube::restart::{self, Restart};
use hangar_kube::rollout::Level;
use hangar_plan::diagnostic::Severity;
use hangar_plan::plan::{Part, Plan, Release};
use hangar_plan::strategy::decision::Finding;
use serde_json::{Value, json};

use crate::failure::Failure;
use crate::hands::outside;
use crate::pool_look::status_of;
use crate::pool_presence::When;
use crate::pooling::{Connected, Membership, is_at_rest, record};
use crate::services::{Services, failed};
use crate::session::{Outcome, Session, key, kube};
use crate::up::work;

mod maintenance;

use maintenance::{BeginMaintenance, EndMaintenance};

/// A node hands its leases over, comes back, and copies what it has missed.
const EACH: Duration = Duration::from_secs(15 * 60);

/// A StatefulSet of the release, and its pods that are still of an older template.
struct Due {
    set: String,
    pods: Vec<String>,
}

/// Restarts the pods of one StatefulSet that are of an older template, the highest number first.
///
/// Probe: none is. Act: one after the other; the next only when the former is ready, the disruption budget allows it and the
/// pool is well by its own word.
struct RestartNodes {
    cluster: Cluster,
    namespace: String,
    due: Due,
    pool: Option<Arc<(Membership, Connected)>>,
}

#[async_trait]
impl Step for RestartNodes {
    const NAME: &'static str = "restart-nodes";
    type Output = ();

    fn input(&self) -> Value {
        json!({ "workload": self.due.set, "namespace": self.namespace })
    }

    fn deadline(&self) -> Duration {
        // The drive of the pods ends first, and says what it last saw.
        self.patience() + Duration::from_secs(60)
    }

    async fn probe(&self, _cx: &StepContext) -> Result<Seen<()>, StepError> {
        let left = restart::outdated(&self.cluster, &self.namespace, &self.due.set).await.map_err(outside)?;
        Ok(if left.is_empty() { Seen::Done(()) } else { Seen::NotDone })
    }

    async fn act(&self, cx: &StepContext) -> Result<(), StepError> {
        let Due { set, pods } = &self.due;
        cx.waiting(format!("{} pods of `{set}` to be restarted, one after the other", pods.len()));
        let wanted =
            Restart { namespace: &self.namespace, workload: set, level: Level::Ready, deadline: self.patience() };
        restart::rolling(&self.cluster, &wanted, || unwell(self.pool.clone())).await.map(drop).map_err(outside)
    }
}

impl RestartNodes {
    fn patience(&self) -> Duration {
        EACH.saturating_mul(u32::try_from(self.due.pods.len()).unwrap_or(u32::MAX))
    }
}

/// What of the pool speaks against stopping a node now. Who is in no pool has only what Kubernetes knows: that the others are
/// ready.
async fn unwell(pool: Option<Arc<(Membership, Connected)>>) -> Option<String> {
    let pool = pool?;
    // Our own word keeps others away, unless they did not look.
    trouble(&pool, |_, _| true).await.or_else(|| maintenance::other(&pool.0.own.view()))
}

/// The first thing that is not well in the pool and, by whose it is and who we are, is asked about; in words.
async fn trouble(pool: &(Membership, Connected), counts: impl Fn(Option<&str>, &str) -> bool) -> Option<String> {
    match status_of(&pool.0, &pool.1).await {
        Ok(status) => {
            let is_it = |gap: &Finding| gap.severity != Severity::Note && counts(gap.whose.as_deref(), &status.own);
            status.gaps().into_iter().find(is_it).map(|gap| gap.message)
        }
        Err(failure) => Some(failure.to_string()),
    }
}

impl Session {
    /// Restarts the database nodes that are of an older template than the release has by now: a changed setting, image or join
    /// list, or what was taken over. A member's record says so meanwhile, and while another's does it waits.
    ///
    /// # Errors
    ///
    /// [`Failure`]; the same command goes on.
    pub async fn restart(&self) -> Result<Outcome, Failure> {
        let (engine, means) = self.begin("restart").await?;
        let (stands, services) = self.standing_services(&means).await?;
        let cluster = services.cluster.clone();
        let all = due(&services).await?;
        let membership = self.membership(&means.vault).await?.filter(Membership::is_active);
        // A run that was killed after its last node has left its word behind.
        let is_left = membership.as_ref().is_some_and(|membership| maintenance::is_left(&membership.own.view()));
        if all.is_empty() && !is_left {
            return Ok(Outcome::Unchanged);
        }
        let (named, namespace) = (services.named(), services.namespace.clone());
        let pool = match membership {
            Some(membership) => {
                let connected = self.connected_by(&means, Some(&membership.own), (stands, services)).await?;
                Some(Arc::new((membership, connected)))
            }
            None => None,
        };
        let mut plan = Plan::new(self.site.workspace.instance.name.to_string());
        plan.parts.push(Part::Release(Release { changes: lines(&all, pool.is_some()), ..named }));
        if !(self.approve)(&plan)? {
            return Ok(Outcome::Declined);
        }
        let operation = engine.begin(work("restart", &plan)).await?;
        let own = pool.as_deref().map(|(membership, _)| Arc::clone(&membership.own));
        if let Some(pool) = pool.clone().filter(|_| !all.is_empty()) {
            operation.run(Steps::new().with(key("maintenance/begin")?, [], BeginMaintenance(pool))).await?;
        }
        let named = all.into_iter().map(|due| {
            let (cluster, namespace, pool) = (cluster.clone(), namespace.clone(), pool.clone());
            Ok((key(&format!("restart/{}", due.set))?, RestartNodes { cluster, namespace, due, pool }))
        });
        let restarted = operation.run(Steps::in_turn(named.collect::<Result<Vec<_>, Failure>>()?)).await;
        // Where it was others who were not well, our word would keep them from what mends that.
        let is_through = match pool.as_deref().filter(|_| restarted.is_err()) {
            Some(pool) => trouble(pool, |whose, own| whose == Some(own)).await.is_none(),
            None => true,
        };
        if let Some(own) = own.filter(|_| is_through) {
            let ended = operation.run(Steps::new().with(key("maintenance/end")?, [], EndMaintenance(own))).await;
            restarted.and(ended)?;
        } else {
            restarted?;
        }
        operation.finish().await?;
        if let Some((membership, connected)) = pool.as_deref() {
            membership.own.refresh().map_err(record)?;
            if is_at_rest(&membership.own) {
                let Connected { stands, pooling, .. } = connected;
                self.show_presence(stands, &membership.own, &pooling.database, When::Restarted)?;
            }
        }
        Ok(Outcome::Done)
    }
}

/// Whether nodes are of an older template than the release has.
pub(crate) async fn is_due(services: &Services) -> Result<bool, Failure> {
    Ok(!due(services).await?.is_empty())
}

async fn due(services: &Services) -> Result<Vec<Due>, Failure> {
    let manifest = services.releases.manifest(&services.namespace, &services.release).await.map_err(failed)?;
    let mut all = Vec::new();
    for object in manifest.objects().filter(|object| object.kind == "StatefulSet") {
        let pods = restart::outdated(&services.cluster, &services.namespace, &object.name).await.map_err(kube)?;
        if !pods.is_empty() {
            all.push(Due { set: object.name.clone(), pods });
        }
    }
    Ok(all)
}

fn lines(all: &[Due], is_member: bool) -> Vec<String> {
    if all.is_empty() {
        return vec!["our record says no longer that our nodes are being restarted".to_owned()];
    }
    let pods = all.iter().flat_map(|due| due.pods.iter().map(|pod| format!("restart pod {pod}")));
    let between =
        if is_member { "the pool is well and nobody else restarts its nodes" } else { "the others are ready" };
    let mut lines: Vec<String> = pods.chain([format!("one at a time, each only while {between}")]).collect();
    if is_member {
        lines.push("our record says so to the others, until all is done".to_owned());
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_plan_names_every_pod_in_its_order_and_what_is_waited_for() {
        let due = || [Due { set: "db".into(), pods: vec!["db-1".into(), "db-0".into()] }];
        assert_eq!(
            lines(&due(), false),
            ["restart pod db-1", "restart pod db-0", "one at a time, each only while the others are ready"]
        );
        assert_eq!(
            lines(&due(), true)[2..],
            [
                "one at a time, each only while the pool is well and nobody else restarts its nodes",
                "our record says so to the others, until all is done"
            ]
        );
        assert_eq!(lines(&[], true), ["our record says no longer that our nodes are being restarted"]);
    }
}
