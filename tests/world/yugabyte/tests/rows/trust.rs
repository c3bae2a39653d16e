//! Who is let in by masters and tablet servers, and when that changes.

use crate::site::{Authority, Node, masters, universe};

fn reload(node: &Node, port: u16) -> bool {
    node.tool("yb-ts-cli", &[&format!("--server_address={}:{port}", node.ip), "reload_certificates"]).status.success()
}

/// Files alone change nothing: a process reads them when it is told.
#[test]
fn an_authority_is_known_only_once_a_process_was_told_to_read_it() {
    let (own, newcomer) = (Authority::new("uss1"), Authority::new("uss2"));
    let nodes = universe(&own, 1);
    let outside = Node::new(&newcomer, &[&own, &newcomer]);
    let list = |node: &Node| node.admin(&masters(&nodes), &["--timeout_ms=500", "list_all_masters"]);
    let refused = list(&outside).expect_err("its authority is unknown");
    assert!(refused.to_lowercase().contains("unknown"), "{refused}");
    nodes[0].trust(&[&own, &newcomer]);
    list(&outside).expect_err("the files are there, and nobody was told");
    assert!(reload(&nodes[0], 7100) && reload(&nodes[0], 9100), "{}", nodes[0].log());
    list(&outside).expect("it is known now");
}

#[test]
fn a_broken_bundle_is_not_taken_and_the_old_one_stays() {
    let own = Authority::new("uss1");
    let nodes = universe(&own, 1);
    let copy = Node::new(&own, &[&own]);
    std::fs::write(nodes[0].certs().join("ca.crt"), "no certificate").expect("a writable folder");
    let address = format!("--server_address={}", nodes[0].master());
    let told = copy.tool("yb-ts-cli", &[&address, "reload_certificates"]);
    assert!(!told.status.success());
    copy.admin(&masters(&nodes), &["list_all_masters"]).expect("it still lets in whom it let in");
}
