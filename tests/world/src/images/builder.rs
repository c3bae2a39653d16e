use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use oci_spec::image::{
    Arch, Config, Descriptor, Digest, ImageConfigurationBuilder, ImageIndexBuilder, ImageManifestBuilder, MediaType,
    Os, RootFsBuilder,
};
use sha2::{Digest as _, Sha256};

use super::layout::NAME;
use super::{ImageError, ImageReference, digest_of, to_digest};

/// Builds a minimal image of one layer: the given files and a configuration. Equal inputs give an equal digest.
#[derive(Clone, Debug, Default)]
pub struct ImageBuilder {
    files: Vec<(PathBuf, Content, u32)>,
    environment: Vec<String>,
    entrypoint: Vec<String>,
    command: Vec<String>,
    folder: Option<String>,
    user: Option<String>,
    stop_signal: Option<String>,
}

#[derive(Clone, Debug)]
enum Content {
    Of(PathBuf),
    Text(Vec<u8>),
}

impl ImageBuilder {
    pub fn new() -> Self {
        Self::default()
    }

    /// Puts the machine's file `source` at `path`, executable for all.
    pub fn program(mut self, path: impl Into<PathBuf>, source: impl Into<PathBuf>) -> Self {
        self.files.push((path.into(), Content::Of(source.into()), 0o755));
        self
    }

    /// Puts `text` at `path`.
    pub fn text(mut self, path: impl Into<PathBuf>, text: impl Into<Vec<u8>>, mode: u32) -> Self {
        self.files.push((path.into(), Content::Text(text.into()), mode));
        self
    }

    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.environment.push(format!("{name}={value}"));
        self
    }

    pub fn entrypoint<T: Into<String>>(mut self, words: impl IntoIterator<Item = T>) -> Self {
        self.entrypoint = words.into_iter().map(Into::into).collect();
        self
    }

    pub fn command<T: Into<String>>(mut self, words: impl IntoIterator<Item = T>) -> Self {
        self.command = words.into_iter().map(Into::into).collect();
        self
    }

    pub fn folder(mut self, folder: &str) -> Self {
        self.folder = Some(folder.to_owned());
        self
    }

    pub fn user(mut self, user: &str) -> Self {
        self.user = Some(user.to_owned());
        self
    }

    pub fn stop_signal(mut self, signal: &str) -> Self {
        self.stop_signal = Some(signal.to_owned());
        self
    }

    /// Writes the image as an OCI layout into the folder `layout`, under the name `reference`, and returns its digest.
    ///
    /// # Errors
    ///
    /// [`ImageError::File`] for a source that cannot be read or a layout that cannot be written;
    /// [`ImageError::Reference`] for a name that cannot be.
    pub fn write(&self, layout: &Path, reference: &str) -> Result<String, ImageError> {
        let name = reference.parse::<ImageReference>()?.to_string();
        let blobs = layout.join("blobs/sha256");
        std::fs::create_dir_all(&blobs).map_err(ImageError::file("make", &blobs))?;
        let layer = self.write_layer(&blobs)?;
        let config = write_blob(&blobs, MediaType::ImageConfig, &self.configuration(layer.digest()))?;
        let manifest = ImageManifestBuilder::default()
            .schema_version(2u32)
            .media_type(MediaType::ImageManifest)
            .config(config)
            .layers(vec![layer])
            .build()
            .expect("all that a manifest needs is there");
        let mut manifest = write_blob(&blobs, MediaType::ImageManifest, &manifest)?;
        let digest = manifest.digest().to_string();
        manifest.set_annotations(Some(HashMap::from([(NAME.to_owned(), name)])));
        let index = ImageIndexBuilder::default().schema_version(2u32).manifests(vec![manifest]).build();
        let index = serde_json::to_vec(&index.expect("all that an index needs is there")).expect("plain values");
        write(&layout.join("index.json"), &index)?;
        write(&layout.join("oci-layout"), br#"{"imageLayoutVersion":"1.0.0"}"#)?;
        Ok(digest)
    }

    fn configuration(&self, layer: &Digest) -> impl serde::Serialize + use<> {
        let given = |words: &[String]| (!words.is_empty()).then(|| words.to_vec());
        let mut config = Config::default();
        config.set_env(given(&self.environment));
        config.set_entrypoint(given(&self.entrypoint));
        config.set_cmd(given(&self.command));
        config.set_working_dir(self.folder.clone());
        config.set_user(self.user.clone());
        config.set_stop_signal(self.stop_signal.clone());
        let layers = RootFsBuilder::default().typ("layers").diff_ids(vec![layer.to_string()]).build();
        ImageConfigurationBuilder::default()
            .architecture(Arch::default())
            .os(Os::Linux)
            .config(config)
            .rootfs(layers.expect("all that a root file system needs is there"))
            .build()
            .expect("all that a configuration needs is there")
    }

    fn write_layer(&self, blobs: &Path) -> Result<Descriptor, ImageError> {
        let draft = blobs.join("layer.draft");
        let file = File::create(&draft).map_err(ImageError::file("write", &draft))?;
        let mut tar = tar::Builder::new(Hashing { to: file, hash: Sha256::new(), size: 0 });
        for (path, content, mode) in &self.files {
            append(&mut tar, path, content, *mode)?;
        }
        let written = tar.into_inner().map_err(ImageError::file("write", &draft))?;
        let (digest, size) = (to_digest(written.hash.finalize()), written.size);
        let path = blobs.join(digest.digest());
        std::fs::rename(&draft, &path).map_err(ImageError::file("write", &path))?;
        Ok(Descriptor::new(MediaType::ImageLayer, size, digest))
    }
}

