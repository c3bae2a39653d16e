//! Rows 21 to 23: names and identities that do not fit.

use std::time::Duration;

use crate::support::cluster::{answers, settled};
use crate::support::psql::psql;
use crate::support::wait::stays;
use crate::support::{Authority, Start, TestNode, until};

#[test]
fn row_21_a_leaf_without_the_advertised_name_is_refused_by_those_who_dial_it() {
    let ca = Authority::new("alpha");
    let member = Start::of(&ca).named(&["localhost", "127.66.255.1"]).start();
    member.logs("awaiting `cockroach init`");
    let joiner = Start::of(&ca).joining(&[&member]).start();
    let ip = member.address.ip();
    joiner.logs(&format!(
        "transport: authentication handshake failed: tls: failed to verify certificate: x509: certificate is valid for \
         127.66.255.1, not {ip}"
    ));
    // By a name that the certificate has, the same node is fine.
    let certs = member.certs();
    let by_name = std::process::Command::new("openssl")
        .args([
            "s_client",
            "-connect",
            &member.address.to_string(),
            "-verify_hostname",
            "localhost",
            "-verify_return_error",
        ])
        .arg("-CAfile")
        .arg(certs.join("ca.crt"))
        .stdin(std::process::Stdio::null())
        .output()
        .expect("openssl");
    let shown = String::from_utf8_lossy(&by_name.stdout).into_owned();
    assert!(shown.contains("Verification: OK"), "{shown}");
}

#[test]
fn row_22_a_wrong_cluster_name_shows_on_the_dialling_side_only() {
    let ca = Authority::new("alpha");
    let named = Start::of(&ca).arg("--cluster-name=pool-one").start();
    let (done, _, err) = named.cockroach(&["init", "--cluster-name=pool-one"]);
    assert!(done, "{err}");
    named.serves();
    for (given, text) in [
        (
            Some("--cluster-name=pool-two"),
            "local cluster name \"pool-two\" does not match peer cluster name \"pool-one\"",
        ),
        (None, "peer node expects cluster name \"pool-one\", use --cluster-name to configure"),
    ] {
        let start = Start::of(&ca).joining(&[&named]);
        let joiner = match given {
            Some(arg) => start.arg(arg).start(),
            None => start.start(),
        };
        joiner.logs(&format!("initial connection heartbeat failed: rpc error: code = Unknown desc = {text}"));
        assert!(!named.log().contains(text), "only the dialling side may say so");
    }
    let nameless = Start::of(&ca).start();
    nameless.init();
    let joiner = Start::of(&ca).arg("--cluster-name=pool-one").joining(&[&nameless]).start();
    joiner.logs("peer node does not have a cluster name configured, cannot use --cluster-name");
    let relaxed = Start::of(&ca)
        .arg("--cluster-name=pool-one")
        .arg("--disable-cluster-name-verification")
        .joining(&[&nameless])
        .start();
    relaxed.serves();
}

#[test]
fn row_23_a_node_of_another_cluster_keeps_its_identity_and_never_joins() {
    let ca = Authority::new("alpha");
    let one = Start::of(&ca).start();
    one.init();
    let mut two = Start::of(&ca).joining(&[&one]).start();
    two.serves();
    let mut other = Start::of(&ca).start();
    other.init();
    let id = |node: &TestNode| psql(node, "SELECT crdb_internal.cluster_id()").map(|id| id.trim().to_owned());
    let (ours, theirs) = (id(&one).expect("a serving node"), id(&other).expect("a serving node"));
    other.stop();
    // Its join list now names the first cluster.
    let mut moved = Start::of(&ca).joining(&[&one]).start();
    moved.stop();
    std::fs::remove_dir_all(moved.store()).expect("our own folder");
    let copied = std::process::Command::new("cp").arg("-r").arg(other.store()).arg(moved.store()).status().expect("cp");
    assert!(copied.success());
    let members = || psql(&one, "SELECT count(*) FROM crdb_internal.kv_node_liveness");
    let before = members();
    moved.start_again();
    moved.logs(&format!("client cluster ID \"{theirs}\" doesn't match server cluster ID \"{ours}\""));
    stays("itself", Duration::from_millis(500), || id(&moved).is_ok_and(|id| id == theirs));
    assert_eq!(members(), before);
    two.stop();
    until("the first cluster to go on", || psql(&one, "SELECT 1"));
}

/// In a zone of its own each node calls itself by another name than the others do.
#[test]
fn a_gateway_lists_nodes_of_its_own_locality_by_the_addresses_meant_for_it() {
    let ca = Authority::new("alpha");
    let nodes = settled(&ca, 3, |index, start| {
        start
            .arg(&format!("--locality=zone={index}"))
            .arg(&format!("--locality-advertise-addr=zone={index}@pod-{index}:26257"))
    });
    let sql = "SELECT address, advertise_address FROM crdb_internal.gossip_nodes ORDER BY node_id";
    for asked in 0..nodes.len() {
        let row = |(index, node): (usize, &TestNode)| {
            let everybodys = node.address.to_string();
            let near = if index == asked { format!("pod-{index}:26257") } else { everybodys.clone() };
            format!("{everybodys}|{near}")
        };
        let wanted: Vec<String> = nodes.iter().enumerate().map(row).collect();
        answers(&nodes[asked], sql, &wanted.join("\n"));
    }
}
