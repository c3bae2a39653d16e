//! What the database answers.

use hangar_sdk::pooling_strategy::{Failure, FailureClass, Observation, Probe, Question, Rows};
use hangar_sdk::testing::pool::{http, value};

use super::{MEMORY_MS, Node, World, has_majority, is_live, lacking, process};
use crate::site::CLUSTER;

/// What a node of this organisation says to a question, or what is seen of it.
pub(super) fn answer(world: &World, id: &str, probe: &Probe) -> Observation {
    let (is_in, runs) = (world.play.is_in(id), world.organisations[id].deployed);
    let is_over = is_in && process(world, id).is_over(world.now_ms);
    match &probe.question {
        Question::Http(_) | Question::Sql(_) if is_over => {
            let detail = "certificate expired".into();
            Observation::Failed(Failure { class: FailureClass::Tls, detail })
        }
        Question::Http(_) if is_in => http(200, "{}"),
        Question::Http(_) if runs => http(503, "node is waiting for cluster initialization"),
        // The gateway answers from its own memory who is there; all else hangs.
        Question::Sql(question) if is_in && !has_majority(world) && !question.statement.contains("gossip_liveness") => {
            let detail = "57014: query execution canceled due to statement timeout".into();
            Observation::Failed(Failure { class: FailureClass::Database, detail })
        }
        Question::Sql(question) if is_in && question.statement.contains("cluster_id") => value(CLUSTER),
        Question::Sql(question) if is_in && question.statement.contains("SETTING version") => {
            let (year, number) = world.play.active;
            value(&format!("{year}.{number}"))
        }
        Question::Sql(question) if is_in && question.statement.contains("auto_upgrade") => {
            value(&world.play.goes_on.to_string())
        }
        Question::Sql(question) if is_in && question.statement.contains("clock-offset") => statuses(world),
        Question::Sql(question) if is_in && question.statement.contains("'replicas'") => {
            let row = |node: &Node| vec![Some(node.id.to_string()), Some("7".into())];
            let rows = world.play.nodes.iter().filter(|node| node.membership != "decommissioned").map(row).collect();
            Observation::Rows(Rows { columns: Vec::new(), rows })
        }
        Question::Sql(question) if is_in && question.statement.contains("!= 'decommissioned'") => {
            let counted = world.play.nodes.iter().filter(|node| node.membership != "decommissioned");
            let rows = counted.map(|node| vec![Some(node.id.to_string())]).collect();
            Observation::Rows(Rows { columns: Vec::new(), rows })
        }
        Question::Sql(question) if is_in && question.statement.contains("gossip_liveness") => {
            known(world, id, &question.statement)
        }
        // The replicas of a node whose machine is gone were rebuilt elsewhere by the time somebody asks, where there is room.
        Question::Sql(question) if is_in => {
            // Unless it is left out, a dead one's last word counts as any other's.
            let last_words = if question.statement.contains("is_live") { 0 } else { world.play.last_words };
            Observation::Rows(Rows {
                columns: Vec::new(),
                rows: vec![vec![Some(lacking(world).to_string()), Some(last_words.to_string())]],
            })
        }
        _ => Observation::Absent,
    }
}

/// What every node that is not out for good has written last, dead ones as well.
fn statuses(world: &World) -> Observation {
    let offset = |node: &Node| 1_000_000 * world.play.clocks.get(&node.owner).copied().unwrap_or_default();
    let address = |node: &Node| format!("{}:{}", node.host, node.port);
    let row = |node: &Node| {
        let (id, zone) = (node.id.to_string(), format!("zone={}", node.owner));
        let cells = [id, offset(node).to_string(), address(node), zone, node.build.clone()];
        cells.map(Some).to_vec()
    };
    let written = world.play.nodes.iter().filter(|node| node.membership != "decommissioned");
    Observation::Rows(Rows { columns: Vec::new(), rows: written.map(row).collect() })
}

/// What a gateway tells. Asked for `advertise_address` it says where it calls a node itself, which is a pod where that is of its
/// own locality.
fn known(world: &World, asked: &str, statement: &str) -> Observation {
    let row = |node: &Node| {
        let live = is_live(world, node);
        let is_near = node.owner == asked && statement.contains("advertise_address");
        let host = if is_near { "dss-cockroachdb-0.dss-cockroachdb.dss.svc.cluster.local" } else { &node.host };
        let address = format!("{host}:{}", node.port);
        let (id, zone) = (node.id.to_string(), format!("zone={}", node.owner));
        let cells = [id, address, zone, node.build.clone(), live.to_string(), node.membership.into()];
        let is_forgotten = node.dead_since.is_some_and(|since| since + MEMORY_MS < world.now_ms);
        let mut cells = cells.map(Some);
        if is_forgotten {
            cells[1..5].fill(None);
        }
        cells.to_vec()
    };
    Observation::Rows(Rows { columns: Vec::new(), rows: world.play.nodes.iter().map(row).collect() })
}
