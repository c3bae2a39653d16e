//! A member of the cluster: its liveness record and its place in the membership machine.

use serde::{Deserialize, Serialize};

use super::NodeId;
use super::descriptor::Descriptor;
use super::ranges::RangeCounts;

/// One node, from the moment its ID was given out.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Member {
    pub id: NodeId,
    pub membership: Membership,
    pub liveness: Liveness,
    /// The process that the present epoch belongs to; 0 before the first.
    pub process: u64,
    /// When the node left for good, in nanoseconds since 1970.
    pub removed_at: i64,
    /// Absent until the node has started once.
    pub descriptor: Option<Descriptor>,
    /// What it has written of itself last; stays as it is when the node is gone.
    pub status: Status,
}

/// What a node measures.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// How far its clock is from those of the others on average, in nanoseconds.
    pub clock_offset: i64,
    pub ranges: RangeCounts,
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
    /// Who sends it: a number of its own for each process.
    pub process: u64,
    /// Written with it.
    pub status: Status,
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
        Self {
            id,
            membership: Membership::Active,
            liveness,
            process: 0,
            removed_at: 0,
            descriptor: None,
            status: Status::default(),
        }
    }

    /// Takes a heartbeat, and says whether the node is still this process's. A node that left for good cannot come
    /// alive again, and a process whose epoch another one has ended (two on copies of one store) is nobody any more.
    /// One that a later one of its process has overtaken changes nothing.
    pub fn heartbeat(&mut self, heartbeat: &Heartbeat) -> bool {
        if self.membership == Membership::Decommissioned {
            return true;
        }
        let is_new = heartbeat.new_epoch && self.process != heartbeat.process;
        if is_new {
            self.liveness.epoch += 1;
            self.process = heartbeat.process;
        }
        if self.process != heartbeat.process {
            return false;
        }
        if is_new || heartbeat.expiration >= self.liveness.expiration {
            self.liveness.draining = heartbeat.draining;
            self.status = heartbeat.status;
        }
        self.liveness.expiration = self.liveness.expiration.max(heartbeat.expiration);
        true
    }

    /// What a node that left for good is told, whatever it asks.
    pub fn removal(&self) -> Option<String> {
        let at = super::datum::timestamp::render_time(self.removed_at / 1_000, " +0000 UTC");
        (self.membership == Membership::Decommissioned).then(|| {
            format!(
                "n{} was permanently removed from the cluster at {at}; it is not allowed to rejoin the cluster",
                self.id
            )
        })
    }

    /// Takes a step of the membership machine. Standing still is allowed.
    ///
    /// # Errors
    ///
    /// The database's complaint about a step that does not exist.
    pub fn change(&mut self, to: Membership, at: i64) -> Result<(), String> {
        use Membership::{Active, Decommissioned, Decommissioning};
        match (self.membership, to) {
            (from, to) if from == to => {}
            (Active, Decommissioning) | (Decommissioning, Active | Decommissioned) => {
                self.membership = to;
                self.removed_at = if to == Decommissioned { at } else { 0 };
            }
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
        member.change(Membership::Decommissioning, 1).expect("a legal step");
        member.change(Membership::Decommissioned, 1).expect("a legal step");
        assert_eq!(
            member.change(Membership::Active, 1),
            Err("can only recommission a decommissioning node; n4 found to be decommissioned".into())
        );
    }

    #[test]
    fn an_active_node_cannot_be_fully_decommissioned() {
        let err = Member::new(NodeId(4)).change(Membership::Decommissioned, 1);
        assert_eq!(
            err,
            Err("can only fully decommission an already decommissioning node; n4 found to be active".into())
        );
    }

    #[test]
    fn of_two_processes_with_one_identity_the_earlier_is_fenced() {
        let mut member = Member::new(NodeId(3));
        let beat = |process, new_epoch| Heartbeat {
            node: NodeId(3),
            expiration: 9,
            draining: false,
            new_epoch,
            process,
            status: Status::default(),
        };
        assert!(member.heartbeat(&beat(1, true)) && member.heartbeat(&beat(1, false)));
        assert!(member.heartbeat(&beat(2, true)));
        assert!(!member.heartbeat(&beat(1, false)));
        assert_eq!(member.liveness.epoch, 2);
    }

    #[test]
    fn a_heartbeat_that_was_overtaken_does_not_take_a_drain_back() {
        let mut member = Member::new(NodeId(3));
        let beat = |expiration, draining, process| {
            let new_epoch = process == 2 || expiration == 1;
            Heartbeat { node: NodeId(3), expiration, draining, new_epoch, process, status: Status::default() }
        };
        assert!(member.heartbeat(&beat(1, false, 1)) && member.heartbeat(&beat(8, true, 1)));
        assert!(member.heartbeat(&beat(7, false, 1)));
        assert!(member.liveness.draining);
        // It starts again, and its clock was set back.
        assert!(member.heartbeat(&beat(5, false, 2)));
        assert!(!member.liveness.draining);
    }

    #[test]
    fn who_left_for_good_is_told_when() {
        let mut member = Member::new(NodeId(4));
        assert_eq!(member.removal(), None);
        member.change(Membership::Decommissioning, 1).expect("a legal step");
        member.change(Membership::Decommissioned, 1_500_000_000).expect("a legal step");
        assert_eq!(
            member.removal().as_deref(),
            Some(
                "n4 was permanently removed from the cluster at 1970-01-01 00:00:01.5 +0000 UTC; it is not allowed to \
                 rejoin the cluster"
            )
        );
    }
}
