//! `instance "name" { … }`.

use std::path::PathBuf;

use registry_reference::Reference;
use url::Url;

use crate::{
    names::{DnsName, InstanceName, KubeName},
    raw::{RawAuthorization, RawInstance},
    workspace::check::Check,
};

/// The host's own image that instances run unless they say otherwise.
///
/// A release is built with its image's reference, digest included, in `HANGAR_RELEASE_IMAGE`; other builds name
/// the tag of their version.
pub const DEFAULT_AGENT_IMAGE: &str = match option_env!("HANGAR_RELEASE_IMAGE") {
    Some(image) => image,
    None => concat!("docker.io/interuss/hangar:", env!("CARGO_PKG_VERSION")),
};

const DEFAULT_NAME: &str = "dss";

/// One DSS instance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Instance {
    /// Its name in this workspace and in the names of what is made for it.
    pub name: InstanceName,
    /// Where it serves.
    pub hostname: DnsName,
    /// Below which each database node has its own name. Neither `hostname` nor above it.
    pub db_suffix: DnsName,
    /// Number of database nodes, from 1.
    pub n_nodes: u16,
    /// Image of the core service. Has a tag or a digest, as the next two.
    pub image: Reference,
    /// Image of the database, where it is not the one that the strategy means.
    pub database_image: Option<Reference>,
    /// Image of the host.
    pub agent_image: Reference,
    /// Namespace on the cluster.
    pub namespace: KubeName,
    /// Name of the Helm release.
    pub release: KubeName,
    /// How access tokens are verified.
    pub authorization: Authorization,
}

/// How access tokens are verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Authorization {
    /// By keys of a set on the web.
    Jwks {
        endpoint: Url,
        /** Never empty. */
        key_ids: Vec<String>,
    },
    /// By keys in files.
    PublicKeys {
        /** Never empty. */
        files: Vec<PathBuf>,
    },
}

pub(super) fn read(check: &mut Check<'_>) -> Option<Instance> {
    let (pointer, name) = check.only_label("instance")?;
    let name = {
        let parsed = name.parse::<InstanceName>();
        if let Err(err) = &parsed {
            let finding = check.finding(&pointer, err.to_string());
            check.push(finding);
        }
        parsed.ok()
    };
    let raw: RawInstance = check.raw(&pointer)?;
    let at = |key: &str| format!("{pointer}/{key}");
    let hostname = check.parse::<DnsName>(&at("hostname"), &raw.hostname);
    let db_suffix = check.parse::<DnsName>(&at("db_suffix"), &raw.db_suffix);
    if let (Some(hostname), Some(db_suffix)) = (&hostname, &db_suffix)
        && hostname == db_suffix
    {
        let help = format!("for instance `db.{hostname}`");
        check.refuse(&at("db_suffix"), "`db_suffix` and `hostname` are one name", help);
    }
    let image = check.image(&at("image"), &raw.image);
    let database_image = raw.database_image.as_deref().map(|image| check.image(&at("database_image"), image));
    let agent = raw.agent_image.as_deref().unwrap_or(DEFAULT_AGENT_IMAGE);
    let agent_image = check.image(&at("agent_image"), agent);
    let namespace = check.parse(&at("namespace"), raw.namespace.as_deref().unwrap_or(DEFAULT_NAME));
    let release = check.parse(&at("release"), raw.release.as_deref().unwrap_or(DEFAULT_NAME));
    let authorization = authorization(check, &at("authorization"), raw.authorization);
    Some(Instance {
        name: name?,
        hostname: hostname?,
        db_suffix: db_suffix?,
        n_nodes: raw.nodes,
        image: image?,
        database_image: database_image.map_or(Some(None), |image| image.map(Some))?,
        agent_image: agent_image?,
        namespace: namespace?,
        release: release?,
        authorization: authorization?,
    })
}

fn authorization(check: &mut Check<'_>, pointer: &str, raw: RawAuthorization) -> Option<Authorization> {
    let at = |key: &str| format!("{pointer}/{key}");
    let RawAuthorization { jwks_endpoint, jwks_key_ids, public_key_files } = raw;
    match (jwks_endpoint, jwks_key_ids, public_key_files) {
        (Some(endpoint), Some(key_ids), None) => {
            let endpoint = check.web(&at("jwks_endpoint"), &endpoint);
            if key_ids.is_empty() || key_ids.iter().any(String::is_empty) {
                check.refuse(
                    &at("jwks_key_ids"),
                    "`jwks_key_ids` has to name at least one key, and none by nothing",
                    None,
                );
                return None;
            }
            Some(Authorization::Jwks { endpoint: endpoint?, key_ids })
        }
        (None, None, Some(files)) => {
            if files.is_empty() {
                check.refuse(&at("public_key_files"), "`public_key_files` has to name at least one file", None);
                return None;
            }
            let paths = files.iter().enumerate();
            let paths: Vec<_> =
                paths.map(|(i, file)| check.path(&format!("{}/{i}", at("public_key_files")), file)).collect();
            Some(Authorization::PublicKeys { files: paths.into_iter().collect::<Option<_>>()? })
        }
        (endpoint, key_ids, files) => {
            let message = match (endpoint.is_some(), key_ids.is_some(), files.is_some()) {
                (_, _, false) if endpoint.is_some() != key_ids.is_some() => {
                    "`jwks_endpoint` and `jwks_key_ids` belong together, one is missing"
                }
                (false, false, false) => "`authorization` says no way to verify tokens",
                _ => "`authorization` says two ways to verify tokens, and the service would take the files only",
            };
            let help = "set either `jwks_endpoint` with `jwks_key_ids`, or `public_key_files`".to_owned();
            let finding = check.finding(pointer, message);
            check.push(finding.help(help));
            None
        }
    }
}
