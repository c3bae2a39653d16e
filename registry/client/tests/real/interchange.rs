//! Artifacts to and from the real server, with and without the foreign client.

use std::{collections::BTreeMap, fs, time::Duration};

use registry_client::{
    Artifact, ArtifactKind, Blob, Client, ClientOptions, ComponentNames, Credentials, Failure, Limits, Patience,
    PushConfig, Store, media_type,
};
use registry_reference::{PluginSource, Reference};
use serde_json::Value;

use crate::{server::Server, tools::Oras};

const COMPONENT: &[u8] = b"\0asm\x0d\0\x01\0 not much of a component";

fn client(credentials: Credentials) -> Client {
    let patience = Patience { n_tries: 2, first_delay: Duration::from_millis(1), ..Patience::default() };
    Client::new(ClientOptions { dev: true, credentials, patience })
}

fn reference(server: &Server, tail: &str) -> Reference {
    format!("{}/hangar/aws{tail}", server.address).parse().unwrap()
}

fn config() -> PushConfig {
    let names = ComponentNames {
        exports: vec!["hangar:infra-provider/infra@0.1.0".into()],
        imports: vec!["hangar:host/log@0.1.0".into(), "hangar:host/http@0.1.0".into()],
        target: None,
    };
    let annotations = BTreeMap::from([("org.opencontainers.image.version".into(), "0.1.0".into())]);
    PushConfig { names, annotations, ..PushConfig::default() }
}

fn store() -> (tempfile::TempDir, Store) {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path().join("store")).unwrap();
    (folder, store)
}

#[tokio::test]
async fn what_we_push_we_pull() {
    let server = Server::open();
    let client = client(Credentials::Anonymous);
    let pushed = client.push(&reference(&server, ":0.1"), COMPONENT.into(), &config()).await.unwrap();
    let (_folder, store) = store();
    let resolved = client.resolve(&reference(&server, ":0.1")).await.unwrap();
    assert_eq!(resolved.manifest_digest, pushed.manifest_digest);
    let pulled = client.pull(&store, &reference(&server, ":0.1"), Limits::default(), &|_| {}).await.unwrap();
    assert_eq!(pulled.manifest_digest, pushed.manifest_digest);
    assert_eq!(pulled.content_digest, pushed.content_digest);
    assert_eq!(fs::read(pulled.path).unwrap(), COMPONENT);
    assert_eq!(
        pulled.claims.unwrap().component.unwrap().imports,
        ["hangar:host/http@0.1.0", "hangar:host/log@0.1.0"],
        "sorted, whatever the order they were given in"
    );
}

#[tokio::test]
async fn pushing_the_same_twice_gives_the_same_digest_and_moves_nothing() {
    let server = Server::open();
    let client = client(Credentials::Anonymous);
    let one = client.push(&reference(&server, ":0.1"), COMPONENT.into(), &config()).await.unwrap();
    let two = client.push(&reference(&server, ":0.1"), COMPONENT.into(), &config()).await.unwrap();
    let other_tag = client.push(&reference(&server, ":0.2"), COMPONENT.into(), &config()).await.unwrap();
    assert_eq!(one, two);
    assert_eq!(one, other_tag);
    let tags = client.list_tags(&reference(&server, "").repository).await.unwrap();
    assert_eq!(tags.iter().map(ToString::to_string).collect::<Vec<_>>(), ["0.1", "0.2"]);
}

#[tokio::test]
async fn a_large_component_is_pushed_in_pieces() {
    let server = Server::open();
    let client = client(Credentials::Anonymous);
    // More than the 4 MiB that are sent at once.
    let component: Vec<u8> = (0..9_000_000_u32).map(|i| (i % 251) as u8).collect();
    client.push(&reference(&server, ":big"), component.clone().into(), &config()).await.unwrap();
    let (_folder, store) = store();
    let pulled = client.pull(&store, &reference(&server, ":big"), Limits::default(), &|_| {}).await.unwrap();
    assert!(fs::read(pulled.path).unwrap() == component);
}

