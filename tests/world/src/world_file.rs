use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::WorldError;

/// `world.json`: where everything of a running world is.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct WorldFile {
    /// The image registry, `127.0.0.1:PORT`, plain HTTP.
    pub registry: String,
    /// The resolver that knows the public names of all organisations.
    pub dns: String,
    /// One for each organisation, in the order they were asked for.
    pub organisations: Vec<OrganisationFile>,
}

/// What an organisation's operator is given.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct OrganisationFile {
    pub name: String,
    /// From 1; third number of the organisation's addresses.
    pub index: u8,
    /// URL of the Kubernetes API.
    pub api_endpoint: String,
    /// The CA that signed the API's certificate, PEM.
    pub ca_file: PathBuf,
    /// Bearer token of the operator `hangar`, who is cluster admin.
    pub token_file: PathBuf,
    /// For `kubectl` and `helm`, as the cluster's own admin.
    pub kubeconfig: PathBuf,
    /// Real addresses of the pods; a pod's status shows the same with 10 in place of 127.
    pub pod_range: String,
    /// Addresses of Services of type LoadBalancer.
    pub load_balancer_range: String,
    /// The resolver of this organisation's pods: its cluster names and all public names.
    pub resolver: String,
    /// Whoever leads the pods out by a gateway writes its address into this file; until then others see their own.
    pub egress_file: PathBuf,
    /// New connections from the ranges in this file, one a line, are reset by this organisation's load balancers, whatever a
    /// Service says; without a file none is. A firewall between two organisations, in one direction.
    pub refused_file: PathBuf,
    /// The cloud around the cluster, if there is one.
    pub cloud: Option<CloudFile>,
}

/// What an operator is given of a cloud.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "name", rename_all = "kebab-case")]
pub enum CloudFile {
    Aws {
        /// Where every service answers.
        endpoint: String,
        /// Which services those are, by the names that terraform's provider has for them.
        services: Vec<String>,
        /// A key of an administrator, as the profile `default`.
        credentials_file: PathBuf,
        /// Id of the zone `ORGANISATION.example.com`.
        hosted_zone: String,
    },
    Google {
        /// Holds the stand-in of terraform's provider; any token signs in.
        provider_mirror: PathBuf,
    },
    Azure {
        /// Holds the stand-in of terraform's provider.
        provider_mirror: PathBuf,
        /// Where Entra answers.
        authority: String,
        tenant: String,
        client: String,
        secret_file: PathBuf,
    },
}

impl WorldFile {
    const NAME: &'static str = "world.json";

    /// Reads the `world.json` of the world in `dir`.
    ///
    /// # Errors
    ///
    /// [`WorldError::File`] if there is none or it is no such file.
    pub fn read(dir: &Path) -> Result<Self, WorldError> {
        let path = dir.join(Self::NAME);
        let text = std::fs::read(&path).map_err(WorldError::file("read", &path))?;
        serde_json::from_slice(&text).map_err(|err| WorldError::file("read", &path)(err.into()))
    }

    /// Writes the file so that a reader meets the whole of it or nothing.
    pub(crate) fn write(&self, dir: &Path) -> Result<(), WorldError> {
        let (path, draft) = (dir.join(Self::NAME), dir.join("world.json.draft"));
        let text = serde_json::to_vec_pretty(self).expect("plain values always serialise");
        std::fs::write(&draft, text).map_err(WorldError::file("write", &draft))?;
        std::fs::rename(&draft, &path).map_err(WorldError::file("write", &path))
    }

    pub(crate) fn remove(dir: &Path) {
        drop(std::fs::remove_file(dir.join(Self::NAME)));
    }
}
