//! Row 13: some members trust the joiner, others do not.

use crate::support::http::metric;
use crate::support::psql::psql;
use crate::support::{Authority, Start, TestNode, until};

fn healthy(node: &TestNode, peer: &TestNode) -> Option<f64> {
    let page = crate::support::http::get(node, "/_status/vars").ok()?.1;
    let address = format!("remote_addr=\"{}\"", peer.address);
    let line = page.lines().find(|line| line.starts_with("rpc_connection_healthy{") && line.contains(&address))?;
    line.rsplit(' ').next()?.parse().ok()
}

#[test]
fn row_13_a_joiner_that_only_some_members_trust_is_half_in() {
    let (alpha, beta) = (Authority::new("alpha"), Authority::new("beta"));
    let open = Start::of(&alpha).trusting(&[&alpha, &beta]).start();
    let closed = Start::of(&alpha).joining(&[&open]).start();
    open.init();
    closed.serves();
    let joiner = Start::of(&beta).trusting(&[&beta, &alpha]).joining(&[&closed, &open]).start();
    joiner.logs(&format!("through join rpc ({})", open.address));
    // It has an ID and is alive, by way of the member that trusts it.
    joiner.serves();
    until("liveness seen by the member that does not trust it", || {
        let live = psql(&closed, "SELECT is_live FROM crdb_internal.gossip_nodes WHERE node_id = 3");
        if live.as_deref() == Ok("t\n") { Ok(()) } else { Err(format!("{live:?}")) }
    });
    // The link that nobody trusts does not work, in either direction; the others do.
    until("links to settle", || {
        let links = [(&joiner, &closed), (&closed, &joiner), (&joiner, &open), (&open, &joiner), (&open, &closed)]
            .map(|(from, to)| healthy(from, to));
        let settled = [Some(0.0), Some(0.0), Some(1.0), Some(1.0), Some(1.0)];
        if links == settled { Ok(()) } else { Err(format!("{links:?}")) }
    });
    joiner.logs(
        "initial connection heartbeat failed: rpc error: code = Unavailable desc = connection error: desc = \
                 \"error reading server preface: remote error: tls: unknown certificate authority\"",
    );
    until("all three to be alive", || match metric(&joiner, "liveness_livenodes") {
        Some(3.0) => Ok(()),
        other => Err(format!("{other:?}")),
    });
}
