//! The nodes that other tools made become those of our release, in one round of restarts.

use hangar_sdk::pooling::steps as shared;
use hangar_sdk::pooling_strategy::{Decision, Error, Intent, Member};

use crate::cluster::{self, Cluster};
use crate::database::Situation;
use crate::{maintenance, steps};

/// Phase of all of it.
pub(crate) const PHASE: &str = "take-over";
/// Fact of the instance: its nodes are as other tools made them.
const STANDS: &str = "stands";
/// What our record says that our nodes are restarted for.
const REASON: &str = "take-over";
/// The step by which the last pod of a former template is gone.
const RESTART: &str = "restart/take-over";

/// Whether nodes are to be taken over.
pub(crate) fn is_due(intent: &Intent) -> bool {
    intent.instance.facts.iter().any(|(name, _)| name == STANDS)
}

/// What comes next on the way to nodes of our own release; nothing once their pods are of its template.
///
/// # Errors
///
/// [`Error`] where the database has no values for this instance.
pub(crate) fn decide(situation: &Situation<'_>, own: &Member) -> Result<Option<Decision>, Error> {
    if !is_due(situation.intent) || situation.did(RESTART) {
        return Ok(None);
    }
    // A node that is down in the middle of it is ours, and comes back by going on.
    if !maintenance::has_begun(own)
        && let Some(decision) = maintenance::turn(situation, own, REASON, PHASE, || obstacle(situation))
    {
        return Ok(Some(decision));
    }
    let workload = situation.database.names.workload();
    let title = "publish that our nodes are being taken over";
    let mut all = vec![maintenance::say("take-over/begin", title, vec![REASON.into()], PHASE)];
    all.extend(shared::put_secrets(situation, PHASE));
    let release = shared::apply_release(situation, PHASE, PHASE, |_| {}, &all)?;
    let title = format!("restart the nodes of `{workload}` one by one, so that they are those of our release");
    let restart = steps::restart(situation, RESTART.into(), title, &release);
    all.extend([release, restart]);
    Ok(Some(Decision::Steps(all)))
}

/// What of the cluster stands against touching a node now, or the look that tells.
fn obstacle(situation: &Situation<'_>) -> Option<Decision> {
    let cluster = match Cluster::seen(situation) {
        Ok(cluster) => cluster,
        Err(look) => return Some(look),
    };
    if let Some(decision) = cluster.skew() {
        return Some(decision);
    }
    let message = format!("a healthy cluster before our nodes are taken over: {}", cluster.trouble(&[])?);
    Some(situation.wait(cluster::questions(situation), message))
}
