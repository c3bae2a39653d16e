//! What a round may show and whom it trusts.

use std::path::Path;
use std::sync::Arc;

use hangar_pki::Bundle;
use rustls::client::{Resumption, WebPkiServerVerifier};
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{ClientConfig, RootCertStore};

use crate::probe::{Means, read};
use crate::{AgentError, Spec};

/// What a round may show and whom it trusts.
pub(super) struct Credentials {
    bundle: Option<Trust>,
    identity: Option<Arc<SingleCertAndKey>>,
    client: Option<Client>,
}

/// The instance's root client. It trusts by its own bundle, which is mounted with it.
struct Client {
    key: Arc<SingleCertAndKey>,
    trust: Option<Trust>,
}

/// Authorities in the two forms that are needed.
struct Trust {
    bundle: Bundle,
    verifier: Arc<WebPkiServerVerifier>,
}

impl Credentials {
    pub(super) fn read(spec: &Spec, means: &Means) -> Result<Self, AgentError> {
        let identity = means.identity.as_deref();
        let client = means.client.as_deref();
        let stated = spec.bundle.as_deref().map(|text| Trust::parse("of the specification", text)).transpose()?;
        let beside = |dir: Option<&Path>| match dir.map(|dir| dir.join("ca.crt")).filter(|path| path.exists()) {
            Some(path) => Trust::read(&path).map(Some),
            None => Ok(None),
        };
        let client_trust = beside(client)?;
        let own = match stated {
            Some(stated) => Some(stated),
            None => match beside(identity)? {
                Some(beside) => Some(beside),
                None => beside(client)?,
            },
        };
        Ok(Self {
            bundle: own,
            identity: identity.map(|dir| certified(dir, "tls.crt", "tls.key")).transpose()?,
            client: client
                .map(|dir| certified(dir, &spec.client.certificate_file, &spec.client.key_file))
                .transpose()?
                .map(|key| Client { key, trust: client_trust }),
        })
    }

    /// The authorities by which servers are trusted; empty if there are none.
    pub(super) fn bundle(&self) -> Option<&Bundle> {
        self.bundle.as_ref().map(|trust| &trust.bundle)
    }

    pub(super) fn verifier(&self) -> Option<Arc<WebPkiServerVerifier>> {
        self.bundle.as_ref().map(|trust| Arc::clone(&trust.verifier))
    }

    pub(super) fn identity(&self) -> Option<Arc<SingleCertAndKey>> {
        self.identity.clone()
    }

    /// Configuration of a TLS client that shows nothing.
    pub(super) fn anonymous(&self) -> Option<ClientConfig> {
        Some(config(self.verifier()?, None))
    }

    /// Configuration of the instance's root client.
    pub(super) fn root_client(&self) -> Option<ClientConfig> {
        let client = self.client.as_ref()?;
        let verifier = client.trust.as_ref().map(|trust| Arc::clone(&trust.verifier)).or_else(|| self.verifier())?;
        Some(config(verifier, Some(Arc::clone(&client.key))))
    }
}

/// Configuration of a TLS client that shows the certificate of this name in a folder, and trusts by the `ca.crt` beside it.
pub(crate) fn client_config(dir: &Path, name: &str) -> Result<ClientConfig, AgentError> {
    let trust = Trust::read(&dir.join("ca.crt"))?;
    let shows = certified(dir, &format!("{name}.crt"), &format!("{name}.key"))?;
    Ok(config(trust.verifier, Some(shows)))
}

/// Configuration of a TLS client with this verifier, which shows this certificate.
pub(super) fn config(
    verifier: Arc<dyn rustls::client::danger::ServerCertVerifier>,
    shows: Option<Arc<SingleCertAndKey>>,
) -> ClientConfig {
    let builder = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .expect("ring has suites of both versions")
        .dangerous()
        .with_custom_certificate_verifier(verifier);
    let mut config = match shows {
        Some(key) => builder.with_client_cert_resolver(key),
        None => builder.with_no_client_auth(),
    };
    // A resumed session would prove nothing about today's certificates.
    config.resumption = Resumption::disabled();
    config
}

pub(super) fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}

impl Trust {
    fn read(path: &Path) -> Result<Self, AgentError> {
        let text = read(path)?;
        Self::parse(&path.display().to_string(), &String::from_utf8_lossy(&text))
    }

    fn parse(name: &str, text: &str) -> Result<Self, AgentError> {
        let bundle = Bundle::parse(text).map_err(|err| AgentError::Bundle { name: name.to_owned(), err })?;
        let mut roots = RootCertStore::empty();
        for certificate in bundle.certificates() {
            let unfit = |err| AgentError::Identity { path: name.into(), err };
            roots.add(certificate.der().clone()).map_err(unfit)?;
        }
        let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider())
            .build()
            .expect("a bundle is never empty and names no revocation list");
        Ok(Self { bundle, verifier })
    }
}

fn certified(dir: &Path, certificate: &str, key: &str) -> Result<Arc<SingleCertAndKey>, AgentError> {
    let unfit = |err: rustls::Error| AgentError::Identity { path: dir.to_owned(), err };
    let no_pem = |err: rustls::pki_types::pem::Error| unfit(rustls::Error::General(err.to_string()));
    let text = read(&dir.join(certificate))?;
    let chain: Vec<_> = CertificateDer::pem_slice_iter(&text).collect::<Result<_, _>>().map_err(no_pem)?;
    let key = PrivateKeyDer::from_pem_file(dir.join(key)).map_err(no_pem)?;
    let certified = CertifiedKey::from_der(chain, key, &provider()).map_err(unfit)?;
    Ok(Arc::new(SingleCertAndKey::from(certified)))
}
