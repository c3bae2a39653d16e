use std::fs::File;
use std::os::unix::fs::MetadataExt;

use nix::sched::{CloneFlags, setns, unshare};
use nix::unistd::{Gid, Uid};

use super::spec::{Failure, machine};

const OURS: &str = "/proc/self/ns/user";

/// Without root, becomes root of a new user namespace, in which our own identity is the only one there is.
pub(super) fn enter_new_unless_root() -> Result<(), Failure> {
    let (user, group) = (Uid::effective(), Gid::effective());
    if user.is_root() {
        return Ok(());
    }
    unshare(CloneFlags::CLONE_NEWUSER).map_err(machine("make a user namespace (and we are not root)"))?;
    map(0, user.as_raw(), 0, group.as_raw())
}

/// Joins the user namespace of a process, unless it is ours already.
pub(super) fn enter_that_of(pid: i32) -> Result<(), Failure> {
    let path = format!("/proc/{pid}/ns/user");
    let identity = |path: &str| std::fs::metadata(path).map(|meta| (meta.dev(), meta.ino()));
    let theirs = identity(&path).map_err(machine("find the pod's user namespace"))?;
    if theirs == identity(OURS).map_err(machine("find our own user namespace"))? {
        return Ok(());
    }
    let namespace = File::open(path).map_err(machine("open the pod's user namespace"))?;
    setns(namespace, CloneFlags::CLONE_NEWUSER).map_err(machine("join the pod's user namespace"))
}

/// Inside a user namespace that holds one identity, shows that identity as the wanted user and group.
pub(super) fn appear_as(user: u32, group: u32) -> Result<(), Failure> {
    unshare(CloneFlags::CLONE_NEWUSER).map_err(machine("make a user namespace for the container's user"))?;
    map(user, 0, group, 0)
}

/// Whether other identities than root exist here.
pub(super) fn has_one_identity() -> bool {
    let map = std::fs::read_to_string("/proc/self/uid_map").unwrap_or_default();
    map.split_whitespace().nth(2) == Some("1")
}

fn map(user: u32, outer_user: u32, group: u32, outer_group: u32) -> Result<(), Failure> {
    let write = |file: &str, text: String| std::fs::write(format!("/proc/self/{file}"), text);
    write("setgroups", "deny".to_owned()).map_err(machine("give up further groups"))?;
    write("uid_map", format!("{user} {outer_user} 1")).map_err(machine("map the user"))?;
    write("gid_map", format!("{group} {outer_group} 1")).map_err(machine("map the group"))
}
