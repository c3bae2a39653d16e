//! What a plugin says of itself: `plugin.toml` as its author writes it, and the custom section the host reads.

mod database;

use std::collections::BTreeMap;

use hangar_plan::diagnostic::Diagnostic;
use hangar_plan::grant::{Kind, Request};
use semver::Version;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use self::database::Database;
use crate::schema::{Schema, SchemaError};

/// Name of the component's custom section.
pub const SECTION: &str = "hangar:manifest";
/// Bound of the section, schemas included.
pub(crate) const MAX_BYTES: usize = 512 * 1024;

/// Who a plugin is, what it asks for, and how its blocks of the workspace file must look.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Manifest {
    /// Lower-case letters, digits and dashes.
    pub name: String,
    /// The plugin's own version.
    pub version: Version,
    /// One line for an operator.
    #[serde(default)]
    pub description: String,
    /// What it asks for.
    pub request: Request,
    /// JSON Schema of the block of each kind.
    pub schemas: BTreeMap<Kind, Value>,
    /// The database of a pooling strategy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub database: Option<Database>,
}

/// Why a manifest is refused.
#[derive(Debug, thiserror::Error)]
pub enum ManifestError {
    /// Not TOML, or an unknown or missing key.
    #[error("cannot read the manifest")]
    Toml(#[source] toml::de::Error),
    /// The section is not JSON of the right shape.
    #[error("cannot read the manifest in the component")]
    Json(#[source] serde_json::Error),
    /// The part of one kind does not fit.
    #[error("cannot read `{kind}` of the manifest")]
    Kind {
        /// The kind.
        kind: Kind,
        /// What does not fit.
        #[source]
        err: toml::de::Error,
    },
    /// A kind names no schema.
    #[error("`{0}` of the manifest names no schema")]
    NoSchema(Kind),
    /// A schema file cannot be read.
    #[error("cannot read schema `{path}`")]
    SchemaFile {
        /// Path as the manifest writes it.
        path: String,
        /// Why not.
        #[source]
        err: std::io::Error,
    },
    /// A schema is no JSON, or no JSON Schema.
    #[error("schema of `{kind}` cannot be used")]
    Schema {
        /// The kind.
        kind: Kind,
        /// Why not.
        #[source]
        err: SchemaError,
    },
    /// A name is not spelt as names are.
    #[error("`{0}` is no name: use lower-case letters, digits and dashes")]
    Name(String),
    /// No kind is declared.
    #[error("the manifest declares no kind")]
    NoKind,
    /// A verb mounts a Secret that is not asked for.
    #[error("verb `{verb}` mounts secret `{secret}`, which is not among `secrets`")]
    VerbSecret {
        /// The verb.
        verb: String,
        /// The Secret.
        secret: String,
    },
    /// A pooling strategy does not say which database it is for.
    #[error("the manifest of a pooling strategy needs `[database]` with `image`, `port` and `tier`")]
    NoDatabase,
    /// The database's image has neither tag nor digest.
    #[error("image `{0}` of the manifest's database needs a tag or a digest")]
    VagueImage(String),
    /// Two credentials have one name.
    #[error("credential `{0}` is declared twice")]
    CredentialTwice(String),
    /// The section passes its bound.
    #[error("the manifest is larger than {MAX_BYTES} bytes")]
    TooLarge,
}

/// `plugin.toml`, with each kind's part still unread because it also holds the path of its schema.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct Raw {
    name: String,
    version: Version,
    #[serde(default)]
    description: String,
    infra_provider: Option<toml::Table>,
    secret_store: Option<toml::Table>,
    pooling_strategy: Option<toml::Table>,
    database: Option<Database>,
    #[serde(default)]
    limits: hangar_plan::grant::Limits,
}

impl Manifest {
    /// Reads `plugin.toml`. `read` returns the file of a schema by the path that the manifest writes.
    ///
    /// # Errors
    ///
    /// [`ManifestError`] says what does not fit.
    pub fn from_toml(text: &str, read: impl Fn(&str) -> std::io::Result<Vec<u8>>) -> Result<Self, ManifestError> {
        let raw: Raw = toml::from_str(text).map_err(ManifestError::Toml)?;
        let mut schemas = BTreeMap::new();
        let mut schema = |kind, path: Option<String>| -> Result<(), ManifestError> {
            let path = path.ok_or(ManifestError::NoSchema(kind))?;
            let bytes = read(&path).map_err(|err| ManifestError::SchemaFile { path, err })?;
            let value = serde_json::from_slice(&bytes)
                .map_err(|err| ManifestError::Schema { kind, err: SchemaError::Json(err) })?;
            schemas.insert(kind, value);
            Ok(())
        };
        let request = Request {
            infra_provider: part(Kind::InfraProvider, raw.infra_provider, &mut schema)?,
            secret_store: part(Kind::SecretStore, raw.secret_store, &mut schema)?,
            pooling_strategy: part(Kind::PoolingStrategy, raw.pooling_strategy, &mut schema)?,
            limits: raw.limits,
        };
        let Raw { name, version, description, database, .. } = raw;
        let manifest = Self { name, version, description, request, schemas, database };
        manifest.check()?;
        Ok(manifest)
    }

