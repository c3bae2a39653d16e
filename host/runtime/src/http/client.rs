//! Connections for one entry of a grant.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use hangar_plan::grant::Egress;
use reqwest::redirect::Policy;
use reqwest::{Certificate, Client, Identity};

use super::resolver::{Checked, Resolver, Unreachable};
use crate::bindings::host::hangar::host::http::Error;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// One entry of a grant and the client that connects for it. Entries share no connections.
pub(super) struct Route {
    egress: Egress,
    client: OnceLock<Client>,
}

impl Route {
    pub(super) fn new(egress: Egress) -> Self {
        Self { egress, client: OnceLock::new() }
    }

    pub(super) fn egress(&self) -> &Egress {
        &self.egress
    }

    /// The client; with a key pair of its own for this request where one is given.
    pub(super) fn client(&self, resolver: &Arc<dyn Resolver>, identity: Option<&Identity>) -> Result<Client, Error> {
        if identity.is_some() {
            return self.build(resolver, identity);
        }
        if let Some(client) = self.client.get() {
            return Ok(client.clone());
        }
        let client = self.build(resolver, None)?;
        Ok(self.client.get_or_init(|| client).clone())
    }

    fn build(&self, resolver: &Arc<dyn Resolver>, identity: Option<&Identity>) -> Result<Client, Error> {
        let checked = Checked { egress: self.egress.clone(), resolver: resolver.clone() };
        let mut builder = Client::builder()
            .no_proxy()
            .redirect(Policy::none())
            .referer(false)
            .retry(reqwest::retry::never())
            .https_only(!self.egress.dev)
            .connect_timeout(CONNECT_TIMEOUT)
            .user_agent(concat!("hangar/", env!("CARGO_PKG_VERSION")))
            .dns_resolver(Arc::new(checked));
        if let Some(pem) = &self.egress.ca_pem {
            let unusable = |err| Error::Tls(format!("the authorities of the grant cannot be read: {err}"));
            builder = builder.tls_certs_only(Certificate::from_pem_bundle(pem.as_bytes()).map_err(unusable)?);
        }
        if let Some(identity) = identity {
            builder = builder.identity(identity.clone());
        }
        builder.build().map_err(|err| Error::Tls(chain(&err)))
    }
}

/// What a failed exchange means for the plugin.
pub(super) fn explain(err: reqwest::Error) -> Error {
    let err = err.without_url();
    let mut source: Option<&(dyn std::error::Error + 'static)> = Some(&err);
    while let Some(cause) = source {
        match cause.downcast_ref::<Unreachable>() {
            Some(Unreachable::Forbidden(reason)) => return Error::Denied(reason.clone()),
            Some(Unreachable::Unresolved(reason)) => return Error::Unresolved(reason.clone()),
            None => {}
        }
        if let Some(tls) = tls_error(cause) {
            return Error::Tls(tls.to_string());
        }
        source = cause.source();
    }
    if err.is_timeout() {
        return Error::TimedOut(u32::try_from(CONNECT_TIMEOUT.as_millis()).unwrap_or(u32::MAX));
    }
    Error::Connection(chain(&err))
}

/// The TLS library's error, which the layers between wrap in errors of I/O that hide it from `source`.
fn tls_error<'a>(cause: &'a (dyn std::error::Error + 'static)) -> Option<&'a rustls::Error> {
    if let Some(found) = cause.downcast_ref() {
        return Some(found);
    }
    let inner: &(dyn std::error::Error + 'static) = cause.downcast_ref::<std::io::Error>()?.get_ref()?;
    tls_error(inner)
}

fn chain(err: &dyn std::error::Error) -> String {
    let mut text = err.to_string();
    let mut source = err.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}
