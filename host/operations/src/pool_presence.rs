//! Our record follows where our nodes are and what they run.

use hangar_plan::infrastructure::Infrastructure;
use hangar_pool::OwnRecord;
use hangar_roster::{Presence, next};

use crate::clock::now_ms;
use crate::database::Database;
use crate::failure::Failure;
use crate::pooling::record;
use crate::up::Session;

/// When our record is brought up to date.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum When {
    /// Before anything of ours is touched: the others let in from where we call, beside from where we called.
    Before,
    /// Once all of it is done: nodes are where, and what, the workspace says.
    After,
}

impl Session {
    /// Publishes where our nodes are. What others trust us by (authorities, locality) is not theirs to learn in this way.
    pub(crate) fn show_presence(
        &self,
        stands: &Infrastructure,
        own: &OwnRecord,
        database: &Database,
        when: When,
    ) -> Result<(), Failure> {
        let held = own.roster().own_record().record().presence.clone();
        let wanted = Presence {
            authorities: held.authorities.clone(),
            locality: held.locality.clone(),
            flags: held.flags.clone(),
            ..self.presence(stands, "", database)?
        };
        let next = match when {
            When::Before => beside(held, &wanted),
            When::After => wanted,
        };
        own.step(|roster| next::presence(roster, next, now_ms())).map(drop).map_err(record)
    }
}

/// What is held, with the ranges that come.
fn beside(held: Presence, coming: &Presence) -> Presence {
    let mut egress = held.egress.clone();
    egress.extend(coming.egress.iter().filter(|range| !held.egress.contains(range)).cloned());
    Presence { egress, ..held }
}

/// Names that our record gives and that no node has by the infrastructure as it stands now.
pub(crate) fn former_hosts(stands: &Infrastructure, own: &OwnRecord) -> Vec<String> {
    let roster = own.roster();
    let held = &roster.own_record().record().presence.nodes;
    let is_former = |host: &&String| !stands.nodes.iter().any(|node| node.host == **host);
    held.iter().map(|node| &node.host).filter(is_former).cloned().collect()
}
