//! What is wanted of a pool, and for which instance.

use serde::{Deserialize, Serialize};

/// What this instance wants of its pool.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Goal {
    /// Found the pool: this instance's cluster is initialised, exactly once in the pool's life.
    Create,
    /// Enter a pool that exists. Never initialises.
    Join,
    /// Keep what is there as the roster says (a member's daily state).
    Operate,
    /// Take this instance's nodes out of the pool.
    Leave,
    /// Replace this instance's leaves.
    RotateLeaves,
    /// Replace this instance's certificate authority.
    RotateCa,
    /// A goal that a later host may have: name and parameters.
    Other((String, Vec<(String, String)>)),
}

/// What is wanted, and of which instance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Intent {
    /// What is wanted.
    pub goal: Goal,
    /// Whose instance wants it.
    pub instance: Instance,
    /// Of which pool.
    pub pool: Pool,
}

/// This organisation's instance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Instance {
    /// Name of the instance, a DNS label.
    pub name: String,
    /// Kubernetes namespace of the services.
    pub namespace: String,
    /// Helm release of the services.
    pub release: String,
    /// Domain of the Kubernetes cluster, such as `cluster.local`.
    pub cluster_domain: String,
    /// Database image.
    pub image: String,
    /// Its database nodes, by ordinal.
    pub nodes: Vec<Node>,
    /// Further facts by name.
    pub facts: Vec<(String, String)>,
}

/// The pool.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Pool {
    /// Name of the pool, the same for all members.
    pub name: String,
    /// This member's locality value.
    pub locality: String,
    /// Identity of the pool's database cluster, where it is known.
    pub cluster_id: Option<String>,
    /// Further facts by name.
    pub facts: Vec<(String, String)>,
}

/// Where one database node serves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Node {
    /// Ordinal, from 0.
    pub ordinal: u32,
    /// Public name.
    pub host: String,
    /// Port on the public name.
    pub port: u16,
    /// Addresses the name has, where known.
    pub addresses: Vec<String>,
}
