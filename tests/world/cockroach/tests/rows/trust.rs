//! Rows 12, 14 and 15: trust between organisations.

use std::time::Duration;

use nix::sys::signal::Signal;

use crate::support::authority::write_bundle;
use crate::support::psql::psql;
use crate::support::wait::stays;
use crate::support::{Authority, Start};

#[test]
fn row_12_a_member_refuses_a_joiner_whose_authority_it_does_not_know() {
    let (alpha, beta) = (Authority::new("alpha"), Authority::new("beta"));
    let closed = Start::of(&alpha).start();
    closed.init();
    let joiner = Start::of(&beta).trusting(&[&beta, &alpha]).joining(&[&closed]).start();
    joiner.logs(&format!(
        "outgoing join rpc to {} unsuccessful: rpc error: code = Unavailable desc = connection error: desc = \"error \
         reading server preface: remote error: tls: unknown certificate authority\"",
        closed.address
    ));
    closed.logs("tls: failed to verify certificate: x509: certificate signed by unknown authority");
    stays("out", Duration::from_millis(500), || !joiner.store().join("identity.json").exists());
    // Another member that does know it lets it in.
    let open = Start::of(&alpha).trusting(&[&alpha, &beta]).joining(&[&closed]).start();
    open.serves();
    let second = Start::of(&beta).trusting(&[&beta, &alpha]).joining(&[&closed, &open]).start();
    second.logs(&format!("through join rpc ({})", open.address));
}

#[test]
fn row_12_authorities_of_one_name_are_told_apart_by_their_keys() {
    let (alpha, beta) =
        (Authority::with_subject("Cockroach", "Cockroach CA"), Authority::with_subject("Cockroach", "Cockroach CA"));
    let member = Start::of(&alpha).start();
    member.init();
    let stranger = Start::of(&beta).trusting(&[&beta, &alpha]).joining(&[&member]).start();
    stranger.logs("remote error: tls: unknown certificate authority");
    let both = Start::of(&alpha).trusting(&[&beta, &alpha]).joining(&[&member]).start();
    both.serves();
}

#[test]
fn row_14_a_joiner_that_does_not_trust_the_members_never_joins_and_leaves_no_trace() {
    let (alpha, beta) = (Authority::new("alpha"), Authority::new("beta"));
    let member = Start::of(&alpha).trusting(&[&alpha, &beta]).start();
    member.init();
    let joiner = Start::of(&beta).joining(&[&member]).start();
    joiner.logs(
        "transport: authentication handshake failed: tls: failed to verify certificate: x509: certificate signed by \
                 unknown authority",
    );
    member.logs("grpc: Server.Serve failed to complete security handshake from ");
    member.logs("remote error: tls: unknown certificate authority");
    stays("out", Duration::from_millis(700), || !joiner.store().join("identity.json").exists());
    assert_eq!(psql(&member, "SELECT count(*) FROM crdb_internal.kv_node_liveness").as_deref(), Ok("1\n"));
}

#[test]
fn row_15_a_new_authority_counts_from_the_reload_on() {
    let (alpha, beta) = (Authority::new("alpha"), Authority::new("beta"));
    let member = Start::of(&alpha).start();
    member.init();
    let joiner = Start::of(&beta).trusting(&[&beta, &alpha]).joining(&[&member]).start();
    joiner.logs("remote error: tls: unknown certificate authority");
    write_bundle(&member.certs(), &[&alpha, &beta]);
    stays("out", Duration::from_millis(700), || !joiner.store().join("identity.json").exists());
    member.signal(Signal::SIGHUP);
    member.logs("successfully reloaded certificates");
    joiner.serves();
}
