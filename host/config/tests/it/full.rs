//! Good files.

use std::path::Path;

use hangar_config::{Authorization, Carrier, Chart, Credential, DEFAULT_AGENT_IMAGE, SecretFrom, Workspace};
use registry_reference::PluginSource;
use serde_json::{Value, json};

use crate::support::{LEAST, parse};

const FULL: &str = include_str!("full.hcl");

#[test]
fn the_full_example_gives_what_it_says() {
    let workspace = parse(FULL);
    let instance = &workspace.instance;
    assert_eq!(instance.n_nodes, 3);
    assert!(matches!(&instance.authorization, Authorization::Jwks { key_ids, .. } if key_ids == &["k1", "k2"]));
    let aws = &workspace.plugins[&"aws".parse().unwrap()];
    assert!(aws.unsigned && !aws.dev && aws.digest.is_some());
    assert_eq!(
        workspace.infra.config,
        json!({
            "region": "us-east-1",
            "cluster_name": "uss1-cluster",
            "disk_gib": 200,
            "public": false,
            "zones": ["a-zone", "b-zone"],
            "tags": { "owner": "ops", "cost center": "cc-17" },
            "notes": "first line\n  second line\n",
            "endpoints": { "sts": "https://sts.example.com" },
        })
    );
    let (pool, roster) = workspace.pool.as_ref().unwrap();
    assert_eq!(pool.block.config, json!({ "silence": -7 }), "`name` and `locality` are the host's");
    assert_eq!(roster.carrier, Carrier::Folder("/w/../us-east-roster".into()));
    assert!(matches!(&workspace.services.chart, Chart::Oci(reference) if reference.tag.is_some()));
    assert_eq!(workspace.tools.terraform.as_deref(), Some(Path::new("/opt/tofu")));
    let state = workspace.state.as_ref().unwrap();
    assert_eq!((state.kind.as_str(), state.settings.len()), ("s3", 3), "`credential` is the host's");
    assert_eq!(state.credential.as_ref().map(ToString::to_string).as_deref(), Some("aws"));
    assert_eq!(workspace.drift[0].until.to_string(), "2026-12-31");
    let vault = &workspace.credentials[&"vault".parse().unwrap()];
    assert_eq!(*vault, Credential::Bearer(SecretFrom::File("/w/vault-token".into())));
    assert_eq!(workspace.blocks().map(|(kind, _)| kind).collect::<Vec<_>>(), ["infra", "secrets", "pool"]);
}

/// No accepted setting is ignored.
#[test]
fn every_value_of_the_full_example_is_somewhere_in_the_workspace() {
    let shown = format!("{:?}", parse(FULL));
    let text = FULL.lines().filter(|line| !line.trim_start().starts_with('#'));
    let mut n_values = 0;
    for line in text {
        let Some((_, value)) = line.split_once('=') else { continue };
        for word in value.split('"').skip(1).step_by(2) {
            // Schemes and hosts are taken apart; what is left of a path or a name is not.
            let last = word.rsplit(['/', ':', '@']).find(|part| !part.is_empty()).unwrap();
            assert!(shown.contains(last) || digest_bytes(last).is_some_and(|bytes| shown.contains(&bytes)), "`{word}`");
            n_values += 1;
        }
    }
    assert!(n_values >= 50, "only {n_values} values were looked for");
}

/// Digests are printed as they are written.
fn digest_bytes(text: &str) -> Option<String> {
    text.len().eq(&64).then(|| format!("sha256:{text}"))
}

#[test]
fn the_full_example_uses_every_key_of_the_format() {
    let schema = hangar_config::file_schema();
    let mut missing = Vec::new();
    let definitions = schema["$defs"].as_object().unwrap();
    for (name, definition) in definitions.iter().chain([(&"Workspace".to_owned(), &schema)]) {
        let keys = definition["properties"].as_object().into_iter().flat_map(serde_json::Map::keys);
        for key in keys {
            let used = FULL.lines().any(|line| line.trim_start().starts_with(key.as_str()));
            // Named in another file of this test, because they exclude what stands in the example.
            if !used && !["public_key_files", "terraform"].contains(&key.as_str()) {
                missing.push(format!("{name}.{key}"));
            }
        }
    }
    assert_eq!(missing, Vec::<String>::new());
}

#[test]
fn what_is_left_out_has_its_default() {
    let workspace = parse(LEAST);
    let instance = &workspace.instance;
    assert_eq!(instance.namespace.as_str(), "dss");
    assert_eq!(instance.release.as_str(), "dss");
    assert_eq!(instance.database_image, None);
    assert_eq!(instance.agent_image.to_string(), DEFAULT_AGENT_IMAGE);
    assert_eq!(workspace.pool, None);
    assert_eq!(workspace.infra.config, Value::Object(serde_json::Map::new()));
    let local = &workspace.plugins[&"local".parse().unwrap()];
    assert_eq!(local.source.to_string(), "file:local.wasm", "the lock is the same on every machine");
    assert_eq!(local.absolute_source(&workspace.folder), PluginSource::File("/w/local.wasm".into()));
}

#[test]
fn a_file_is_read_from_its_own_folder() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("hangar.hcl");
    std::fs::write(&path, LEAST).unwrap();
    let workspace = Workspace::load(&path).unwrap();
    assert_eq!(workspace.folder, folder.path());
    assert_eq!(workspace.services.chart, Chart::Folder(folder.path().join("../chart")));
    let err = Workspace::load(&folder.path().join("other.hcl")).unwrap_err();
    assert!(err.to_string().starts_with("cannot read"), "{err}");
}
