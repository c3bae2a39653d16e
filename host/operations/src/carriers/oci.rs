//! Records in an OCI registry: one repository a pool, one tag a file, so that nobody's write touches another's.

use std::path::Path;

use hangar_pool::{Carrier, CarrierError, FILE_LIMIT};
use hangar_roster::CarrierFile;
use registry_client::{Artifact, ArtifactKind, Blob, Client, Failure, Limits, RegistryError, Store, media_type};
use registry_reference::{ByteSize, Reference, Repository};

use super::{remote, wire::Wire};

/// A repository of a registry. What was read once is kept by digest, so that a look costs one question a file.
pub(super) struct Oci {
    client: Client,
    repository: Repository,
    store: Store,
    wire: Wire,
}

impl Oci {
    pub(super) fn open(client: Client, repository: Repository, store: &Path) -> Result<Self, CarrierError> {
        let wire = Wire::new().map_err(|err| remote("a thread for the network", err))?;
        let store = Store::open(store).map_err(|err| remote(format!("`{}`", store.display()), err))?;
        Ok(Self { client, repository, store, wire })
    }

    fn reference(&self, file: &CarrierFile) -> Result<Reference, CarrierError> {
        let text = format!("{}:{file}", self.repository);
        text.parse().map_err(|err: registry_reference::ParseError| remote(format!("`{text}`"), err))
    }

    async fn get(&self, file: &CarrierFile) -> Result<Option<Vec<u8>>, CarrierError> {
        let reference = self.reference(file)?;
        let limits = Limits { content: ByteSize::bytes(FILE_LIMIT), ..Limits::default() };
        let kind = &ArtifactKind::ROSTER_FILE;
        let pulled = match self.client.pull_artifact(&self.store, &reference, kind, limits, &|_| {}).await {
            Ok(pulled) => pulled,
            Err(err) if is_absent(&err) => return Ok(None),
            Err(err) => return Err(remote(format!("`oci://{reference}`"), err)),
        };
        match std::fs::read(&pulled.path) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(err) => Err(CarrierError::Read { path: pulled.path, err }),
        }
    }

    async fn list(&self) -> Result<Vec<CarrierFile>, CarrierError> {
        let tags = match self.client.list_tags(&self.repository).await {
            Ok(tags) => tags,
            // Made with the first push.
            Err(err) if is_absent(&err) => return Ok(Vec::new()),
            Err(err) => return Err(remote(format!("`oci://{}`", self.repository), err)),
        };
        let files = tags.iter().filter_map(|tag| tag.to_string().parse().ok());
        Ok(files.filter(|file| matches!(file, CarrierFile::Record(_))).collect())
    }
}

impl Carrier for Oci {
    fn records(&self) -> Result<Vec<(String, Vec<u8>)>, CarrierError> {
        self.wire.wait(async {
            let mut records = Vec::new();
            for file in self.list().await? {
                if let Some(bytes) = self.get(&file).await? {
                    records.push((file.to_string(), bytes));
                }
            }
            records.sort();
            Ok(records)
        })
    }

    fn read(&self, file: &CarrierFile) -> Result<Option<Vec<u8>>, CarrierError> {
        self.wire.wait(self.get(file))
    }

    fn publish(&self, file: &CarrierFile, bytes: &[u8]) -> Result<(), CarrierError> {
        let reference = self.reference(file)?;
        let artifact = Artifact {
            config: Blob::new(media_type::ROSTER_CONFIG, "{}"),
            layers: vec![Blob::new(media_type::ROSTER_FILE, bytes.to_vec())],
            artifact_type: None,
            annotations: std::collections::BTreeMap::new(),
        };
        let pushed = self.wire.wait(self.client.push_artifact(&reference, &artifact));
        pushed.map(drop).map_err(|err| remote(format!("`oci://{reference}`"), err))
    }
}

fn is_absent(err: &RegistryError) -> bool {
    matches!(*err.failure, Failure::NotFound { .. })
}
