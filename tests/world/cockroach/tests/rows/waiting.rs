//! Rows 1 to 3: a node without a cluster.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use crate::support::{Authority, Start, grpc, http, psql, until};

const WAITING: &str = "node is waiting for cluster initialization";

#[test]
fn row_01_an_empty_node_that_reaches_nobody_waits_and_is_healthy_but_not_ready() {
    let ca = Authority::new("alpha");
    let mut node = Start::of(&ca).joining_address("127.66.0.0:1").start();
    node.logs("awaiting `cockroach init` or join with an already initialized node");
    node.logs(
        "outgoing join rpc to 127.66.0.0:1 unsuccessful: rpc error: code = Unavailable desc = connection error: \
               desc = \"transport: Error while dialing: dial tcp 127.66.0.0:1: connect: connection refused\"",
    );
    assert_eq!(http::get(&node, "/health"), Ok((200, "{}".into())));
    assert_eq!(http::get_plain(&node, "/health"), Ok((200, "{}".into())));
    let not_ready = format!("{{\"error\":{WAITING:?},\"code\":14,\"message\":{WAITING:?},\"details\":[]}}");
    assert_eq!(http::get(&node, "/health?ready=1"), Ok((503, not_ready)));
    until("it to try again and again", || {
        let n_attempts = node.log().matches("outgoing join rpc to 127.66.0.0:1 unsuccessful").count();
        if n_attempts > 2 { Ok(()) } else { Err(format!("{n_attempts} attempts")) }
    });
    assert!(node.has_ended().is_none(), "{}", node.log());
}

#[test]
fn row_02_a_waiting_node_answers_four_methods_and_names_the_others() {
    let ca = Authority::new("alpha");
    let node = Start::of(&ca).start();
    let call = |method| grpc::call(node.address, &node.certs(), Some("client.root"), method, &[]).expect("an answer");
    for method in
        ["/cockroach.roachpb.Internal/Join", "/cockroach.server.serverpb.Status/Node", "/no.such.Service/Method"]
    {
        let refused = call(method);
        assert_eq!((refused.code, refused.message), (14, format!("node waiting for init; {method} not available")));
    }
    assert_eq!(call("/cockroach.server.serverpb.Admin/Health").code, 0);
    // Ping, with `ping = "x"`.
    let ping = grpc::call(node.address, &node.certs(), Some("node"), "/cockroach.rpc.Heartbeat/Ping", b"\x0a\x01x");
    let ping = ping.expect("an answer");
    assert_eq!((ping.code, &ping.body[..3]), (0, b"\x0a\x01x".as_slice()));
}

#[test]
fn row_03_sql_to_a_waiting_node_connects_and_hears_nothing() {
    let ca = Authority::new("alpha");
    let node = Start::of(&ca).start();
    let mut stream = TcpStream::connect(node.address).expect("the port is open");
    stream.write_all(&[0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f]).expect("an open connection");
    stream.set_read_timeout(Some(Duration::from_millis(700))).expect("a socket");
    let silence = stream.read(&mut [0; 1]).map_err(|err| err.kind());
    assert_eq!(silence, Err(std::io::ErrorKind::WouldBlock));
    let timed_out = psql::psql(&node, "SELECT 1").expect_err("nobody answers");
    assert!(timed_out.contains("timeout expired"), "{timed_out}");
    // Once there is a cluster, the connection that waited is served.
    node.init();
    stream.set_read_timeout(Some(Duration::from_secs(5))).expect("a socket");
    let mut answer = [0; 1];
    stream.read_exact(&mut answer).expect("an answer");
    assert_eq!(answer, *b"S");
}
