//! Reads the files of a certificates directory.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use rustls_pki_types::pem::{PemObject as _, SectionKind};
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

use super::CertsError;
use super::leaf::Leaf;
use super::naming::{Usage, check_key_permissions};
use crate::log;

/// All files of the directory, good and bad.
#[derive(Debug, Clone, Default)]
pub struct Material {
    pub ca: Slot,
    pub client_ca: Slot,
    pub ui_ca: Slot,
    pub node: Slot,
    pub client_node: Slot,
    pub ui: Slot,
    pub clients: BTreeMap<String, Slot>,
}

/// What stands in the place of one file.
#[derive(Debug, Clone, Default)]
pub enum Slot {
    #[default]
    Absent,
    Bad(String),
    Good(Arc<Pair>),
}

/// The certificates of one file, and the key beside it.
#[derive(Debug)]
pub struct Pair {
    /// Never empty; the first is the one looked at.
    pub chain: Vec<CertificateDer<'static>>,
    pub leaf: Leaf,
    pub key: Option<PrivateKeyDer<'static>>,
}

impl Slot {
    /// Whether the slot can be used.
    ///
    /// # Errors
    ///
    /// What is wrong with it, in the database's words.
    pub fn valid(&self) -> Result<(), String> {
        match self {
            Self::Absent => Err("not found".to_owned()),
            Self::Bad(problem) => Err(problem.clone()),
            Self::Good(_) => Ok(()),
        }
    }

    /// The usable content.
    pub fn pair(&self) -> Option<&Arc<Pair>> {
        match self {
            Self::Good(pair) => Some(pair),
            _ => None,
        }
    }

    /// The first certificate of a usable slot.
    pub fn leaf(&self) -> Option<&Leaf> {
        self.pair().map(|pair| &pair.leaf)
    }

    /// Seconds since 1970 at which the first certificate ends, or 0: the value of the expiry metrics. Of a bundle
    /// of several organisations only the first shows here.
    pub fn expiry(&self) -> i64 {
        self.leaf().map_or(0, |leaf| leaf.not_after)
    }
}

impl Material {
    /// Reads every `.crt` file of `dir` and the keys beside them. Bad files are logged and take a bad slot.
    ///
    /// # Errors
    ///
    /// When the folder cannot be listed.
    pub fn read(dir: &Path) -> Result<Self, CertsError> {
        let problem =
            |err: std::io::Error| CertsError::Folder(format!("open {}: {}", dir.display(), go_os_error(&err)));
        let mut names: Vec<String> = Vec::new();
        for entry in fs::read_dir(dir).map_err(problem)? {
            let entry = entry.map_err(problem)?;
            // Kubernetes mounts a Secret as links into a hidden folder; what counts is what a name leads to.
            let is_file = fs::metadata(entry.path()).is_ok_and(|metadata| metadata.is_file());
            if let Some(name) = entry.file_name().to_str().filter(|name| is_file && name.ends_with(".crt")) {
                names.push(name.to_owned());
            }
        }
        names.sort();
        let mut material = Self::default();
        for name in names {
            material.take(dir, &name);
        }
        Ok(material)
    }

    /// Reads the bundle and one node's certificate, `node.NAME.crt`, as databases name them that have a folder for several nodes.
    pub fn of_node(dir: &Path, name: &str) -> Self {
        Self {
            ca: slot(dir, "ca.crt", &Usage::Ca),
            node: slot(dir, &format!("node.{name}.crt"), &Usage::Node),
            ..Self::default()
        }
    }

    fn take(&mut self, dir: &Path, name: &str) {
        let usage = match Usage::of(name) {
            Ok(usage) => usage,
            Err(problem) => {
                let path = dir.join(name);
                log::warning(
                    "security/certificate_loader.go:333",
                    format!("bad filename {}: {problem}", path.display()),
                );
                return;
            }
        };
        let slot = slot(dir, name, &usage);
        match usage {
            Usage::Ca => self.ca = slot,
            Usage::ClientCa => self.client_ca = slot,
            Usage::UiCa => self.ui_ca = slot,
            Usage::Node => self.node = slot,
            Usage::Ui => self.ui = slot,
            Usage::Client(user) if user == "node" => self.client_node = slot,
            Usage::Client(user) => drop(self.clients.insert(user, slot)),
            Usage::Tenant => {}
        }
    }
}

fn slot(dir: &Path, name: &str, usage: &Usage) -> Slot {
    match read_pair(dir, name, usage) {
        Ok(pair) => Slot::Good(Arc::new(pair)),
        Err(problem) => {
            log::warning("security/certificate_loader.go:346", format!("could not load {name}: {problem}"));
            Slot::Bad(problem)
        }
    }
}

fn read_pair(dir: &Path, name: &str, usage: &Usage) -> Result<Pair, String> {
    let path = dir.join(name);
    let content =
        fs::read(&path).map_err(|err| format!("could not read certificate file {}: {err}", path.display()))?;
    let chain = certificates(&content, name)?;
    let leaf = Leaf::parse(&chain[0])?;
    // A file of a bundle is good only if each of its certificates is.
    for (index, der) in chain.iter().enumerate() {
        Leaf::parse(der).map_err(|err| format!("failed to parse certificate {index} in file {name}: {err}"))?;
    }
    let key = if usage.has_key() { Some(read_key(dir, name)?) } else { None };
    if let Usage::Client(user) = usage {
        let principals = super::principals::Principals::of(&leaf, &[]);
        if !principals.users().contains(user) {
            let found = super::principals::quoted(&principals.users());
            return Err(format!("client certificate has principals {found}, expected {user:?}"));
        }
    }
    Ok(Pair { chain, leaf, key })
}

fn certificates(content: &[u8], name: &str) -> Result<Vec<CertificateDer<'static>>, String> {
    let mut chain = Vec::new();
    for (index, block) in <(SectionKind, Vec<u8>)>::pem_slice_iter(content).enumerate() {
        let (kind, der) = block.map_err(|err| format!("failed to parse certificate {index} in file {name}: {err}"))?;
        if kind != SectionKind::Certificate {
            return Err("only the CERTIFICATE PEM type is supported".to_owned());
        }
        chain.push(CertificateDer::from(der));
    }
    if chain.is_empty() {
        return Err(format!("no certificates found in {name}"));
    }
    Ok(chain)
}

fn read_key(dir: &Path, name: &str) -> Result<PrivateKeyDer<'static>, String> {
    let path = dir.join(name).with_extension("key");
    check_key_permissions(&path)?;
    let content = fs::read(&path).map_err(|err| format!("could not read key file {}: {err}", path.display()))?;
    // The parser's own words might quote the key.
    PrivateKeyDer::from_pem_slice(&content)
        .map_err(|_| format!("failed to parse private key in file {}", path.display()))
}

fn go_os_error(err: &std::io::Error) -> String {
    match err.kind() {
        std::io::ErrorKind::NotFound => "no such file or directory".to_owned(),
        std::io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
        _ => err.to_string(),
    }
}
