use std::path::Path;

use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sys::statvfs::{FsFlags, statvfs};

use super::spec::Failure;

const NOTHING: Option<&str> = None;

/// Nothing mounted from here on is seen by the machine, nor the other way round.
pub(super) fn make_private() -> Result<(), Failure> {
    mount(NOTHING, "/", NOTHING, MsFlags::MS_REC | MsFlags::MS_PRIVATE, NOTHING)
        .map_err(failed("make private", Path::new("/")))
}

pub(super) fn tmpfs(target: &Path, mode: u32) -> Result<(), Failure> {
    let options = format!("mode={mode:o}");
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV;
    mount(Some("tmpfs"), target, Some("tmpfs"), flags, Some(options.as_str())).map_err(failed("mount tmpfs on", target))
}

pub(super) fn proc(target: &Path) -> Result<(), Failure> {
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOEXEC;
    mount(Some("proc"), target, Some("proc"), flags, NOTHING).map_err(failed("mount proc on", target))
}

/// Shows `layers` as one folder, the first on top; writes go to `writable`, if there is one.
pub(super) fn overlay(layers: &[&Path], writable: Option<(&Path, &Path)>, target: &Path) -> Result<(), Failure> {
    let layers: Vec<String> = layers.iter().map(|path| escaped(path)).collect();
    let mut options = format!("lowerdir={}", layers.join(":"));
    if let Some((upper, work)) = writable {
        options.push_str(&format!(",upperdir={},workdir={}", escaped(upper), escaped(work)));
    }
    let flags = if writable.is_some() { MsFlags::empty() } else { MsFlags::MS_RDONLY };
    // Without root the marks of deleted files must be attributes that a user may write.
    let attempt = |options: &str| mount(Some("overlay"), target, Some("overlay"), flags, Some(options));
    let in_user_namespace = super::user_namespace::has_one_identity();
    if in_user_namespace {
        options.push_str(",userxattr");
    }
    attempt(&options).map_err(failed("mount overlay on", target))
}

/// Colons part the layers and commas the options.
fn escaped(path: &Path) -> String {
    path.display().to_string().replace('\\', "\\\\").replace(':', "\\:").replace(',', "\\,")
}

pub(super) fn bind(source: &Path, target: &Path, read_only: bool) -> Result<(), Failure> {
    mount(Some(source), target, NOTHING, MsFlags::MS_BIND | MsFlags::MS_REC, NOTHING)
        .map_err(failed("bind to", target))?;
    if read_only { remount_read_only(target) } else { Ok(()) }
}

/// Keeps the flags that are there: in a user namespace they are locked, and leaving one out is refused.
pub(super) fn remount_read_only(target: &Path) -> Result<(), Failure> {
    let present = statvfs(target).map_err(failed("look at", target))?.flags();
    let kept = [
        (FsFlags::ST_NOSUID, MsFlags::MS_NOSUID),
        (FsFlags::ST_NODEV, MsFlags::MS_NODEV),
        (FsFlags::ST_NOEXEC, MsFlags::MS_NOEXEC),
        (FsFlags::ST_NOATIME, MsFlags::MS_NOATIME),
        (FsFlags::ST_NODIRATIME, MsFlags::MS_NODIRATIME),
        (FsFlags::ST_RELATIME, MsFlags::MS_RELATIME),
    ];
    let kept = kept.into_iter().filter(|(is, _)| present.contains(*is)).map(|(_, flag)| flag);
    let flags = kept.fold(MsFlags::MS_REMOUNT | MsFlags::MS_BIND | MsFlags::MS_RDONLY, MsFlags::union);
    mount(NOTHING, target, NOTHING, flags, NOTHING).map_err(failed("make read-only", target))
}

pub(super) fn detach(target: &Path) -> Result<(), Failure> {
    umount2(target, MntFlags::MNT_DETACH).map_err(failed("unmount", target))
}

pub(super) fn failed<E: std::fmt::Display>(doing: &'static str, path: &Path) -> impl FnOnce(E) -> Failure {
    let path = path.to_owned();
    move |err| Failure::Machine(format!("cannot {doing} `{}`: {err}", path.display()))
}
