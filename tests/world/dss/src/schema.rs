//! Schemas: numbered steps in a folder, and the version a database is at.

use std::fmt;
use std::path::{Path, PathBuf};

use tokio_postgres::Client;

use crate::datastore::DatastoreError;

/// Schemas the program carries, by folder, for images that hold nothing but the program. A folder that exists beats
/// them.
///
/// The longer path comes first: both databases have folders of the same last name.
const BUILT_IN: [(&str, &[(&str, &str)]); 6] = [
    (
        "yugabyte/rid",
        &[
            ("upto-v1.0.0-create.sql", include_str!("../db-schemas/yugabyte/rid/upto-v1.0.0-create.sql")),
            ("upto-v1.0.1-index.sql", include_str!("../db-schemas/yugabyte/rid/upto-v1.0.1-index.sql")),
        ],
    ),
    (
        "yugabyte/scd",
        &[
            ("upto-v1.0.0-create.sql", include_str!("../db-schemas/yugabyte/scd/upto-v1.0.0-create.sql")),
            ("upto-v1.1.1-locks.sql", include_str!("../db-schemas/yugabyte/scd/upto-v1.1.1-locks.sql")),
        ],
    ),
    (
        "yugabyte/aux_",
        &[
            ("upto-v1.0.0-create.sql", include_str!("../db-schemas/yugabyte/aux_/upto-v1.0.0-create.sql")),
            ("upto-v1.1.0-heartbeats.sql", include_str!("../db-schemas/yugabyte/aux_/upto-v1.1.0-heartbeats.sql")),
        ],
    ),
    (
        "rid",
        &[
            ("upto-v4.0.0-create.sql", include_str!("../db-schemas/rid/upto-v4.0.0-create.sql")),
            ("upto-v4.1.0-index.sql", include_str!("../db-schemas/rid/upto-v4.1.0-index.sql")),
        ],
    ),
    (
        "scd",
        &[
            ("upto-v3.0.0-create.sql", include_str!("../db-schemas/scd/upto-v3.0.0-create.sql")),
            ("upto-v3.4.1-locks.sql", include_str!("../db-schemas/scd/upto-v3.4.1-locks.sql")),
        ],
    ),
    (
        "aux_",
        &[
            ("upto-v1.0.0-create.sql", include_str!("../db-schemas/aux_/upto-v1.0.0-create.sql")),
            ("upto-v1.1.0-heartbeats.sql", include_str!("../db-schemas/aux_/upto-v1.1.0-heartbeats.sql")),
        ],
    ),
];

/// Why a schema was not brought to its version.
#[derive(Debug, thiserror::Error)]
pub enum SchemaError {
    /// No such folder, on disk or in the program.
    #[error("failed to read schema definition files in `{}`", dir.display())]
    Folder {
        dir: PathBuf,
        #[source]
        err: Option<std::io::Error>,
    },
    /// A version that is none.
    #[error("`{0}` is not a version like 1.2.3")]
    Version(String),
    /// The database is ahead of the files.
    #[error("current schema version {current} of `{database}` is not known to the steps in `{}`", dir.display())]
    Ahead { database: String, current: Version, dir: PathBuf },
    /// No step leads to the wanted version.
    #[error("no step leads to version {0}")]
    NoStep(Version),
    /// The database failed.
    #[error(transparent)]
    Datastore(#[from] DatastoreError),
}

/// A version of a schema.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version {
    pub major: u32,
    pub minor: u32,
    pub patch: u32,
}

/// The steps of one database.
#[derive(Debug)]
pub struct Steps {
    /// The database's name: the folder's, without a trailing underscore.
    pub database: String,
    dir: PathBuf,
    up: Vec<(Version, String)>,
}

impl Version {
    /// Reads `v1.2.3` or `1.2.3`.
    ///
    /// # Errors
    ///
    /// [`SchemaError::Version`].
    pub fn parse(text: &str) -> Result<Self, SchemaError> {
        let bad = || SchemaError::Version(text.to_owned());
        let mut numbers = text.trim_start_matches('v').split('.').map(|part| part.parse::<u32>().map_err(|_| bad()));
        let mut next = || numbers.next().ok_or_else(bad)?;
        Ok(Self { major: next()?, minor: next()?, patch: next()? })
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "v{}.{}.{}", self.major, self.minor, self.patch)
    }
}

