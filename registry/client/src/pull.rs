//! From a registry into the store.

use std::path::PathBuf;

use registry_reference::{ByteSize, Digest, Reference};
use reqwest::{Method, StatusCode};

use crate::{
    artifact::digest_of,
    error::Failure,
    kind::ArtifactKind,
    limits::{Limits, Progress},
    manifest::{Descriptor, Manifest, media_type},
    session::Session,
    store::Store,
    wasm_config::WasmConfig,
};

/// An artifact that lies in the store, complete and with the right bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pulled {
    /// Its identity: everything else follows from it.
    pub manifest_digest: Digest,
    /// The content layer.
    pub content_digest: Digest,
    /// Where the content layer lies. Never written again; may be removed with the store.
    pub path: PathBuf,
    /// Length of the content.
    pub size: ByteSize,
    /// What a Wasm artifact claims about itself; none for other kinds and for the older layouts.
    pub claims: Option<WasmConfig>,
}

/// Everything that a manifest may be, so that a refusal can name what is there.
const ACCEPT: &str = "application/vnd.oci.image.manifest.v1+json, application/vnd.oci.image.index.v1+json, \
    application/vnd.docker.distribution.manifest.v2+json, \
    application/vnd.docker.distribution.manifest.list.v2+json";

/// Finds the digest behind the tag of `reference`.
pub(crate) async fn resolve(session: &Session, reference: &Reference) -> Result<Digest, Failure> {
    let Some(tag) = &reference.tag else {
        return Err(Failure::NoVersion { reference: reference.to_string() });
    };
    let (path, what) = (format!("manifests/{tag}"), format!("tag `{tag}` in `{}`", session.repository.path));
    let head = session.ask(Method::HEAD, &path, ACCEPT).await?;
    // A registry may leave the header or the method out; then the manifest itself tells.
    let named = head.headers().get("docker-content-digest").and_then(|value| value.to_str().ok()?.parse().ok());
    match (head.status(), named) {
        (StatusCode::OK, Some(digest)) => Ok(digest),
        (StatusCode::OK | StatusCode::METHOD_NOT_ALLOWED, _) => {
            let response = session.get(&path, ACCEPT, &what).await?;
            Ok(digest_of(&session.origin.body(response, "the manifest", Limits::default().manifest).await?))
        }
        _ => {
            session.origin.check(head, &what, &session.account).await?;
            Err(Failure::NotFound { host: session.origin.host.clone(), what })
        }
    }
}

/// Brings what `reference` names into `store`, and names it there once all of it is there.
pub(crate) async fn pull(
    session: &Session,
    store: &Store,
    reference: &Reference,
    kind: &ArtifactKind,
    limits: Limits,
    progress: &(dyn Fn(Progress) + Send + Sync),
) -> Result<Pulled, Failure> {
    let digest = match reference.digest {
        Some(digest) => digest,
        None => resolve(session, reference).await?,
    };
    let bytes = manifest(session, digest, limits).await?;
    let wanted = Wanted::read(&bytes, kind, limits)?;
    blob(session, store, &wanted.config, "the config", &|_| {}).await?;
    blob(session, store, &wanted.content, "the content", progress).await?;
    let pulled = wanted.pulled(store, digest)?;

    let entry = Descriptor::new(media_type::MANIFEST, digest, bytes.len() as u64);
    let name = match &reference.tag {
        Some(tag) => format!("{}:{tag}", reference.repository),
        None => format!("{}@{digest}", reference.repository),
    };
    let store = store.clone();
    let record = tokio::task::spawn_blocking(move || {
        store.put(&bytes)?;
        store.record(entry, Some(&name))
    });
    record.await.expect("recording does not panic")?;
    Ok(pulled)
}

async fn manifest(session: &Session, digest: Digest, limits: Limits) -> Result<Vec<u8>, Failure> {
    let what = format!("manifest {digest} in `{}`", session.repository.path);
    let response = session.get(&format!("manifests/{digest}"), ACCEPT, &what).await?;
    let bytes = session.origin.body(response, "the manifest", limits.manifest).await?;
    let got = digest_of(&bytes);
    if got != digest {
        return Err(Failure::WrongDigest { origin: session.place(), what: "the manifest".into(), wanted: digest, got });
    }
    Ok(bytes)
}

