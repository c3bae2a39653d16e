//! Compiled code on disk.
//!
//! Loading machine code is as good as running it, so a file is mapped only if this installation wrote it: each has a
//! MAC under a key of this installation, checked over the descriptor that is then mapped. The name is made of
//! everything the code depends on. A file that is missing, cut, changed or another's is a recompile, never an error.

use std::fs::File;
use std::io::{self, Read as _};
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use registry_reference::Digest;
use wasmtime::Engine;
use wasmtime::component::Component;

use crate::engine::ENGINE_VERSION;
use crate::error::RuntimeError;
use crate::key::{InstallationKey, open_private};

/// Bytes of code kept; the files unused for longest go first.
const MAX_KEPT: u64 = 1 << 30;

/// The folder of compiled code.
pub(crate) struct CodeCache {
    folder: PathBuf,
    mac_key: [u8; 32],
    environment: Environment,
}

/// What compiled code depends on besides its source.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Environment {
    /// Compiler, target, flags and features, as the engine hashes them.
    engine: [u8; 32],
    engine_version: String,
    host_version: String,
    /// Features of the processor.
    cpu: String,
}

impl CodeCache {
    /// Opens a folder, making it if need be.
    pub(crate) fn open(folder: &Path, key: &InstallationKey, engine: &Engine) -> Result<Self, RuntimeError> {
        let unusable = |err| RuntimeError::CacheFolder { path: folder.into(), err };
        hangar_durable::private_dir(folder).map_err(|err| unusable(io::Error::other(err)))?;
        let folder = folder.canonicalize().map_err(unusable)?;
        check_folder(&folder)?;
        Ok(Self { folder, mac_key: key.derive("hangar 2026 compiled code"), environment: Environment::of(engine) })
    }

    /// Loads what was compiled from a component, if it is here and whole.
    pub(crate) fn load(&self, engine: &Engine, source: &Digest) -> Option<Component> {
        let path = self.path(source);
        let found = self.verify(&path, source).and_then(|file| {
            // SAFETY: `deserialize_file` demands bytes that this engine's compiler made. The MAC, under a key that only
            // this installation has, says that this host wrote these bytes for this engine, version and processor, and
            // it was checked over this descriptor: the path names the descriptor and nothing that can be swapped. Only
            // this user could still change the file, and this user could as well change the process.
            #[expect(unsafe_code, reason = "loading compiled code is unsafe by nature")]
            let component = unsafe { Component::deserialize_file(engine, descriptor_path(&file)) };
            component.map_err(|err| format!("{err:#}"))
        });
        match found {
            Ok(component) => Some(component),
            Err(reason) => {
                tracing::debug!(%source, reason, "no compiled code to load");
                None
            }
        }
    }

    /// Keeps what was compiled from a component. Failing to costs the next start a recompile and nothing else.
    pub(crate) fn keep(&self, source: &Digest, code: &[u8]) {
        let path = self.path(source);
        let mac = self.mac(source, |hasher| {
            hasher.update(code);
        });
        let written = hangar_durable::write_private(&path, code)
            .and_then(|()| hangar_durable::write_private(&mac_path(&path), mac.to_hex().as_bytes()));
        if let Err(err) = written {
            tracing::warn!(path = %path.display(), %err, "cannot keep compiled code");
        }
        self.trim(&path);
    }

    /// Opens a file and says that it is the one this installation wrote for this source.
    fn verify(&self, path: &Path, source: &Digest) -> Result<File, String> {
        let words = |err: io::Error| err.to_string();
        let mut expected = String::new();
        open_private(&mac_path(path)).map_err(words)?.take(64).read_to_string(&mut expected).map_err(words)?;
        let expected = blake3::Hash::from_hex(&expected).map_err(|err| err.to_string())?;
        let file = open_private(path).map_err(words)?;
        let metadata = file.metadata().map_err(words)?;
        if metadata.uid() != nix::unistd::geteuid().as_raw() || metadata.mode() & 0o022 != 0 {
            return Err("somebody else can write the file".into());
        }
        let mut read = Ok(());
        let mac = self.mac(source, |hasher| read = hasher.update_reader(&file).map(|_| ()));
        read.map_err(words)?;
        // `Hash` compares in constant time.
        if mac == expected { Ok(file) } else { Err("the file is not the one that was written".into()) }
    }

