//! What Helm keeps of a release: one Secret a revision, with labels that tell most and a packed document that tells all.

use std::io::{Read as _, Write as _};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use kube::api::{ListParams, PostParams};
use kube::core::PartialObjectMeta;
use kube::{Api, Client, ResourceExt as _};
use serde_json::{Value, json};

use crate::chart::Chart;
use crate::error::HelmError;
use crate::manifest::Manifest;
use crate::release::{ACTOR, CHART, LINEAGE, Marks, ReleaseName, Status, VALUES, digest_of_label};
use crate::values::Values;

/// Largest document that is unpacked: one packed mebibyte of repetitions may hide a gibibyte.
const LIMIT: u64 = 64 * 1024 * 1024;

/// What a Secret holds by the API server's rule, less some room for what is not counted here.
const SIZE_LIMIT: usize = 1_048_576 - 16 * 1024;

/// What the labels of one revision tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Number of the revision, from 1.
    pub revision: u32,
    /// Its state.
    pub status: Status,
    /// When it last changed, in seconds since 1970-01-01T00:00:00Z.
    pub changed_s: Option<u64>,
    /// Whose it is, if it is one of ours.
    pub lineage: Option<String>,
    /// Who ran it, if it is one of ours.
    pub actor: Option<String>,
    /// Digest of its chart, if it is one of ours.
    pub chart_digest: Option<String>,
    /// Digest of its values, if it is one of ours.
    pub values_digest: Option<String>,
}

/// The Secrets of one namespace in which Helm keeps releases.
pub(crate) struct Storage {
    api: Api<Secret>,
}

/// All of one revision.
pub(crate) struct Document(Value);

impl Storage {
    pub(crate) fn new(client: &Client, namespace: &str) -> Self {
        Self { api: Api::namespaced(client.clone(), namespace) }
    }

    /// Every revision that is kept, newest first. Reads labels alone.
    pub(crate) async fn history(&self, release: &ReleaseName) -> Result<Vec<Record>, HelmError> {
        let of_release = ListParams::default().labels(&format!("owner=helm,name={release}"));
        let found = self.api.list_metadata(&of_release).await;
        let found = found.map_err(|err| HelmError::storage(format!("list revisions of release `{release}`"), err))?;
        let mut records: Vec<Record> = found.items.iter().filter_map(Record::of).collect();
        records.sort_by_key(|record| std::cmp::Reverse(record.revision));
        Ok(records)
    }

    pub(crate) async fn document(&self, release: &ReleaseName, revision: u32) -> Result<Document, HelmError> {
        Ok(self.read(release, revision).await?.1)
    }

    /// Marks a revision that nobody works on any more as failed, from which Helm goes forward.
    ///
    /// On the condition that it has not changed since it was read here and is pending still.
    pub(crate) async fn mark_failed(&self, release: &ReleaseName, revision: u32) -> Result<(), HelmError> {
        let (mut secret, mut document) = self.read(release, revision).await?;
        if !matches!(document.status(), Status::Pending(_)) {
            return Ok(());
        }
        document.0["info"]["status"] = json!("failed");
        document.0["info"]["description"] = json!("interrupted; marked failed by hangar, which goes forward from here");
        secret.labels_mut().insert("status".to_owned(), "failed".to_owned());
        let packed = document.pack().map_err(|err| unreadable(release, revision, &err.to_string()))?;
        secret.data = Some([("release".to_owned(), ByteString(packed))].into());
        let action = format!("mark revision {revision} of release `{release}` as failed");
        let name = secret_name(release, revision);
        self.api
            .replace(&name, &PostParams::default(), &secret)
            .await
            .map_err(|err| HelmError::storage(action, err))?;
        Ok(())
    }

    async fn read(&self, release: &ReleaseName, revision: u32) -> Result<(Secret, Document), HelmError> {
        let action = || format!("read revision {revision} of release `{release}`");
        let secret = self.api.get(&secret_name(release, revision)).await;
        let secret = secret.map_err(|err| HelmError::storage(action(), err))?;
        let packed = secret.data.as_ref().and_then(|data| data.get("release")).map(|packed| packed.0.as_slice());
        let document = Document::unpack(packed.unwrap_or_default());
        let document = document.map_err(|err| unreadable(release, revision, &err.to_string()))?;
        Ok((secret, document))
    }
}

