//! Steps that only this database has.

use hangar_sdk::pooling::steps::{STEP_MS, digest, none_of, verb};
use hangar_sdk::pooling_strategy::{Action, Check, Expectation, Step, Verb};

use crate::database::Situation;
use crate::probes::{self, MEMBERS_SQL};
use crate::{cluster, upgrade};

/// Each node drains, and comes back with all it missed.
const RESTART_MS: u32 = 30 * 60_000;
/// Replicas are copied over the network in this time.
const DECOMMISSION_MS: u32 = 60 * 60_000;

/// Initialises the cluster. Asked for only when every own node was just seen waiting, and only by the founder.
pub(crate) fn init(situation: &Situation<'_>) -> Step {
    let names = &situation.database.names;
    let mut arguments = vec![format!("--host={}", names.pod_host(0))];
    arguments.extend(cluster_name(situation));
    let serving = Check { probe: probes::ready(names, 0), expectation: Expectation::Status(200) };
    let title = "initialise the database cluster, once in the pool's life".into();
    Step {
        already_done: Some(serving.clone()),
        verify: Some(serving),
        ..verb("init".into(), title, "init", arguments, 2 * STEP_MS, "found")
    }
}

/// Takes nodes out of the cluster in one call, so that no replica moves twice. The database checks first whether what remains
/// can hold every range, and changes nothing where it cannot; said twice it is done once.
pub(crate) fn decommission(situation: &Situation<'_>, ids: &[String], server: &str, phase: &str) -> Step {
    let mut arguments = ids.to_vec();
    arguments.push(format!("--host={server}"));
    arguments.extend(cluster_name(situation));
    let title = format!("take nodes {} out of the cluster, once their replicas are elsewhere", ids.join(", "));
    verb(format!("decommission/{}", digest(ids)), title, "decommission", arguments, DECOMMISSION_MS, phase)
}

/// Restarts our nodes one by one, once the release is applied that they are to be of. What it verifies holds between two nodes.
pub(crate) fn restart(situation: &Situation<'_>, key: String, title: String, release: &Step) -> Step {
    Step {
        key,
        title,
        requires: vec![release.key.clone()],
        already_done: None,
        action: Action::Restart(situation.database.names.workload()),
        verify: Some(upgrade::replicated(situation)),
        deadline_ms: RESTART_MS,
        phase: release.phase.clone(),
    }
}

/// Asks the database whether what remains could hold every range without these nodes, and changes nothing.
pub(crate) fn check_decommission(situation: &Situation<'_>, ids: &[String], server: &str, phase: &str) -> Step {
    let asked = decommission(situation, ids, server, phase);
    let Action::Verb(Verb { arguments, .. }) = asked.action else { unreachable!("made above") };
    let title = format!("ask the database whether it can do without nodes {}", ids.join(", "));
    verb(format!("check-decommission/{}", digest(ids)), title, "check-decommission", arguments, 2 * STEP_MS, phase)
}

/// As [`decommission`], served by an own node that stays, which then tells whether it is done already and whether it has come to pass.
pub(crate) fn decommission_seen_here(situation: &Situation<'_>, ids: &[String], phase: &str) -> Step {
    let names = &situation.database.names;
    let ordinal = cluster::gateway(situation);
    let out = Check { probe: probes::sql(names, ordinal, "members", MEMBERS_SQL), expectation: none_of(ids.to_vec()) };
    Step {
        already_done: Some(out.clone()),
        verify: Some(out),
        ..decommission(situation, ids, &names.pod_host(ordinal), phase)
    }
}

fn cluster_name(situation: &Situation<'_>) -> Option<String> {
    situation.database.config.cluster_name.as_ref().map(|name| format!("--cluster-name={name}"))
}
