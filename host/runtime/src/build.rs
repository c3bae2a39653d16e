//! From a core module and `plugin.toml` to a plugin.

use std::path::{Path, PathBuf};

use wasm_encoder::{ComponentSection as _, CustomSection};
use wit_component::ComponentEncoder;

use crate::inspect::{InspectError, inspect};
use crate::manifest::{Manifest, ManifestError, SECTION};

/// Why no plugin could be made.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// `plugin.toml` cannot be read.
    #[error("cannot read `{}`", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why not.
        #[source]
        err: std::io::Error,
    },
    /// `plugin.toml` is refused.
    #[error("`{}` is refused", path.display())]
    Manifest {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        err: ManifestError,
    },
    /// The module does not fit the worlds that it says it implements.
    #[error("the module is no component: {0}")]
    Encode(String),
    /// What came out is no plugin for this host.
    #[error("the component is no plugin")]
    Inspect(#[source] InspectError),
}

/// Makes a plugin of a core module (`wasm32-unknown-unknown`) and the manifest at a path.
///
/// Schema files are read beside the manifest and become part of it. Equal input gives equal bytes.
///
/// # Errors
///
/// [`BuildError`] says what does not fit.
pub fn component(module: &[u8], manifest: &Path) -> Result<Vec<u8>, BuildError> {
    let manifest = read_manifest(manifest)?;
    let component = ComponentEncoder::default()
        .validate(true)
        .module(module)
        .and_then(|encoder| encoder.encode())
        .map_err(|err| BuildError::Encode(format!("{err:#}")))?;
    embed(component, &manifest)
}

/// Reads `plugin.toml` and the schemas beside it.
///
/// # Errors
///
/// [`BuildError::Read`] and [`BuildError::Manifest`].
pub fn read_manifest(path: &Path) -> Result<Manifest, BuildError> {
    let text = std::fs::read_to_string(path).map_err(|err| BuildError::Read { path: path.into(), err })?;
    let folder = path.parent().unwrap_or_else(|| Path::new(""));
    Manifest::from_toml(&text, |schema| std::fs::read(folder.join(schema)))
        .map_err(|err| BuildError::Manifest { path: path.into(), err })
}

/// Puts a manifest into a component, and checks that the two agree.
///
/// # Errors
///
/// [`BuildError::Inspect`] if the component implements other kinds than the manifest declares, or has one already.
pub fn embed(mut component: Vec<u8>, manifest: &Manifest) -> Result<Vec<u8>, BuildError> {
    let data = manifest.to_section().map_err(|err| BuildError::Inspect(InspectError::Manifest(err)))?;
    CustomSection { name: SECTION.into(), data: data.into() }.append_to_component(&mut component);
    inspect(&component).map_err(BuildError::Inspect)?;
    Ok(component)
}
