//! What to look at for a status of the pool, from this member's own nodes.

use hangar_sdk::pooling::{Database as _, probes as shared, trusted};
use hangar_sdk::pooling_strategy::{Error, Intent, Probe, Roster};

use crate::config::Config;
use crate::database::Yugabyte;
use crate::names::Names;
use crate::probes;

/// Identity and known nodes by every own node, masters, tablet servers and health once; every ordered pair that starts here.
///
/// # Errors
///
/// [`Error::Invalid`] about the block.
pub fn status_probes(config: &str, intent: &Intent, roster: &Roster) -> Result<Vec<Probe>, Error> {
    let database = Yugabyte { config: Config::parse(config)?, names: Names::new(&intent.instance) };
    let names = &database.names;
    let mut all = vec![
        shared::release(&intent.instance.release),
        shared::workload(names.workload()),
        shared::secret(names.node_secret()),
        probes::masters(names, 0),
        probes::tablet_servers(names, 0),
        probes::health(names, 0),
    ];
    for node in &intent.instance.nodes {
        all.push(probes::universe_id(names, node.ordinal));
        all.push(probes::nodes(names, node.ordinal));
    }
    for member in trusted(roster).filter(|member| !member.is_self) {
        all.extend(member.nodes.iter().flat_map(|node| database.accepts_us(member, node)));
    }
    Ok(all)
}
