//! One organisation of such a pool.

use super::Process;
use crate::pooling_strategy::Goal;

/// One organisation, as the world sees it.
pub struct Organisation {
    /// What it wants.
    pub goal: Goal,
    pub(super) facts: Vec<(String, String)>,
    /// Steps done by the running process; gone with it.
    pub done: Vec<String>,
    /// What the Secret of its nodes holds.
    pub secret: Process,
    /// What is mounted in the pods of its nodes.
    pub mounted: Process,
    /// What the Secret of its nodes' clients holds.
    pub client: Process,
    /// What the pods of its API have read, once, when they started; none where there are none.
    pub api: Option<Process>,
    /// How often the pods of its API were replaced because of another leaf.
    pub n_rolls: usize,
    /// Whether its release stands.
    pub deployed: bool,
    /// Whether its nodes are as other tools made them, and so in no release of ours until they are taken over.
    pub stands: bool,
    /// How many nodes its instance is to have.
    pub n_nodes: usize,
    /// Image that its operator wants, where it is another one than at first.
    pub image: Option<String>,
    /// Whether its machines run at all.
    pub alive: bool,
    /// Whether it has reached its goal.
    pub ended: bool,
    /// Why it cannot go on without a person.
    pub blocked: Option<String>,
}