fn append(tar: &mut tar::Builder<Hashing>, path: &Path, content: &Content, mode: u32) -> Result<(), ImageError> {
    let mut header = tar::Header::new_ustar();
    header.set_mode(mode);
    header.set_mtime(0);
    header.set_uid(0);
    header.set_gid(0);
    let path = path.strip_prefix("/").unwrap_or(path);
    match content {
        Content::Of(source) => {
            let file = File::open(source).map_err(ImageError::file("read", source))?;
            header.set_size(file.metadata().map_err(ImageError::file("read", source))?.len());
            tar.append_data(&mut header, path, file).map_err(ImageError::file("read", source))
        }
        Content::Text(text) => {
            header.set_size(text.len() as u64);
            tar.append_data(&mut header, path, text.as_slice()).map_err(ImageError::file("write", path))
        }
    }
}

fn write_blob<T: serde::Serialize>(blobs: &Path, kind: MediaType, value: &T) -> Result<Descriptor, ImageError> {
    let bytes = serde_json::to_vec(value).expect("plain values always serialise");
    let digest = digest_of(&bytes);
    write(&blobs.join(digest.digest()), &bytes)?;
    Ok(Descriptor::new(kind, bytes.len() as u64, digest))
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), ImageError> {
    std::fs::write(path, bytes).map_err(ImageError::file("write", path))
}

struct Hashing {
    to: File,
    hash: Sha256,
    size: u64,
}

impl Write for Hashing {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let n_written = self.to.write(bytes)?;
        self.hash.update(&bytes[..n_written]);
        self.size += n_written as u64;
        Ok(n_written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_inputs_give_an_equal_digest_and_a_layout_that_reads_back() {
        let dir = tempfile::tempdir().expect("a folder");
        let builder = ImageBuilder::new().text("/etc/motd", "hello", 0o644).entrypoint(["/bin/cat", "/etc/motd"]);
        let one = builder.write(&dir.path().join("one"), "example.com/motd:1").expect("written");
        let two = builder.write(&dir.path().join("two"), "example.com/motd:1").expect("written");
        assert_eq!(one, two);
        let layout = super::super::layout::Layout::open(&dir.path().join("one")).expect("a layout");
        let images = layout.images().expect("named");
        assert_eq!(images[0].0.to_string(), "example.com/motd:1");
        assert_eq!(images[0].1.digest().to_string(), one);
        layout.read(images[0].1.digest()).expect("the manifest is there and whole");
    }
}
