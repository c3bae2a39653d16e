//! The kinds of artifact that are understood.

use crate::{
    error::Failure,
    manifest::{Descriptor, Manifest, media_type},
};

/// A kind of artifact with one layer that matters, told by its media types.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ArtifactKind {
    /// What a person calls it.
    pub noun: &'static str,
    /// Config media types, each with the type of the content layer that goes with it.
    pairs: &'static [(&'static str, &'static str)],
    /// Layers that may stand beside the content and are not fetched.
    beside: &'static [&'static str],
}

impl ArtifactKind {
    /// A plugin: the CNCF Wasm layout, and on pull the older layouts of Kubewarden and wasmCloud.
    ///
    /// More than one layer is refused: the guidance reserves that for components taken apart.
    pub const PLUGIN: Self = Self {
        noun: "plugin artifact",
        pairs: &[
            (media_type::WASM_CONFIG, media_type::WASM),
            (media_type::OLD_WASM_CONFIG, media_type::OLD_WASM),
            (media_type::OLD_WASM_CONFIG, media_type::OLD_WASM_MODULE),
        ],
        beside: &[],
    };

    /// A Helm chart as Helm pushes it; a provenance file may stand beside it.
    pub const HELM_CHART: Self = Self {
        noun: "Helm chart",
        pairs: &[(media_type::HELM_CONFIG, media_type::HELM_CHART)],
        beside: &[media_type::HELM_PROVENANCE],
    };

    /// A signed file of a pool's members.
    pub const ROSTER_FILE: Self = Self {
        noun: "file of a pool's members",
        pairs: &[(media_type::ROSTER_CONFIG, media_type::ROSTER_FILE)],
        beside: &[],
    };

    /// Finds the content layer, by media type and never by position.
    pub(crate) fn content<'m>(&self, manifest: &'m Manifest) -> Result<&'m Descriptor, Failure> {
        let refuse = |found| Failure::WrongKind { wanted: self.noun, found };
        if manifest.schema_version != 2 {
            return Err(refuse(format!("its manifest has schema version {}", manifest.schema_version)));
        }
        if manifest.media_type.as_deref().is_some_and(|given| given != media_type::MANIFEST) {
            let given = manifest.media_type.as_deref().unwrap_or_default();
            return Err(refuse(format!("its manifest has media type `{given}`")));
        }
        let config = manifest.config.media_type.as_str();
        if !self.pairs.iter().any(|(accepted, _)| *accepted == config) {
            return Err(refuse(format!("its config has media type `{config}`")));
        }
        let candidates: Vec<_> =
            manifest.layers.iter().filter(|layer| !self.beside.contains(&layer.media_type.as_str())).collect();
        let [content] = candidates[..] else {
            return match candidates.len() {
                0 => Err(refuse("it has no layer".into())),
                n_layers => Err(Failure::Layers { wanted: self.noun, n_layers }),
            };
        };
        let layer = content.media_type.as_str();
        if !self.pairs.contains(&(config, layer)) {
            return Err(refuse(format!("its layer has media type `{layer}`")));
        }
        Ok(content)
    }
}
