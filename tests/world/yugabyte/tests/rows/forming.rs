//! How universes begin and grow.

use crate::site::{Authority, Node, masters, universe, until, whole};

/// Nobody says `init`: all new, and naming each other, is enough.
#[test]
fn masters_that_are_all_new_and_name_each_other_found_one_universe() {
    let own = Authority::new("uss1");
    let nodes = universe(&own, 3);
    let leaders = nodes[0].masters().expect("a page").into_iter().filter(|(_, role)| role == "LEADER").count();
    assert_eq!(leaders, 1);
    let logs: String = nodes.iter().map(Node::log).collect();
    assert_eq!(logs.matches("founded universe").count(), 1, "{logs}");
    let health = until("a follower that shows its leader's page", || nodes[1].page("health-check"));
    assert_eq!(health["dead_nodes"], serde_json::json!([]));
    let listed = nodes[2].admin(&masters(&nodes), &["list_all_masters"]).expect("it lists");
    assert_eq!(listed.matches("ALIVE").count(), 3, "{listed}");
}

#[test]
fn masters_wait_as_long_as_one_of_them_does_not_answer() {
    let own = Authority::new("uss1");
    let mut nodes: Vec<Node> = (0..3).map(|_| Node::new(&own, &[&own])).collect();
    let listed = masters(&nodes);
    nodes[0].start(&listed);
    nodes[1].start(&listed);
    until("two that wait", || {
        let log = nodes[0].log();
        if log.contains("waiting for every listed master") { Ok(()) } else { Err(log) }
    });
    assert!(nodes[0].masters().is_err(), "no universe yet");
    nodes[2].start(&listed);
    until("a universe", || whole(&nodes[0], 3));
}

/// A joiner with the whole list founds nothing: its master waits until it is added, its tablet server comes in by itself.
#[test]
fn a_joiner_with_the_whole_list_waits_to_be_added() {
    let (first, second) = (Authority::new("uss1"), Authority::new("uss2"));
    let nodes = universe(&first, 3);
    let joiner_trusts = [&first, &second];
    let mut joiner = Node::new(&second, &joiner_trusts);
    for node in &nodes {
        node.trust(&joiner_trusts);
        for port in [7100, 9100] {
            let server = format!("--server_address={}:{port}", node.ip);
            assert!(node.tool("yb-ts-cli", &[&server, "reload_certificates"]).status.success(), "{}", node.log());
        }
    }
    let all: Vec<String> = masters(&nodes).into_iter().chain([joiner.master()]).collect();
    joiner.start(&all);
    until("shell mode", || {
        let log = joiner.log();
        if log.contains("running in shell mode") { Ok(()) } else { Err(log) }
    });
    assert!(joiner.masters().is_err());
    assert_eq!(nodes[0].masters().expect("a page").len(), 3);
    let host = joiner.ip.to_string();
    let change = ["change_master_config", "ADD_SERVER", host.as_str(), "7100"];
    joiner.admin(&all, &change).expect("it is added");
    until("four of each", || whole(&joiner, 4));
    let again = joiner.admin(&all, &change).expect_err("it is in");
    assert!(again.contains("already a member"), "{again}");
    assert!(!joiner.log().contains("founded universe"));
}

#[test]
fn a_joiner_with_its_own_masters_alone_is_another_universe() {
    let (first, second) = (Authority::new("uss1"), Authority::new("uss2"));
    let one = universe(&first, 1);
    let other = universe(&second, 1);
    let id = |nodes: &[Node]| {
        let config = nodes[0].admin(&masters(nodes), &["get_universe_config"]).expect("a config");
        let config = config.lines().find(|line| line.starts_with('{')).expect("one line of JSON");
        serde_json::from_str::<serde_json::Value>(config).expect("JSON")["universeUuid"].clone()
    };
    assert_ne!(id(&one), id(&other));
}
