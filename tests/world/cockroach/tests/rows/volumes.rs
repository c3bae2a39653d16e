//! Rows 27, 28, 41, 59, 60 and 62: volumes and addresses that are not what they seem, and answers by whoever is there.

use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::Command;
use std::time::Duration;

use crate::support::cluster::{answers, id, settle, settled, succeed, under_replicated};
use crate::support::http::{get, metric};
use crate::support::psql::psql;
use crate::support::{Authority, Start, TestNode, until};

#[test]
fn row_27_a_wiped_node_is_a_new_one_and_the_old_one_stays_until_it_is_decommissioned() {
    let ca = Authority::new("alpha");
    let mut nodes = settled(&ca, 3, |_, start| start);
    let old = id(&nodes[2]);
    nodes[2].kill();
    std::fs::remove_dir_all(nodes[2].store()).expect("our own folder");
    nodes[2].start_again();
    nodes[2].serves();
    let new = id(&nodes[2]);
    assert_ne!(new, old);
    answers(&nodes[0], &format!("SELECT is_live FROM crdb_internal.gossip_nodes WHERE node_id = {old}"), "f");
    answers(&nodes[0], "SELECT count(*) FROM crdb_internal.gossip_liveness WHERE membership = 'active'", "4");
    succeed(&nodes[0], &["node", "decommission", &old]);
    settle(&nodes.iter().collect::<Vec<_>>());
}

#[test]
fn row_28_an_address_that_leads_to_another_node_is_found_out() {
    let ca = Authority::new("alpha");
    let first = Start::of(&ca).start();
    first.init();
    let second = Start::of(&ca).joining(&[&first]).start();
    second.serves();
    let third = Start::of(&ca).joining(&[&first]).arg(&format!("--advertise-addr={}", second.address)).start();
    third.logs("received node ID: 3");
    first.logs("client requested node ID 3 doesn't match server node ID 2");
}

#[test]
fn row_41_over_a_slow_way_a_node_is_live_at_once_and_full_much_later() {
    let ca = Authority::new("alpha");
    let first = Start::of(&ca).start();
    first.init();
    let rate = |rate: &str| {
        psql(&first, &format!("SET CLUSTER SETTING kv.snapshot_rebalance.max_rate = '{rate}'"))
            .expect("a serving node");
    };
    rate("256 KiB");
    let others = [(); 2].map(|()| Start::of(&ca).joining(&[&first]).start());
    others.iter().for_each(TestNode::serves);
    answers(&first, "SELECT count(*) FROM crdb_internal.gossip_nodes WHERE is_live", "3");
    let nodes = [&first, &others[0], &others[1]];
    crate::support::wait::stays("most is still to come", Duration::from_secs(2), || under_replicated(&nodes) > 8.0);
    rate("64 MiB");
    until("all replicas", || {
        let missing = under_replicated(&nodes);
        if missing == 0.0 { Ok(()) } else { Err(format!("{missing}")) }
    });
}

#[test]
fn row_59_a_node_that_has_its_identity_but_no_majority_yet_takes_no_clients() {
    let ca = Authority::new("alpha");
    let mut nodes = settled(&ca, 3, |_, start| start);
    nodes.iter_mut().for_each(TestNode::kill);
    nodes[0].start_again();
    let text = "node is not accepting SQL clients";
    until("the reason", || match get(&nodes[0], "/health?ready=1") {
        Ok((503, body)) if body.contains(text) => Ok(()),
        other => Err(format!("{other:?}")),
    });
    assert_eq!(get(&nodes[0], "/health").map(|answer| answer.0), Ok(200));
    assert_eq!(metric(&nodes[0], "liveness_livenodes"), Some(0.0));
    nodes[1].start_again();
    nodes[0].serves();
}

/// Passes each connection on to the next of `nodes`.
fn balancer(nodes: Vec<SocketAddr>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("a bound port");
    std::thread::spawn(move || {
        for (caller, node) in listener.incoming().zip(nodes.iter().cycle()) {
            let (Ok(caller), Ok(node)) = (caller, TcpStream::connect(node)) else { continue };
            for (mut from, mut to) in
                [(caller.try_clone().expect("a handle"), node.try_clone().expect("a handle")), (node, caller)]
            {
                // Either end may go away first.
                std::thread::spawn(move || drop(io::copy(&mut from, &mut to)));
            }
        }
    });
    address
}

#[test]
fn row_60_behind_a_balancer_answers_of_a_node_vary_from_call_to_call() {
    let ca = Authority::new("alpha");
    let nodes = settled(&ca, 3, |_, start| start);
    let address = balancer(nodes.iter().map(|node| node.address).collect());
    let certs = nodes[0].certs();
    let certs = certs.display();
    let connection = format!(
        "host=localhost hostaddr=127.0.0.1 port={} user=root dbname=defaultdb sslmode=verify-full \
         sslrootcert={certs}/ca.crt sslcert={certs}/client.root.crt sslkey={certs}/client.root.key",
        address.port()
    );
    let ask = |sql: &str| {
        let output = Command::new("psql").args(["-X", "-At", "-c", sql, &connection]).output().expect("psql");
        String::from_utf8(output.stdout).expect("text").trim().to_owned()
    };
    let mut seen: Vec<String> = (0..3).map(|_| ask("SELECT crdb_internal.node_id()")).collect();
    seen.sort();
    assert_eq!(seen, ["1", "2", "3"]);
    // What is the cluster's is the same whoever answers.
    let ids: std::collections::BTreeSet<String> = (0..3).map(|_| ask("SELECT crdb_internal.cluster_id()")).collect();
    assert_eq!(ids.len(), 1);
}

#[test]
fn row_62_two_processes_on_copies_of_one_volume_are_not_borne() {
    let ca = Authority::new("alpha");
    let mut nodes = settled(&ca, 3, |_, start| start);
    let mut twin = Start::of(&ca).joining_address("127.66.0.0:1").start();
    twin.kill();
    let number = id(&nodes[2]);
    nodes[2].kill();
    std::fs::remove_dir_all(twin.store()).expect("our own folder");
    let copied = Command::new("cp").arg("-r").arg(nodes[2].store()).arg(twin.store()).status().expect("cp");
    assert!(copied.success());
    nodes[2].start_again();
    nodes[2].serves();
    twin.start_again();
    let ended = until("one of the two to end", || {
        let ended = nodes[2].has_ended().or_else(|| twin.has_ended());
        ended.ok_or_else(|| "both run".to_owned())
    });
    assert_eq!(ended.code(), Some(7));
    let text =
        format!("epoch incremented: another process runs as n{number}; a store must never be used by two processes");
    assert!(nodes[2].log().contains(&text) || twin.log().contains(&text));
}
