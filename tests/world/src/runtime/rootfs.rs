use std::fs::File;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use nix::unistd::pivot_root;

use super::mounts::{self, failed};
use super::spec::{Failure, MountSpec, RootSpec};

/// Folders of the machine that lie below the image, so that a program of the image finds its libraries.
const MACHINE: [&str; 7] = ["usr", "bin", "sbin", "lib", "lib32", "lib64", "libx32"];
/// What the machine's programs and libraries need of /etc.
const MACHINE_ETC: [&str; 2] = ["ld.so.cache", "alternatives"];
const DEVICES: [&str; 6] = ["null", "zero", "full", "random", "urandom", "tty"];
/// Where the machine's own root is while the container's is being built.
const OLD_ROOT: &str = ".machine";

/// Builds the container's file system and makes it the root of this process.
///
/// From below: the machine's programs and libraries (read-only), the image (never written to), a writable part that is
/// gone with the container, and the mounts asked for. All mounts but the root are made from inside the new root, so that
/// an absolute symbolic link of the image leads where the image means it to.
pub(super) fn enter(root: &RootSpec) -> Result<(), Failure> {
    mounts::tmpfs(&root.scratch, 0o755)?;
    let part = |name: &str| root.scratch.join(name);
    let (base, upper, work, merged) = (part("base"), part("upper"), part("work"), part("merged"));
    for folder in [&base, &upper, &work, &merged] {
        make_folder(folder)?;
    }
    lay_base(&base)?;
    mounts::overlay(&[&root.image, &base], Some((&upper, &work)), &merged)?;
    change_root(&merged)?;
    let machine = Path::new("/").join(OLD_ROOT);
    show_machine(&machine, &root.image)?;
    show_system(&machine)?;
    for mount in &root.mounts {
        show(&machine, mount)?;
    }
    mounts::detach(&machine)?;
    std::fs::remove_dir(&machine).map_err(failed("remove", &machine))?;
    if root.read_only { mounts::remount_read_only(Path::new("/")) } else { Ok(()) }
}

fn lay_base(base: &Path) -> Result<(), Failure> {
    for name in ["etc", "dev", "proc", "tmp", "root", "run", "var", OLD_ROOT] {
        make_folder(&base.join(name))?;
    }
    for name in MACHINE {
        let machine = Path::new("/").join(name);
        match std::fs::read_link(&machine) {
            Ok(target) => symlink(target, base.join(name)).map_err(failed("link", &base.join(name)))?,
            Err(_) if machine.is_dir() => make_folder(&base.join(name))?,
            Err(_) => {}
        }
    }
    let files = [
        ("passwd", "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/nonexistent:/bin/false\n"),
        ("group", "root:x:0:\nnogroup:x:65534:\n"),
        ("nsswitch.conf", "passwd: files\ngroup: files\nhosts: files dns\n"),
    ];
    for (name, text) in files {
        let path = base.join("etc").join(name);
        std::fs::write(&path, text).map_err(failed("write", &path))?;
    }
    Ok(())
}

fn change_root(new: &Path) -> Result<(), Failure> {
    pivot_root(new, &new.join(OLD_ROOT)).map_err(failed("change the root to", new))?;
    std::env::set_current_dir("/").map_err(failed("enter", Path::new("/")))
}

fn show_machine(machine: &Path, image: &Path) -> Result<(), Failure> {
    let image = machine.join(image.strip_prefix("/").unwrap_or(image));
    for name in MACHINE {
        let (source, target) = (real_folder(machine, name), Path::new("/").join(name));
        let Some(source) = source else { continue };
        if target.is_symlink() {
            continue;
        }
        let of_image = image.join(name);
        // A folder of the image stays in front of the machine's.
        if of_image.is_dir() && !of_image.is_symlink() {
            mounts::overlay(&[&of_image, &source], None, &target)?;
        } else {
            mounts::bind(&source, &target, true)?;
        }
    }
    for name in MACHINE_ETC {
        let (source, target) = (machine.join("etc").join(name), Path::new("/etc").join(name));
        if source.exists() && !target.exists() {
            show(machine, &MountSpec { source: Path::new("/etc").join(name), target, read_only: true })?;
        }
    }
    Ok(())
}

/// The folder `/name` of the machine, through the one link it may be (`/bin` to `usr/bin`).
fn real_folder(machine: &Path, name: &str) -> Option<PathBuf> {
    let path = machine.join(name);
    let path = match std::fs::read_link(&path) {
        Ok(target) => machine.join(target.strip_prefix("/").unwrap_or(&target)),
        Err(_) => path,
    };
    path.is_dir().then_some(path)
}

fn show_system(machine: &Path) -> Result<(), Failure> {
    for folder in ["/proc", "/dev", "/tmp"] {
        make_folder(Path::new(folder))?;
    }
    mounts::proc(Path::new("/proc"))?;
    mounts::tmpfs(Path::new("/tmp"), 0o1777)?;
    mounts::tmpfs(Path::new("/dev"), 0o755)?;
    for device in DEVICES {
        let target = Path::new("/dev").join(device);
        File::create(&target).map_err(failed("make", &target))?;
        mounts::bind(&machine.join("dev").join(device), &target, false)?;
    }
    for (name, target) in [("fd", "fd"), ("stdin", "fd/0"), ("stdout", "fd/1"), ("stderr", "fd/2")] {
        let path = Path::new("/dev").join(name);
        symlink(Path::new("/proc/self").join(target), &path).map_err(failed("link", &path))?;
    }
    let shared_memory = Path::new("/dev/shm");
    make_folder(shared_memory)?;
    mounts::tmpfs(shared_memory, 0o1777)
}

/// Binds a file or folder, making what it is bound to if need be.
fn show(machine: &Path, mount: &MountSpec) -> Result<(), Failure> {
    let source = machine.join(mount.source.strip_prefix("/").unwrap_or(&mount.source));
    let about = std::fs::metadata(&source).map_err(failed("look at", &mount.source))?;
    if about.is_dir() {
        make_folder(&mount.target)?;
    } else {
        mount.target.parent().map_or(Ok(()), make_folder)?;
        if !mount.target.exists() {
            File::create(&mount.target).map_err(failed("make", &mount.target))?;
        }
    }
    mounts::bind(&source, &mount.target, mount.read_only)
}

fn make_folder(path: &Path) -> Result<(), Failure> {
    if path.is_dir() {
        return Ok(());
    }
    std::fs::create_dir_all(path).map_err(failed("make", path))?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).map_err(failed("make", path))
}
