//! Rows 9 to 11: how a node is let in.

use std::time::Duration;

use crate::support::psql::psql;
use crate::support::wait::stays;
use crate::support::{Authority, Start, TestNode, until};

/// Three nodes of one organisation in one cluster.
pub(crate) fn three(ca: &Authority) -> [TestNode; 3] {
    let nodes = crate::support::cluster::settled(ca, 3, |_, start| start);
    nodes.try_into().ok().expect("three nodes")
}

#[test]
fn row_09_one_good_address_among_bad_ones_is_enough() {
    let (alpha, stranger) = (Authority::new("alpha"), Authority::new("stranger"));
    let member = Start::of(&alpha).start();
    member.init();
    let foreign = Start::of(&stranger).start();
    let joiner = Start::of(&alpha).joining_address("127.66.0.0:1").joining(&[&foreign]).joining(&[&member]).start();
    joiner.serves();
    joiner.logs("outgoing join rpc to 127.66.0.0:1 unsuccessful: ");
    joiner.logs(&format!(
        "outgoing join rpc to {} unsuccessful: rpc error: code = Unavailable desc = connection error: \
         desc = \"transport: authentication handshake failed: tls: failed to verify certificate: x509: certificate \
         signed by unknown authority\"",
        foreign.address
    ));
    joiner.logs(&format!("through join rpc ({})", member.address));
}

#[test]
fn row_10_a_peer_that_waits_too_is_told_apart_and_asked_again() {
    let ca = Authority::new("alpha");
    let first = Start::of(&ca).start();
    let second = Start::of(&ca).joining(&[&first]).start();
    let line = format!("{} is itself waiting for init, will retry", first.address);
    until("several attempts", || {
        let log = second.log();
        if log.matches(&line).count() >= 3 { Ok(()) } else { Err(log) }
    });
    assert!(second.log().lines().filter(|text| text.contains(&line)).all(|text| text.starts_with('I')));
    first.init();
    second.serves();
}

#[test]
fn row_11_nobody_is_let_in_without_a_quorum() {
    let ca = Authority::new("alpha");
    let [first, mut second, mut third] = three(&ca);
    second.kill();
    third.kill();
    let joiner = Start::of(&ca).joining(&[&first]).start();
    stays("no identity", Duration::from_millis(1_500), || !joiner.store().join("identity.json").exists());
    joiner.logs("unsuccessful: rpc error: code = Unknown desc = context deadline exceeded");
    assert!(!joiner.store().join("identity.json").exists());
    second.start_again();
    joiner.serves();
    let members = psql(&joiner, "SELECT count(*) FROM crdb_internal.kv_node_liveness").expect("a quorum");
    assert!(members.trim().parse::<u32>().expect("a number") >= 4, "{members}");
}