/// The two blobs of an artifact that are fetched.
pub(crate) struct Wanted {
    pub(crate) config: Descriptor,
    pub(crate) content: Descriptor,
}

impl Wanted {
    /// Reads a manifest: right kind, one content layer, nothing larger than allowed.
    pub(crate) fn read(bytes: &[u8], kind: &ArtifactKind, limits: Limits) -> Result<Self, Failure> {
        let refuse = |found| Failure::WrongKind { wanted: kind.noun, found };
        let manifest: Manifest = match serde_json::from_slice(bytes) {
            Ok(manifest) => manifest,
            Err(err) => return Err(refuse(not_a_manifest(bytes, &err))),
        };
        let content = kind.content(&manifest)?.clone();
        for (what, descriptor, limit) in
            [("the config", &manifest.config, limits.config), ("the content", &content, limits.content)]
        {
            if descriptor.size > limit.get() {
                let got = ByteSize::bytes(descriptor.size);
                return Err(Failure::TooLarge { what: what.into(), limit, got });
            }
        }
        Ok(Self { config: manifest.config, content })
    }

    /// Describes what the store holds by now.
    pub(crate) fn pulled(&self, store: &Store, manifest_digest: Digest) -> Result<Pulled, Failure> {
        let claims = if self.config.media_type == media_type::WASM_CONFIG {
            let bytes = store.read(self.config.digest, ByteSize::bytes(self.config.size))?;
            Some(WasmConfig::parse(&bytes, self.content.digest)?)
        } else {
            None
        };
        Ok(Pulled {
            manifest_digest,
            content_digest: self.content.digest,
            path: store.blob_path(self.content.digest),
            size: ByteSize::bytes(self.content.size),
            claims,
        })
    }
}

/// Says what stands in the place of an image manifest.
fn not_a_manifest(bytes: &[u8], err: &serde_json::Error) -> String {
    let value: serde_json::Value = serde_json::from_slice(bytes).unwrap_or_default();
    match value.get("mediaType").and_then(|media_type| media_type.as_str()) {
        Some(media_type::INDEX | media_type::DOCKER_LIST) => "it is an index of several images".into(),
        Some(other) if other != media_type::MANIFEST => {
            format!("its manifest has media type `{other}`")
        }
        _ => format!("its manifest cannot be read: {err}"),
    }
}

/// Streams one blob into the store, unless it is there.
async fn blob(
    session: &Session,
    store: &Store,
    descriptor: &Descriptor,
    what: &str,
    progress: &(dyn Fn(Progress) + Send + Sync),
) -> Result<(), Failure> {
    let total = ByteSize::bytes(descriptor.size);
    if store.holds(descriptor) {
        progress(Progress { done: total, total });
        return Ok(());
    }
    let digest = descriptor.digest;
    let named = format!("blob {digest} in `{}`", session.repository.path);
    let mut response = session.get(&format!("blobs/{digest}"), "*/*", &named).await?;
    // Writing goes to the page cache, a chunk at a time; only the flush at the end waits for the disk.
    let mut writer = store.writer()?;
    progress(Progress { done: ByteSize::bytes(0), total });
    loop {
        let chunk = match response.chunk().await {
            Ok(Some(chunk)) => chunk,
            Ok(None) => break,
            Err(err) => {
                return Err(session.origin.broken(err, what, writer.n_written(), descriptor.size));
            }
        };
        writer.write(&chunk)?;
        let done = ByteSize::bytes(writer.n_written());
        if done > total {
            return Err(Failure::TooLarge { what: format!("{what} as served"), limit: total, got: done });
        }
        progress(Progress { done, total });
    }
    let (descriptor, what, origin) = (descriptor.clone(), what.to_owned(), session.place());
    let finish = tokio::task::spawn_blocking(move || writer.finish(&descriptor, &what, &origin));
    finish.await.expect("finishing a blob does not panic")
}
