use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use nix::unistd::{Gid, Uid, chown};

/// Makes a folder that every container of the pod may write to.
pub(super) fn make_shared_folder(folder: &Path, group: Option<u32>) -> io::Result<()> {
    std::fs::create_dir_all(folder)?;
    std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o777))?;
    give_to_group(folder, group)
}

/// Gives a folder and all in it to the pod's group, to read and write, as the kubelet does for `fsGroup`.
pub(super) fn give_to_group(folder: &Path, group: Option<u32>) -> io::Result<()> {
    let Some(group) = group else { return Ok(()) };
    let about = std::fs::symlink_metadata(folder)?;
    if about.is_dir() {
        for entry in std::fs::read_dir(folder)? {
            give_to_group(&entry?.path(), Some(group))?;
        }
        // New files in it belong to the group too.
        set_group(folder, group, about.permissions().mode() | 0o2070)
    } else if about.is_file() {
        set_group(folder, group, about.permissions().mode() | 0o060)
    } else {
        Ok(())
    }
}

/// A file that the group may read, whatever else its mode says.
pub(super) fn let_group_read(file: &Path, group: Option<u32>) -> io::Result<()> {
    let Some(group) = group else { return Ok(()) };
    let mode = std::fs::metadata(file)?.permissions().mode();
    set_group(file, group, mode | 0o040)
}

fn set_group(path: &Path, group: u32, mode: u32) -> io::Result<()> {
    // Without root there is one identity, which owns everything already.
    if Uid::effective().is_root() {
        chown(path, None, Some(Gid::from_raw(group)))?;
    }
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode & 0o7777))
}