#[tokio::test]
async fn oras_reads_what_we_push() {
    let server = Server::open();
    let oras = Oras::new();
    let pushed =
        client(Credentials::Anonymous).push(&reference(&server, ":0.1"), COMPONENT.into(), &config()).await.unwrap();
    let target = reference(&server, ":0.1").to_string();
    oras.run(&["pull", "--plain-http", &target]);
    assert_eq!(fs::read(oras.folder.path().join("plugin.wasm")).unwrap(), COMPONENT);
    let descriptor: Value =
        serde_json::from_str(&oras.run(&["manifest", "fetch", "--plain-http", "--descriptor", &target])).unwrap();
    assert_eq!(descriptor["digest"], pushed.manifest_digest.to_string());
    let manifest = oras.run(&["manifest", "fetch", "--plain-http", "--pretty", &target]);
    insta::assert_snapshot!(manifest, @r#"
    {
      "schemaVersion": 2,
      "mediaType": "application/vnd.oci.image.manifest.v1+json",
      "config": {
        "mediaType": "application/vnd.wasm.config.v0+json",
        "digest": "sha256:ede1c479cff541163bac03b88c26fc16e3b90c6d41de6889761310a784e62989",
        "size": 284
      },
      "layers": [
        {
          "mediaType": "application/wasm",
          "digest": "sha256:28250ef10c8fef4dc559a4378ba2096a869e232ae434b1a40738b4b40b954b86",
          "size": 32,
          "annotations": {
            "org.opencontainers.image.title": "plugin.wasm"
          }
        }
      ],
      "annotations": {
        "org.opencontainers.image.version": "0.1.0"
      }
    }
    "#);
    let config = oras.run(&["manifest", "fetch-config", "--plain-http", "--pretty", &target]);
    insta::assert_snapshot!(config, @r#"
    {
      "created": "1970-01-01T00:00:00Z",
      "architecture": "wasm",
      "os": "wasip2",
      "layerDigests": [
        "sha256:28250ef10c8fef4dc559a4378ba2096a869e232ae434b1a40738b4b40b954b86"
      ],
      "component": {
        "exports": [
          "hangar:infra-provider/infra@0.1.0"
        ],
        "imports": [
          "hangar:host/http@0.1.0",
          "hangar:host/log@0.1.0"
        ]
      }
    }
    "#);
}

#[tokio::test]
async fn we_read_what_oras_pushes() {
    let server = Server::open();
    let oras = Oras::new();
    oras.file("plugin.wasm", COMPONENT);
    oras.file("config.json", r#"{"architecture":"wasm","os":"wasip2"}"#);
    let target = reference(&server, ":foreign").to_string();
    let config = format!("config.json:{}", media_type::WASM_CONFIG);
    oras.run(&["push", "--plain-http", &target, "--config", &config, "plugin.wasm:application/wasm"]);
    let (_folder, store) = store();
    let client = client(Credentials::Anonymous);
    let pulled = client.pull(&store, &reference(&server, ":foreign"), Limits::default(), &|_| {}).await.unwrap();
    assert_eq!(fs::read(pulled.path).unwrap(), COMPONENT);

    // The same with a second layer, and with the types oras takes by itself.
    oras.file("policy.json", "{}");
    let target = reference(&server, ":two").to_string();
    let two = ["push", "--plain-http", &target, "--config", &config, "plugin.wasm:application/wasm", "policy.json"];
    oras.run(&two);
    let err = client.pull(&store, &reference(&server, ":two"), Limits::default(), &|_| {}).await.unwrap_err();
    assert!(matches!(*err.failure, Failure::Layers { n_layers: 2, .. }));
    oras.run(&["push", "--plain-http", &reference(&server, ":plain").to_string(), "plugin.wasm"]);
    let err = client.pull(&store, &reference(&server, ":plain"), Limits::default(), &|_| {}).await.unwrap_err();
    assert!(matches!(*err.failure, Failure::WrongKind { .. }));
}

#[tokio::test]
async fn oras_reads_our_store_and_we_read_its_layouts() {
    let server = Server::open();
    let oras = Oras::new();
    let client = client(Credentials::Anonymous);
    let pushed = client.push(&reference(&server, ":0.1"), COMPONENT.into(), &config()).await.unwrap();
    let (_folder, ours) = store();
    client.pull(&ours, &reference(&server, ":0.1"), Limits::default(), &|_| {}).await.unwrap();
    let by_digest = format!("{}@{}", ours.root().display(), pushed.manifest_digest);
    oras.run(&["pull", "--oci-layout", &by_digest]);
    assert_eq!(fs::read(oras.folder.path().join("plugin.wasm")).unwrap(), COMPONENT);

    let target = reference(&server, ":0.1").to_string();
    oras.run(&["copy", "--from-plain-http", &target, "--to-oci-layout", "bundle:0.1"]);
    let source: PluginSource =
        format!("oci-layout:{}:0.1", oras.folder.path().join("bundle").display()).parse().unwrap();
    let (_folder, fresh) = store();
    let pulled = client.fetch(&fresh, &source, Limits::default(), &|_| {}).await.unwrap();
    assert_eq!(pulled.manifest_digest, pushed.manifest_digest);
}

#[tokio::test]
async fn a_chart_goes_the_same_way_and_is_no_plugin() {
    let server = Server::open();
    let client = client(Credentials::Anonymous);
    let chart = Artifact {
        config: Blob::new(media_type::HELM_CONFIG, r#"{"name":"dss","version":"0.1.0"}"#),
        layers: vec![
            Blob::new(media_type::HELM_CHART, "an archive"),
            Blob::new(media_type::HELM_PROVENANCE, "a signature"),
        ],
        artifact_type: None,
        annotations: BTreeMap::new(),
    };
    let target: Reference = format!("{}/charts/dss:0.1.0", server.address).parse().unwrap();
    let digest = client.push_artifact(&target, &chart).await.unwrap();
    let (_folder, store) = store();
    let kind = ArtifactKind::HELM_CHART;
    let pulled = client.pull_artifact(&store, &target, &kind, Limits::default(), &|_| {}).await.unwrap();
    assert_eq!(pulled.manifest_digest, digest);
    assert_eq!(fs::read(pulled.path).unwrap(), b"an archive");
    let err = client.pull(&store, &target, Limits::default(), &|_| {}).await.unwrap_err();
    assert!(matches!(*err.failure, Failure::WrongKind { .. }));
}

#[tokio::test]
async fn a_password_opens_a_registry_that_wants_one() {
    let server = Server::with_password();
    let target = reference(&server, ":0.1");
    let right = client(Credentials::Password { user: "ana".into(), password: "let-me-in".into() });
    right.push(&target, COMPONENT.into(), &config()).await.unwrap();
    let (_folder, store) = store();
    right.pull(&store, &target, Limits::default(), &|_| {}).await.unwrap();
    right.list_tags(&target.repository).await.unwrap();

    let wrong = client(Credentials::Password { user: "ana".into(), password: "guess".into() });
    for client in [wrong, client(Credentials::Anonymous)] {
        let err = client.resolve(&target).await.unwrap_err();
        assert!(matches!(*err.failure, Failure::Unauthorised { .. }), "{err:?}");
        let err = client.push(&target, COMPONENT.into(), &config()).await.unwrap_err();
        assert!(matches!(*err.failure, Failure::Unauthorised { .. }), "{err:?}");
        assert!(!format!("{err:?}").contains("guess"));
    }
}

#[tokio::test]
async fn what_is_not_there_is_not_found() {
    let server = Server::open();
    let client = client(Credentials::Anonymous);
    let err = client.resolve(&reference(&server, ":0.9")).await.unwrap_err();
    assert!(matches!(*err.failure, Failure::NotFound { .. }), "{err:?}");
    let err = client.list_tags(&reference(&server, "").repository).await.unwrap_err();
    assert!(matches!(*err.failure, Failure::NotFound { .. }), "{err:?}");
}

#[tokio::test]
async fn an_artifact_that_is_not_the_pinned_one_is_not_pushed() {
    let server = Server::open();
    let client = client(Credentials::Anonymous);
    let pushed = client.push(&reference(&server, ":0.1"), COMPONENT.into(), &config()).await.unwrap();
    let pinned = reference(&server, ":0.2").pinned(pushed.manifest_digest);
    client.push(&pinned, COMPONENT.into(), &config()).await.unwrap();
    let err = client.push(&pinned, b"\0asm other"[..].into(), &config()).await.unwrap_err();
    assert!(matches!(*err.failure, Failure::WrongDigest { .. }));
}
