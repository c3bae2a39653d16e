//! `hangar:host/http`.

use crate::bindings::host::hangar::host::http::{Error, Host, Request, Response};
use crate::call::Call;

impl Host for Call {
    async fn send(&mut self, request: Request) -> wasmtime::Result<Result<Response, Error>> {
        if let Some(reason) = self.impure("send a request") {
            return Ok(Err(Error::Denied(reason)));
        }
        self.meter.take_http_request()?;
        let gate = self.gate.clone();
        Ok(gate.send(request, &mut self.meter, &self.services).await?)
    }
}
