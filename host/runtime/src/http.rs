//! The gate through which every request of a plugin goes.
//!
//! A request is matched against the grant by scheme, host, port and method; its host is resolved once, and only to
//! addresses that the grant allows; the connection goes to the address that was checked; the host signs; no redirect is
//! followed, no proxy used, no cookie kept. Everything is bounded.

mod address;
mod client;
mod headers;
mod resolver;
mod sign;

use std::sync::Arc;
use std::time::Duration;

use hangar_plan::grant::{CredentialSlot, Egress};
use reqwest::Method;
use url::{Host, Url};

use crate::bindings::host::hangar::host::http::{Error, Request, Response};
use crate::limits::{LimitReached, Meter};
use crate::services::Services;
use client::Route;
pub use resolver::{Resolver, SystemResolver};
use sign::Signed;

/// Longest time for one exchange.
const MAX_TIMEOUT_MS: u32 = 30_000;

/// What one plugin may reach as one kind.
pub(crate) struct Gate {
    plugin: Arc<str>,
    routes: Vec<Route>,
    slots: Vec<CredentialSlot>,
}

/// A request that was matched against the grant.
struct Matched<'a> {
    route: &'a Route,
    method: Method,
    url: Url,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Gate {
    pub(crate) fn new(plugin: Arc<str>, egress: &[Egress], slots: &[CredentialSlot]) -> Self {
        Self { plugin, routes: egress.iter().cloned().map(Route::new).collect(), slots: slots.to_vec() }
    }

    /// Sends one request. The outer error ends the call, the inner one is the plugin's to see.
    pub(crate) async fn send(
        &self,
        request: Request,
        meter: &mut Meter,
        services: &Services,
    ) -> Result<Result<Response, Error>, LimitReached> {
        let signature = request.signature.clone();
        let timeout_ms = request.timeout_ms.unwrap_or(MAX_TIMEOUT_MS).min(MAX_TIMEOUT_MS);
        let matched = match self.match_grant(request) {
            Ok(matched) => matched,
            Err(err) => return Ok(Err(err)),
        };
        meter.take_http_bytes(matched.body.len() as u64)?;
        let signed = match sign::sign(&self.plugin, &self.slots, signature, &matched, services).await {
            Ok(signed) => signed,
            Err(err) => return Ok(Err(err)),
        };
        let exchange = self.exchange(matched, signed, meter, services);
        match tokio::time::timeout(Duration::from_millis(u64::from(timeout_ms)), exchange).await {
            Ok(result) => result,
            Err(_) => Ok(Err(Error::TimedOut(timeout_ms))),
        }
    }

    fn match_grant(&self, request: Request) -> Result<Matched<'_>, Error> {
        let denied = |reason: String| Error::Denied(reason);
        let url = Url::parse(&request.url).map_err(|err| denied(format!("`{}` is no URL: {err}", request.url)))?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err(denied("a URL may hold no user".into()));
        }
        let (Some(host), Some(port)) = (url.host_str(), url.port_or_known_default()) else {
            return Err(denied(format!("`{}` names no host", request.url)));
        };
        let method = Method::from_bytes(request.method.as_bytes())
            .ok()
            .filter(|method| *method != Method::CONNECT && method.as_str().bytes().all(|b| b.is_ascii_uppercase()))
            .ok_or_else(|| denied(format!("`{}` is no method", request.method)))?;
        let plain = match url.scheme() {
            "https" => false,
            "http" if is_loopback(&url) => true,
            scheme => {
                return Err(denied(format!("{scheme}: only https, and http to a loopback address in development")));
            }
        };
        let covers =
            |route: &&Route| route.egress().covers(host, port, method.as_str()) && (!plain || route.egress().dev);
        let Some(route) = self.routes.iter().find(covers) else {
            return Err(denied(format!(
                "{method} {}://{host}:{port} is not granted to `{}`",
                url.scheme(),
                self.plugin
            )));
        };
        if let Some(address) = literal(&url) {
            address::check(address, route.egress()).map_err(|reason| denied(format!("{host}: {reason}")))?;
        }
        headers::check(&request.headers)?;
        let (headers, body) = (request.headers, request.body.unwrap_or_default());
        Ok(Matched { route, method, url, headers, body })
    }

    async fn exchange(
        &self,
        matched: Matched<'_>,
        signed: Signed,
        meter: &mut Meter,
        services: &Services,
    ) -> Result<Result<Response, Error>, LimitReached> {
        let Matched { route, method, url, headers, body } = matched;
        let client = match route.client(&services.resolver, signed.identity.as_ref()) {
            Ok(client) => client,
            Err(err) => return Ok(Err(err)),
        };
        let mut request = client.request(method, url);
        for (name, value) in headers.iter().chain(&signed.headers) {
            request = request.header(name, value);
        }
        if !body.is_empty() {
            request = request.body(body);
        }
        match request.send().await {
            Ok(response) => take(response, meter).await,
            Err(err) => Ok(Err(client::explain(err))),
        }
    }
}

/// Reads a response within its bounds.
async fn take(mut response: reqwest::Response, meter: &mut Meter) -> Result<Result<Response, Error>, LimitReached> {
    let status = response.status().as_u16();
    let headers = match headers::taken(response.headers()) {
        Ok(headers) => headers,
        Err(err) => return Ok(Err(err)),
    };
    let bound = u64::from(meter.limits().payload_kib) * 1024;
    let mut body = Vec::new();
    loop {
        match response.chunk().await {
            Ok(Some(chunk)) => {
                meter.take_http_bytes(chunk.len() as u64)?;
                if body.len() as u64 + chunk.len() as u64 > bound {
                    return Ok(Err(Error::TooLarge(bound)));
                }
                body.extend_from_slice(&chunk);
            }
            Ok(None) => return Ok(Ok(Response { status, headers, body })),
            Err(err) => return Ok(Err(client::explain(err))),
        }
    }
}

/// The address in a URL that has one in place of a name.
fn literal(url: &Url) -> Option<std::net::IpAddr> {
    match url.host()? {
        Host::Ipv4(address) => Some(address.into()),
        Host::Ipv6(address) => Some(address.into()),
        Host::Domain(_) => None,
    }
}

fn is_loopback(url: &Url) -> bool {
    match literal(url) {
        Some(address) => address.is_loopback(),
        None => url.host_str() == Some("localhost"),
    }
}

#[cfg(test)]
mod tests;
