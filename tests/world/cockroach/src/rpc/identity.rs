//! Who calls.

use rustls::ServerConnection;
use tonic::Status;

use crate::certs::leaf::Leaf;
use crate::certs::principals::Principals;

/// The identity of a TLS peer.
#[derive(Debug, Clone, Default)]
pub struct Caller {
    /// `None` without a certificate.
    pub certificate: Option<(Leaf, Principals)>,
}

impl Caller {
    /// Reads the certificate that the handshake verified, if one was shown.
    pub fn of_connection(connection: &ServerConnection, map: &[(String, String)]) -> Self {
        let first = connection.peer_certificates().and_then(<[_]>::first);
        let certificate = first.and_then(|der| Leaf::parse(der).ok()).map(|leaf| {
            let principals = Principals::of(&leaf, map);
            (leaf, principals)
        });
        Self { certificate }
    }

    /// RPC is for nodes and root.
    ///
    /// # Errors
    ///
    /// The refusal as the caller sees it.
    pub fn may_call_rpc(&self) -> Result<(), Status> {
        let Some((_, principals)) = &self.certificate else {
            return Err(Status::unauthenticated("TLSInfo is not available in request context"));
        };
        if principals.include("node") || principals.include("root") {
            return Ok(());
        }
        Err(Status::unauthenticated(format!(
            "need root or node client cert to perform RPCs on this server (this is tenant system; cert is valid for {})",
            principals.described()
        )))
    }
}
