//! Plugins without a workspace: built, pushed, pulled, looked at.

use std::path::Path;

use hangar_config::{Environment, Paths};
use hangar_runtime::Inspection;
use registry_client::{
    Client, ClientOptions, ComponentNames, Credentials, Limits, Patience, Pulled, PushConfig, Pushed, RegistryError,
    Store,
};
use registry_reference::{PluginSource, Reference};

use crate::failure::{Cause, Failure};
use crate::site::Site;

/// Makes a component of a core module and its manifest, and returns its size in bytes.
///
/// # Errors
///
/// What is wrong with the module or the manifest; the output is then as it was.
pub fn build(module: &Path, manifest: &Path, output: &Path) -> Result<usize, Failure> {
    let bytes = read(module)?;
    let component = hangar_runtime::build::component(&bytes, manifest).map_err(|err| {
        Failure::of(Cause::Refused, format!("cannot make a component of `{}`", module.display()), err)
    })?;
    if let Some(folder) = output.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        std::fs::create_dir_all(folder)
            .map_err(|err| Failure::of(Cause::Outside, format!("cannot make `{}`", folder.display()), err))?;
    }
    hangar_durable::write(output, &component)
        .map_err(|err| Failure::of(Cause::Outside, "cannot write the component", err))?;
    Ok(component.len())
}

/// Says what a component is; runs nothing of it.
///
/// # Errors
///
/// Why it is no plugin for this host.
pub fn inspect(file: &Path) -> Result<Inspection, Failure> {
    hangar_runtime::inspect(&read(file)?)
        .map_err(|err| Failure::of(Cause::Refused, format!("`{}` is no plugin for this host", file.display()), err))
}

/// Pushes a component under a tag.
///
/// # Errors
///
/// What is wrong with it, or why the registry did not take it.
pub async fn push(file: &Path, reference: &str, dev: bool, environment: &Environment) -> Result<Pushed, Failure> {
    let inspection = inspect(file)?;
    let text = reference.strip_prefix("oci://").unwrap_or(reference);
    let target: Reference = text
        .parse()
        .map_err(|err| Failure::of(Cause::Refused, format!("`{reference}` names no place in a registry"), err))?;
    let manifest = &inspection.manifest;
    let annotations = [
        ("org.opencontainers.image.title", manifest.name.clone()),
        ("org.opencontainers.image.version", manifest.version.to_string()),
        ("org.opencontainers.image.description", manifest.description.clone()),
    ];
    let config = PushConfig {
        names: ComponentNames {
            imports: inspection.imports.clone(),
            exports: inspection.exports.clone(),
            target: None,
        },
        annotations: annotations.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
        file_name: format!("{}.wasm", manifest.name),
        ..PushConfig::default()
    };
    client(dev, environment).push(&target, read(file)?.into(), &config).await.map_err(registry)
}

/// Pulls a plugin into the store of this user.
///
/// # Errors
///
/// Why it could not be had; the store is then as it was.
pub async fn pull(source: &str, dev: bool, environment: &Environment) -> Result<Pulled, Failure> {
    let source: PluginSource = source
        .parse()
        .map_err(|err| Failure::of(Cause::Refused, format!("`{source}` is no place of a plugin"), err))?;
    let paths = Paths::new(environment, ".")
        .map_err(|err| Failure::of(Cause::Refused, "cannot tell where to keep things", err))?;
    let store = Store::open(paths.store()).map_err(registry)?;
    client(dev, environment).fetch(&store, &source, Limits::default(), &|_| {}).await.map_err(registry)
}

/// The plugins of a workspace and how each is pinned.
///
/// # Errors
///
/// Why the lock cannot be read.
pub fn list(site: &Site) -> Result<Vec<(String, String)>, Failure> {
    let lock = site.lock()?;
    let line = |name: &hangar_config::PluginName| match lock.plugins.get(name) {
        Some(locked) => format!("{}  {}  unsigned", locked.source, locked.manifest_digest),
        None => "not approved: `hangar init`".to_owned(),
    };
    Ok(site.workspace.plugins.keys().map(|name| (name.to_string(), line(name))).collect())
}

/// A client with the credentials that docker and podman keep.
pub(crate) fn client(dev: bool, environment: &Environment) -> Client {
    let credentials = Credentials::Files(environment.registry_auth_files());
    Client::new(ClientOptions { dev, credentials, patience: Patience::default() })
}

fn registry(err: RegistryError) -> Failure {
    Failure::of_registry("the registry did not do it", err)
}

fn read(file: &Path) -> Result<Vec<u8>, Failure> {
    std::fs::read(file).map_err(|err| Failure::of(Cause::Refused, format!("cannot read `{}`", file.display()), err))
}