impl Steps {
    /// Reads the steps of a folder.
    ///
    /// # Errors
    ///
    /// [`SchemaError::Folder`] if there are none.
    pub fn read(dir: &Path) -> Result<Self, SchemaError> {
        let folder = dir.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let failed = |err| SchemaError::Folder { dir: dir.to_owned(), err };
        let mut files: Vec<(String, String)> = Vec::new();
        if dir.exists() {
            for entry in std::fs::read_dir(dir).map_err(|err| failed(Some(err)))? {
                let path = entry.map_err(|err| failed(Some(err)))?.path();
                if let Some(name) = path.file_name().and_then(|name| name.to_str()) {
                    files.push((name.to_owned(), std::fs::read_to_string(&path).map_err(|err| failed(Some(err)))?));
                }
            }
        } else if let Some((_, built_in)) = BUILT_IN.iter().find(|(name, _)| dir.ends_with(name)) {
            files.extend(built_in.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())));
        }
        let mut up = Vec::new();
        for (name, text) in files {
            if let Some(rest) = name.strip_prefix("upto-").filter(|_| name.ends_with(".sql")) {
                up.push((Version::parse(rest.split('-').next().unwrap_or_default())?, text));
            }
        }
        if up.is_empty() {
            return Err(failed(None));
        }
        up.sort_by_key(|(version, _)| *version);
        Ok(Self { database: folder.trim_end_matches('_').to_owned(), dir: dir.to_owned(), up })
    }

    /// What `latest` or a version means here.
    ///
    /// # Errors
    ///
    /// [`SchemaError::NoStep`] for a version without a step.
    pub fn target(&self, wanted: &str) -> Result<Version, SchemaError> {
        let latest = self.up.last().map(|(version, _)| *version).unwrap_or_default();
        let target = if wanted == "latest" { latest } else { Version::parse(wanted)? };
        let known = self.up.iter().any(|(version, _)| *version == target);
        if known { Ok(target) } else { Err(SchemaError::NoStep(target)) }
    }

    /// Takes the steps that lead from the present version to `target`, each once; says from where and how many. `client` is in the
    /// schema's own database.
    ///
    /// # Errors
    ///
    /// [`SchemaError::Ahead`] when the database is at a version that no step knows.
    pub async fn migrate(&self, client: &Client, target: Version) -> Result<(Version, usize), SchemaError> {
        let from = current(client).await?;
        let known = from == Version::default() || self.up.iter().any(|(version, _)| *version == from);
        if !known {
            return Err(SchemaError::Ahead { database: self.database.clone(), current: from, dir: self.dir.clone() });
        }
        let mut n_steps = 0;
        for (version, text) in self.up.iter().filter(|(version, _)| *version <= target) {
            // Read anew before each step: another member may be at it too.
            if current(client).await? >= *version {
                continue;
            }
            client.batch_execute(text).await.map_err(DatastoreError::from)?;
            n_steps += 1;
        }
        Ok((from, n_steps))
    }
}

/// The version of the schema in a client's database; all zeros before the first step.
///
/// # Errors
///
/// When the database cannot be asked.
pub async fn current(client: &Client) -> Result<Version, SchemaError> {
    let ask = async {
        let exists = "SELECT EXISTS (SELECT * FROM information_schema.tables WHERE table_name = 'schema_versions')";
        if !client.query_one(exists, &[]).await?.get::<_, bool>(0) {
            return Ok(None);
        }
        let row =
            client.query_opt("SELECT schema_version FROM schema_versions WHERE onerow_enforcer = TRUE", &[]).await?;
        Ok::<_, tokio_postgres::Error>(row.map(|row| row.get::<_, String>(0)))
    };
    match ask.await.map_err(DatastoreError::from)? {
        Some(text) => Version::parse(&text),
        None => Ok(Version::default()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_steps_lead_to_the_versions_upstream_pins() {
        let latest = |folder: &str| {
            let steps = Steps::read(Path::new("/nowhere").join(folder).as_path()).expect("built in");
            (steps.database.clone(), steps.target("latest").expect("a step").to_string())
        };
        assert_eq!(latest("rid"), ("rid".into(), "v4.1.0".into()));
        assert_eq!(latest("scd"), ("scd".into(), "v3.4.1".into()));
        assert_eq!(latest("aux_"), ("aux".into(), "v1.1.0".into()));
        assert_eq!(latest("yugabyte/rid"), ("rid".into(), "v1.0.1".into()));
        assert_eq!(latest("yugabyte/scd"), ("scd".into(), "v1.1.1".into()));
        assert_eq!(latest("yugabyte/aux_"), ("aux".into(), "v1.1.0".into()));
        assert!(Steps::read(Path::new("/nowhere/else")).is_err());
    }

    #[test]
    fn a_version_needs_a_step() {
        let steps = Steps::read(Path::new("/nowhere/rid")).expect("built in");
        assert!(matches!(steps.target("9.9.9"), Err(SchemaError::NoStep(_))));
        assert!(matches!(steps.target("soon"), Err(SchemaError::Version(_))));
    }
}
