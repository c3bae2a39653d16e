//! Plugins of a workspace: fetched, shown, granted, pinned, loaded.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use hangar_config::{LockedPlugin, PluginBlock, PluginName, Signer};
use hangar_engine::Engine;
use hangar_plan::grant::{Egress, Excess, Grant, HostPattern, Kind, difference};
use hangar_runtime::{
    Compiler, Inspection, PluginSource as Pinned, Runtime, RuntimeOptions, SealedFile, Services, inspect,
};
use registry_client::{Limits, Pulled, Store};
use registry_reference::{Digest, PluginSource};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::failure::{Cause, Failure};
use crate::plugin::client;
use crate::plugin_state::PluginState;
use crate::site::{ShowNothing, Site};

/// Name of the hidden command that compiles a plugin in a process of its own.
pub const COMPILE_COMMAND: &str = "compile-plugin";

/// A plugin that lies in the store, and what it asks for.
pub struct Fetched {
    /// Name in the workspace file.
    pub name: PluginName,
    /// Where it came from, as the workspace file says.
    pub source: PluginSource,
    /// What was pulled.
    pub pulled: Pulled,
    /// What it is.
    pub inspection: Inspection,
    /// What it asks beyond what was granted. Everything, if nothing was.
    pub excess: Vec<Excess>,
    /// Whether the lock holds exactly this plugin with a grant that covers it.
    pub is_approved: bool,
}

impl Site {
    /// Fetches every plugin of the workspace: what is pinned by its digest, the rest by its reference, once.
    ///
    /// # Errors
    ///
    /// Which plugin could not be had, and why.
    pub async fn fetch_plugins(&self, progress: &(dyn Fn(&str) + Send + Sync)) -> Result<Vec<Fetched>, Failure> {
        let lock = self.lock()?;
        let mut fetched = Vec::new();
        for name in self.workspace.plugins.keys() {
            progress(&format!("fetching plugin `{name}`"));
            fetched.push(self.fetch_plugin(name, lock.plugins.get(name)).await?);
        }
        Ok(fetched)
    }

    /// Grants what fetched plugins ask for, as an operator does who was shown it, and pins them.
    ///
    /// # Errors
    ///
    /// Why the lock could not be written; it is then as it was.
    pub fn approve_plugins(&self, fetched: &[Fetched]) -> Result<(), Failure> {
        let mut lock = self.lock()?;
        lock.plugins.retain(|name, _| self.workspace.plugins.contains_key(name));
        for plugin in fetched {
            let settings = &self.workspace.plugins[&plugin.name];
            let request = plugin.inspection.manifest.request();
            let locked = LockedPlugin {
                source: plugin.source.clone(),
                manifest_digest: plugin.pulled.manifest_digest,
                content_digest: plugin.pulled.content_digest,
                size: plugin.pulled.size,
                signer: Signer::Unsigned,
                dev: settings.dev,
                request_digest: request_digest(request),
                contracts: plugin
                    .inspection
                    .contracts
                    .iter()
                    .map(|(kind, version)| (format!("hangar:{kind}"), version.clone()))
                    .collect(),
                grant: Grant::accept(request),
            };
            lock.plugins.insert(plugin.name.clone(), locked);
        }
        lock.save(&self.paths.lock())
            .map_err(|err| Failure::of(Cause::Outside, "cannot write the lock of the plugins", err))
    }

    async fn fetch_plugin(&self, name: &PluginName, locked: Option<&LockedPlugin>) -> Result<Fetched, Failure> {
        let settings = &self.workspace.plugins[name];
        let source = settings.absolute_source(&self.paths.workspace);
        let is_pinned = locked.filter(|locked| locked.source == settings.source && locked.dev == settings.dev);
        let pulled = self.pull(name, &pinned(&source, is_pinned, settings.digest), settings.dev).await?;
        let bytes = std::fs::read(&pulled.path).map_err(|err| {
            Failure::of(Cause::Outside, format!("cannot read plugin `{name}` at `{}`", pulled.path.display()), err)
        })?;
        let inspection = inspect(&bytes).map_err(|err| {
            Failure::of(Cause::Refused, format!("plugin `{name}` ({}) is refused", pulled.content_digest), err)
        })?;
        let request = inspection.manifest.request();
        let grant = is_pinned.map(|locked| locked.grant.clone()).unwrap_or_default();
        let excess = difference(request, &grant);
        let is_approved = excess.is_empty()
            && is_pinned.is_some_and(|locked| {
                locked.content_digest == pulled.content_digest && locked.request_digest == request_digest(request)
            });
        Ok(Fetched { name: name.clone(), source: settings.source.clone(), pulled, inspection, excess, is_approved })
    }

    async fn pull(&self, name: &PluginName, source: &PluginSource, dev: bool) -> Result<Pulled, Failure> {
        let registry = |err| Failure::of_registry(format!("cannot fetch plugin `{name}`"), err);
        let store = Store::open(self.paths.store()).map_err(registry)?;
        let client = client(dev, &self.environment);
        client.fetch(&store, source, Limits::default(), &|_| {}).await.map_err(registry)
    }

    /// Loads one plugin as it is pinned, within its grant; once in a command.
    pub(crate) async fn load_plugin(
        &self,
        runtime: &Runtime,
        kind: Kind,
        block: &PluginBlock,
    ) -> Result<hangar_runtime::Plugin, Failure> {
        let key = (kind, block.plugin.clone());
        if let Some(loaded) = self.kept.plugin(&key) {
            return Ok(loaded);
        }
        let plugin = self.load_anew(runtime, kind, block).await?;
        self.kept.set_plugin(key, plugin.clone());
        Ok(plugin)
    }