    /// Reads the custom section of a component.
    ///
    /// # Errors
    ///
    /// [`ManifestError`] says what does not fit.
    pub fn from_section(bytes: &[u8]) -> Result<Self, ManifestError> {
        if bytes.len() > MAX_BYTES {
            return Err(ManifestError::TooLarge);
        }
        let manifest: Self = serde_json::from_slice(bytes).map_err(ManifestError::Json)?;
        manifest.check()?;
        Ok(manifest)
    }

    /// The bytes of the custom section. Equal manifests give equal bytes.
    ///
    /// # Errors
    ///
    /// [`ManifestError::TooLarge`].
    pub fn to_section(&self) -> Result<Vec<u8>, ManifestError> {
        let bytes = serde_json::to_vec(self).map_err(ManifestError::Json)?;
        if bytes.len() > MAX_BYTES { Err(ManifestError::TooLarge) } else { Ok(bytes) }
    }

    /// What the plugin asks for.
    #[must_use]
    pub fn request(&self) -> &Request {
        &self.request
    }

    /// The kinds that it declares.
    #[must_use]
    pub fn kinds(&self) -> Vec<Kind> {
        self.schemas.keys().copied().collect()
    }

    /// Checks a block of the workspace file against the schema of a kind, without running the plugin; all findings at
    /// once. A kind that is not declared accepts nothing.
    #[must_use]
    pub fn check_config(&self, kind: Kind, config: &Value) -> Vec<Diagnostic> {
        let nothing = Value::Bool(false);
        match Schema::compile(self.schemas.get(&kind).unwrap_or(&nothing)) {
            Ok(schema) => schema.check(config),
            Err(err) => vec![crate::schema::error(String::new(), err.to_string())],
        }
    }

    fn check(&self) -> Result<(), ManifestError> {
        if !is_name(&self.name) {
            return Err(ManifestError::Name(self.name.clone()));
        }
        if self.schemas.is_empty() {
            return Err(ManifestError::NoKind);
        }
        for kind in Kind::ALL {
            let asked = match kind {
                Kind::InfraProvider => self.request.infra_provider.is_some(),
                Kind::SecretStore => self.request.secret_store.is_some(),
                Kind::PoolingStrategy => self.request.pooling_strategy.is_some(),
            };
            match self.schemas.get(&kind) {
                Some(schema) if asked => {
                    Schema::compile(schema).map_err(|err| ManifestError::Schema { kind, err })?;
                }
                None if !asked => {}
                _ => return Err(ManifestError::NoSchema(kind)),
            }
        }
        self.check_credentials()?;
        match &self.database {
            None if self.request.pooling_strategy.is_some() => return Err(ManifestError::NoDatabase),
            Some(database) if !database.is_exact() => {
                return Err(ManifestError::VagueImage(database.image.to_string()));
            }
            _ => {}
        }
        for verb in self.request.pooling_strategy.iter().flat_map(|strategy| &strategy.verbs) {
            let secrets = self.request.pooling_strategy.as_ref().map_or(&[][..], |strategy| &strategy.secrets);
            if let Some(secret) = verb.secret.as_ref().filter(|secret| !secrets.contains(secret)) {
                return Err(ManifestError::VerbSecret { verb: verb.name.clone(), secret: secret.clone() });
            }
        }
        Ok(())
    }

    fn check_credentials(&self) -> Result<(), ManifestError> {
        let infra = self.request.infra_provider.as_ref().map_or(&[][..], |request| &request.credentials);
        let store = self.request.secret_store.as_ref().map_or(&[][..], |request| &request.credentials);
        for slots in [infra, store] {
            for (n, slot) in slots.iter().enumerate() {
                if !is_name(&slot.name) {
                    return Err(ManifestError::Name(slot.name.clone()));
                }
                if slots[..n].iter().any(|other| other.name == slot.name) {
                    return Err(ManifestError::CredentialTwice(slot.name.clone()));
                }
            }
        }
        Ok(())
    }
}

/// Reads the part of one kind: its schema's path apart, what it asks for as a type.
fn part<T: DeserializeOwned>(
    kind: Kind,
    table: Option<toml::Table>,
    schema: &mut impl FnMut(Kind, Option<String>) -> Result<(), ManifestError>,
) -> Result<Option<T>, ManifestError> {
    let Some(mut table) = table else { return Ok(None) };
    let path = table.remove("schema").and_then(|value| value.as_str().map(str::to_owned));
    schema(kind, path)?;
    let request = toml::Value::Table(table).try_into().map_err(|err| ManifestError::Kind { kind, err })?;
    Ok(Some(request))
}

fn is_name(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= 63
        && text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

#[cfg(test)]
mod tests;
