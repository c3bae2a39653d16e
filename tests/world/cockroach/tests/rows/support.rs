//! Nodes, certificates and clients for the tests.

pub(crate) mod authority;
pub(crate) mod cluster;
pub(crate) mod grpc;
pub(crate) mod http;
pub(crate) mod node;
pub(crate) mod psql;
pub(crate) mod wait;

pub(crate) use authority::{Authority, Leaf};
pub(crate) use node::{Start, TestNode};
pub(crate) use wait::until;
