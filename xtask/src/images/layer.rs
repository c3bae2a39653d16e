//! Layers of images.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};
use flate2::{Compression, GzBuilder};

use crate::digest;

/// One file of a layer. Ordered by its path, as layers are.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct File {
    /// Relative to the image's root.
    pub(crate) path: PathBuf,
    /// Where its content lies on the machine.
    pub(crate) source: PathBuf,
    pub(crate) mode: u32,
}

impl File {
    /// A file that all may run.
    pub(crate) fn program(path: impl Into<PathBuf>, source: PathBuf) -> Self {
        Self { path: path.into(), source, mode: 0o755 }
    }

    /// A file that all may read.
    fn data(path: PathBuf, source: PathBuf) -> Self {
        Self { path, source, mode: 0o644 }
    }
}

/// All files below a folder of the machine, placed below `path`.
pub(crate) fn files_below(folder: &Path, path: &Path) -> Result<Vec<File>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).with_context(|| format!("cannot read `{}`", folder.display()))? {
        let entry = entry?;
        let path = path.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            files.extend(files_below(&entry.path(), &path)?);
        } else {
            files.push(File::data(path, entry.path()));
        }
    }
    Ok(files)
}

/// What an image's documents say of a layer.
pub(crate) struct Layer {
    /// SHA-256 in hex of what is stored, which is compressed.
    pub(crate) digest: String,
    pub(crate) n_bytes: u64,
    /// SHA-256 in hex of the archive inside.
    pub(crate) diff_id: String,
}

/// Writes files as one gzipped tar archive. No date, no owner and no name of this machine gets into it. A file that stands under
/// several paths is stored once; the others link to the first.
pub(crate) fn write(files: &[File], to: impl Write) -> Result<Layer> {
    // The dates are 0 already; another operating system would be named in the header.
    let gzip = GzBuilder::new().mtime(0).operating_system(255).write(digest::Writer::new(to), Compression::fast());
    let mut archive = tar::Builder::new(digest::Writer::new(gzip));
    for folder in folders_of(files) {
        let mut header = header(tar::EntryType::Directory, 0o755, 0);
        archive.append_data(&mut header, folder, io::empty())?;
    }
    let mut stored: BTreeMap<&Path, &Path> = BTreeMap::new();
    for file in files {
        let packed = match stored.get(file.source.as_path()) {
            Some(first) => link(&mut archive, file, first),
            None => append(&mut archive, file),
        };
        packed.with_context(|| format!("cannot pack `{}`", file.source.display()))?;
        stored.entry(&file.source).or_insert(&file.path);
    }
    let (gzip, diff_id, _) = archive.into_inner()?.finish();
    let (mut to, digest, n_bytes) = gzip.finish()?.finish();
    to.flush()?;
    Ok(Layer { digest, n_bytes, diff_id })
}

fn append(archive: &mut tar::Builder<impl Write>, File { path, source, mode }: &File) -> io::Result<()> {
    let mut file = fs::File::open(source)?;
    let mut header = header(tar::EntryType::Regular, *mode, file.metadata()?.len());
    archive.append_data(&mut header, path, &mut file)
}

fn link(archive: &mut tar::Builder<impl Write>, file: &File, to: &Path) -> io::Result<()> {
    archive.append_link(&mut header(tar::EntryType::Link, file.mode, 0), &file.path, to)
}

/// Every folder above a file, each before those in it.
fn folders_of(files: &[File]) -> BTreeSet<&Path> {
    let folders = files.iter().flat_map(|file| file.path.ancestors().skip(1));
    folders.filter(|folder| *folder != Path::new("")).collect()
}

fn header(kind: tar::EntryType, mode: u32, n_bytes: u64) -> tar::Header {
    let mut header = tar::Header::new_ustar();
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_size(n_bytes);
    header.set_mtime(0);
    header.set_uid(0);
    header.set_gid(0);
    header
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::MetadataExt as _;

    use flate2::read::GzDecoder;

    use super::{File, files_below, write};
    use crate::digest;

    #[test]
    fn a_layer_holds_its_files_below_their_folders_and_nothing_of_this_machine() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        fs::write(folder.path().join("tool"), "program").expect("the folder is ours");
        let mut stored = Vec::new();
        let layer = write(&[File::program("usr/bin/tool", folder.path().join("tool"))], &mut stored).expect("it packs");
        assert_eq!(layer.digest, digest::of_bytes(&stored));
        assert_eq!(layer.n_bytes, stored.len() as u64);
        let mut archive = tar::Archive::new(GzDecoder::new(&stored[..]));
        let entries: Vec<_> = archive
            .entries()
            .expect("it is an archive")
            .map(|entry| {
                let entry = entry.expect("it is whole");
                let header = entry.header();
                assert_eq!(header.mtime().expect("a number"), 0);
                assert_eq!(header.uid().expect("a number"), 0);
                (entry.path().expect("a path").display().to_string(), header.mode().expect("a number"))
            })
            .collect();
        assert_eq!(entries, [("usr".into(), 0o755), ("usr/bin".into(), 0o755), ("usr/bin/tool".into(), 0o755)]);
    }

    #[test]
    fn a_file_under_two_paths_is_stored_once() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let tool = folder.path().join("tool");
        fs::write(&tool, "program").expect("the folder is ours");
        let mut stored = Vec::new();
        write(&[File::program("bin/a", tool.clone()), File::program("bin/b", tool)], &mut stored).expect("it packs");
        let unpacked = folder.path().join("unpacked");
        tar::Archive::new(GzDecoder::new(&stored[..])).unpack(&unpacked).expect("it unpacks");
        let file = |name: &str| unpacked.join("bin").join(name);
        assert_eq!(fs::read(file("b")).expect("it is there"), b"program");
        assert_eq!(file("a").metadata().expect("it is there").ino(), file("b").metadata().expect("it is there").ino());
    }

    #[test]
    fn a_folder_keeps_its_shape() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        fs::create_dir(folder.path().join("rid")).expect("the folder is new");
        fs::write(folder.path().join("rid/upto.sql"), "").expect("the folder is ours");
        let files = files_below(folder.path(), "db-schemas".as_ref()).expect("it can be read");
        assert_eq!(files.len(), 1);
        assert_eq!(files[0].path, std::path::Path::new("db-schemas/rid/upto.sql"));
        assert_eq!(files[0].mode, 0o644);
    }
}
