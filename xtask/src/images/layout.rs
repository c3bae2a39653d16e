//! OCI image layouts on disk.

use std::{
    env::consts,
    fs::{self, File},
    io::BufWriter,
    path::Path,
};

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

use crate::{
    digest,
    images::layer::{self, Layer},
};

const INDEX: &str = "application/vnd.oci.image.index.v1+json";
const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const LAYER: &str = "application/vnd.oci.image.layer.v1.tar+gzip";

/// The annotation that names an image in a layout (OCI image specification, annotations).
const NAME: &str = "org.opencontainers.image.ref.name";

/// Writes an image of one layer as the only one of a layout, and returns its manifest's digest.
///
/// The layout takes its name only once it is whole, in place of the one that was there.
pub(crate) fn write(folder: &Path, name: &str, files: &[layer::File], config: &Value) -> Result<String> {
    let unfinished = folder.with_extension("unfinished");
    remove(&unfinished)?;
    let blobs = unfinished.join("blobs/sha256");
    fs::create_dir_all(&blobs).with_context(|| format!("cannot make `{}`", blobs.display()))?;

    let layer = write_layer(&blobs, files)?;
    let config = json!({
        "architecture": architecture(),
        "os": consts::OS,
        "config": config,
        "rootfs": { "type": "layers", "diff_ids": [format!("sha256:{}", layer.diff_id)] },
    });
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": write_blob(&blobs, CONFIG, &config)?,
        "layers": [descriptor(LAYER, &layer.digest, layer.n_bytes)],
    });
    let mut manifest = write_blob(&blobs, MANIFEST, &manifest)?;
    manifest["annotations"] = json!({ NAME: name });
    let index = json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": [manifest] });
    fs::write(unfinished.join("index.json"), index.to_string())?;
    fs::write(unfinished.join("oci-layout"), json!({ "imageLayoutVersion": "1.0.0" }).to_string())?;

    remove(folder)?;
    fs::rename(&unfinished, folder).with_context(|| format!("cannot make `{}`", folder.display()))?;
    digest(folder)
}

/// The digest of the layout's first image, as `sha256:..`.
pub(crate) fn digest(folder: &Path) -> Result<String> {
    let path = folder.join("index.json");
    let text = fs::read_to_string(&path).with_context(|| format!("cannot read `{}`", path.display()))?;
    let index: Value = serde_json::from_str(&text)?;
    let digest = index["manifests"][0]["digest"].as_str();
    digest.map(str::to_owned).with_context(|| format!("no image in `{}`", path.display()))
}

fn write_layer(blobs: &Path, files: &[layer::File]) -> Result<Layer> {
    let path = blobs.join("layer");
    let layer = layer::write(files, BufWriter::new(File::create(&path)?))?;
    fs::rename(path, blobs.join(&layer.digest))?;
    Ok(layer)
}

fn write_blob(blobs: &Path, media_type: &str, value: &Value) -> Result<Value> {
    let bytes = value.to_string();
    let digest = digest::of_bytes(bytes.as_bytes());
    fs::write(blobs.join(&digest), &bytes)?;
    Ok(descriptor(media_type, &digest, bytes.len() as u64))
}

fn descriptor(media_type: &str, digest: &str, n_bytes: u64) -> Value {
    json!({ "mediaType": media_type, "digest": format!("sha256:{digest}"), "size": n_bytes })
}

/// As Go names it, which images do too.
fn architecture() -> &'static str {
    match consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}

fn remove(folder: &Path) -> Result<()> {
    if folder.exists() {
        fs::remove_dir_all(folder).with_context(|| format!("cannot remove `{}`", folder.display()))?;
    }
    Ok(())
}
