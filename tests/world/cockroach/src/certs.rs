//! The certificates directory of a node: what it holds, and how it is read again on SIGHUP.

pub mod go_text;
pub mod leaf;
pub mod loader;
pub mod naming;
pub mod principals;
pub mod tls;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use crate::log;
use loader::{Material, Slot};
use tls::{ClientTls, ServerTls};

/// Why certificates could not be used. Texts are the database's own.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CertsError {
    /// A certificate that must be there is absent or bad.
    #[error("problem with {what}: {problem}")]
    Problem { what: &'static str, problem: String },
    /// A reload met a worse folder than the one in use.
    #[error("reload would lose valid {what}: {problem}")]
    WouldLose { what: &'static str, problem: String },
    /// The node's certificate does not carry the principal `node`.
    #[error("client/server node certificate has principals {}, expected \"node\"", principals::quoted(found))]
    NotANode { found: Vec<String> },
    /// TLS cannot work with the files, for example because key and certificate do not belong together.
    #[error("{0}")]
    Unusable(String),
    /// The folder itself cannot be read.
    #[error("{0}")]
    Folder(String),
}

/// The certificates of a node, replaced as a whole by [`Certificates::reload`].
///
/// New handshakes use what was loaded last; established connections keep what they were made with.
#[derive(Debug)]
pub struct Certificates {
    dir: PathBuf,
    /// Whose certificate it is in a folder for several nodes; none where it is the folder's own.
    node: Option<String>,
    principal_map: Vec<(String, String)>,
    current: Mutex<Arc<Loaded>>,
}

/// One generation of certificates and the TLS settings made from it.
#[derive(Debug)]
pub struct Loaded {
    pub material: Material,
    pub server: ServerTls,
    pub client: ClientTls,
}

impl Certificates {
    /// Reads `dir` for a node that starts.
    ///
    /// # Errors
    ///
    /// When the CA or the node certificate is missing, broken or not a node's.
    pub fn for_node(dir: &Path, principal_map: Vec<(String, String)>) -> Result<Self, CertsError> {
        Self::read(dir, None, principal_map)
    }

    /// As above, from a folder with certificates of several nodes: this one's is `node.NAME.crt`. Whoever the authorities vouch
    /// for is a member.
    ///
    /// # Errors
    ///
    /// When the CA or the node's certificate is missing or broken.
    pub fn for_member(dir: &Path, name: &str) -> Result<Self, CertsError> {
        let map = vec![(principals::ANYBODY.to_owned(), "node".to_owned())];
        Self::read(dir, Some(name.to_owned()), map)
    }

    fn read(dir: &Path, node: Option<String>, principal_map: Vec<(String, String)>) -> Result<Self, CertsError> {
        let loaded = Loaded::new(material(dir, node.as_deref())?, &principal_map)?;
        Ok(Self { dir: dir.to_owned(), node, principal_map, current: Mutex::new(Arc::new(loaded)) })
    }

    /// The generation in use.
    pub fn current(&self) -> Arc<Loaded> {
        Arc::clone(&self.current.lock().expect("no holder panics"))
    }

    /// How certificate names become principals.
    pub fn principal_map(&self) -> &[(String, String)] {
        &self.principal_map
    }

    /// Reads the folder again: all of it is taken over, or none.
    ///
    /// # Errors
    ///
    /// When a certificate that is valid now would be lost, or TLS cannot work with the new files.
    pub fn reload(&self) -> Result<(), CertsError> {
        let material = material(&self.dir, self.node.as_deref())?;
        let current = self.current();
        for (what, old, new) in [
            ("CA cert", &current.material.ca, &material.ca),
            ("client CA cert", &current.material.client_ca, &material.client_ca),
            ("node cert", &current.material.node, &material.node),
            ("client cert for 'node'", &current.material.client_node, &material.client_node),
        ] {
            if let (Ok(()), Err(problem)) = (old.valid(), new.valid()) {
                return Err(CertsError::WouldLose { what, problem });
            }
        }
        let loaded = Loaded::new(material, &self.principal_map)?;
        *self.current.lock().expect("no holder panics") = Arc::new(loaded);
        Ok(())
    }

    /// Answers a SIGHUP: reloads and logs what became of it.
    pub fn reload_and_log(&self) {
        log::info("security/certificate_manager.go:230", "received signal \"hangup\", triggering certificate reload");
        match self.reload() {
            Ok(()) => log::info("security/certificate_manager.go:239", "successfully reloaded certificates"),
            Err(err) => {
                log::warning("security/certificate_manager.go:237", format!("could not reload certificates: {err}"));
            }
        }
    }
}

fn material(dir: &Path, node: Option<&str>) -> Result<Material, CertsError> {
    node.map_or_else(|| Material::read(dir), |name| Ok(Material::of_node(dir, name)))
}

impl Loaded {
    fn new(material: Material, principal_map: &[(String, String)]) -> Result<Self, CertsError> {
        material.ca.valid().map_err(|problem| CertsError::Problem { what: "CA certificate", problem })?;
        material.node.valid().map_err(|problem| CertsError::Problem { what: "node certificate", problem })?;
        let outgoing =
            if matches!(material.client_node, Slot::Absent) { &material.node } else { &material.client_node };
        outgoing.valid().map_err(|problem| CertsError::Problem { what: "client node certificate", problem })?;
        let names = outgoing.leaf().map(|leaf| principals::Principals::of(leaf, principal_map)).unwrap_or_default();
        if !names.include("node") {
            return Err(CertsError::NotANode { found: names.users() });
        }
        let server = ServerTls::new(&material)?;
        let client = ClientTls::new(&material.ca, Some(outgoing))?;
        Ok(Self { material, server, client })
    }
}
