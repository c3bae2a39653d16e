//! One API server, and who we are to it.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use http::header::{AUTHORIZATION, HeaderValue};
use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::authentication::v1::SelfSubjectReview;
use kube::api::PostParams;
use kube::client::{Body, ClientBuilder};
use kube::{Api, Client, Resource};
use secrecy::{ExposeSecret as _, SecretString};
use tower::BoxError;
use tower::buffer::BufferLayer;
use tower::filter::AsyncFilterLayer;

use crate::access::{Access, Credential};
use crate::error::KubeError;
use crate::tokens::{NoToken, Tokens};

/// Longest time one request may take. Watches are not requests in this sense.
const REQUEST: Duration = Duration::from_secs(30);

/// Requests that may wait for the connection.
const WAITING: usize = 1024;

/// One API server, and who we are to it. Copies share the connection and the token.
#[derive(Clone)]
pub struct Cluster {
    client: Client,
    /// Tells a `429` at once, where it is an answer and no sign of load.
    unretried: Client,
    endpoint: Arc<str>,
}

/// Who the API server says we are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// Name.
    pub user: String,
    /// Groups.
    pub groups: Vec<String>,
}

impl Cluster {
    /// Makes a client. Nothing is sent yet: [`Self::identity`] tells whether the access is good.
    ///
    /// # Errors
    ///
    /// [`KubeError::Access`] for an endpoint, authority, proxy or credential that cannot be used.
    pub fn connect(access: &Access) -> Result<Self, KubeError> {
        let endpoint = Arc::from(access.endpoint.as_str());
        let tokens = match &access.credential {
            Credential::Token(tokens) => Some(tokens),
            Credential::ClientTls { .. } => None,
        };
        let config = access.to_config()?;
        let mut unretried = config.clone();
        unretried.default_retry = false;
        let (client, unretried) = (client(config, tokens)?, client(unretried, tokens)?);
        Ok(Self { client, unretried, endpoint })
    }

    /// Uses a client that is there already, such as a test's or that of a pod.
    #[must_use]
    pub fn of_client(client: Client, endpoint: &str) -> Self {
        Self { unretried: client.clone(), client, endpoint: Arc::from(endpoint) }
    }

    /// The client, for what this room does not do.
    #[must_use]
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// URL of the API.
    #[must_use]
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// Asks the API server who we are: the first thing to do, since it proves the path, the server and the credential.
    ///
    /// # Errors
    ///
    /// [`KubeError::Unreachable`], [`KubeError::Untrusted`] or [`KubeError::CredentialRefused`].
    pub async fn identity(&self) -> Result<Identity, KubeError> {
        let api: Api<SelfSubjectReview> = Api::all(self.client.clone());
        let action = || "ask the Kubernetes API who we are".to_owned();
        let review = self.call(action, api.create(&PostParams::default(), &SelfSubjectReview::default())).await?;
        let user = review.status.and_then(|status| status.user_info).unwrap_or_default();
        Ok(Identity { user: user.username.unwrap_or_default(), groups: user.groups.unwrap_or_default() })
    }

    /// Asks the API server for its version, such as `v1.34.3`.
    ///
    /// # Errors
    ///
    /// As for every request.
    pub async fn version(&self) -> Result<String, KubeError> {
        let action = || "ask the Kubernetes API for its version".to_owned();
        Ok(self.call(action, self.client.apiserver_version()).await?.git_version)
    }

    pub(crate) fn api<K>(&self, namespace: &str) -> Api<K>
    where
        K: Resource<Scope = NamespaceResourceScope>,
        K::DynamicType: Default,
    {
        Api::namespaced(self.client.clone(), namespace)
    }

    /// The same, for requests whose refusal is an answer.
    pub(crate) fn unretried_api<K>(&self, namespace: &str) -> Api<K>
    where
        K: Resource<Scope = NamespaceResourceScope>,
        K::DynamicType: Default,
    {
        Api::namespaced(self.unretried.clone(), namespace)
    }

    /// Makes one request, in time, and tells what its failure means for `action` (`read secret x`).
    pub(crate) async fn call<T>(
        &self,
        action: impl FnOnce() -> String,
        request: impl Future<Output = kube::Result<T>>,
    ) -> Result<T, KubeError> {
        match tokio::time::timeout(REQUEST, request).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(err)) => Err(KubeError::of(&self.endpoint, action(), err)),
            Err(_) => {
                let reason = format!("no answer within {} s", REQUEST.as_secs());
                Err(KubeError::Unavailable { action: action(), reason })
            }
        }
    }
}

fn client(config: kube::Config, tokens: Option<&Tokens>) -> Result<Client, KubeError> {
    let detail = "no client can be made of it".to_owned();
    let builder =
        ClientBuilder::try_from(config).map_err(|err| KubeError::Access { detail, err: Some(Box::new(err)) })?;
    let Some(tokens) = tokens.cloned() else { return Ok(builder.build()) };
    let layer = AsyncFilterLayer::new(move |mut request: http::Request<Body>| {
        let tokens = tokens.clone();
        async move {
            let value = bearer(&tokens.current().await.map_err(NoToken)?)?;
            request.headers_mut().insert(AUTHORIZATION, value);
            Ok::<_, BoxError>(request)
        }
    });
    // The filter calls what is below it after a wait, and so needs a copy of it.
    Ok(builder.with_layer(&BufferLayer::new(WAITING)).with_layer(&layer).build())
}

fn bearer(token: &SecretString) -> Result<HeaderValue, NoToken> {
    let mut value = HeaderValue::from_str(&format!("Bearer {}", token.expose_secret()))
        .map_err(|_| NoToken("it has letters that no header can carry".into()))?;
    value.set_sensitive(true);
    Ok(value)
}