    /// The MAC binds the code to its name, so that a file is of no use under another's.
    fn mac(&self, source: &Digest, code: impl FnOnce(&mut blake3::Hasher)) -> blake3::Hash {
        let mut hasher = blake3::Hasher::new_keyed(&self.mac_key);
        hasher.update(self.name(source).as_bytes());
        code(&mut hasher);
        hasher.finalize()
    }

    fn path(&self, source: &Digest) -> PathBuf {
        self.folder.join(format!("{}.cwasm", self.name(source)))
    }

    fn name(&self, source: &Digest) -> String {
        let mut hasher = blake3::Hasher::new();
        let Environment { engine, engine_version, host_version, cpu } = &self.environment;
        for part in
            [source.as_bytes(), engine.as_slice(), engine_version.as_bytes(), host_version.as_bytes(), cpu.as_bytes()]
        {
            hasher.update(&(part.len() as u64).to_le_bytes());
            hasher.update(part);
        }
        hasher.finalize().to_hex().to_string()
    }

    /// Removes the oldest files past the bound, but never the one just written.
    fn trim(&self, just_written: &Path) {
        let Ok(entries) = std::fs::read_dir(&self.folder) else { return };
        let mut files: Vec<_> = entries
            .filter_map(Result::ok)
            .filter_map(|entry| {
                let metadata = entry.metadata().ok()?;
                Some((metadata.modified().ok()?, metadata.len(), entry.path()))
            })
            .filter(|(_, _, path)| path.extension().is_some_and(|extension| extension == "cwasm"))
            .collect();
        files.sort();
        let mut total: u64 = files.iter().map(|(_, size, _)| size).sum();
        for (_, size, path) in files.iter().filter(|(_, _, path)| path != just_written) {
            if total <= MAX_KEPT {
                break;
            }
            total -= size;
            drop(std::fs::remove_file(mac_path(path)));
            drop(std::fs::remove_file(path));
        }
    }
}

impl Environment {
    fn of(engine: &Engine) -> Self {
        let mut hasher = EngineHasher(blake3::Hasher::new());
        std::hash::Hash::hash(&engine.precompile_compatibility_hash(), &mut hasher);
        Self {
            engine: *hasher.0.finalize().as_bytes(),
            engine_version: ENGINE_VERSION.into(),
            host_version: env!("CARGO_PKG_VERSION").into(),
            cpu: cpu(),
        }
    }
}

/// Takes what the engine hashes as bytes; the standard library's hash of it would be 64 bits.
struct EngineHasher(blake3::Hasher);

impl std::hash::Hasher for EngineHasher {
    fn write(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    fn finish(&self) -> u64 {
        unreachable!("only the full hash is used")
    }
}

/// The features of the first processor, as the kernel lists them; empty where it does not.
fn cpu() -> String {
    let mut text = String::new();
    let read = File::open("/proc/cpuinfo").and_then(|file| file.take(64 * 1024).read_to_string(&mut text));
    if read.is_err() {
        return String::new();
    }
    let line = text.lines().find(|line| line.starts_with("flags") || line.starts_with("Features"));
    line.unwrap_or_default().to_owned()
}

/// A path that leads to an open file, whatever has its name by now.
fn descriptor_path(file: &File) -> PathBuf {
    PathBuf::from(format!("/proc/self/fd/{}", file.as_raw_fd()))
}

fn mac_path(path: &Path) -> PathBuf {
    path.with_extension("mac")
}

/// Nobody else may be able to put a file into the folder, or another folder into its place.
fn check_folder(folder: &Path) -> Result<(), RuntimeError> {
    let unusable = |err| RuntimeError::CacheFolder { path: folder.into(), err };
    let metadata = folder.metadata().map_err(unusable)?;
    let refuse = |path: &Path, problem| Err(RuntimeError::Unsafe { path: path.into(), problem });
    if metadata.uid() != nix::unistd::geteuid().as_raw() {
        return refuse(folder, "belongs to somebody else");
    }
    if metadata.permissions().mode() & 0o022 != 0 {
        return refuse(folder, "can be written by others");
    }
    if let Some(parent) = folder.parent() {
        let mode = parent.metadata().map_err(unusable)?.permissions().mode();
        let sticky = mode & 0o1000 != 0;
        if mode & 0o022 != 0 && !sticky {
            return refuse(parent, "can be written by others, who could swap the folder of compiled plugins in it");
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
