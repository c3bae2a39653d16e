//! From a layout or a file on this machine into the store.

use std::{
    fs::File,
    io::{self, Read as _},
    path::Path,
};

use registry_reference::{ByteSize, LayoutName, PluginSource};

use crate::{
    error::Failure,
    kind::ArtifactKind,
    limits::Limits,
    manifest::{Descriptor, media_type},
    pull::{Pulled, Wanted},
    push::{self, PushConfig},
    store::{Store, read_capped},
};

/// The first four bytes of every Wasm binary.
const MAGIC: &[u8] = b"\0asm";

/// Fetches a plugin from this machine. A registry is not asked here.
pub(crate) fn fetch(store: &Store, source: &PluginSource, limits: Limits) -> Result<Pulled, Failure> {
    match source {
        PluginSource::File(path) => from_file(store, path, limits),
        PluginSource::OciLayout { path, name } => from_layout(store, path, name.as_ref(), limits),
        PluginSource::Oci(reference) => unreachable!("`{reference}` is pulled by the client"),
    }
}

/// A component alone: it gets the manifest it would have in a registry.
fn from_file(store: &Store, path: &Path, limits: Limits) -> Result<Pulled, Failure> {
    let component = read_capped(path, "the component", limits.content)?;
    if !component.starts_with(MAGIC) {
        let found = format!("`{}` does not begin as a Wasm binary does", path.display());
        return Err(Failure::WrongKind { wanted: ArtifactKind::PLUGIN.noun, found });
    }
    let artifact = push::plugin(component.into(), &PushConfig::default());
    for blob in artifact.layers.iter().chain([&artifact.config]) {
        store.put(&blob.bytes)?;
    }
    finish(store, &artifact.manifest(), limits)
}

fn from_layout(store: &Store, path: &Path, name: Option<&LayoutName>, limits: Limits) -> Result<Pulled, Failure> {
    let layout = Store::existing(path)?;
    let entry = layout.find(name)?;
    let manifest = layout.read(entry.digest, limits.manifest)?;
    let wanted = Wanted::read(&manifest, &ArtifactKind::PLUGIN, limits)?;
    for (descriptor, what) in [(&wanted.config, "the config"), (&wanted.content, "the content")] {
        copy(&layout, store, descriptor, what)?;
    }
    finish(store, &manifest, limits)
}

fn finish(store: &Store, manifest: &[u8], limits: Limits) -> Result<Pulled, Failure> {
    let digest = store.put(manifest)?;
    let pulled = Wanted::read(manifest, &ArtifactKind::PLUGIN, limits)?.pulled(store, digest)?;
    store.record(Descriptor::new(media_type::MANIFEST, digest, manifest.len() as u64), None)?;
    Ok(pulled)
}

/// Copies one blob between layouts and checks it on the way.
fn copy(from: &Store, to: &Store, descriptor: &Descriptor, what: &str) -> Result<(), Failure> {
    if to.holds(descriptor) {
        return Ok(());
    }
    let path = from.blob_path(descriptor.digest);
    let failed = |err: io::Error| Failure::File { doing: "read", path: path.clone(), err };
    let mut file = File::open(&path).map_err(failed)?;
    let mut writer = to.writer()?;
    let mut buffer = vec![0; 64 << 10];
    loop {
        let n = file.read(&mut buffer).map_err(failed)?;
        if n == 0 {
            return writer.finish(descriptor, what, &format!("layout `{}`", from.root().display()));
        }
        writer.write(&buffer[..n])?;
        if writer.n_written() > descriptor.size {
            let limit = ByteSize::bytes(descriptor.size);
            return Err(Failure::TooLarge { what: what.into(), limit, got: ByteSize::bytes(writer.n_written()) });
        }
    }
}
