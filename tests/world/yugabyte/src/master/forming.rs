//! How a master comes into a universe. Masters that are all new and name each other found one; any other waits to be added.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use world_cockroach::net::HostPort;
use world_cockroach::node::founding;

use super::{FOUNDERS, Master};
use crate::rpc::{Answer, Ask, Status, ask};
use crate::say;

const LOOK: Duration = Duration::from_millis(300);
const LIMIT: Duration = Duration::from_secs(2);

/// Looks at the masters it was told of until it is in a universe.
pub async fn form(master: Arc<Master>) {
    let mut said = String::new();
    while master.node.identity().is_none() {
        let next = step(&master).await;
        if said != next {
            say('I', &next);
            said = next;
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// Does what is next, and says what it waits for.
async fn step(master: &Arc<Master>) -> String {
    let mut statuses: Vec<Status> = Vec::new();
    let mut silent: Vec<String> = Vec::new();
    for other in master.listed.iter().filter(|other| **other != master.own) {
        match status_of(master, other).await {
            Ok(status) => statuses.push(status),
            Err(why) => silent.push(why),
        }
    }
    if let Some(there) = statuses.iter().find(|status| status.universe.is_some()) {
        // One that founded it, and was not at hand just then, is let in without being added.
        if there.founders.contains(&master.own)
            && let Some(leader) = &there.leader
        {
            return come_in(master, leader).await.unwrap_or_else(|why| why);
        }
        return format!("{}: running in shell mode: waiting to be added to a universe that is there", master.own);
    }
    if !silent.is_empty() {
        return format!("waiting for every listed master: {}", silent.join("; "));
    }
    let mine: BTreeSet<&HostPort> = master.listed.iter().collect();
    if let Some(other) = statuses.iter().find(|status| status.listed.iter().collect::<BTreeSet<_>>() != mine) {
        return format!("waiting: another master was started with {:?}", other.listed);
    }
    if mine.first() != Some(&&master.own) {
        return "waiting for the first of the listed masters".to_owned();
    }
    match founding::bootstrap(&master.node).await {
        Ok(()) => {
            let universe = master.node.identity().map(|identity| identity.cluster_id.to_string());
            format!("founded universe {} with {} masters", universe.unwrap_or_default(), master.listed.len())
        }
        Err(err) => err.to_string(),
    }
}

async fn status_of(master: &Master, other: &HostPort) -> Result<Status, String> {
    let tls = Arc::clone(&master.node.certs.current().client.sql);
    match ask(other, tls, &Ask::Status, LIMIT).await? {
        Answer::Status(status) => Ok(status),
        other => Err(format!("no status but {other:?}")),
    }
}

/// Takes its place in a universe, through a master that is in it.
///
/// # Errors
///
/// Why not, in words.
pub async fn come_in(master: &Arc<Master>, through: &HostPort) -> Result<String, String> {
    if master.node.identity().is_some() {
        return Ok("in a universe already".to_owned());
    }
    let identity = founding::ask(&master.node, through).await.map_err(|refusal| refusal.message().to_owned())?;
    founding::enter(&master.node, identity).await.map_err(|err| err.to_string())?;
    Ok(format!("added to universe {} as number {}", identity.cluster_id, identity.node_id))
}

/// The first master of a universe keeps who its founders were, so that one that was late is let in.
pub async fn keep_founders(master: Arc<Master>) {
    loop {
        tokio::time::sleep(LOOK).await;
        let Some(identity) = master.node.identity() else { continue };
        if identity.node_id.0 != 1 || master.node.setting(FOUNDERS).is_some() {
            return;
        }
        // Without a majority it is tried again.
        drop(master.keep(FOUNDERS, &master.listed).await);
    }
}
