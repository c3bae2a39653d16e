//! The mounted files.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use hangar_pki::{Bundle, observed};
use hangar_plan::strategy::observation::Certificate;
use rustls::crypto::ring;
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject;
use rustls::sign::CertifiedKey;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

/// Kubernetes puts a volume's files behind this link and swaps it in one rename, so all files change at once.
const SWAPPED: &str = "..data";

/// How often a listing that changed under our hands is read again before the next look does it.
const TRIES: usize = 3;

/// The files as they were at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Files {
    pub(super) certificates: Vec<Certificate>,
    pub(super) generation: String,
    /// When they last changed, in milliseconds since 1970.
    pub(super) changed_ms: u64,
    /// Why they are not whole.
    pub(super) problem: Option<String>,
}

impl Files {
    /// Reads all certificates and keys of a folder. Whole: every certificate file parses, and every key is that of its
    /// certificate (`NAME.crt` and `NAME.key`).
    pub(super) fn read(dir: &Path) -> Self {
        let mut read = Self::once(dir);
        for _ in 1..TRIES {
            let again = Self::once(dir);
            if again == read {
                break;
            }
            read = again;
        }
        read
    }

    fn once(dir: &Path) -> Self {
        match list(dir) {
            Ok(paths) => Self::of(dir, &paths),
            Err(err) => Self {
                certificates: Vec::new(),
                generation: String::new(),
                changed_ms: 0,
                problem: Some(format!("{}: {err}", dir.display())),
            },
        }
    }

    fn of(dir: &Path, paths: &BTreeMap<String, PathBuf>) -> Self {
        let mut files = Self {
            certificates: Vec::new(),
            generation: String::new(),
            changed_ms: modified_ms(&dir.join(SWAPPED)),
            problem: None,
        };
        let mut hash = Sha256::new();
        for (name, path) in paths {
            files.changed_ms = files.changed_ms.max(modified_ms(path));
            let outcome = match name.strip_suffix(".key") {
                Some(stem) => check_key(paths, stem, path),
                None => files.add(&mut hash, name, path),
            };
            if let Err(problem) = outcome {
                files.problem.get_or_insert(format!("{name}: {problem}"));
            }
        }
        if files.certificates.is_empty() {
            files.problem.get_or_insert("no certificate is mounted".to_owned());
        }
        files.generation = hex::encode(hash.finalize());
        files
    }

    fn add(&mut self, hash: &mut Sha256, name: &str, path: &Path) -> Result<(), String> {
        let text = fs::read_to_string(path).map_err(|err| err.to_string())?;
        for part in [name, &text] {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        let bundle = Bundle::parse(&text).map_err(|err| err.to_string())?;
        self.certificates.extend(bundle.certificates().iter().map(|certificate| observed(name, certificate)));
        Ok(())
    }
}

fn list(dir: &Path) -> io::Result<BTreeMap<String, PathBuf>> {
    let mut paths = BTreeMap::new();
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        let Some(name) = path.file_name().and_then(|name| name.to_str()).map(str::to_owned) else { continue };
        if !name.starts_with("..") && (name.ends_with(".crt") || name.ends_with(".key")) {
            paths.insert(name, path);
        }
    }
    Ok(paths)
}

/// Nothing of the key is kept, and no error says anything of it.
fn check_key(paths: &BTreeMap<String, PathBuf>, stem: &str, path: &Path) -> Result<(), String> {
    let certificate = format!("{stem}.crt");
    let text = paths.get(&certificate).and_then(|path| fs::read_to_string(path).ok());
    let chain = text.and_then(|text| Bundle::parse(&text).ok());
    let chain = chain.ok_or_else(|| format!("{certificate} is missing or unreadable"))?;
    let pem = Zeroizing::new(fs::read(path).map_err(|err| err.to_string())?);
    let key = PrivateKeyDer::from_pem_slice(&pem).map_err(|_| "no private key in it".to_owned())?;
    let key = ring::sign::any_supported_type(&key).map_err(|_| "not a key that can be used".to_owned())?;
    let chain = chain.into_iter().map(|certificate| certificate.der().clone()).collect();
    CertifiedKey::new(chain, key).keys_match().map_err(|_| format!("does not belong to {certificate}"))
}

fn modified_ms(path: &Path) -> u64 {
    // Of the link itself where it is one: the swap makes a new one.
    let times = [fs::symlink_metadata(path), fs::metadata(path)];
    let modified = times.into_iter().flatten().filter_map(|metadata| metadata.modified().ok()).max();
    let since = modified.and_then(|time| time.duration_since(UNIX_EPOCH).ok());
    since.map_or(0, |since| u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}
