//! A CockroachDB node of the offline world, and the `cockroach` command line.
//!
//! One node is one process. It knows other nodes only through mutual-TLS sockets, so cutting or killing one
//! changes the others by missing traffic alone. To a client (`psql`, a driver, `cockroach`, a gRPC or HTTP caller)
//! it shows the texts, codes and timing of the real database, for the behaviours that a pool of several
//! organisations depends on.
//!
//! What the nodes share (members, liveness, settings, tables, where replicas are) is one replicated log: a small
//! Raft with pre-votes, a leader lease and one-at-a-time changes of voters ([`raft`]). Members that have not caught
//! up yet learn without voting, and voters grow by two, so that a joiner that dies at once costs no quorum.
//! Writes, joins and reads of shared tables need a majority of the voters; a node without one stalls and then
//! answers as the database does. The log survives the death of a process, not of the machine.

pub mod allocator;
pub mod build_info;
pub mod certs;
pub mod cli;
pub mod clock;
pub mod control;
pub mod environment;
pub mod faults;
pub mod gossip;
pub mod http_server;
pub mod license;
pub mod log;
pub mod net;
pub mod node;
pub mod pg;
pub mod raft;
pub mod rpc;
pub mod sql;
pub mod state;
pub mod store;
pub mod timers;

/// Messages and services on the wire, compiled from `proto/`.
#[expect(
    clippy::allow_attributes,
    clippy::allow_attributes_without_reason,
    clippy::missing_errors_doc,
    reason = "generated code"
)]
pub mod wire {
    include!(concat!(env!("OUT_DIR"), "/wire.rs"));
}
