//! The end of an upgrade: when every node runs a later release, the cluster does too, and there is no way back.

use super::Node;
use crate::build_info::Version;
use crate::clock::now_nanos;
use crate::state::ClusterState;

/// The version the cluster should go to by itself now.
///
/// It waits while an operator holds it back, and for every member that has not left for good: a dead one may come
/// back with the old binary.
pub fn due(node: &Node, state: &ClusterState) -> Option<Version> {
    let set = |name: &str| state.settings.get(name).map_or("", String::as_str);
    if set("cluster.auto_upgrade.enabled") == "false" || !set("cluster.preserve_downgrade_option").is_empty() {
        return None;
    }
    let now = now_nanos();
    let livenesses = node.livenesses();
    let mut lowest = None;
    for member in state.remaining() {
        let live = livenesses.get(&member.id).is_some_and(|(liveness, _)| liveness.is_live(now));
        let version = member.descriptor.as_ref().filter(|_| live)?.version;
        lowest = Some(lowest.map_or(version, |lowest: Version| lowest.min(version)));
    }
    lowest.filter(|lowest| *lowest > state.active_version)
}

/// Checks a version that an operator wants the cluster to go to.
///
/// # Errors
///
/// Which node is in the way, or that there is no way back.
pub fn check(state: &ClusterState, wanted: Version) -> Result<(), String> {
    let active = state.active_version;
    if wanted < active {
        return Err(format!("versions cannot be downgraded (attempting to downgrade from {active} to {wanted})"));
    }
    for member in state.remaining() {
        let Some(descriptor) = &member.descriptor else { continue };
        if descriptor.version < wanted {
            return Err(format!(
                "cannot upgrade to {wanted}: node {} running {} binary",
                member.id, descriptor.version
            ));
        }
    }
    Ok(())
}
