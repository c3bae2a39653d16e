//! The chart values that make the database part of its pool.

use hangar_sdk::pooling::names;
use hangar_sdk::pooling::trusted;
use hangar_sdk::pooling_strategy::{Error, Intent, Member, Roster};
use serde_json::json;

use crate::config::Config;
use crate::names::{Names, RPC_PORT};

/// Says which chart values an instance runs with: who it is, whom it joins, who may call.
///
/// The join list never has an empty meaning: own nodes first, then some of each other member's, so a wiped node finds
/// the pool and a founder's restarted node finds its peers.
///
/// # Errors
///
/// [`Error::Invalid`] about the block; [`Error::Other`] where nodes have no common suffix.
pub fn values(config: &str, intent: &Intent, roster: &Roster) -> Result<String, Error> {
    let config = Config::parse(config)?;
    Ok(database(&config, intent, roster)?.to_string())
}

pub(crate) fn database(config: &Config, intent: &Intent, roster: &Roster) -> Result<serde_json::Value, Error> {
    let names = Names::new(&intent.instance, config.layout);
    let suffix = names::suffix(&intent.instance.nodes)
        .ok_or_else(|| Error::Other("node names are not `0.SUFFIX`, `1.SUFFIX`, ..: no common suffix".into()))?;
    let others: Vec<&Member> = trusted(roster).filter(|member| !member.is_self).collect();
    let own = intent.instance.nodes.iter().map(|node| format!("{}:{RPC_PORT}", names.pod_host(node.ordinal)));
    let foreign = others.iter().flat_map(|member| {
        member.nodes.iter().take(config.join_addresses).map(|node| format!("{}:{}", node.host, node.port))
    });
    let join: Vec<String> = own.chain(foreign).collect();
    let mut ranges: Vec<&str> = trusted(roster).flat_map(|member| member.egress.iter().map(String::as_str)).collect();
    ranges.sort_unstable();
    ranges.dedup();
    let mut database = json!({
        "image": intent.instance.image,
        "nodes": intent.instance.nodes.len(),
        "locality": [{"key": config.locality_key, "value": intent.pool.locality}],
        "join": join,
        "advertise": {"suffix": suffix, "formerSuffixes": names.former_suffixes()},
        "sourceRanges": ranges,
        "secrets": {"node": names.node_secret(), "clientRoot": names.client_secret()},
    });
    if let Some(name) = &config.cluster_name {
        database["clusterName"] = json!(name);
    }
    if let Some(external) = names.external_services() {
        // The bundle is in the Secrets of ours from now on, whatever a values file said before there was a roster.
        database["secrets"]["authorities"] = json!("");
        database["names"] = json!({"nodes": names.workload(), "clients": names.public_service(), "external": external});
    }
    Ok(json!({"cockroachdb": database}))
}
