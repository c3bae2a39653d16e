//! Steps that run the database's own tools.

use hangar_sdk::pooling::steps::{STEP_MS, digest, verb};
use hangar_sdk::pooling_strategy::{Intent, Node, Step};

use crate::database::Situation;
use crate::names::{MASTER_PORT, Names, TSERVER_PORT, master};

/// Whether a master comes or goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Change {
    Add,
    Remove,
}

/// Tells both processes of every own node to read their certificates again. `after` is the key of the step that has put the
/// files there. Said twice it is done twice, and harms nothing.
pub(crate) fn reload_certificates(
    names: &Names<'_>,
    intent: &Intent,
    name: &str,
    after: &str,
    phase: &str,
) -> Vec<Step> {
    let each = intent.instance.nodes.iter().flat_map(|node| [(node, MASTER_PORT), (node, TSERVER_PORT)]);
    each.map(|(node, port)| {
        let arguments = vec![
            format!("--server_address={}:{port}", names.pod_host(node.ordinal)),
            format!("--client_node_name={}", node.host),
            "reload_certificates".into(),
        ];
        let what = if port == MASTER_PORT { "master" } else { "tablet server" };
        let title = format!("let the {what} of node {} read its certificates again", node.ordinal);
        let key = format!("load/{name}/{}/{port}", node.ordinal);
        let mut step = verb(key, title, "reload-certificates", arguments, 2 * STEP_MS, phase);
        step.requires.push(after.to_owned());
        step
    })
    .collect()
}

/// Takes one master into the universe's consensus, or out of it. Masters change one by one.
pub(crate) fn change_master(situation: &Situation<'_>, node: &Node, change: Change, phase: &str) -> Step {
    let (word, what) = match change {
        Change::Add => ("ADD_SERVER", "add the master"),
        Change::Remove => ("REMOVE_SERVER", "take out the master"),
    };
    let mut arguments = tool(situation);
    arguments.extend(["change_master_config".into(), word.into(), node.host.clone(), MASTER_PORT.to_string()]);
    let key = format!("change-masters/{word}/{}", node.host);
    let title = format!("{what} of `{}`", node.host);
    verb(key, title, "change-masters", arguments, 5 * STEP_MS, phase)
}

/// Lets another master lead than this one. Said twice it may be said to another; each time somebody else is chosen.
pub(crate) fn step_down(situation: &Situation<'_>, node: &Node, phase: &str) -> Step {
    let mut arguments = tool(situation);
    arguments.push("master_leader_stepdown".into());
    let title = format!("let another master lead than that of `{}`", node.host);
    verb(format!("step-down/{}", node.host), title, "change-masters", arguments, STEP_MS, phase)
}

/// Says where copies have to lie. Said twice it is done once.
pub(crate) fn place(situation: &Situation<'_>, blocks: &[String], phase: &str) -> Step {
    let mut arguments = tool(situation);
    arguments.extend([blocks.join(","), situation.database.config.replication_factor.to_string()]);
    let title = format!("let copies lie in {}", blocks.join(", "));
    verb(format!("placement/{}", digest(blocks)), title, "change-placement", arguments, STEP_MS, phase)
}

/// Moves every tablet off these nodes. Said twice it is done once.
pub(crate) fn blacklist(situation: &Situation<'_>, nodes: &[Node], phase: &str) -> Step {
    let mut arguments = tool(situation);
    arguments.extend(["change_blacklist".into(), "ADD".into()]);
    arguments.extend(nodes.iter().map(|node| format!("{}:{TSERVER_PORT}", node.host)));
    let hosts: Vec<String> = nodes.iter().map(|node| node.host.clone()).collect();
    let title = format!("let no tablet server of {} hold anything any more", hosts.join(", "));
    verb(format!("blacklist/{}", digest(&hosts)), title, "change-blacklist", arguments, 2 * STEP_MS, phase)
}

/// Whom the tool asks, and as whom: every master of the pool, since any of them may lead.
fn tool(situation: &Situation<'_>) -> Vec<String> {
    let own = &situation.intent.instance.nodes;
    let others = situation.peers().flat_map(|member| &member.nodes);
    let masters: Vec<String> = others.chain(own).map(master).collect();
    let client = own.first().map(|node| node.host.clone()).unwrap_or_default();
    vec![format!("--master_addresses={}", masters.join(",")), format!("--client_node_name={client}")]
}
