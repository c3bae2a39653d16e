//! Programs that their projects released.

use std::{
    env::consts,
    fs::{self, File},
    io::{self, Read},
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, bail};
use flate2::read::GzDecoder;

use crate::{
    digest,
    program::Program,
    tools::{cache::Recipe, search::Search},
};

/// An archive and the list of checksums beside it.
pub(crate) struct Release {
    pub(crate) base: String,
    pub(crate) archive: String,
    /// Lines of a SHA-256 and a name, as `sha256sum` writes them.
    pub(crate) sums: String,
    /// The program's path in the archive.
    pub(crate) member: String,
    pub(crate) program: &'static str,
}

/// Operating system and processor as Go projects name them: `linux-amd64`.
pub(crate) fn platform() -> String {
    let os = if consts::OS == "macos" { "darwin" } else { consts::OS };
    let arch = match consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    };
    format!("{os}-{arch}")
}

/// Returns the program from the cache, downloaded first if need be.
///
/// # Errors
///
/// If the place cannot be reached, or the archive is not what the list of checksums says.
pub(crate) fn install(search: &Search<'_>, recipe: &Recipe<'_>, release: &Release) -> Result<PathBuf> {
    search.cache.program(recipe, |folder| {
        let sums = folder.join(&release.sums);
        fetch(search, &release.base, &release.sums, &sums)?;
        let archive = folder.join(&release.archive);
        fetch(search, &release.base, &release.archive, &archive)?;
        check(&archive, &fs::read_to_string(&sums)?, &release.archive)?;
        unpack(File::open(&archive)?, &release.member, &folder.join("bin").join(release.program))?;
        Ok(fs::remove_file(archive)?)
    })
}

fn fetch(search: &Search<'_>, base: &str, name: &str, to: &Path) -> Result<()> {
    let curl = search.environment.program("curl").context("no `curl` on PATH")?;
    let curl = Program::new(curl).args(["--fail", "--silent", "--show-error", "--location", "--connect-timeout", "5"]);
    curl.arg("--output").arg(to).arg(format!("{base}/{name}")).read().map(drop)
}

fn check(archive: &Path, sums: &str, name: &str) -> Result<()> {
    let found = digest::of_file(archive)?;
    let wanted = sums.lines().find_map(|line| {
        let (sum, of) = line.split_once(char::is_whitespace)?;
        (of.trim_start().trim_start_matches('*') == name).then_some(sum)
    });
    let wanted = wanted.with_context(|| format!("no checksum for `{name}`"))?;
    if found != wanted {
        bail!("`{name}` has the SHA-256 {found}, wanted {wanted}");
    }
    Ok(())
}

/// Unpacks one file of a gzipped tar archive, which must be a plain file, and makes it executable.
fn unpack(archive: impl Read, member: &str, to: &Path) -> Result<()> {
    let mut archive = tar::Archive::new(GzDecoder::new(archive));
    for entry in archive.entries()? {
        let mut entry = entry?;
        if entry.header().entry_type().is_file() && entry.path()?.as_ref() == Path::new(member) {
            let mut file = File::create(to)?;
            io::copy(&mut entry, &mut file)?;
            let executable = std::os::unix::fs::PermissionsExt::from_mode(0o755);
            return Ok(file.set_permissions(executable)?);
        }
    }
    bail!("no `{member}` in the archive")
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::{Release, check, install, unpack};
    use crate::{
        digest::{self, Fields},
        environment::is_executable,
        tools::{cache::Recipe, search::Search},
    };

    fn archive() -> Vec<u8> {
        let mut builder = tar::Builder::new(flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast()));
        let mut header = tar::Header::new_gnu();
        header.set_size(4);
        header.set_mode(0o644);
        builder.append_data(&mut header, "linux-amd64/tool", &b"tool"[..]).expect("memory does not fail");
        builder.into_inner().and_then(flate2::write::GzEncoder::finish).expect("memory does not fail")
    }

    #[test]
    fn an_archive_that_is_not_the_listed_one_is_refused() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("tool.tar.gz");
        fs::write(&path, "abc").expect("the folder is ours");
        let sum = digest::of_bytes(b"abc");
        check(&path, &format!("{sum}  tool.tar.gz\n"), "tool.tar.gz").expect("it is the one");
        check(&path, &format!("{sum} *tool.tar.gz\n"), "tool.tar.gz").expect("binary mode has a star");
        let error = check(&path, &format!("{}  tool.tar.gz\n", digest::of_bytes(b"")), "tool.tar.gz");
        assert!(error.expect_err("it is another").to_string().starts_with("`tool.tar.gz` has the SHA-256 ba7816bf"));
        let error = check(&path, &format!("{sum}  other.tar.gz\n"), "tool.tar.gz").expect_err("it is not listed");
        assert_eq!(error.to_string(), "no checksum for `tool.tar.gz`");
    }

    #[test]
    fn the_program_is_taken_out_of_the_archive() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("tool");
        unpack(&archive()[..], "linux-amd64/tool", &path).expect("it is in there");
        assert_eq!(fs::read_to_string(&path).expect("it was unpacked"), "tool");
        assert!(is_executable(&path));
        let error = unpack(&archive()[..], "helm", &path).expect_err("it is not in there");
        assert_eq!(error.to_string(), "no `helm` in the archive");
    }

    #[test]
    fn a_release_is_fetched_checked_and_cached() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let site = folder.path().join("site");
        fs::create_dir(&site).expect("the folder is new");
        fs::write(site.join("tool.tar.gz"), archive()).expect("the folder is ours");
        let sums = format!("{}  tool.tar.gz\n", digest::of_bytes(&archive()));
        fs::write(site.join("SUMS"), sums).expect("the folder is ours");
        let tools = folder.path().join("tools").display().to_string();
        let environment = [("PATH", "/usr/bin:/bin"), ("HANGAR_TOOLS_DIR", &tools)].into_iter().collect();
        let search = Search::new(&environment, folder.path()).expect("the tools have a place");
        let release = Release {
            base: format!("file://{}", site.display()),
            archive: "tool.tar.gz".into(),
            sums: "SUMS".into(),
            member: "linux-amd64/tool".into(),
            program: "tool",
        };
        let recipe = Recipe::new("tool", "1.0.0", Fields::default(), "tool");
        let path = install(&search, &recipe, &release).expect("it is there");
        assert!(is_executable(&path));
        fs::remove_dir_all(site).expect("the folder is ours");
        assert_eq!(install(&search, &recipe, &release).expect("it is in the cache"), path);
    }
}
