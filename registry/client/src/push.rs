//! From memory to a registry.

use std::collections::BTreeMap;

use bytes::Bytes;
use jiff::Timestamp;
use oci_client::{
    RegistryOperation,
    client::{Client as OciClient, ClientConfig, ClientProtocol},
    errors::{OciDistributionError, OciErrorCode},
    secrets::RegistryAuth,
};
use registry_reference::{Digest, Reference};
use reqwest::header::HeaderValue;
use secrecy::ExposeSecret as _;

use crate::{
    artifact::{Artifact, Blob, digest_of},
    error::Failure,
    manifest::{TITLE, media_type},
    session::Session,
    sign_in::Ticket,
    transport::one_line,
    wasm_config::{ComponentNames, WasmConfig},
};

/// What a plugin's artifact says beside the component itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PushConfig {
    /// Imports and exports, read from the component by the caller; sorted here.
    pub names: ComponentNames,
    /// Remarks for the manifest, such as `org.opencontainers.image.version`.
    pub annotations: BTreeMap<String, String>,
    /// The time that the config carries. From `SOURCE_DATE_EPOCH`, else 1970-01-01, so that the same component
    /// gives the same digest wherever it is built.
    pub created: Timestamp,
    /// The file name under which other clients save the component.
    pub file_name: String,
}

impl Default for PushConfig {
    fn default() -> Self {
        Self {
            names: ComponentNames::default(),
            annotations: BTreeMap::new(),
            created: Timestamp::UNIX_EPOCH,
            file_name: "plugin.wasm".into(),
        }
    }
}

/// A plugin that is now in a registry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pushed {
    /// Its identity.
    pub manifest_digest: Digest,
    /// The component.
    pub content_digest: Digest,
}

/// Wraps a component as the CNCF guidance says.
pub(crate) fn plugin(component: Bytes, config: &PushConfig) -> Artifact {
    let mut layer = Blob::new(media_type::WASM, component);
    layer.annotations.insert(TITLE.into(), config.file_name.clone());
    let description = WasmConfig::describe(layer.digest(), config.created, &config.names);
    let description = serde_json::to_vec(&description).expect("a config has only string keys");
    Artifact {
        config: Blob::new(media_type::WASM_CONFIG, description),
        layers: vec![layer],
        artifact_type: None,
        annotations: config.annotations.clone(),
    }
}

/// Sends blobs, then the manifest.
pub(crate) async fn push(session: &Session, reference: &Reference, artifact: &Artifact) -> Result<Digest, Failure> {
    let Some(tag) = &reference.tag else {
        return Err(Failure::NoVersion { reference: reference.to_string() });
    };
    let manifest = artifact.manifest();
    let digest = digest_of(&manifest);
    if let Some(wanted) = reference.digest.filter(|wanted| *wanted != digest) {
        let (origin, what) = ("this machine".into(), "the manifest".into());
        return Err(Failure::WrongDigest { origin, what, wanted, got: digest });
    }

    let lift = |err| lift(session, err);
    let client = client(session)?;
    let repository = &session.repository;
    let target =
        oci_client::Reference::with_tag(repository.registry.to_string(), repository.path.to_string(), tag.to_string());
    client.auth(&target, &auth(&session.ticket), RegistryOperation::Push).await.map_err(lift)?;
    // Asking whether a blob is there counts as a pull.
    client.auth(&target, &auth(&session.ticket), RegistryOperation::Pull).await.map_err(lift)?;
    for blob in artifact.layers.iter().chain([&artifact.config]) {
        let digest = blob.digest().to_string();
        if !client.blob_exists(&target, &digest).await.map_err(lift)? {
            client.push_blob(&target, blob.bytes.clone(), &digest).await.map_err(lift)?;
        }
    }
    let content_type = HeaderValue::from_static(media_type::MANIFEST);
    client.push_manifest_raw(&target, manifest, content_type).await.map_err(lift)?;
    Ok(digest)
}

/// One client a push: its token cache then never mixes two repositories.
fn client(session: &Session) -> Result<OciClient, Failure> {
    let patience = session.patience();
    let protocol = if session.origin.plain { ClientProtocol::Http } else { ClientProtocol::Https };
    let config = ClientConfig {
        protocol,
        connect_timeout: Some(patience.connect),
        read_timeout: Some(patience.idle),
        user_agent: crate::transport::USER_AGENT,
        ..ClientConfig::default()
    };
    // `try_from`, for `new` falls back to other settings without a word.
    OciClient::try_from(config).map_err(|err| Failure::Https { err: err.into() })
}

fn auth(ticket: &Ticket) -> RegistryAuth {
    match ticket {
        Ticket::None => RegistryAuth::Anonymous,
        Ticket::Basic { user, password } => RegistryAuth::Basic(user.clone(), password.expose_secret().to_owned()),
        Ticket::Bearer(token) => RegistryAuth::Bearer(token.expose_secret().to_owned()),
    }
}

/// Gives an error of the library the name it has here.
fn lift(session: &Session, err: OciDistributionError) -> Failure {
    let host = session.origin.host.clone();
    let account = session.account.clone();
    match err {
        OciDistributionError::RequestError(err) => match err.status().map(|status| status.as_u16()) {
            None => session.origin.lift(err),
            Some(401 | 403) => Failure::Unauthorised { host, account, said: "it wants other credentials".into() },
            Some(status @ (429 | 500..=599)) => Failure::Server { host, status, said: "no more than that".into() },
            Some(status) => Failure::Protocol { host, said: format!("status {status} to a question for a blob") },
        },
        OciDistributionError::UnauthorizedError { .. } => {
            Failure::Unauthorised { host, account, said: "it wants other credentials".into() }
        }
        OciDistributionError::AuthenticationFailure(said) => {
            Failure::Unauthorised { host, account, said: one_line(&said) }
        }
        OciDistributionError::ServerError { code: 401 | 403, message, .. } => {
            Failure::Unauthorised { host, account, said: one_line(&message) }
        }
        OciDistributionError::ServerError { code: status @ (429 | 500..=599), message, .. } => {
            Failure::Server { host, status, said: one_line(&message) }
        }
        OciDistributionError::RegistryError { envelope, .. } => {
            let said = one_line(&envelope.to_string());
            let denied = |code: &OciErrorCode| matches!(code, OciErrorCode::Unauthorized | OciErrorCode::Denied);
            if envelope.errors.iter().any(|err| denied(&err.code)) {
                Failure::Unauthorised { host, account, said }
            } else {
                Failure::Protocol { host, said }
            }
        }
        other => Failure::Protocol { host, said: one_line(&other.to_string()) },
    }
}
