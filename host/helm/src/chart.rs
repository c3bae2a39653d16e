//! A chart on disk.

use std::fs::{self, File};
use std::io::Read as _;
use std::path::{Path, PathBuf};

use flate2::read::GzDecoder;
use semver::{Version, VersionReq};
use serde::Deserialize;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use walkdir::WalkDir;

use crate::error::HelmError;

/// Largest chart that is read.
const LIMIT: u64 = 32 * 1024 * 1024;
/// Its own values.
const VALUES: &str = "values.yaml";

/// A chart on disk: a folder or a `.tgz` archive, read once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chart {
    path: PathBuf,
    name: String,
    version: String,
    kube_versions: Option<String>,
    digest: [u8; 32],
    values: Option<Vec<u8>>,
    files: Vec<Vec<u8>>,
}

#[derive(Deserialize)]
struct Metadata {
    name: String,
    version: String,
    #[serde(rename = "kubeVersion")]
    kube_versions: Option<String>,
}

impl Chart {
    /// Reads a chart: who it is, and the digest of all of it.
    ///
    /// # Errors
    ///
    /// [`HelmError::Chart`] for what is no chart.
    pub fn open(path: impl Into<PathBuf>) -> Result<Self, HelmError> {
        let path = path.into();
        let unreadable = |detail: String| HelmError::Chart { path: path.clone(), detail };
        let read = if path.is_dir() { read_folder(&path) } else { read_archive(&path) };
        let Contents { metadata, digest, values, files } = read.map_err(unreadable)?;
        let Metadata { name, version, kube_versions } =
            serde_norway::from_slice(&metadata).map_err(|err| unreadable(err.to_string()))?;
        Ok(Self { path, name, version, kube_versions, digest, values, files })
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its version.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.version
    }

    /// Versions of Kubernetes that it was made for, in its own words.
    #[must_use]
    pub fn kube_versions(&self) -> Option<&str> {
        self.kube_versions.as_deref()
    }

    /// Whether it was made for this version of Kubernetes; none where it says nothing, or says it in words that Helm alone
    /// reads.
    #[must_use]
    pub fn admits(&self, kube_version: &str) -> Option<bool> {
        let wanted: VersionReq = self.kube_versions()?.parse().ok()?;
        let version: Version = kube_version.trim_start_matches('v').parse().ok()?;
        // A cloud's suffix, such as `-eks-7f9249a`, makes no earlier version of it.
        Some(wanted.matches(&Version::new(version.major, version.minor, version.patch)))
    }

    /// Its own values, below everybody's; none where it has none.
    #[must_use]
    pub fn values(&self) -> Option<Value> {
        serde_norway::from_slice(self.values.as_deref()?).ok()
    }

    /// SHA-256 over all of it, lower-case hexadecimal: of an archive its bytes, of a folder every name and content.
    #[must_use]
    pub fn digest(&self) -> String {
        hex::encode(self.digest)
    }

    pub(crate) fn digest_bytes(&self) -> &[u8; 32] {
        &self.digest
    }

    /// Its files, which Helm stores with every release.
    pub(crate) fn files(&self) -> &[Vec<u8>] {
        &self.files
    }
}

struct Contents {
    metadata: Vec<u8>,
    digest: [u8; 32],
    values: Option<Vec<u8>>,
    files: Vec<Vec<u8>>,
}

fn read_folder(path: &Path) -> Result<Contents, String> {
    let metadata = fs::read(path.join("Chart.yaml")).map_err(|err| format!("`Chart.yaml`: {err}"))?;
    let (mut hasher, mut files) = (Sha256::new(), Vec::new());
    for entry in WalkDir::new(path).sort_by_file_name() {
        let entry = entry.map_err(|err| err.to_string())?;
        if !entry.file_type().is_file() {
            continue;
        }
        let name = entry.path().strip_prefix(path).unwrap_or(entry.path()).to_string_lossy().into_owned();
        let content = fs::read(entry.path()).map_err(|err| format!("`{name}`: {err}"))?;
        for part in [name.as_bytes(), &content] {
            hasher.update((part.len() as u64).to_be_bytes());
            hasher.update(part);
        }
        files.push(content);
    }
    let values = fs::read(path.join(VALUES)).ok();
    Ok(Contents { metadata, digest: hasher.finalize().into(), values, files })
}

