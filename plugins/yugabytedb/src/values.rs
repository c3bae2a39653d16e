//! The chart values that make the database part of its pool.

use hangar_sdk::pooling::names;
use hangar_sdk::pooling::trusted;
use hangar_sdk::pooling_strategy::{Error, Intent, Roster};
use serde_json::json;

use crate::config::Config;
use crate::names::{Names, master};

/// Says which chart values an instance runs with: who it is, which masters there are, who may call.
///
/// # Errors
///
/// [`Error::Invalid`] about the block; [`Error::Other`] where nodes have no common suffix, or where an instance that is not the
/// founder would start with its own masters alone: those would found a universe of their own.
pub fn values(config: &str, intent: &Intent, roster: &Roster) -> Result<String, Error> {
    Ok(database(&Config::parse(config)?, intent, roster)?.to_string())
}

pub(crate) fn database(config: &Config, intent: &Intent, roster: &Roster) -> Result<serde_json::Value, Error> {
    let names = Names::new(&intent.instance);
    let suffix = names::suffix(&intent.instance.nodes)
        .ok_or_else(|| Error::Other("node names are not `0.SUFFIX`, `1.SUFFIX`, ..: no common suffix".into()))?;
    let is_founder = roster.members.iter().any(|member| member.is_self && member.id == roster.founder);
    let others = || trusted(roster).filter(|member| !member.is_self);
    if !is_founder && others().all(|member| member.nodes.is_empty()) {
        let message = "masters that name nobody but themselves found a universe of their own, and this is no founder";
        return Err(Error::Other(message.into()));
    }
    let mut masters: Vec<String> = intent.instance.nodes.iter().map(master).collect();
    masters.extend(others().flat_map(|member| member.nodes.iter().map(master)));
    let mut ranges: Vec<&str> = trusted(roster).flat_map(|member| member.egress.iter().map(String::as_str)).collect();
    ranges.sort_unstable();
    ranges.dedup();
    Ok(json!({
        "datastore": "yugabytedb",
        "yugabytedb": {
            "image": intent.instance.image,
            "nodes": intent.instance.nodes.len(),
            "masters": masters,
            "replicationFactor": config.replication_factor,
            "placement": {"cloud": config.placement_cloud, "region": intent.pool.locality},
            "advertise": {"suffix": suffix},
            "sourceRanges": ranges,
            "secrets": {"node": names.node_secret(), "client": names.client_secret()},
        },
    }))
}
