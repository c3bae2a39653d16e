//! Calls over HTTPS that the host makes for itself.

use std::time::Duration;

use reqwest::{Client, ClientBuilder, redirect};

/// A client for one purpose: each call has its time, and what is asked of one server is answered by no other.
pub(crate) fn client(patience: Duration) -> ClientBuilder {
    // The second time it is there already.
    drop(rustls::crypto::ring::default_provider().install_default());
    Client::builder().timeout(patience).redirect(redirect::Policy::none())
}
