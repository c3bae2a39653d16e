//! The client: what callers hold.

use std::time::Duration;

use backon::{ExponentialBuilder, Retryable as _};
use registry_reference::{Digest, PluginSource, Reference, Repository, Tag};

use crate::{
    artifact::Artifact,
    credentials::{Credentials, Login},
    error::{Failure, RegistryError, Task},
    kind::ArtifactKind,
    limits::{Limits, Progress},
    local,
    pull::{self, Pulled},
    push::{self, PushConfig, Pushed},
    session::Session,
    sign_in::Access,
    store::Store,
    tags,
    transport::{Transport, within},
};

/// How a [`Client`] behaves.
#[derive(Debug, Clone)]
pub struct ClientOptions {
    /// Speak plain http to registries on this machine (and only to those).
    pub dev: bool,
    /// Who we are.
    pub credentials: Credentials,
    /// How long to wait and how often to try.
    pub patience: Patience,
}

/// How long to wait for a registry, and how often to try when a failure may pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// For a connection.
    pub connect: Duration,
    /// For the next bytes on a connection.
    pub idle: Duration,
    /// For one call of this client in all, tries included.
    pub whole: Duration,
    /// Tries in all; 1 means never again.
    pub n_tries: usize,
    /// Before the second try; doubled for each further one.
    pub first_delay: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            idle: Duration::from_secs(30),
            whole: Duration::from_secs(15 * 60),
            n_tries: 4,
            first_delay: Duration::from_millis(250),
        }
    }
}

/// Talks to registries. Cheap to keep, safe to share; holds no state but connections.
pub struct Client {
    transport: Transport,
    credentials: Credentials,
}

/// A tag, resolved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Resolved {
    /// The manifest that the tag named when it was asked.
    pub manifest_digest: Digest,
}

impl Client {
    /// Makes a client. Reads nothing and talks to nobody: TLS is set up with the first request.
    #[must_use]
    pub fn new(options: ClientOptions) -> Self {
        Self { transport: Transport::new(options.dev, options.patience), credentials: options.credentials }
    }

    /// Asks the registry which manifest `reference` names now.
    ///
    /// A reference that carries a digest is its own answer: nobody is asked.
    ///
    /// # Errors
    ///
    /// [`Failure::NoVersion`] without tag and digest, [`Failure::NotFound`] if the registry does not know
    /// the tag, and whatever keeps a registry from answering.
    pub async fn resolve(&self, reference: &Reference) -> Result<Resolved, RegistryError> {
        let task = || Task::Resolve(reference.to_string());
        let work = |session| async move { pull::resolve(&session, reference).await };
        let resolved = match reference.digest {
            Some(digest) => Ok(digest),
            None => self.in_session(&reference.repository, Access::Pull, work).await,
        };
        resolved
            .map(|manifest_digest| Resolved { manifest_digest })
            .map_err(|failure| RegistryError::new(task(), failure))
    }

    /// Pulls one plugin into `store`; see [`Client::pull_artifact`].
    ///
    /// # Errors
    ///
    /// As [`Client::pull_artifact`].
    pub async fn pull(
        &self,
        store: &Store,
        reference: &Reference,
        limits: Limits,
        progress: &(dyn Fn(Progress) + Send + Sync),
    ) -> Result<Pulled, RegistryError> {
        self.pull_artifact(store, reference, &ArtifactKind::PLUGIN, limits, progress).await
    }

    /// Pulls one artifact of a known kind into `store` and says where its content lies.
    ///
    /// A tag is resolved once; everything else is fetched by digest. Bytes are hashed as they arrive and the
    /// content gets its final name only if the digest matches, so a reader never meets half an artifact. What
    /// the store already holds is not fetched again; with a digest in `reference` and everything there, no
    /// registry is asked at all. `progress` hears of the content layer only.
    ///
    /// # Errors
    ///
    /// [`Failure::WrongDigest`], [`Failure::TooLarge`], [`Failure::WrongKind`], [`Failure::Layers`] for an
    /// artifact that is not what it should be; [`Failure::NotFound`], [`Failure::Unauthorised`],
    /// [`Failure::Unreachable`] and the like for the registry; [`Failure::File`] for the store. All leave the
    /// store's names as they were; blobs that were complete and right stay, unnamed.
    pub async fn pull_artifact(
        &self,
        store: &Store,
        reference: &Reference,
        kind: &ArtifactKind,
        limits: Limits,
        progress: &(dyn Fn(Progress) + Send + Sync),
    ) -> Result<Pulled, RegistryError> {
        let task = || Task::Pull(reference.to_string());
        self.pull_inner(store, reference, kind, limits, progress)
            .await
            .map_err(|failure| RegistryError::new(task(), failure))
    }

