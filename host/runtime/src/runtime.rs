//! The runtime: one engine, one folder of compiled code, and the plugins that were loaded into it.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use hangar_plan::grant::Grant;
use registry_reference::Digest;
use sha2::{Digest as _, Sha256};
use tokio::io::AsyncReadExt as _;
use wasmtime::Engine;
use wasmtime::component::{Component, InstancePre, Linker};

use crate::cache::CodeCache;
use crate::call::Call;
use crate::compile::{self, Compiler};
use crate::engine;
use crate::error::RuntimeError;
use crate::host;
use crate::inspect::{Inspection, MAX_BYTES, inspect};
use crate::key::InstallationKey;
use crate::plugin::Plugin;
use crate::services::Services;

/// Where a runtime keeps and how it makes what it needs.
#[derive(Debug, Clone)]
pub struct RuntimeOptions {
    /// Folder of compiled code; made with mode 0700. Only this host writes it, and nothing in it is worth keeping.
    pub cache_dir: PathBuf,
    /// File of this installation's key; made with mode 0600.
    pub key_file: PathBuf,
    /// Who compiles.
    pub compiler: Compiler,
}

/// Which plugin to load.
#[derive(Debug, Clone)]
pub struct PluginSource {
    /// Name in the workspace.
    pub name: String,
    /// The component.
    pub path: PathBuf,
    /// What its bytes must be.
    pub digest: Digest,
}

/// Loads plugins. Clones share everything.
#[derive(Clone)]
pub struct Runtime {
    shared: Arc<Shared>,
}

struct Shared {
    engine: Engine,
    linker: Linker<Call>,
    cache: CodeCache,
    compiler: Compiler,
}

impl Runtime {
    /// Starts the engine and opens the folder of compiled code.
    ///
    /// # Errors
    ///
    /// [`RuntimeError`] if the folder or the key could be somebody else's, or cannot be made.
    pub fn new(options: RuntimeOptions) -> Result<Self, RuntimeError> {
        // TLS needs a provider for the whole process; that there is one already is what is wanted.
        drop(rustls::crypto::ring::default_provider().install_default());
        let engine = engine::running()?;
        let key = InstallationKey::open(&options.key_file)?;
        let cache = CodeCache::open(&options.cache_dir, &key, &engine)?;
        let mut linker = Linker::new(&engine);
        host::link(&mut linker).map_err(RuntimeError::engine)?;
        Ok(Self { shared: Arc::new(Shared { engine, linker, cache, compiler: options.compiler }) })
    }

    /// Makes a plugin ready to be called, within a grant.
    ///
    /// The bytes are checked against the pinned digest and for the contracts they were built for before anything else.
    /// They are compiled if this installation has not done so before. Nothing of the plugin runs.
    ///
    /// # Errors
    ///
    /// [`RuntimeError`] says what does not fit.
    pub async fn load(&self, source: PluginSource, grant: Grant, services: Services) -> Result<Plugin, RuntimeError> {
        let PluginSource { name, path, digest } = source;
        let bytes = match read(&path).await {
            Ok(bytes) => bytes,
            Err(err) => return Err(RuntimeError::Read { plugin: name, path, err }),
        };
        let got = Digest::from_sha256(Sha256::digest(&bytes).into());
        if got != digest {
            return Err(RuntimeError::Digest { plugin: name, wanted: digest, got });
        }
        let inspection = match inspect(&bytes) {
            Ok(inspection) => inspection,
            Err(err) => return Err(RuntimeError::Inspect { plugin: name, digest, err: Box::new(err) }),
        };
        let guest = self.guest(&name, digest, &bytes).await?;
        let Inspection { manifest, contracts, .. } = inspection;
        let kinds = contracts.into_iter().map(|(kind, _)| kind).collect();
        Ok(Plugin::new(self.shared.engine.clone(), guest, name, digest, manifest, kinds, grant, services))
    }

    async fn guest(&self, name: &str, digest: Digest, bytes: &[u8]) -> Result<InstancePre<Call>, RuntimeError> {
        let component = match self.shared.cache.load(&self.shared.engine, &digest) {
            Some(component) => component,
            None => self.compile(name, digest, bytes).await?,
        };
        self.shared.linker.instantiate_pre(&component).map_err(|err| RuntimeError::Link {
            plugin: name.to_owned(),
            digest,
            reason: format!("{err:#}"),
        })
    }

    async fn compile(&self, name: &str, digest: Digest, bytes: &[u8]) -> Result<Component, RuntimeError> {
        tracing::info!(plugin = name, %digest, "compiling");
        let plugin = || name.to_owned();
        let code = compile::compile(&self.shared.compiler, bytes).await.map_err(|err| RuntimeError::Compile {
            plugin: plugin(),
            digest,
            err,
        })?;
        self.shared.cache.keep(&digest, &code);
        if let Some(component) = self.shared.cache.load(&self.shared.engine, &digest) {
            return Ok(component);
        }
        // The folder cannot be written. The code came from this host's own child, so it is used as it is, for once.
        //
        // SAFETY: `deserialize` demands bytes that this engine's compiler made. The child is this very program with the
        // same configuration, and nobody else has its pipe.
        #[expect(unsafe_code, reason = "loading compiled code is unsafe by nature")]
        let component = unsafe { Component::deserialize(&self.shared.engine, &code) };
        component.map_err(|err| RuntimeError::Link { plugin: plugin(), digest, reason: format!("{err:#}") })
    }
}

/// Reads a file up to the bound of a plugin and one byte more, by which a larger one is told.
async fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let file = tokio::fs::File::open(path).await?;
    file.take(MAX_BYTES as u64 + 1).read_to_end(&mut bytes).await?;
    Ok(bytes)
}

impl std::fmt::Debug for Runtime {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Runtime").field("compiler", &self.shared.compiler).finish_non_exhaustive()
    }
}
