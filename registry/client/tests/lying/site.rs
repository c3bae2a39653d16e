//! A fake registry with one plugin in it, a store and a client: what most tests start from.

use std::time::Duration;

use registry_client::{
    Artifact, ArtifactKind, Blob, Client, ClientOptions, Credentials, Failure, Limits, Patience, Pulled, RegistryError,
    Store, media_type,
};
use registry_reference::{Digest, Reference};
use tempfile::TempDir;

use crate::fake::{Answer, Fake};

pub(crate) const COMPONENT: &[u8] = b"\0asm\x0d\0\x01\0 not much of a component";

pub(crate) struct Site {
    pub(crate) fake: Fake,
    pub(crate) client: Client,
    pub(crate) store: Store,
    folder: TempDir,
}

impl Site {
    pub(crate) async fn new() -> Self {
        Self::with(Credentials::Anonymous).await
    }

    pub(crate) async fn with(credentials: Credentials) -> Self {
        let folder = tempfile::tempdir().expect("temp folder");
        let store = Store::open(folder.path().join("store")).expect("a fresh store");
        Self { fake: Fake::start().await, client: client(credentials), store, folder }
    }

    /// The plugin that an honest registry serves under the tag `0.1`, and its manifest's digest.
    pub(crate) fn serve_plugin(&self) -> Digest {
        self.serve("0.1", &plugin())
    }

    pub(crate) fn serve(&self, tag: &str, artifact: &Artifact) -> Digest {
        for blob in artifact.layers.iter().chain([&artifact.config]) {
            self.fake.answer(&blob_line(blob), Answer::ok(blob.bytes.to_vec()));
        }
        let manifest = artifact.manifest();
        let digest = Blob::new("", manifest.clone()).digest();
        self.serve_manifest(tag, digest, &manifest)
    }

    /// Serves `manifest` under `digest`, whether it has it or not.
    pub(crate) fn serve_manifest(&self, tag: &str, digest: Digest, manifest: &[u8]) -> Digest {
        let head = Answer::ok("").header("docker-content-digest", &digest.to_string());
        self.fake.answer(&format!("HEAD /v2/hangar/aws/manifests/{tag}"), head);
        self.fake.answer(&format!("GET /v2/hangar/aws/manifests/{digest}"), Answer::ok(manifest.to_vec()));
        digest
    }

    pub(crate) fn reference(&self, tail: &str) -> Reference {
        format!("{}/hangar/aws{tail}", self.fake.address).parse().expect("a reference")
    }

    pub(crate) async fn pull(&self) -> Result<Pulled, RegistryError> {
        self.pull_within(Limits::default()).await
    }

    pub(crate) async fn pull_within(&self, limits: Limits) -> Result<Pulled, RegistryError> {
        self.client.pull_artifact(&self.store, &self.reference(":0.1"), &ArtifactKind::PLUGIN, limits, &|_| {}).await
    }

    /// Pulls and returns why that failed, after checking that the store shows nothing of it.
    pub(crate) async fn refused(&self) -> Failure {
        self.refused_within(Limits::default()).await
    }

    pub(crate) async fn refused_within(&self, limits: Limits) -> Failure {
        let err = self.pull_within(limits).await.expect_err("the registry lies");
        assert_eq!(self.store.names().expect("store"), []);
        self.assert_nothing_partial();
        *err.failure
    }

    pub(crate) fn assert_nothing_partial(&self) {
        let partial = std::fs::read_dir(self.folder.path().join("store/.partial")).expect("folder of partial files");
        assert_eq!(partial.count(), 0, "a partial file was left");
    }

    /// Replaces the port, so that snapshots are the same in each run.
    pub(crate) fn stable(&self, text: impl ToString) -> String {
        text.to_string().replace(&self.fake.address.to_string(), "REGISTRY")
    }
}

pub(crate) fn client(credentials: Credentials) -> Client {
    Client::new(ClientOptions { dev: true, credentials, patience: patience() })
}

/// Tries again without delay; waits for answers as long as a busy machine may need.
pub(crate) fn patience() -> Patience {
    Patience { n_tries: 3, first_delay: Duration::from_millis(1), ..Patience::default() }
}

pub(crate) fn plugin() -> Artifact {
    artifact(media_type::WASM_CONFIG, &[media_type::WASM])
}

/// An artifact with the given types, each layer with other bytes.
pub(crate) fn artifact(config: &str, layers: &[&str]) -> Artifact {
    let layer = |(i, media_type): (usize, &&str)| Blob::new(*media_type, [COMPONENT, &vec![b'!'; i]].concat());
    let layers: Vec<_> = layers.iter().enumerate().map(layer).collect();
    let digests: Vec<_> = layers.iter().map(Blob::digest).collect();
    let config_json = serde_json::json!({ "architecture": "wasm", "os": "wasip2", "layerDigests": digests });
    Artifact {
        config: Blob::new(config, config_json.to_string()),
        layers,
        artifact_type: None,
        annotations: Default::default(),
    }
}

pub(crate) fn blob_line(blob: &Blob) -> String {
    format!("GET /v2/hangar/aws/blobs/{}", blob.digest())
}