    async fn pull_inner(
        &self,
        store: &Store,
        reference: &Reference,
        kind: &ArtifactKind,
        limits: Limits,
        progress: &(dyn Fn(Progress) + Send + Sync),
    ) -> Result<Pulled, Failure> {
        if let Some(digest) = reference.digest
            && let Some(pulled) = store.artifact(digest, kind, limits)?
        {
            return Ok(pulled);
        }
        let work = |session| async move { pull::pull(&session, store, reference, kind, limits, progress).await };
        self.in_session(&reference.repository, Access::Pull, work).await
    }

    /// Brings a plugin into `store` from wherever it comes: a registry, a layout on disk or a file.
    ///
    /// A relative path is read from the current folder; see [`PluginSource::relative_to`]. A component from
    /// a file gets the manifest that pushing it without names and annotations would give it.
    ///
    /// # Errors
    ///
    /// As [`Client::pull_artifact`]; [`Failure::NotInLayout`] and [`Failure::Layout`] for layouts.
    pub async fn fetch(
        &self,
        store: &Store,
        source: &PluginSource,
        limits: Limits,
        progress: &(dyn Fn(Progress) + Send + Sync),
    ) -> Result<Pulled, RegistryError> {
        let task = || Task::Pull(source.to_string());
        if let PluginSource::Oci(reference) = source {
            return self.pull(store, reference, limits, progress).await;
        }
        let (store, local) = (store.clone(), source.clone());
        let work = tokio::task::spawn_blocking(move || local::fetch(&store, &local, limits));
        work.await
            .expect("reading a local plugin does not panic")
            .map_err(|failure| RegistryError::new(task(), failure))
    }

    /// Pushes a plugin in the CNCF Wasm layout. Equal arguments give equal digests.
    ///
    /// # Errors
    ///
    /// As [`Client::push_artifact`].
    pub async fn push(
        &self,
        reference: &Reference,
        component: bytes::Bytes,
        config: &PushConfig,
    ) -> Result<Pushed, RegistryError> {
        let artifact = push::plugin(component, config);
        let content_digest = artifact.layers[0].digest();
        let manifest_digest = self.push_artifact(reference, &artifact).await?;
        Ok(Pushed { manifest_digest, content_digest })
    }

    /// Pushes any artifact under the tag of `reference` and returns the digest of its manifest.
    ///
    /// Blobs go first and the manifest last, so a tag never names half an artifact. Blobs that the registry
    /// has are not sent again. If `reference` also carries a digest, the artifact must have it.
    ///
    /// # Errors
    ///
    /// [`Failure::NoVersion`] without a tag, [`Failure::WrongDigest`] if the digest in `reference` is not the
    /// artifact's, and whatever keeps the registry from taking it.
    pub async fn push_artifact(&self, reference: &Reference, artifact: &Artifact) -> Result<Digest, RegistryError> {
        let task = || Task::Push(reference.to_string());
        let work = |session| async move { push::push(&session, reference, artifact).await };
        self.in_session(&reference.repository, Access::Push, work)
            .await
            .map_err(|failure| RegistryError::new(task(), failure))
    }

    /// Lists the tags of a repository, sorted by the registry. Names that are no valid tags are left out.
    ///
    /// # Errors
    ///
    /// [`Failure::NotFound`] if there is no such repository, and whatever keeps a registry from answering.
    pub async fn list_tags(&self, repository: &Repository) -> Result<Vec<Tag>, RegistryError> {
        let work = |session| async move { tags::list(&session).await };
        self.in_session(repository, Access::Pull, work)
            .await
            .map_err(|failure| RegistryError::new(Task::ListTags(repository.to_string()), failure))
    }

    /// Signs in and does `work`, again from the sign-in while what fails may pass.
    async fn in_session<T, W>(
        &self,
        repository: &Repository,
        access: Access,
        work: impl Fn(Session) -> W,
    ) -> Result<T, Failure>
    where
        W: Future<Output = Result<T, Failure>>,
    {
        let origin = self.transport.origin(&repository.registry)?;
        let patience = self.transport.patience;
        let login: Login = self.credentials.login(&repository.registry).await?;
        let once = || async {
            let session = Session::open(&origin, repository, &login, access).await?;
            work(session).await
        };
        let backoff = ExponentialBuilder::default()
            .with_min_delay(patience.first_delay)
            .with_max_times(patience.n_tries.saturating_sub(1))
            .with_jitter();
        let retried = once
            .retry(backoff)
            .when(Failure::is_transient)
            .notify(|failure, after| tracing::warn!(%failure, ?after, "trying again"));
        within(&origin.host, patience.whole, retried).await
    }
}
