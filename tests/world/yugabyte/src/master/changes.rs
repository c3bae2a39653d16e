//! Commands of `yb-admin`, on the master that leads.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use world_cockroach::clock::now_nanos;
use world_cockroach::net::HostPort;
use world_cockroach::state::NodeId;
use world_cockroach::state::command::{Command, Outcome};
use world_cockroach::state::member::Membership;

use super::{BLACKLIST, Master, PLACEMENT};
use crate::pages;
use crate::rpc::{Answer, Ask, ask};

/// For a master to come in, or to get rid of what it holds.
const PATIENCE: Duration = Duration::from_secs(60);
const LOOK: Duration = Duration::from_millis(100);
const LIMIT: Duration = Duration::from_secs(20);
/// Until a lead that was given away is taken, or given away once more.
const HANDED_OVER: Duration = Duration::from_secs(3);

/// Runs one command and gives what it prints.
///
/// # Errors
///
/// Why it was refused, in words.
pub async fn run(master: &Arc<Master>, words: &[String]) -> Result<String, String> {
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["list_all_masters"] => Ok(pages::masters_table(master)),
        ["list_all_tablet_servers"] => Ok(pages::servers_table(master)),
        ["get_universe_config"] => Ok(pages::universe_config(master)),
        ["change_master_config", change @ ("ADD_SERVER" | "REMOVE_SERVER"), host, port] => {
            let port = port.parse().map_err(|_| format!("Invalid argument: {port} is no port"))?;
            let address = HostPort { host: (*host).to_owned(), port };
            if *change == "ADD_SERVER" { add(master, address).await } else { remove(master, address).await }
        }
        ["master_leader_stepdown"] => step_down(master).await,
        ["modify_placement_info", blocks, factor] => place(master, blocks, factor).await,
        ["change_blacklist", change @ ("ADD" | "REMOVE"), addresses @ ..] if !addresses.is_empty() => {
            blacklist(master, *change == "ADD", addresses).await
        }
        _ => Err(format!("Invalid argument: unknown operation {}", words.join(" "))),
    }
}

/// The number of the master at an address, if it counts.
fn number(master: &Master, address: &HostPort) -> Option<NodeId> {
    let state = master.node.state()?;
    let descriptors = master.node.descriptors();
    let mut known = state.remaining().filter(|member| member.membership == Membership::Active);
    known.find(|member| descriptors.get(&member.id).is_some_and(|one| one.address == *address)).map(|member| member.id)
}

async fn add(master: &Arc<Master>, address: HostPort) -> Result<String, String> {
    if number(master, &address).is_some() {
        return Err(format!("Illegal state: {address} is already a member of the config"));
    }
    let tls = Arc::clone(&master.node.certs.current().client.sql);
    match ask(&address, tls, &Ask::ComeIn { through: master.own.clone() }, LIMIT).await? {
        Answer::Done { .. } => {}
        Answer::Failed { why } => return Err(why),
        other => return Err(format!("no answer of a master: {other:?}")),
    }
    until("the new master", || number(master, &address).filter(|id| caught_up(master, *id))).await?;
    Ok(format!("Successfully added {address}"))
}

fn caught_up(master: &Master, id: NodeId) -> bool {
    master.node.raft().is_some_and(|raft| raft.voters().contains(&id) || raft.caught_up(id, Instant::now()))
}

async fn remove(master: &Arc<Master>, address: HostPort) -> Result<String, String> {
    let Some(id) = number(master, &address) else {
        return Err(format!("Not found: {address} is no member of the config"));
    };
    if master.node.identity().is_some_and(|own| own.node_id == id) {
        return Err(format!("Illegal state: {address} leads: step down first"));
    }
    let members: BTreeSet<NodeId> =
        master.node.state().iter().flat_map(|state| state.remaining().map(|member| member.id)).collect();
    let livenesses = master.node.livenesses();
    let now = now_nanos();
    let is_live = |id: &&NodeId| livenesses.get(id).is_some_and(|(liveness, _)| liveness.is_live(now));
    let rest = members.len().saturating_sub(1);
    if 2 * members.iter().filter(|other| **other != id).filter(is_live).count() <= rest {
        return Err("Illegal state: no majority of the rest is alive".to_owned());
    }
    step(master, id, Membership::Decommissioning).await?;
    let counts = || master.node.state().map(|state| state.ranges.counts(id).0);
    if let Err(why) = until("its share to move", || counts().filter(|left| *left == 0)).await {
        step(master, id, Membership::Active).await?;
        return Err(why);
    }
    step(master, id, Membership::Decommissioned).await?;
    Ok(format!("Successfully removed {address}"))
}

async fn step(master: &Master, node: NodeId, to: Membership) -> Result<(), String> {
    match master.propose(Command::Membership { node, to, at: now_nanos() }).await {
        Ok(Outcome::Refused(why)) => Err(format!("Illegal state: {why}")),
        Ok(_) => Ok(()),
        Err(err) => Err(format!("Timed out: {err}")),
    }
}

/// Gives the lead away. Again where nobody was ready to take it, or where the election brought the same one back.
async fn step_down(master: &Arc<Master>) -> Result<String, String> {
    let end = Instant::now() + PATIENCE;
    loop {
        if let Some(raft) = master.node.raft() {
            raft.hand_over().await;
        }
        let another = until("another leader", || master.leader().filter(|leader| *leader != master.own));
        match tokio::time::timeout(HANDED_OVER, another).await {
            Ok(Ok(_)) => return Ok(String::new()),
            Ok(Err(why)) => return Err(why),
            Err(_) if Instant::now() >= end => return Err("Timed out: waiting for another leader".to_owned()),
            Err(_) => {}
        }
    }
}

/// Keeps where copies have to lie.
async fn place(master: &Arc<Master>, blocks: &str, factor: &str) -> Result<String, String> {
    let factor: usize = factor.parse().map_err(|_| format!("Invalid argument: {factor} is no number"))?;
    if factor != master.factor {
        return Err(format!("Invalid argument: the offline world keeps {} copies", master.factor));
    }
    let blocks: Vec<&str> = blocks.split(',').collect();
    if let Some(wrong) =
        blocks.iter().find(|block| !(1..=3).contains(&block.split('.').filter(|part| !part.is_empty()).count()))
    {
        return Err(format!("Invalid command: {wrong} is no cloud.region.zone"));
    }
    if blocks.len() > factor {
        let total = blocks.len();
        return Err(format!(
            "Invalid command: replication factor {factor} is smaller than the {total} replicas of all blocks"
        ));
    }
    master.keep(PLACEMENT, &blocks).await.map_err(|err| format!("Timed out: {err}"))?;
    Ok(String::new())
}

async fn blacklist(master: &Arc<Master>, adds: bool, addresses: &[&str]) -> Result<String, String> {
    let mut listed: BTreeSet<String> = master.blacklist().into_keys().collect();
    for address in addresses {
        let address = HostPort::parse(address, "", crate::tserver::PORT)?.to_string();
        if adds {
            listed.insert(address)
        } else {
            listed.remove(&address)
        };
    }
    master.keep(BLACKLIST, &listed).await.map_err(|err| format!("Timed out: {err}"))?;
    Ok("Successfully updated the blacklist".to_owned())
}

async fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> Result<T, String> {
    let end = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look() {
            return Ok(found);
        }
        if Instant::now() >= end {
            return Err(format!("Timed out: waiting for {what}"));
        }
        tokio::time::sleep(LOOK).await;
    }
}
