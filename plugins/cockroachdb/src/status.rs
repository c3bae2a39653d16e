//! What to look at for a status of the pool, from this member's own nodes.

use hangar_sdk::pooling::{probes as shared, trusted};
use hangar_sdk::pooling_strategy::{Error, Intent, Probe, Roster};

use crate::config::Config;
use crate::database::accepts_us;
use crate::names::Names;
use crate::probes::{self, CLUSTER_ID_SQL, NODES_SQL, RANGES_SQL};

/// Readiness, identity and known nodes of every own node; ranges once; every ordered pair that starts here.
///
/// # Errors
///
/// [`Error::Invalid`] about the block.
pub fn status_probes(config: &str, intent: &Intent, roster: &Roster) -> Result<Vec<Probe>, Error> {
    let names = Names::new(&intent.instance, Config::parse(config)?.layout);
    let mut all = vec![
        shared::release(&intent.instance.release),
        shared::workload(names.workload()),
        shared::secret(names.node_secret()),
        probes::sql(&names, 0, "ranges", RANGES_SQL),
    ];
    for node in &intent.instance.nodes {
        all.push(probes::ready(&names, node.ordinal));
        all.push(probes::sql(&names, node.ordinal, "cluster-id", CLUSTER_ID_SQL));
        all.push(probes::sql(&names, node.ordinal, "nodes", NODES_SQL));
    }
    for member in trusted(roster).filter(|member| !member.is_self) {
        all.extend(member.nodes.iter().map(|node| accepts_us(member, node)));
    }
    Ok(all)
}
