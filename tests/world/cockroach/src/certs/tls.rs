//! TLS settings made from the certificates directory.

use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{Resumption, WebPkiServerVerifier};
use rustls::crypto::CryptoProvider;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, DistinguishedName, Error, RootCertStore, ServerConfig,
    SignatureScheme,
};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};

use super::CertsError;
use super::loader::{Material, Pair, Slot};
use crate::clock::NodeClock;

/// Settings for those who come to us.
#[derive(Debug, Clone)]
pub struct ServerTls {
    /// Asks for a client certificate, accepts none, refuses a bad one; speaks HTTP/2.
    pub rpc: Arc<ServerConfig>,
    /// As `rpc`, without an application protocol.
    pub sql: Arc<ServerConfig>,
    /// Never asks for a client certificate.
    pub http: Arc<ServerConfig>,
    /// As `rpc`, and nobody comes in without a certificate.
    pub members: Arc<ServerConfig>,
}

/// Settings for going to others.
#[derive(Debug, Clone)]
pub struct ClientTls {
    pub rpc: Arc<ClientConfig>,
    pub sql: Arc<ClientConfig>,
}

/// The one cryptography library of the process.
pub fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

impl ServerTls {
    /// Settings of a node.
    ///
    /// # Errors
    ///
    /// When the certificate, its key or the CA cannot be used.
    pub fn new(material: &Material) -> Result<Self, CertsError> {
        let trusted = if matches!(material.client_ca, Slot::Absent) { &material.ca } else { &material.client_ca };
        let verifier = AnyMember::new(roots(trusted)?, false)?;
        let strict = AnyMember::new(roots(trusted)?, true)?;
        let node = usable(&material.node)?;
        let ui = if matches!(material.ui, Slot::Absent) { node } else { usable(&material.ui)? };
        let rpc = {
            let mut config = server_config(node, Some(verifier.clone()))?;
            config.alpn_protocols = vec![b"h2".to_vec()];
            config
        };
        let mut http = server_config(ui, None)?;
        http.alpn_protocols = vec![b"http/1.1".to_vec()];
        let mut members = server_config(node, Some(strict))?;
        members.alpn_protocols.clone_from(&rpc.alpn_protocols);
        Ok(Self {
            rpc: Arc::new(rpc),
            sql: Arc::new(server_config(node, Some(verifier))?),
            http: Arc::new(http),
            members: Arc::new(members),
        })
    }
}

impl ClientTls {
    /// Settings of somebody who trusts `ca` and shows `identity`, if any.
    ///
    /// # Errors
    ///
    /// When a file cannot be used.
    pub fn new(ca: &Slot, identity: Option<&Slot>) -> Result<Self, CertsError> {
        let sql = client_config(ca, identity)?;
        let mut rpc = sql.clone();
        rpc.alpn_protocols = vec![b"h2".to_vec()];
        Ok(Self { rpc: Arc::new(rpc), sql: Arc::new(sql) })
    }
}

fn client_config(ca: &Slot, identity: Option<&Slot>) -> Result<ClientConfig, CertsError> {
    let inner = WebPkiServerVerifier::builder_with_provider(roots(ca)?, provider())
        .build()
        .map_err(|err| CertsError::Unusable(err.to_string()))?;
    let builder = ClientConfig::builder_with_details(provider(), Arc::new(NodeClock))
        .with_safe_default_protocol_versions()
        .map_err(|err| CertsError::Unusable(err.to_string()))?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(ServerOfPool(inner)));
    let mut config = match identity {
        None => builder.with_no_client_auth(),
        Some(slot) => {
            let pair = usable(slot)?;
            builder.with_client_auth_cert(pair.chain.clone(), key(pair)?).map_err(bad_pair)?
        }
    };
    // A resumed session would keep a trust that the files no longer give.
    config.resumption = Resumption::disabled();
    Ok(config)
}

fn server_config(pair: &Pair, verifier: Option<Arc<AnyMember>>) -> Result<ServerConfig, CertsError> {
    let builder = ServerConfig::builder_with_details(provider(), Arc::new(NodeClock))
        .with_safe_default_protocol_versions()
        .map_err(|err| CertsError::Unusable(err.to_string()))?;
    let builder = match verifier {
        Some(verifier) => builder.with_client_cert_verifier(verifier),
        None => builder.with_no_client_auth(),
    };
    let mut config = builder.with_single_cert(pair.chain.clone(), key(pair)?).map_err(bad_pair)?;
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    Ok(config)
}

fn bad_pair(err: Error) -> CertsError {
    match err {
        Error::InconsistentKeys(_) => CertsError::Unusable("tls: private key does not match public key".to_owned()),
        other => CertsError::Unusable(format!("tls: {other}")),
    }
}

fn key(pair: &Pair) -> Result<rustls_pki_types::PrivateKeyDer<'static>, CertsError> {
    pair.key
        .as_ref()
        .map(rustls_pki_types::PrivateKeyDer::clone_key)
        .ok_or_else(|| CertsError::Unusable("tls: failed to find any PEM data in key input".to_owned()))
}

fn usable(slot: &Slot) -> Result<&Pair, CertsError> {
    slot.valid().map_err(CertsError::Unusable)?;
    Ok(slot.pair().expect("a valid slot is filled"))
}

/// Every certificate of the bundle is a trust root, whoever's it is.
fn roots(slot: &Slot) -> Result<Arc<RootCertStore>, CertsError> {
    let mut store = RootCertStore::empty();
    for der in &usable(slot)?.chain {
        store.add(der.clone()).map_err(|err| CertsError::Unusable(format!("x509: {err}")))?;
    }
    Ok(Arc::new(store))
}

/// Go tries each trusted certificate with the issuer's subject and calls a failed signature an unknown authority.
/// All stock CAs share one subject, so without this a stranger of that name would look like broken cryptography.
fn as_go_does(err: Error) -> Error {
    match err {
        Error::InvalidCertificate(CertificateError::BadSignature) => {
            Error::InvalidCertificate(CertificateError::UnknownIssuer)
        }
        other => other,
    }
}

/// `VerifyClientCertIfGiven`: a client certificate is asked for, none is fine unless it is a must, a bad one ends the handshake.
#[derive(Debug)]
struct AnyMember(Arc<dyn ClientCertVerifier>);

impl AnyMember {
    fn new(roots: Arc<RootCertStore>, is_must: bool) -> Result<Arc<Self>, CertsError> {
        let builder = WebPkiClientVerifier::builder_with_provider(roots, provider());
        let builder = if is_must { builder } else { builder.allow_unauthenticated() };
        let inner = builder.build().map_err(|err| CertsError::Unusable(err.to_string()))?;
        Ok(Arc::new(Self(inner)))
    }
}

impl ClientCertVerifier for AnyMember {
    fn client_auth_mandatory(&self) -> bool {
        self.0.client_auth_mandatory()
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.0.root_hint_subjects()
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        self.0.verify_client_cert(end_entity, intermediates, now).map_err(as_go_does)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.0.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.0.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_verify_schemes()
    }
}

/// Verifies a server against the bundle and the name dialled.
#[derive(Debug)]
struct ServerOfPool(Arc<WebPkiServerVerifier>);

impl ServerCertVerifier for ServerOfPool {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        self.0.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now).map_err(as_go_does)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.0.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.0.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_verify_schemes()
    }
}
