use std::collections::{BTreeMap, BTreeSet};
use std::fs::OpenOptions;
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use k8s_openapi::jiff::Timestamp;

use super::ownership;

/// Files of a volume by relative path.
pub(super) type Files = BTreeMap<PathBuf, File>;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct File {
    pub(super) content: Vec<u8>,
    pub(super) mode: u32,
}

const DATA: &str = "..data";
const NEXT: &str = "..data_tmp";

/// Shows `files` in `folder`, all at once, as the kubelet's atomic writer does: the files lie in a folder named by the
/// time, `..data` is a link to it, and each visible name is a link through `..data`. Moving that one link changes all.
pub(super) fn write(folder: &Path, files: &Files, group: Option<u32>) -> io::Result<()> {
    std::fs::create_dir_all(folder)?;
    std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o1777))?;
    let old = std::fs::read_link(folder.join(DATA)).ok();
    if old.as_ref().is_some_and(|old| is_same(&folder.join(old), files)) {
        return Ok(());
    }
    let name = format!("..{}", Timestamp::now().strftime("%Y_%m_%d_%H_%M_%S.%9f"));
    let fresh = folder.join(&name);
    std::fs::create_dir(&fresh)?;
    std::fs::set_permissions(&fresh, std::fs::Permissions::from_mode(0o755))?;
    for (path, file) in files {
        write_file(&fresh.join(path), file, group)?;
    }
    drop(std::fs::remove_file(folder.join(NEXT)));
    symlink(&name, folder.join(NEXT))?;
    std::fs::rename(folder.join(NEXT), folder.join(DATA))?;
    show_names(folder, files)?;
    old.map_or(Ok(()), |old| std::fs::remove_dir_all(folder.join(old)))
}

fn write_file(path: &Path, file: &File, group: Option<u32>) -> io::Result<()> {
    if let Some(parent) = path.parent() {
        std::fs::create_dir_all(parent)?;
    }
    let mut open = OpenOptions::new().write(true).create_new(true).mode(file.mode).open(path)?;
    open.write_all(&file.content)?;
    // Past the umask.
    open.set_permissions(std::fs::Permissions::from_mode(file.mode))?;
    ownership::let_group_read(path, group)
}

/// Links the first part of each path, and takes away those that are not there any more.
fn show_names(folder: &Path, files: &Files) -> io::Result<()> {
    let wanted: BTreeSet<_> =
        files.keys().filter_map(|path| path.components().next()).map(|part| part.as_os_str().to_owned()).collect();
    for name in &wanted {
        let link = folder.join(name);
        if !link.is_symlink() {
            symlink(Path::new(DATA).join(name), link)?;
        }
    }
    for entry in std::fs::read_dir(folder)? {
        let name = entry?.file_name();
        if !name.to_string_lossy().starts_with("..") && !wanted.contains(&name) {
            std::fs::remove_file(folder.join(name))?;
        }
    }
    Ok(())
}

fn is_same(folder: &Path, files: &Files) -> bool {
    let same =
        |(path, file): (&PathBuf, &File)| std::fs::read(folder.join(path)).is_ok_and(|content| content == file.content);
    files.iter().all(same) && n_files(folder) == files.len()
}

fn n_files(folder: &Path) -> usize {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries.map(|entry| if entry.path().is_dir() { n_files(&entry.path()) } else { 1 }).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files<const N: usize>(list: [(&str, &str); N]) -> Files {
        let file = |text: &str| File { content: text.as_bytes().to_vec(), mode: 0o400 };
        list.into_iter().map(|(path, text)| (PathBuf::from(path), file(text))).collect()
    }

    fn visible(folder: &Path) -> Vec<String> {
        let entries = std::fs::read_dir(folder).expect("a folder").flatten();
        let mut names: Vec<String> = entries
            .map(|entry| entry.file_name().to_string_lossy().into_owned())
            .filter(|name| !name.starts_with(".."))
            .collect();
        names.sort();
        names
    }

    #[test]
    fn an_update_changes_all_files_by_one_link() {
        let dir = tempfile::tempdir().expect("a folder");
        write(dir.path(), &files([("ca.crt", "1"), ("node.key", "1"), ("deep/er", "1")]), None).expect("written");
        let before = std::fs::read_link(dir.path().join(DATA)).expect("a link");
        assert_eq!(visible(dir.path()), ["ca.crt", "deep", "node.key"]);
        assert_eq!(std::fs::read_link(dir.path().join("ca.crt")).expect("a link"), Path::new("..data/ca.crt"));
        write(dir.path(), &files([("ca.crt", "2")]), None).expect("written");
        assert_eq!(std::fs::read_to_string(dir.path().join("ca.crt")).expect("a file"), "2");
        assert_eq!(visible(dir.path()), ["ca.crt"]);
        assert!(!dir.path().join(before).exists());
    }

    #[test]
    fn the_same_again_moves_nothing() {
        let dir = tempfile::tempdir().expect("a folder");
        write(dir.path(), &files([("a", "1")]), None).expect("written");
        let before = std::fs::read_link(dir.path().join(DATA)).expect("a link");
        write(dir.path(), &files([("a", "1")]), None).expect("written");
        assert_eq!(std::fs::read_link(dir.path().join(DATA)).expect("a link"), before);
    }

    #[test]
    fn a_mode_is_kept_whatever_the_umask() {
        let dir = tempfile::tempdir().expect("a folder");
        write(dir.path(), &files([("key", "1")]), None).expect("written");
        let mode = std::fs::metadata(dir.path().join("key")).expect("a file").permissions().mode();
        assert_eq!(mode & 0o777, 0o400);
    }
}
