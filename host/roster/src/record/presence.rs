//! What others need to reach and to trust a member's nodes.

use std::collections::BTreeMap;
use std::net::IpAddr;

use hangar_plan::strategy::intent;
use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use crate::authority::AuthorityMark;
use crate::digest::CaFingerprint;

/// What others need to reach and to trust a member's nodes. A joiner is voted on with it, so it stays as it is from the vote
/// until the joiner is in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Presence {
    /// Public endpoint of its DSS.
    pub endpoint: String,
    /// Certificates of its authorities, one PEM block each. Fingerprints are taken from them, never stated.
    pub authorities: Vec<String>,
    /// Its database nodes.
    pub nodes: Vec<Node>,
    /// Ranges from which its nodes call others.
    pub egress: Vec<IpNet>,
    /// Tiers of its locality, widest first.
    pub locality: Vec<Tier>,
    /// Its database.
    pub datastore: Datastore,
    /// Version of its DSS.
    pub dss_version: String,
    /// Settings that all members must agree on, by name.
    pub flags: BTreeMap<String, String>,
    /// Whether its nodes were of the database's cluster before the pool had a roster, under an authority that other tools made.
    /// Those give every authority one subject, so two such members may share it until they go over to another authority.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub adopted: bool,
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
    pub addresses: Vec<IpAddr>,
}

/// One tier of a locality, such as `zone=uss1`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Tier {
    /// Key.
    pub key: String,
    /// Value.
    pub value: String,
}

/// A database's kind and version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Datastore {
    /// Such as `cockroachdb`.
    pub kind: String,
    /// Such as `v24.1.3`.
    pub version: String,
}

impl Presence {
    /// Fingerprints of its authorities, in order.
    #[must_use]
    pub fn fingerprints(&self) -> Vec<CaFingerprint> {
        self.marks().map(|mark| mark.fingerprint).collect()
    }

    pub(crate) fn marks(&self) -> impl Iterator<Item = AuthorityMark> {
        // Records whose authorities cannot be read were refused when they came in.
        self.authorities.iter().filter_map(|pem| AuthorityMark::read(pem).ok())
    }

    /// The field in which two members must differ and do not.
    pub(crate) fn clash(&self, other: &Self) -> Option<&'static str> {
        // The last tier is the member's own; wider ones (a region) are shared.
        let own_tier = |presence: &Self| presence.locality.last().cloned();
        if own_tier(self).is_some() && own_tier(self) == own_tier(other) {
            return Some("locality");
        }
        let theirs: Vec<_> = other.marks().collect();
        let is_told_apart = |ours: &AuthorityMark, mark: &AuthorityMark| {
            mark.subject != ours.subject || (self.adopted && other.adopted && mark.fingerprint != ours.fingerprint)
        };
        if self.marks().any(|ours| theirs.iter().any(|mark| !is_told_apart(&ours, mark))) {
            return Some("subject of a certificate authority");
        }
        let serves_at = |node: &Node| other.nodes.iter().any(|o| (&o.host, o.port) == (&node.host, node.port));
        self.nodes.iter().any(serves_at).then_some("address of a node")
    }
}

impl From<&Node> for intent::Node {
    fn from(node: &Node) -> Self {
        Self {
            ordinal: node.ordinal,
            host: node.host.clone(),
            port: node.port,
            addresses: node.addresses.iter().map(ToString::to_string).collect(),
        }
    }
}