impl Record {
    /// Who made a release that stands and is none of ours, in words.
    pub(crate) fn foreign(&self, marks: &Marks) -> Option<String> {
        let stands = matches!(self.status, Status::Deployed | Status::Failed | Status::Superseded);
        (stands && !marks.is_of(self.lineage.as_deref())).then(|| self.made_by())
    }

    /// Who made this revision, as far as is known.
    pub(crate) fn made_by(&self) -> String {
        match (&self.actor, &self.lineage) {
            (Some(actor), Some(lineage)) => format!("{actor} (journal {lineage})"),
            _ => "a helm that hangar did not start".to_owned(),
        }
    }

    fn of(secret: &PartialObjectMeta<Secret>) -> Option<Self> {
        let labels = secret.labels();
        let label = |name: &str| labels.get(name).cloned();
        Some(Self {
            revision: labels.get("version")?.parse().ok()?,
            status: Status::parse(labels.get("status")?),
            changed_s: labels.get("modifiedAt").or_else(|| labels.get("createdAt")).and_then(|time| time.parse().ok()),
            lineage: label(LINEAGE),
            actor: label(ACTOR),
            chart_digest: labels.get(CHART).and_then(|label| digest_of_label(label)),
            values_digest: labels.get(VALUES).and_then(|label| digest_of_label(label)),
        })
    }
}

impl Document {
    /// The form is base64 over gzip over JSON.
    fn unpack(packed: &[u8]) -> Result<Self, std::io::Error> {
        let packed = BASE64_STANDARD.decode(packed).map_err(std::io::Error::other)?;
        let mut text = Vec::new();
        GzDecoder::new(packed.as_slice()).take(LIMIT).read_to_end(&mut text)?;
        Ok(Self(serde_json::from_slice(&text)?))
    }

    fn pack(&self) -> Result<Vec<u8>, std::io::Error> {
        pack(&self.0)
    }

    fn status(&self) -> Status {
        Status::parse(self.0["info"]["status"].as_str().unwrap_or_default())
    }

    pub(crate) fn chart_version(&self) -> String {
        self.0["chart"]["metadata"]["version"].as_str().unwrap_or_default().to_owned()
    }

    pub(crate) fn manifest(&self) -> &str {
        self.0["manifest"].as_str().unwrap_or_default()
    }
}

/// Refuses a release that would not fit into its Secret: Helm would say so only after it has applied everything.
///
/// # Errors
///
/// [`HelmError::TooLarge`].
pub(crate) fn check_size(chart: &Chart, values: &Values, manifest: &Manifest) -> Result<(), HelmError> {
    let texts: Vec<_> = manifest.objects().filter_map(|object| manifest.text(object)).collect();
    let files: Vec<_> = chart.files().iter().map(|file| BASE64_STANDARD.encode(file)).collect();
    let document = json!({"manifest": texts.concat(), "config": values.as_object(), "chart": files});
    let size = pack(&document).expect("what is in memory can be packed").len();
    if size > SIZE_LIMIT { Err(HelmError::TooLarge { size, limit: SIZE_LIMIT }) } else { Ok(()) }
}

/// Packs a document as Helm does.
fn pack(document: &Value) -> Result<Vec<u8>, std::io::Error> {
    let mut packer = GzEncoder::new(Vec::new(), Compression::best());
    serde_json::to_writer(&mut packer, document)?;
    packer.flush()?;
    Ok(BASE64_STANDARD.encode(packer.finish()?).into_bytes())
}

fn secret_name(release: &ReleaseName, revision: u32) -> String {
    format!("sh.helm.release.v1.{release}.v{revision}")
}

fn unreadable(release: &ReleaseName, revision: u32, detail: &str) -> HelmError {
    HelmError::Unreadable { release: release.to_string(), revision, detail: detail.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_is_unpacked_as_it_was_packed() -> anyhow::Result<()> {
        let document = json!({"info": {"status": "pending-upgrade"}, "manifest": "---\n", "chart": {"metadata": {"version": "1.2.3"}}});
        let read = Document::unpack(&pack(&document)?)?;
        assert_eq!(read.status(), Status::Pending("pending-upgrade".to_owned()));
        assert_eq!((read.chart_version().as_str(), read.manifest()), ("1.2.3", "---\n"));
        assert!(Document::unpack(b"!").is_err());
        Ok(())
    }
}