fn read_archive(path: &Path) -> Result<Contents, String> {
    let mut packed = Vec::new();
    File::open(path).and_then(|file| file.take(LIMIT).read_to_end(&mut packed)).map_err(|err| err.to_string())?;
    let mut archive = tar::Archive::new(GzDecoder::new(packed.as_slice()).take(LIMIT));
    let (mut metadata, mut values, mut files) = (None, None, Vec::new());
    for entry in archive.entries().map_err(|err| err.to_string())? {
        let mut entry = entry.map_err(|err| err.to_string())?;
        let name = entry.path().map_err(|err| err.to_string())?.into_owned();
        let mut content = Vec::new();
        entry.read_to_end(&mut content).map_err(|err| err.to_string())?;
        // The chart's own stands in the archive's one folder; deeper ones are of charts within it.
        if metadata.is_none() && name.components().count() == 2 && name.ends_with("Chart.yaml") {
            metadata = Some(content.clone());
        }
        if values.is_none() && name.components().count() == 2 && name.ends_with(VALUES) {
            values = Some(content.clone());
        }
        files.push(content);
    }
    let metadata = metadata.ok_or("no `Chart.yaml` in it")?;
    Ok(Contents { metadata, digest: Sha256::digest(&packed).into(), values, files })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(files: &[(&str, &str)]) -> anyhow::Result<tempfile::TempDir> {
        let dir = tempfile::tempdir()?;
        for (name, content) in files {
            let path = dir.path().join(name);
            fs::create_dir_all(path.parent().unwrap_or(dir.path()))?;
            fs::write(path, content)?;
        }
        Ok(dir)
    }

    const METADATA: (&str, &str) = ("Chart.yaml", "name: dss\nversion: 0.1.0\n");

    #[test]
    fn every_name_and_content_counts() -> anyhow::Result<()> {
        let digest = |files: &[(&str, &str)]| anyhow::Ok(Chart::open(folder(files)?.path())?.digest());
        let one = digest(&[METADATA, ("templates/a.yaml", "x")])?;
        assert_eq!(one, digest(&[METADATA, ("templates/a.yaml", "x")])?);
        assert_ne!(one, digest(&[METADATA, ("templates/a.yaml", "y")])?);
        assert_ne!(one, digest(&[METADATA, ("templates/b.yaml", "x")])?);
        Ok(())
    }

    #[test]
    fn an_archive_is_a_chart_too() -> anyhow::Result<()> {
        let dir = tempfile::tempdir()?;
        let path = dir.path().join("dss-0.1.0.tgz");
        let packer = flate2::write::GzEncoder::new(File::create(&path)?, flate2::Compression::fast());
        let mut archive = tar::Builder::new(packer);
        let other = "name: other\nversion: 9.9.9\n";
        for (name, content) in [
            ("dss/charts/other/Chart.yaml", other),
            ("dss/Chart.yaml", METADATA.1),
            ("dss/charts/other/values.yaml", other),
            ("dss/values.yaml", "datastore: one\n"),
        ] {
            let mut header = tar::Header::new_gnu();
            header.set_size(content.len() as u64);
            header.set_mode(0o644);
            archive.append_data(&mut header, name, content.as_bytes())?;
        }
        archive.into_inner()?.finish()?;
        let chart = Chart::open(&path)?;
        assert_eq!((chart.name(), chart.version()), ("dss", "0.1.0"));
        assert_eq!(chart.values(), Some(serde_json::json!({"datastore": "one"})));
        Ok(())
    }

    #[test]
    fn a_kubernetes_that_a_chart_was_not_made_for_is_told() -> anyhow::Result<()> {
        let admits = |line: &str, version: &str| {
            let metadata = format!("{}{line}", METADATA.1);
            anyhow::Ok(Chart::open(folder(&[(METADATA.0, &metadata)])?.path())?.admits(version))
        };
        let ours = "kubeVersion: '>=1.29.0-0'\n";
        assert_eq!(admits(ours, "v1.28.15")?, Some(false));
        assert_eq!(admits(ours, "v1.29.0-eks-7f9249a")?, Some(true));
        assert_eq!(admits(ours, "v1.37.2")?, Some(true));
        assert_eq!(admits("", "v1.28.15")?, None);
        assert_eq!(admits("kubeVersion: '>=1.30 || 1.28.x'\n", "v1.29.1")?, None);
        Ok(())
    }

    #[test]
    fn what_is_no_chart_is_named() -> anyhow::Result<()> {
        let dir = folder(&[("values.yaml", "a: 1")])?;
        assert!(Chart::open(dir.path()).is_err_and(|err| err.to_string().contains("Chart.yaml")));
        assert!(Chart::open(dir.path().join("values.yaml")).is_err());
        Ok(())
    }
}
