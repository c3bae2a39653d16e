//! Rows 19 and 20: certificates that stop to count while nodes use them.

use nix::sys::signal::Signal;

use crate::support::authority::write_bundle;
use crate::support::cluster::{answers, beats_twice, id, settled};
use crate::support::psql::psql;
use crate::support::{Authority, Leaf, Start};

#[test]
fn row_19_an_expired_leaf_ends_new_handshakes_and_leaves_standing_ones_alone() {
    let ca = Authority::new("alpha");
    let mut nodes = settled(&ca, 3, |_, start| start);
    let number = id(&nodes[2]);
    let own = nodes[2].address.ip().to_string();
    ca.sign(&Leaf::node(&["localhost", &own]).expired()).write(&nodes[2].certs(), "node");
    nodes[2].signal(Signal::SIGHUP);
    // Nobody checks a file's dates when it is read.
    nodes[2].logs("successfully reloaded certificates");
    let alive = format!("SELECT is_live FROM crdb_internal.gossip_nodes WHERE node_id = {number}");
    let refused = psql(&nodes[2], "SELECT 1").expect_err("a new handshake");
    assert!(refused.contains("certificate verify failed"), "{refused}");
    // Connections that stand carry its heartbeats as before.
    beats_twice(&nodes[0], &number);
    answers(&nodes[0], &alive, "t");
    nodes[2].kill();
    nodes[2].start_again();
    nodes[2].logs("remote error: tls: expired certificate");
    nodes[0].logs("x509: certificate has expired or is not yet valid: current time ");
    answers(&nodes[0], &alive, "f");
    ca.sign(&Leaf::node(&["localhost", &own])).write(&nodes[2].certs(), "node");
    nodes[2].signal(Signal::SIGHUP);
    nodes[2].serves();
}

#[test]
fn row_20_an_authority_dropped_too_early_cuts_its_nodes_off_at_their_next_handshake() {
    let (alpha, beta) = (Authority::new("alpha"), Authority::new("beta"));
    let first = Start::of(&alpha).trusting(&[&alpha, &beta]).start();
    first.init();
    let second = Start::of(&alpha).trusting(&[&alpha, &beta]).joining(&[&first]).start();
    let members = [first, second];
    let mut guest = Start::of(&beta).trusting(&[&beta, &alpha]).joining(&[&members[0], &members[1]]).start();
    guest.serves();
    crate::support::cluster::settle(&[&members[0], &members[1], &guest]);
    let number = id(&guest);
    for member in &members {
        write_bundle(&member.certs(), &[&alpha]);
        member.signal(Signal::SIGHUP);
        member.logs("successfully reloaded certificates");
    }
    let alive = format!("SELECT is_live FROM crdb_internal.gossip_nodes WHERE node_id = {number}");
    beats_twice(&members[0], &number);
    answers(&members[0], &alive, "t");
    guest.kill();
    guest.start_again();
    guest.logs("remote error: tls: unknown certificate authority");
    members[0].logs("x509: certificate signed by unknown authority");
    answers(&members[0], &alive, "f");
    for member in &members {
        write_bundle(&member.certs(), &[&alpha, &beta]);
        member.signal(Signal::SIGHUP);
    }
    guest.serves();
}
