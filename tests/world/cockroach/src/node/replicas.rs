//! How a replica gets to another store: as bytes over the connection between two nodes, at the pace that
//! `kv.snapshot_rebalance.max_rate` allows. A slow link makes it slow, a cut one or a full disk makes it impossible.

use std::collections::BTreeSet;
use std::time::Duration;

use futures::future::join_all;

use super::Node;
use crate::rpc::status;
use crate::state::ranges::RangeChange;
use crate::state::{ClusterState, NodeId};
use crate::wire::world::replication::TakeReplicaRequest;
use crate::wire::world::replication::replication_client::ReplicationClient;

/// What a range weighs. Ranges of this world are small; this makes moving one cost what a small real one does.
const WEIGHT: u64 = 8 << 20;
const DEFAULT_RATE: u64 = 32 << 20;
/// What travels for it.
const PAYLOAD: usize = 4 << 10;

/// Sends the replicas that `changes` add. Gives the changes that may happen now, and the stores that refused.
pub async fn send(
    node: &Node,
    state: &ClusterState,
    changes: Vec<RangeChange>,
) -> (Vec<RangeChange>, BTreeSet<NodeId>) {
    let own = node.identity().map(|identity| identity.node_id);
    let sent = changes.into_iter().map(async |change| {
        let Some(to) = change.add.filter(|to| Some(*to) != own) else { return Ok(change) };
        match one(node, state, change.range, to).await {
            Ok(()) => Ok(change),
            Err(why) => {
                crate::log::warning(
                    "kv/kvserver/replicate_queue.go:700",
                    format!("change replicas of r{} failed: cannot send snapshot to n{to}: {why}", change.range),
                );
                Err(to)
            }
        }
    });
    let (mut done, mut refused) = (Vec::new(), BTreeSet::new());
    for outcome in join_all(sent).await {
        match outcome {
            Ok(change) => done.push(change),
            Err(to) => drop(refused.insert(to)),
        }
    }
    (done, refused)
}

async fn one(node: &Node, state: &ClusterState, range: i64, to: NodeId) -> Result<(), String> {
    let rate = state.settings.get("kv.snapshot_rebalance.max_rate").and_then(|text| parse_size(text));
    let seconds = WEIGHT as f64 / rate.unwrap_or(DEFAULT_RATE).max(1) as f64;
    tokio::time::sleep(node.timers.scale(Duration::from_secs_f64(seconds))).await;
    let channel = node.peers.channel(to)?;
    let origin = channel.origin();
    let request = TakeReplicaRequest { range, payload: vec![0; PAYLOAD] };
    let mut client = ReplicationClient::with_origin(channel, origin);
    let answer = tokio::time::timeout(node.timers.network(), client.take_replica(request)).await;
    let answer = answer.map_err(|_| "context deadline exceeded".to_owned())?;
    answer.map(drop).map_err(|refusal| status::text(&refusal))
}

/// Reads `32 MiB`, `1MiB` or a number of bytes.
pub fn parse_size(text: &str) -> Option<u64> {
    let text = text.trim();
    let digits = text.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(text.len());
    let shift = match text[digits..].trim().to_lowercase().as_str() {
        "" | "b" => 0,
        "kib" => 10,
        "mib" => 20,
        "gib" => 30,
        _ => return None,
    };
    text[..digits].parse::<u64>().ok()?.checked_shl(shift)
}

#[cfg(test)]
mod tests {
    use super::parse_size;

    #[test]
    fn rates_are_read_as_settings_write_them() {
        assert_eq!(
            (parse_size("32 MiB"), parse_size("1KiB"), parse_size("7")),
            (Some(32 << 20), Some(1 << 10), Some(7))
        );
        assert_eq!((parse_size("fast"), parse_size("1 mile")), (None, None));
    }
}