    async fn load_anew(
        &self,
        runtime: &Runtime,
        kind: Kind,
        block: &PluginBlock,
    ) -> Result<hangar_runtime::Plugin, Failure> {
        let name = &block.plugin;
        let lock = self.lock()?;
        let settings = &self.workspace.plugins[name];
        let Some(locked) = lock.plugins.get(name) else {
            return Err(Failure::refused(format!("plugin `{name}` is not approved"))
                .hint_is("`hangar init` shows what it asks for, and records what you grant"));
        };
        if locked.source != settings.source {
            return Err(Failure::refused(format!(
                "plugin `{name}` is pinned from {}, but the workspace file says {}",
                locked.source, settings.source
            ))
            .hint_is("`hangar init` fetches it from there and shows what it asks for"));
        }
        if settings.source.is_registry() && !settings.unsigned {
            return Err(Failure::refused(format!("nobody vouches for plugin `{name}`"))
                .hint_is("signatures are not verified yet: accept that with `unsigned = true` in its block"));
        }
        let source = settings.absolute_source(&self.paths.workspace);
        let pulled = self.pull(name, &pinned(&source, Some(locked), settings.digest), settings.dev).await?;
        if pulled.content_digest != locked.content_digest {
            return Err(Failure::refused(format!(
                "plugin `{name}` is {}, but {} is pinned",
                pulled.content_digest, locked.content_digest
            ))
            .hint_is("take back what is pinned, or `hangar init` to look at the new one"));
        }
        let mut grant = locked.grant.clone();
        allow_endpoints(&mut grant, kind, &block.config, settings.dev)?;
        let pin = Pinned { name: name.to_string(), path: pulled.path, digest: pulled.content_digest };
        let plugin = runtime
            .load(pin, grant, self.services())
            .await
            .map_err(|err| Failure::of(Cause::Refused, format!("cannot load plugin `{name}`"), err))?;
        let excess = plugin.excess();
        if !excess.is_empty() {
            let asked: Vec<String> = excess.iter().map(ToString::to_string).collect();
            return Err(Failure::person(format!(
                "plugin `{name}` asks for more than was granted: {}",
                asked.join("; ")
            ))
            .hint_is("`hangar plugin approve` shows it and records what you grant"));
        }
        Ok(plugin)
    }

    /// What plugins are lent.
    fn services(&self) -> Services {
        let sealed = SealedFile::new(
            self.paths.state().join("sealed").join("secrets.age"),
            self.paths.config.join("sealed-file.key"),
        );
        let hidden = Arc::new(ShowNothing(self.redactor.clone()));
        let state = PluginState::new(Engine::journal_path(&self.paths.state()), hidden);
        Services {
            credentials: Arc::new(self.slots()),
            sealed_file: Some(Arc::new(sealed)),
            state: Some(Arc::new(state)),
            redactor: self.redactor.clone(),
            ..Services::default()
        }
    }

    /// The runtime. `program` is this very program, which compiles in a child of its own.
    pub(crate) fn runtime(&self, program: PathBuf) -> Result<Runtime, Failure> {
        Runtime::new(RuntimeOptions {
            cache_dir: self.paths.compiled(),
            key_file: self.paths.config.join("compiled-code.key"),
            compiler: Compiler::new(program, vec![COMPILE_COMMAND.to_owned()]),
        })
        .map_err(|err| Failure::of(Cause::Refused, "cannot run plugins", err))
    }
}

/// A source by digest: what the lock or the operator pinned.
fn pinned(source: &PluginSource, locked: Option<&LockedPlugin>, wanted: Option<Digest>) -> PluginSource {
    match source {
        PluginSource::Oci(reference) => {
            let mut reference = reference.clone();
            reference.digest = reference.digest.or(wanted).or(locked.map(|locked| locked.manifest_digest));
            PluginSource::Oci(reference)
        }
        other => other.clone(),
    }
}

/// SHA-256 over what a plugin asks for.
fn request_digest(request: &hangar_plan::grant::Request) -> Digest {
    let text = serde_json::to_vec(request).expect("a request has a JSON form");
    Digest::from_sha256(Sha256::digest(text).into())
}

/// The block's own `endpoints` reach the gate as they reach the rendered provider.
fn allow_endpoints(grant: &mut Grant, kind: Kind, config: &Value, dev: bool) -> Result<(), Failure> {
    let Some(endpoints) = config.get("endpoints").and_then(Value::as_object) else { return Ok(()) };
    for (service, value) in endpoints {
        let wrong =
            |reason: &str| Failure::refused(format!("endpoint `{service}` of the block cannot be used: {reason}"));
        let text = value.as_str().ok_or_else(|| wrong("it is no text"))?;
        let url = url::Url::parse(text).map_err(|err| wrong(&err.to_string()))?;
        let host = url.host_str().ok_or_else(|| wrong("it has no host"))?;
        let pattern: HostPattern = host.parse().map_err(|_| wrong("its host is no host"))?;
        let port = url.port_or_known_default().ok_or_else(|| wrong("it has no port"))?;
        if url.scheme() == "http" && !dev {
            return Err(wrong("plain http needs `dev = true` in the plugin's block, and a loopback address"));
        }
        let mut egress = Egress::new(pattern, port);
        egress.dev = dev;
        grant.allow_endpoint(kind, egress);
    }
    Ok(())
}

/// What of a store a person can look at: names and digests.
///
/// # Errors
///
/// Why the store cannot be read.
pub fn stored(site: &Site) -> Result<BTreeMap<String, Digest>, Failure> {
    let failed = |err| Failure::of(Cause::Outside, "cannot read the store of plugins", err);
    let store = Store::open(site.paths.store()).map_err(failed)?;
    Ok(store.names().map_err(failed)?.into_iter().collect())
}
