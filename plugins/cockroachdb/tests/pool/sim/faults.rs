//! What happens to the nodes of an organisation.

use hangar_sdk::testing::pool::Process;

use super::{Node, World};

/// The leaves of an organisation's nodes have come to their end.
pub(crate) fn wear(world: &mut World, id: &str) {
    let one = world.organisation(id);
    (one.secret, one.mounted) = (one.secret.clone().worn(), one.mounted.clone().worn());
    (one.client, one.api) = (one.client.clone().worn(), one.api.take().map(Process::worn));
    for node in world.play.nodes.iter_mut().filter(|node| node.owner == id) {
        node.process = node.process.clone().worn();
    }
}

/// The restart of an organisation's nodes gets no further than the last of them, which does not come up with its new image.
pub(crate) fn break_last(world: &mut World, id: &str) {
    let last = world.play.nodes.iter_mut().rfind(|node| node.owner == id);
    last.expect("an organisation with nodes").comes_up = false;
}

/// Its program comes up after all.
pub(crate) fn mend(world: &mut World, id: &str) {
    world.play.nodes.iter_mut().filter(|node| node.owner == id).for_each(|node| node.comes_up = true);
}

/// An organisation that never had more than its first nodes.
pub(crate) fn keep(world: &mut World, id: &str, n_nodes: usize) {
    let member = world.members.iter_mut().find(|member| member.id == id).expect("a member");
    let gone: Vec<String> = member.nodes.drain(n_nodes..).map(|node| node.host).collect();
    world.play.nodes.retain(|node| !gone.contains(&node.host));
    world.organisation(id).n_nodes = n_nodes;
}

/// All machines of an organisation are lost, and that so long ago.
pub(crate) fn lose(world: &mut World, id: &str, ago_ms: u64) {
    world.organisation(id).alive = false;
    let since = world.now_ms - ago_ms;
    for node in world.play.nodes.iter_mut().filter(|node| node.owner == id) {
        node.dead_since = Some(since);
    }
}

/// The volume of an organisation's node is lost, so long ago, and where another pod took its place there is a node of a new number.
pub(crate) fn lose_volume(world: &mut World, id: &str, ordinal: usize, ago_ms: u64, comes_back: bool) {
    let since = world.now_ms - ago_ms;
    let number = world.play.nodes.len() as u64 + 1;
    let node = world.play.nodes.iter_mut().filter(|node| node.owner == id).nth(ordinal).expect("a node");
    let fresh = Node { id: number, ..node.clone() };
    node.dead_since = Some(since);
    world.play.nodes.extend(comes_back.then_some(fresh));
}

/// The volume that was lost last is there again, and its pod runs on it.
pub(crate) fn bring_back(world: &mut World) {
    let now_ms = world.now_ms;
    let fresh = world.play.nodes.last_mut().expect("a node");
    fresh.dead_since = Some(now_ms);
    let host = fresh.host.clone();
    let former = world.play.nodes.iter_mut().find(|node| node.host == host).expect("what it was before");
    former.dead_since = None;
}
