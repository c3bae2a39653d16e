//! A plugin that is loaded, and its kinds.

mod infra_provider;
mod pooling_strategy;
mod secret_store;

use std::sync::Arc;

use hangar_plan::diagnostic::Diagnostic;
use hangar_plan::grant::{Excess, Grant, Kind, difference};
use registry_reference::Digest;
use serde_json::Value;
use wasmtime::component::InstancePre;
use wasmtime::{Engine, Store};

use crate::call::{self, Call, Purity, Subject};
use crate::error::{Fault, PluginError};
use crate::http::Gate;
use crate::limits::Meter;
use crate::manifest::Manifest;
use crate::policy::Refusal;
use crate::services::Services;

pub use infra_provider::InfraProvider;
pub use pooling_strategy::Strategy;
pub use secret_store::SecretStore;

/// A plugin that is ready to be called. Clones share everything; calls share nothing.
#[derive(Clone)]
pub struct Plugin {
    shared: Arc<Shared>,
}

struct Shared {
    engine: Engine,
    guest: InstancePre<Call>,
    subject: Subject,
    manifest: Manifest,
    kinds: Vec<Kind>,
    grant: Grant,
    services: Services,
    /// One gate for each kind that may send requests, so that kinds share no connections.
    infra_gate: Arc<Gate>,
    store_gate: Arc<Gate>,
}

impl Plugin {
    #[expect(clippy::too_many_arguments, reason = "called once, with everything a plugin is made of")]
    pub(crate) fn new(
        engine: Engine,
        guest: InstancePre<Call>,
        name: String,
        digest: Digest,
        manifest: Manifest,
        kinds: Vec<Kind>,
        grant: Grant,
        services: Services,
    ) -> Self {
        let plugin: Arc<str> = name.into();
        let gate = |kind| Arc::new(Gate::new(plugin.clone(), grant.egress(kind), grant.credentials(kind)));
        let (infra_gate, store_gate) = (gate(Kind::InfraProvider), gate(Kind::SecretStore));
        let subject = Subject { plugin, digest };
        let shared = Shared { engine, guest, subject, manifest, kinds, grant, services, infra_gate, store_gate };
        Self { shared: Arc::new(shared) }
    }

    /// Name in the workspace.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.shared.subject.plugin
    }

    /// Digest of its bytes.
    #[must_use]
    pub fn digest(&self) -> Digest {
        self.shared.subject.digest
    }

    /// What it says of itself.
    #[must_use]
    pub fn manifest(&self) -> &Manifest {
        &self.shared.manifest
    }

    /// The kinds it implements, granted or not.
    #[must_use]
    pub fn kinds(&self) -> &[Kind] {
        &self.shared.kinds
    }

    /// What it asks for and was not granted.
    #[must_use]
    pub fn excess(&self) -> Vec<Excess> {
        difference(self.shared.manifest.request(), &self.shared.grant)
    }

    /// Checks a block of the workspace file against the schema of a kind, without running anything.
    #[must_use]
    pub fn check_config(&self, kind: Kind, config: &Value) -> Vec<Diagnostic> {
        self.shared.manifest.check_config(kind, config)
    }

    /// The plugin as an infra provider.
    ///
    /// # Errors
    ///
    /// [`Fault::NoSuchKind`] if it is none, or is not granted to be one.
    pub fn infra_provider(&self) -> Result<InfraProvider, PluginError> {
        self.check_kind(Kind::InfraProvider)?;
        Ok(InfraProvider { plugin: self.clone() })
    }

    /// The plugin as a secret store.
    ///
    /// # Errors
    ///
    /// [`Fault::NoSuchKind`] if it is none, or is not granted to be one.
    pub fn secret_store(&self) -> Result<SecretStore, PluginError> {
        self.check_kind(Kind::SecretStore)?;
        Ok(SecretStore { plugin: self.clone() })
    }

    /// The plugin as a pooling strategy.
    ///
    /// # Errors
    ///
    /// [`Fault::NoSuchKind`] if it is none, or is not granted to be one.
    pub fn strategy(&self) -> Result<Strategy, PluginError> {
        self.check_kind(Kind::PoolingStrategy)?;
        Ok(Strategy { plugin: self.clone() })
    }

    fn check_kind(&self, kind: Kind) -> Result<(), PluginError> {
        let usable = self.shared.kinds.contains(&kind) && self.shared.grant.allows(kind);
        if usable { Ok(()) } else { Err(self.error("load", Fault::NoSuchKind(kind))) }
    }

    fn error(&self, call: &'static str, fault: Fault) -> PluginError {
        self.shared.subject.error(call, fault)
    }

    fn refuse(&self, call: &'static str) -> impl FnOnce(Vec<Refusal>) -> PluginError {
        let subject = self.shared.subject.clone();
        move |refusals| subject.error(call, Fault::Refused(refusals))
    }

    fn grant(&self) -> &Grant {
        &self.shared.grant
    }

    fn services(&self) -> &Services {
        &self.shared.services
    }

    /// Runs one function of a kind.
    async fn call<R, F, Fut>(
        &self,
        kind: Kind,
        function: &'static str,
        purity: Purity,
        body: F,
    ) -> Result<R, PluginError>
    where
        F: FnOnce(Store<Call>, InstancePre<Call>) -> Fut,
        Fut: Future<Output = wasmtime::Result<R>> + Send + 'static,
        R: Send + 'static,
    {
        let shared = &self.shared;
        let grant = &shared.grant;
        let call = Call {
            plugin: shared.subject.plugin.clone(),
            kind,
            function,
            purity,
            meter: Meter::new(grant.limits.clone()),
            services: shared.services.clone(),
            gate: if kind == Kind::SecretStore { shared.store_gate.clone() } else { shared.infra_gate.clone() },
            state: grant.infra_provider.as_ref().is_some_and(|grant| grant.state),
            sealed_file: grant.secret_store.as_ref().is_some_and(|grant| grant.sealed_file),
        };
        call::run(&shared.engine, shared.guest.clone(), call, &shared.subject, body).await
    }
}

impl std::fmt::Debug for Plugin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Plugin").field("name", &self.name()).field("digest", &self.digest()).finish_non_exhaustive()
    }
}
