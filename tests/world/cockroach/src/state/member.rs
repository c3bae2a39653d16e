//! A member of the cluster: its liveness record and its place in the membership machine.

use serde::{Deserialize, Serialize};

use super::NodeId;
use super::descriptor::Descriptor;

/// One node, from the moment its ID was given out.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Member {
    pub id: NodeId,
    pub membership: Membership,
    pub liveness: Liveness,
    /// Absent until the node has started once.
    pub descriptor: Option<Descriptor>,
}

/// The record by which a node proves that it is alive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Liveness {
    pub epoch: i64,
    /// Nanoseconds since 1970; 0 before the first heartbeat.
    pub expiration: i64,
    pub draining: bool,
}

/// What a node writes every few seconds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Heartbeat {
    pub node: NodeId,
    /// Nanoseconds since 1970.
    pub expiration: i64,
    pub draining: bool,
    /// The first of a process: starts a new epoch.
    pub new_epoch: bool,
}

/// active ⇄ decommissioning → decommissioned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Membership {
    Active,
    Decommissioning,
    Decommissioned,
}

impl Member {
    /// A member that has never sent a heartbeat.
    pub fn new(id: NodeId) -> Self {
        let liveness = Liveness { epoch: 0, expiration: 0, draining: false };
        Self { id, membership: Membership::Active, liveness, descriptor: None }
    }

    /// Takes a heartbeat. A node that left for good cannot come alive again.
    pub fn heartbeat(&mut self, heartbeat: &Heartbeat) {
        if self.membership == Membership::Decommissioned {
            return;
        }
        if heartbeat.new_epoch {
            self.liveness.epoch += 1;
        }
        self.liveness.expiration = self.liveness.expiration.max(heartbeat.expiration);
        self.liveness.draining = heartbeat.draining;
    }

    /// Takes a step of the membership machine. Standing still is allowed.
    ///
    /// # Errors
    ///
    /// The database's complaint about a step that does not exist.
    pub fn change(&mut self, to: Membership) -> Result<(), String> {
        use Membership::{Active, Decommissioned, Decommissioning};
        match (self.membership, to) {
            (from, to) if from == to => {}
            (Active, Decommissioning) | (Decommissioning, Active | Decommissioned) => self.membership = to,
            // Decommissioning a node that has left changes nothing.
            (Decommissioned, Decommissioning) => {}
            (found, Active) => {
                let found = found.text();
                return Err(format!("can only recommission a decommissioning node; n{} found to be {found}", self.id));
            }
            (found, _) => {
                let found = found.text();
                return Err(format!(
                    "can only fully decommission an already decommissioning node; n{} found to be {found}",
                    self.id
                ));
            }
        }
        Ok(())
    }
}

impl Liveness {
    /// Whether the record is good at `now` (nanoseconds since 1970).
    pub fn is_live(self, now: i64) -> bool {
        self.expiration > now
    }

    /// The form of the `expiration` columns.
    pub fn expiration_text(self) -> String {
        format!("{}.{:09},0", self.expiration / 1_000_000_000, self.expiration % 1_000_000_000)
    }
}

impl Membership {
    /// The word used in SQL and errors.
    pub fn text(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Decommissioning => "decommissioning",
            Self::Decommissioned => "decommissioned",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn membership_knows_no_way_back_from_decommissioned() {
        let mut member = Member::new(NodeId(4));
        member.change(Membership::Decommissioning).expect("a legal step");
        member.change(Membership::Decommissioned).expect("a legal step");
        assert_eq!(
            member.change(Membership::Active),
            Err("can only recommission a decommissioning node; n4 found to be decommissioned".into())
        );
    }

    #[test]
    fn an_active_node_cannot_be_fully_decommissioned() {
        let err = Member::new(NodeId(4)).change(Membership::Decommissioned);
        assert_eq!(
            err,
            Err("can only fully decommission an already decommissioning node; n4 found to be active".into())
        );
    }
}
