//! The config blob of a Wasm artifact.

use jiff::Timestamp;
use registry_reference::Digest;
use serde::{Deserialize, Serialize};

use crate::{error::Failure, kind::ArtifactKind};

/// Config of a Wasm artifact (CNCF guidance, `application/vnd.wasm.config.v0+json`).
///
/// What it says about the component is a claim of whoever pushed it; the component itself is the proof.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WasmConfig {
    /// When it was built, RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created: Option<String>,
    /// Who built it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub author: Option<String>,
    /// Always `wasm`.
    #[serde(default)]
    pub architecture: String,
    /// `wasip2` for every component, also for one that imports nothing of WASI: image tools want a value.
    #[serde(default)]
    pub os: String,
    /// Digests of the layers, so that two artifacts never share a config.
    #[serde(default)]
    pub layer_digests: Vec<Digest>,
    /// Names of what goes in and out of the component.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub component: Option<ComponentNames>,
}

/// Imports and exports of a component, each as `package/interface@version`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ComponentNames {
    /// What it offers, sorted.
    #[serde(default)]
    pub exports: Vec<String>,
    /// What it needs, sorted.
    #[serde(default)]
    pub imports: Vec<String>,
    /// The world it was built for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
}

impl WasmConfig {
    /// Describes `content`. Equal arguments give equal bytes, in whatever order the names are given.
    pub(crate) fn describe(content: Digest, created: Timestamp, names: &ComponentNames) -> Self {
        let sorted = |names: &[String]| {
            let mut names = names.to_vec();
            names.sort();
            names.dedup();
            names
        };
        Self {
            created: Some(created.to_string()),
            author: None,
            architecture: "wasm".into(),
            os: "wasip2".into(),
            layer_digests: vec![content],
            component: Some(ComponentNames {
                exports: sorted(&names.exports),
                imports: sorted(&names.imports),
                target: names.target.clone(),
            }),
        }
    }

    /// Reads a config and checks that it speaks about `content`.
    pub(crate) fn parse(bytes: &[u8], content: Digest) -> Result<Self, Failure> {
        let refuse = |found| Failure::WrongKind { wanted: ArtifactKind::PLUGIN.noun, found };
        let config: Self =
            serde_json::from_slice(bytes).map_err(|err| refuse(format!("its config cannot be read: {err}")))?;
        if !config.layer_digests.is_empty() && !config.layer_digests.contains(&content) {
            return Err(refuse("its config describes another layer".into()));
        }
        Ok(config)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_component_always_gives_the_same_config() {
        let digest = Digest::from_sha256([7; 32]);
        let names = |imports: [&str; 2]| ComponentNames {
            exports: vec!["hangar:infra-provider/infra@0.1.0".into()],
            imports: imports.map(Into::into).to_vec(),
            target: None,
        };
        let one = WasmConfig::describe(digest, Timestamp::UNIX_EPOCH, &names(["b", "a"]));
        let two = WasmConfig::describe(digest, Timestamp::UNIX_EPOCH, &names(["a", "b"]));
        assert_eq!(one, two);
        insta::assert_snapshot!(serde_json::to_string(&one).expect("config is plain JSON"), @r#"{"created":"1970-01-01T00:00:00Z","architecture":"wasm","os":"wasip2","layerDigests":["sha256:0707070707070707070707070707070707070707070707070707070707070707"],"component":{"exports":["hangar:infra-provider/infra@0.1.0"],"imports":["a","b"]}}"#);
    }

    #[test]
    fn a_config_for_another_layer_is_refused() {
        let config =
            WasmConfig::describe(Digest::from_sha256([1; 32]), Timestamp::UNIX_EPOCH, &ComponentNames::default());
        let bytes = serde_json::to_vec(&config).expect("config is plain JSON");
        let err = WasmConfig::parse(&bytes, Digest::from_sha256([2; 32])).expect_err("other layer");
        insta::assert_snapshot!(err, @"this is no plugin artifact: its config describes another layer");
    }
}
