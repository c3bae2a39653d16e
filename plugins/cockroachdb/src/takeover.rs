//! The nodes that other tools made become those of our release, in one round of restarts.

use hangar_sdk::pooling::steps as shared;
use hangar_sdk::pooling_strategy::{Action, Decision, Error, Intent, Member, Step};

use crate::cluster::{self, Cluster};
use crate::database::Situation;
use crate::upgrade;

/// Phase of all of it.
pub(crate) const PHASE: &str = "take-over";
/// Fact of the instance: its nodes are as other tools made them.
const STANDS: &str = "stands";
/// What our record says that our nodes are restarted for.
const REASON: &str = "take-over";
/// The step by which the last pod of a former template is gone.
const RESTART: &str = "restart/take-over";
/// Each node drains, and comes back with all it missed.
const RESTART_MS: u32 = 30 * 60_000;

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
    if let Some(decision) = upgrade::somebody_else(situation) {
        return Ok(Some(decision));
    }
    let cluster = match Cluster::seen(situation) {
        Ok(cluster) => cluster,
        Err(look) => return Ok(Some(look)),
    };
    // A node that is down in the middle of it is ours, and comes back by going on.
    let is_under_way = upgrade::maintenance(own).is_some();
    if !is_under_way && let Some(decision) = cluster.skew() {
        return Ok(Some(decision));
    }
    if !is_under_way && let Some(trouble) = cluster.trouble(&[]) {
        let message = format!("a healthy cluster before our nodes are taken over: {trouble}");
        return Ok(Some(situation.wait(cluster::questions(situation), message)));
    }
    let workload = situation.database.names.workload();
    let begin = upgrade::said("take-over/begin", "begins", upgrade::MAINTENANCE, vec![REASON.into()]);
    let begin = Step { phase: PHASE.into(), title: "publish that our nodes are being taken over".into(), ..begin };
    let mut steps = vec![begin];
    steps.extend(shared::put_secrets(situation, PHASE));
    let release = shared::apply_release(situation, PHASE, PHASE, |_| {}, &steps)?;
    let restart = Step {
        key: RESTART.into(),
        title: format!("restart the nodes of `{workload}` one by one, so that they are those of our release"),
        requires: vec![release.key.clone()],
        already_done: None,
        action: Action::Restart(workload),
        verify: Some(upgrade::replicated(situation)),
        deadline_ms: RESTART_MS,
        phase: PHASE.into(),
    };
    steps.extend([release, restart]);
    Ok(Some(Decision::Steps(steps)))
}
