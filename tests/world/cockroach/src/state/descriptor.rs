//! What a node says about itself.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::NodeId;
use crate::build_info::Version;
use crate::net::HostPort;
use crate::wire::cockroach::{roachpb, util};

/// Where a node is and what it runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Descriptor {
    pub node_id: NodeId,
    pub address: HostPort,
    pub sql_address: HostPort,
    pub http_address: HostPort,
    pub locality: Locality,
    /// Addresses for nodes whose locality has a certain tier.
    pub locality_addresses: Vec<(Tier, HostPort)>,
    pub cluster_name: String,
    pub version: Version,
    pub build_tag: String,
    /// Nanoseconds since 1970.
    pub started_at: i64,
}

/// One `key=value` of a locality.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tier {
    pub key: String,
    pub value: String,
}

/// Tiers, the widest first.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Locality(pub Vec<Tier>);

impl Tier {
    /// Reads `key=value`.
    ///
    /// # Errors
    ///
    /// The database's complaint.
    pub fn parse(text: &str) -> Result<Self, String> {
        match text.split_once('=') {
            Some((key, value)) if !key.is_empty() && !value.is_empty() => {
                Ok(Self { key: key.to_owned(), value: value.to_owned() })
            }
            _ => Err(format!("tier must be in the form \"key=value\" not {text:?}")),
        }
    }
}

impl Locality {
    /// Reads `k1=v1,k2=v2`.
    ///
    /// # Errors
    ///
    /// The database's complaint about an empty list, a bad tier or a key given twice.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.is_empty() {
            return Err("can't have empty locality".to_owned());
        }
        let tiers = text.split(',').map(Tier::parse).collect::<Result<Vec<_>, _>>()?;
        for (index, tier) in tiers.iter().enumerate() {
            if tiers[..index].iter().any(|earlier| earlier.key == tier.key) {
                return Err(format!("duplicate locality key: {:?}", tier.key));
            }
        }
        Ok(Self(tiers))
    }

    /// How far apart two places are, from 0 (same) to 1 (they differ in the first tier).
    pub fn distance(&self, other: &Self) -> f64 {
        let length = self.0.len().max(other.0.len());
        let same = self.0.iter().zip(&other.0).take_while(|(ours, theirs)| ours.value == theirs.value).count();
        if length == 0 { 0.0 } else { (length - same) as f64 / length as f64 }
    }
}

impl fmt::Display for Locality {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, Tier { key, value }) in self.0.iter().enumerate() {
            let comma = if index == 0 { "" } else { "," };
            write!(f, "{comma}{key}={value}")?;
        }
        Ok(())
    }
}

impl Descriptor {
    /// Where a node of `locality` reaches this one.
    pub fn address_for(&self, locality: &Locality) -> &HostPort {
        let near = self.locality_addresses.iter().find(|(tier, _)| locality.0.contains(tier));
        near.map_or(&self.address, |(_, address)| address)
    }

    /// The message that is gossiped.
    pub fn to_wire(&self) -> roachpb::NodeDescriptor {
        roachpb::NodeDescriptor {
            node_id: self.node_id.0,
            address: Some(wire_address(&self.address)),
            attrs: Some(roachpb::Attributes::default()),
            locality: Some(roachpb::Locality { tiers: self.locality.0.iter().map(wire_tier).collect() }),
            server_version: Some(self.version.to_wire()),
            build_tag: self.build_tag.clone(),
            started_at: self.started_at,
            locality_address: self.locality_addresses.iter().map(wire_locality_address).collect(),
            cluster_name: self.cluster_name.clone(),
            sql_address: Some(wire_address(&self.sql_address)),
            http_address: Some(wire_address(&self.http_address)),
        }
    }

    /// Reads a gossiped message; `None` if it makes no sense.
    pub fn from_wire(wire: &roachpb::NodeDescriptor) -> Option<Self> {
        let address = read_address(wire.address.as_ref())?;
        let tiers = wire.locality.iter().flat_map(|locality| &locality.tiers).map(read_tier).collect();
        Some(Self {
            node_id: NodeId(wire.node_id),
            sql_address: read_address(wire.sql_address.as_ref()).unwrap_or_else(|| address.clone()),
            http_address: read_address(wire.http_address.as_ref()).unwrap_or_else(|| address.clone()),
            address,
            locality: Locality(tiers),
            locality_addresses: wire
                .locality_address
                .iter()
                .filter_map(|near| {
                    Some((read_tier(near.locality_tier.as_ref()?), read_address(near.address.as_ref())?))
                })
                .collect(),
            cluster_name: wire.cluster_name.clone(),
            version: Version::from_wire(wire.server_version.as_ref())?,
            build_tag: wire.build_tag.clone(),
            started_at: wire.started_at,
        })
    }
}

/// An address on the wire.
pub fn wire_address(address: &HostPort) -> util::UnresolvedAddr {
    util::UnresolvedAddr { network_field: "tcp".to_owned(), address_field: address.to_string() }
}

/// A locality-bound address on the wire.
pub fn wire_locality_address(near: &(Tier, HostPort)) -> roachpb::LocalityAddress {
    roachpb::LocalityAddress { address: Some(wire_address(&near.1)), locality_tier: Some(wire_tier(&near.0)) }
}

fn wire_tier(tier: &Tier) -> roachpb::Tier {
    roachpb::Tier { key: tier.key.clone(), value: tier.value.clone() }
}

fn read_tier(tier: &roachpb::Tier) -> Tier {
    Tier { key: tier.key.clone(), value: tier.value.clone() }
}

fn read_address(address: Option<&util::UnresolvedAddr>) -> Option<HostPort> {
    HostPort::parse(&address?.address_field, "", crate::net::DEFAULT_PORT)
        .ok()
        .filter(|address| !address.host.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn localities_are_checked_as_typed() {
        assert_eq!(Locality::parse("zone=a,rack=1").map(|locality| locality.to_string()), Ok("zone=a,rack=1".into()));
        assert_eq!(Locality::parse("zone"), Err("tier must be in the form \"key=value\" not \"zone\"".into()));
        assert_eq!(Locality::parse("a=1,a=2"), Err("duplicate locality key: \"a\"".into()));
    }

    #[test]
    fn places_that_differ_early_are_further_apart() {
        let at = |text: &str| Locality::parse(text).expect("well formed");
        assert!(
            at("zone=a,rack=1").distance(&at("zone=b,rack=1")) > at("zone=a,rack=1").distance(&at("zone=a,rack=2"))
        );
        assert_eq!(Locality::default().distance(&Locality::default()), 0.0);
    }
}
