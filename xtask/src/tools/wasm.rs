//! Compilers for WebAssembly.

use std::{
    ffi::OsStr,
    fmt, fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, bail};
use semver::VersionReq;

use crate::{
    program::Program,
    tools::{search::Search, version},
};

pub(crate) const TARGET: &str = "wasm32-unknown-unknown";

/// Debian's packages of a current compiler, which carry the source of the standard library.
const PACKAGES: [&str; 3] = ["rustc-web", "cargo-web", "rust-web-src"];

/// A compiler that can make components' core modules.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Toolchain {
    /// The one that builds everything else; rustup fetched the target, as `rust-toolchain.toml` asks.
    Usual,
    /// One without the target's standard library, which it builds itself.
    BuildStd { cargo: PathBuf, rustc: PathBuf, linker: PathBuf },
}

impl fmt::Display for Toolchain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Usual => write!(f, "target {TARGET} of the usual compiler"),
            Self::BuildStd { rustc, .. } => write!(f, "{} with -Zbuild-std", rustc.display()),
        }
    }
}

/// Finds a compiler, and installs Debian's where that is possible.
///
/// Never asks rustup for the target: where rustup may download, it already did so for `rust-toolchain.toml`.
pub(crate) fn find(search: &Search<'_>) -> Result<Toolchain> {
    let usual = Compiler::on_path(search)?;
    if usual.has_wasm()? {
        return Ok(Toolchain::Usual);
    }
    let linker = usual.linker(search)?;
    let (cargo, rustc) = (PathBuf::from("/usr/bin/cargo"), PathBuf::from("/usr/bin/rustc"));
    if !has_sources(&rustc) {
        install(search).with_context(|| {
            let packages = PACKAGES.join(" ");
            format!("run `rustup target add {TARGET}`, or as root on Debian `apt-get install {packages}`")
        })?;
    }
    if !has_sources(&rustc) {
        bail!("`{}` is too old or has no source of the standard library", rustc.display());
    }
    Ok(Toolchain::BuildStd { cargo, rustc, linker })
}

/// The compiler that everything else is built with.
struct Compiler(PathBuf);

impl Compiler {
    fn on_path(search: &Search<'_>) -> Result<Self> {
        search.environment.program("rustc").map(Self).context("no `rustc` on PATH; install it (https://rustup.rs)")
    }

    fn has_wasm(&self) -> Result<bool> {
        let folder = Program::new(&self.0).args(["--print", "target-libdir", "--target", TARGET]).read()?;
        let files = fs::read_dir(folder.trim()).into_iter().flatten().flatten();
        Ok(files.map(|file| file.path()).any(|path| path.extension() == Some(OsStr::new("rlib"))))
    }

    /// LLVM's linker, which rustup's compilers carry.
    fn linker(&self, search: &Search<'_>) -> Result<PathBuf> {
        let libdir = Program::new(&self.0).args(["--print", "target-libdir"]).read()?;
        let carried = Path::new(libdir.trim()).with_file_name("bin").join("rust-lld");
        if carried.exists() {
            return Ok(carried);
        }
        let found = ["rust-lld", "wasm-ld"].iter().find_map(|name| search.environment.program(name));
        found.context("no linker for WebAssembly; on Debian `apt-get install lld`")
    }
}

/// Whether a compiler is new enough and can build its own standard library.
fn has_sources(rustc: &Path) -> bool {
    let wanted = concat!(">=", env!("CARGO_PKG_RUST_VERSION")).parse::<VersionReq>().expect("it is a version");
    let sysroot = Program::new(rustc).args(["--print", "sysroot"]);
    version::check(rustc, &["--version"], &wanted).is_ok()
        && sysroot
            .read()
            .is_ok_and(|sysroot| Path::new(sysroot.trim()).join("lib/rustlib/src/rust/library/std/Cargo.toml").exists())
}

fn install(search: &Search<'_>) -> Result<()> {
    let apt = search.environment.program("apt-get").context("no `apt-get`")?;
    let id = Program::new("id").arg("-u").read()?;
    if id.trim() != "0" {
        bail!("not root");
    }
    eprintln!("installing {} (a minute, once)", PACKAGES.join(", "));
    let apt = || Program::new(&apt).env("DEBIAN_FRONTEND", "noninteractive").arg("--quiet=2");
    // Lists of packages that are days old name files that are gone; that they cannot be renewed may do no harm.
    if let Err(error) = apt().arg("update").run() {
        eprintln!("warning: {error:#}");
    }
    apt().args(["install", "--yes", "--no-install-recommends"]).args(PACKAGES).run()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::{Toolchain, find};
    use crate::tools::search::fake::Machine;

    #[test]
    fn a_compiler_that_has_the_target_is_taken() {
        let machine = Machine::new();
        let libdir = machine.root().join("lib");
        machine.add_program("rustc", &libdir.display().to_string());
        fs::create_dir(&libdir).expect("the folder is new");
        fs::write(libdir.join("libstd-0123.rlib"), "").expect("the folder is ours");
        assert_eq!(find(&machine.search()).expect("it is there"), Toolchain::Usual);
    }

    #[test]
    fn without_a_compiler_the_cure_is_named() {
        let error = find(&Machine::new().search()).expect_err("PATH is empty");
        assert_eq!(error.to_string(), "no `rustc` on PATH; install it (https://rustup.rs)");
    }
}
