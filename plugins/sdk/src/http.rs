//! HTTP through the host's gate.
//!
//! Only hosts of the grant can be reached, and the host signs: a plugin names a credential slot and never sees what is
//! in it. Calls are synchronous and bodies whole.

use serde::{Serialize, de::DeserializeOwned};

pub use crate::bindings::host::hangar::host::http::{
    Error, Oauth2, Request, Response, Signature, SignatureScheme, Sigv4,
};

impl Request {
    /// A request without headers and body, unsigned.
    pub fn new(method: impl Into<String>, url: impl Into<String>) -> Self {
        let (method, url) = (method.into(), url.into());
        Self { method, url, headers: Vec::new(), body: None, signature: None, timeout_ms: None }
    }

    /// A GET.
    pub fn get(url: impl Into<String>) -> Self {
        Self::new("GET", url)
    }

    /// A POST of a value as JSON.
    pub fn post_json(url: impl Into<String>, value: &impl Serialize) -> Self {
        let body = serde_json::to_vec(value).expect("a value made of strings, numbers, lists and maps is JSON");
        Self::new("POST", url).header("content-type", "application/json").body(body)
    }

    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// Sets the body.
    #[must_use]
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = Some(body.into());
        self
    }

    /// Lets the host sign with a slot, in AWS Signature Version 4.
    #[must_use]
    pub fn sigv4(self, slot: &str, service: &str, region: &str) -> Self {
        let scope = Sigv4 { service: service.into(), region: region.into() };
        self.signed(slot, SignatureScheme::Sigv4(scope))
    }

    /// Lets the host sign with a slot.
    #[must_use]
    pub fn signed(mut self, slot: &str, scheme: SignatureScheme) -> Self {
        self.signature = Some(Signature { slot: slot.into(), scheme });
        self
    }

    /// Sends it and waits for the whole response.
    ///
    /// # Errors
    ///
    /// [`Error`] says why there is no response. A response of any status is a response.
    pub fn send(&self) -> Result<Response, Error> {
        #[cfg(target_arch = "wasm32")]
        return crate::bindings::host::hangar::host::http::send(self);
        #[cfg(not(target_arch = "wasm32"))]
        return crate::testing::send(self);
    }
}

impl Response {
    /// Whether the status is 2xx.
    #[must_use]
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// The body as text; what is not UTF-8 is replaced.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON.
    ///
    /// # Errors
    ///
    /// Whatever in the body does not fit the type.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        serde_json::from_slice(&self.body)
    }
}
