use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::{Component, Path};

use flate2::read::MultiGzDecoder;
use oci_spec::image::MediaType;

/// A file of this name hides all that lower layers have in its folder.
const OPAQUE: &str = ".wh..wh..opq";
/// A file whose name begins so hides the file of the rest of the name.
const WHITEOUT: &str = ".wh.";

/// Lays one layer over what is in `root` (OCI image specification, layer: applying changesets).
pub(super) fn unpack(layer: &Path, kind: &MediaType, root: &Path) -> io::Result<()> {
    let file = BufReader::new(File::open(layer)?);
    let kind = kind.to_string();
    if kind.ends_with("gzip") {
        unpack_tar(MultiGzDecoder::new(file), root)
    } else if kind.ends_with("tar") {
        unpack_tar(file, root)
    } else {
        Err(io::Error::other(format!("layers of type {kind} are not supported")))
    }
}

fn unpack_tar(tar: impl Read, root: &Path) -> io::Result<()> {
    let mut archive = tar::Archive::new(tar);
    archive.set_preserve_permissions(true);
    archive.set_preserve_ownerships(nix::unistd::Uid::effective().is_root());
    for entry in archive.entries()? {
        let mut entry = entry?;
        let path = entry.path()?.into_owned();
        if path.components().any(|part| part == Component::ParentDir) {
            return Err(io::Error::other(format!("the layer leaves its root: `{}`", path.display())));
        }
        let target = root.join(path.strip_prefix("/").unwrap_or(&path));
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if name == OPAQUE {
            empty(target.parent().unwrap_or(root))?;
        } else if let Some(hidden) = name.strip_prefix(WHITEOUT) {
            remove(&target.with_file_name(hidden))?;
        } else {
            if !entry.header().entry_type().is_dir() || !target.is_dir() {
                remove(&target)?;
            }
            entry.unpack_in(root)?;
        }
    }
    Ok(())
}

fn empty(folder: &Path) -> io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        remove(&entry?.path())?;
    }
    Ok(())
}

fn remove(path: &Path) -> io::Result<()> {
    match std::fs::symlink_metadata(path) {
        Ok(about) if about.is_dir() => std::fs::remove_dir_all(path),
        Ok(_) => std::fs::remove_file(path),
        Err(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layer(files: &[(&str, &str)]) -> Vec<u8> {
        let mut tar = tar::Builder::new(Vec::new());
        for (path, text) in files {
            let mut header = tar::Header::new_ustar();
            header.set_mode(0o644);
            header.set_uid(0);
            header.set_gid(0);
            header.set_size(text.len() as u64);
            tar.append_data(&mut header, path, text.as_bytes()).expect("in memory");
        }
        tar.into_inner().expect("in memory")
    }

    #[test]
    fn a_later_layer_replaces_and_hides() {
        let root = tempfile::tempdir().expect("a folder");
        let lower = layer(&[("etc/a", "1"), ("etc/b", "1"), ("opt/x", "1"), ("opt/y", "1")]);
        let upper = layer(&[("etc/a", "2"), ("etc/.wh.b", ""), ("opt/.wh..wh..opq", ""), ("opt/z", "2")]);
        unpack_tar(lower.as_slice(), root.path()).expect("unpacks");
        unpack_tar(upper.as_slice(), root.path()).expect("unpacks");
        let read = |path: &str| std::fs::read_to_string(root.path().join(path)).ok();
        assert_eq!(read("etc/a").as_deref(), Some("2"));
        assert_eq!(read("etc/b"), None);
        assert_eq!((read("opt/x"), read("opt/y")), (None, None));
        assert_eq!(read("opt/z").as_deref(), Some("2"));
    }
}
