//! The agent against real servers and a real process.

mod http;
mod program;
mod reload;
mod server;
mod site;
mod sql;
mod tls;
