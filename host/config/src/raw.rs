//! The workspace file as it is typed.
//!
//! These types are the shape of the file: the JSON Schema that checks it and that editors use is derived from
//! them, so doc comments here are the reference of the format.

use std::{collections::BTreeMap, path::PathBuf};

use schemars::{JsonSchema, Schema, generate::SchemaSettings, transform::RecursiveTransform};
use serde::Deserialize;
use serde_json::{Map, Value};

/// A workspace: one instance, the plugins it is made with, and what they are told.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Workspace", title = "hangar.hcl")]
#[expect(dead_code, reason = "the schema is derived from it; blocks are read one by one")]
pub(crate) struct RawFile {
    /// Version of this format. Always 1.
    pub(crate) version: u32,
    /// The instance; exactly one.
    pub(crate) instance: BTreeMap<String, RawInstance>,
    /// Plugins by the name they have in this workspace.
    pub(crate) plugin: BTreeMap<String, RawPlugin>,
    /// Where the instance runs: the plugin that lays down the infrastructure, and that plugin's own keys.
    pub(crate) infra: BTreeMap<String, Map<String, Value>>,
    /// Where secrets are kept: the plugin, and that plugin's own keys.
    pub(crate) secrets: BTreeMap<String, Map<String, Value>>,
    /// The pool: the plugin that knows how its database is pooled, and that plugin's own keys.
    pub(crate) pool: Option<BTreeMap<String, RawPool>>,
    /// How the signed records of the pool's members travel.
    pub(crate) roster: Option<RawRoster>,
    /// What runs on the cluster.
    pub(crate) services: RawServices,
    /// How to reach the cluster's API, where that differs from what the infrastructure answers.
    pub(crate) cluster: Option<RawCluster>,
    /// Credentials that plugins asked for, by slot, each bound to where the operator keeps it.
    pub(crate) credential: Option<BTreeMap<String, RawCredential>>,
    /// How terraform (or OpenTofu) is run.
    pub(crate) terraform: Option<RawTerraform>,
    /// Where tools are, if not on the path.
    pub(crate) tools: Option<RawTools>,
    /// Where terraform's state lies, if not in the workspace: the kind of backend (`s3`, `gcs`, `azurerm`, `http`), and that
    /// backend's own settings, which hold no secret. `credential` names a slot whose value the backend signs in with.
    pub(crate) state: Option<BTreeMap<String, Map<String, Value>>>,
    /// Changes made outside that are as they should be, by resource address; one that ends with `*` covers what begins so.
    pub(crate) drift: Option<BTreeMap<String, RawDrift>>,
}

/// A change made outside that somebody answers for, until a day.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Drift")]
pub(crate) struct RawDrift {
    /// Who answers for it.
    pub(crate) owner: String,
    /// Last day on which it is allowed, such as `2026-12-31`.
    pub(crate) until: String,
    /// Why it is as it should be.
    pub(crate) reason: String,
}

/// One DSS instance.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Instance")]
pub(crate) struct RawInstance {
    /// DNS name at which the instance serves.
    pub(crate) hostname: String,
    /// DNS name below which each database node has its own.
    pub(crate) db_suffix: String,
    /// Number of database nodes.
    #[schemars(range(min = 1, max = 99))]
    pub(crate) nodes: u16,
    /// Image of the core service, with tag or digest.
    pub(crate) image: String,
    /// Namespace on the cluster. `dss` if not set.
    pub(crate) namespace: Option<String>,
    /// Name of the Helm release. `dss` if not set.
    pub(crate) release: Option<String>,
    /// Image of the database, with tag or digest. The one that the strategy means if not set.
    pub(crate) database_image: Option<String>,
    /// Image of the host itself, run beside the database and for probes. That of this release if not set.
    pub(crate) agent_image: Option<String>,
    /// How access tokens are verified.
    pub(crate) authorization: RawAuthorization,
}

/// How access tokens are verified: by a key set on the web, or by key files.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Authorization")]
pub(crate) struct RawAuthorization {
    /// Address of a JSON Web Key Set.
    pub(crate) jwks_endpoint: Option<String>,
    /// Ids of the keys in the set that are trusted.
    pub(crate) jwks_key_ids: Option<Vec<String>>,
    /// Files with public keys in PEM form, relative to this file.
    pub(crate) public_key_files: Option<Vec<PathBuf>>,
}

/// One plugin.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Plugin")]
pub(crate) struct RawPlugin {
    /// Where it comes from: `oci://host/path:tag`, `oci-layout:PATH[:name]` or `file:PATH`.
    pub(crate) source: String,
    /// Accept that nobody signed it. Needed for plugins from a registry until signatures are verified.
    #[serde(default)]
    pub(crate) unsigned: bool,
    /// Let it, and the registry it comes from, be spoken to over plain http on this machine.
    #[serde(default)]
    pub(crate) dev: bool,
    /// Digest of its manifest; anything else is refused.
    pub(crate) digest: Option<String>,
}

/// The pool of this instance. Every other key is the plugin's own.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(rename = "Pool")]
pub(crate) struct RawPool {
    /// Name of the pool.
    pub(crate) name: String,
    /// Name of this instance inside the pool; no other member may have it.
    pub(crate) locality: String,
}

/// How the signed records of the pool's members travel.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Roster")]
pub(crate) struct RawRoster {
    /// `folder:PATH`, `file:PATH`, `oci://host/path` or `https://host/path`.
    pub(crate) carrier: String,
    /// For `oci://`: speak to a registry on this very machine without TLS.
    pub(crate) dev: Option<bool>,
    /// For `https://`: who signed the server's certificate, where that is no public authority; PEM.
    pub(crate) ca_file: Option<PathBuf>,
}

/// What runs on the cluster.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Services")]
pub(crate) struct RawServices {
    /// The chart: a folder, or `oci://host/path:tag`.
    pub(crate) chart: String,
    /// Accept that nobody signed it. Needed for a chart from a registry until signatures are verified.
    #[serde(default)]
    pub(crate) unsigned: bool,
    /// Let the registry it comes from be spoken to over plain http on this machine.
    #[serde(default)]
    pub(crate) dev: bool,
    /// A file of the operator's own chart values.
    pub(crate) values: Option<PathBuf>,
}

/// How to reach the cluster's API.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Cluster")]
pub(crate) struct RawCluster {
    /// Address of the API.
    pub(crate) endpoint: Option<String>,
    /// File with the certificates that the API's own is checked against.
    pub(crate) ca_file: Option<PathBuf>,
    /// Proxy in front of it: `http://`, `https://` or `socks5://`.
    pub(crate) proxy: Option<String>,
}

/// Where the operator keeps one credential. Exactly one kind.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Credential")]
pub(crate) struct RawCredential {
    /// A token.
    pub(crate) bearer: Option<RawBearer>,
    /// A user name and a password.
    pub(crate) basic: Option<RawBasic>,
    /// Keys of an AWS account.
    pub(crate) aws: Option<RawAws>,
    /// A key pair for TLS.
    pub(crate) client_tls: Option<RawClientTls>,
    /// A kubeconfig.
    pub(crate) kubeconfig: Option<RawKubeconfig>,
    /// Credentials of Google Cloud.
    pub(crate) google: Option<RawGoogle>,
    /// A principal of Entra.
    pub(crate) azure: Option<RawAzure>,
    /// A client of an OAuth 2 issuer.
    pub(crate) oauth2: Option<RawOauth2>,
}

/// A token, in a file or in an environment variable.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Bearer")]
pub(crate) struct RawBearer {
    /// File that holds it.
    pub(crate) file: Option<PathBuf>,
    /// Environment variable that holds it.
    pub(crate) env: Option<String>,
}

/// A user name, and a password in a file or in an environment variable.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Basic")]
pub(crate) struct RawBasic {
    /// The user name.
    pub(crate) username: String,
    /// File that holds the password.
    pub(crate) password_file: Option<PathBuf>,
    /// Environment variable that holds the password.
    pub(crate) password_env: Option<String>,
}

/// Keys of an AWS account. If nothing is set, those that AWS's own tools would find: the environment, the profile that
/// `AWS_PROFILE` names, a web identity, the container, the instance.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Aws")]
pub(crate) struct RawAws {
    /// Profile in AWS's own files, and whatever it leads to: keys, SSO, a role by way of another profile, a process, a web
    /// identity.
    pub(crate) profile: Option<String>,
    /// AWS's config file. If it or `credentials_file` is set, only those set are read; else those that AWS's own tools read.
    pub(crate) config_file: Option<PathBuf>,
    /// AWS's credentials file.
    pub(crate) credentials_file: Option<PathBuf>,
    /// One link of the chain of AWS's own tools, and no other. `environment`: `AWS_ACCESS_KEY_ID` and its like. `web_identity`:
    /// a cluster's or a pipeline's token in the file that `AWS_WEB_IDENTITY_TOKEN_FILE` names, for the role `AWS_ROLE_ARN`.
    /// `container`: a task of ECS, an association of EKS Pod Identity. `instance`: its role, by its metadata server.
    pub(crate) source: Option<RawAwsSource>,
    /// Environment variable with the key's id. `AWS_ACCESS_KEY_ID` if not set.
    pub(crate) access_key_id_env: Option<String>,
    /// Environment variable with the key. `AWS_SECRET_ACCESS_KEY` if not set.
    pub(crate) secret_access_key_env: Option<String>,
    /// Environment variable with the session token, which may be unset. `AWS_SESSION_TOKEN` if not set.
    pub(crate) session_token_env: Option<String>,
}

/// One link of the chain of AWS's own tools.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "AwsSource")]
pub(crate) enum RawAwsSource {
    // A comment that schemars sees would make alternatives of them, whose refusal names none.
    Environment,
    WebIdentity,
    Container,
    Instance,
}

/// Credentials of Google Cloud. If nothing is set, those that Google's own tools would find: the file that
/// `GOOGLE_APPLICATION_CREDENTIALS` names, that of `gcloud auth application-default login`, the metadata server.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Google")]
pub(crate) struct RawGoogle {
    /// Credential file: a service account's key, or that of a workload identity federation.
    pub(crate) key_file: Option<PathBuf>,
    /// Environment variable with an access token that somebody else renews.
    pub(crate) access_token_env: Option<String>,
}

/// A principal of Entra. What is not set is looked for where Azure's own libraries look: `AZURE_TENANT_ID`, `AZURE_CLIENT_ID`,
/// `AZURE_CLIENT_SECRET`, `AZURE_CLIENT_CERTIFICATE_PATH`, `AZURE_FEDERATED_TOKEN_FILE`; without any of these three it is the
/// identity of this machine.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Azure")]
pub(crate) struct RawAzure {
    /// Its tenant.
    pub(crate) tenant_id: Option<String>,
    /// Its client id; of several identities of this machine, the one to use.
    pub(crate) client_id: Option<String>,
    /// File that holds its secret.
    pub(crate) client_secret_file: Option<PathBuf>,
    /// Environment variable that holds its secret.
    pub(crate) client_secret_env: Option<String>,
    /// PEM file with its certificate and the RSA key of that, without a pass phrase.
    pub(crate) client_certificate_file: Option<PathBuf>,
    /// File with a token that a cluster or a pipeline made for it, in place of a secret. Read anew each time.
    pub(crate) federated_token_file: Option<PathBuf>,
    /// Whether it is the identity of this machine (App Service or Container Apps where `IDENTITY_ENDPOINT` and
    /// `IDENTITY_HEADER` are set, else the instance), whatever the environment says of a client.
    pub(crate) managed_identity: Option<bool>,
    /// Where it signs in; `https://login.microsoftonline.com/` if not set.
    pub(crate) authority: Option<String>,
}

/// A client of an OAuth 2 issuer, by a secret or by a federated token.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Oauth2")]
pub(crate) struct RawOauth2 {
    /// Token endpoint, such as `https://login.microsoftonline.com/TENANT/oauth2/v2.0/token`.
    pub(crate) token_url: String,
    /// The client's id.
    pub(crate) client_id: String,
    /// File that holds the client's secret.
    pub(crate) client_secret_file: Option<PathBuf>,
    /// Environment variable that holds the client's secret.
    pub(crate) client_secret_env: Option<String>,
    /// File with a token that another issuer made for the client, in place of a secret. Read anew each time.
    pub(crate) assertion_file: Option<PathBuf>,
}

/// A key pair for TLS.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "ClientTls")]
pub(crate) struct RawClientTls {
    /// File with the certificate chain in PEM form.
    pub(crate) certificate_file: PathBuf,
    /// File with the private key in PEM form.
    pub(crate) key_file: PathBuf,
}

/// A kubeconfig.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Kubeconfig")]
pub(crate) struct RawKubeconfig {
    /// The file.
    pub(crate) file: PathBuf,
    /// The context to use. The current one if not set.
    pub(crate) context: Option<String>,
}

/// How terraform (or OpenTofu) is run.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Terraform")]
pub(crate) struct RawTerraform {
    /// The program. The same as `tools { terraform }`.
    pub(crate) binary: Option<PathBuf>,
    /// Folder from which providers are taken, and from nowhere else.
    pub(crate) provider_mirror: Option<PathBuf>,
    /// Folder in which downloaded providers are kept for other workspaces.
    pub(crate) plugin_cache: Option<PathBuf>,
}

/// Where tools are, if not on the path.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Tools")]
pub(crate) struct RawTools {
    /// The program `helm`.
    pub(crate) helm: Option<PathBuf>,
    /// The program `terraform` or `tofu`.
    pub(crate) terraform: Option<PathBuf>,
}

/// Returns the JSON Schema (2020-12) of the workspace file, with labelled blocks as objects by label.
#[must_use]
pub fn schema() -> Value {
    let settings = SchemaSettings::draft2020_12().with_transform(RecursiveTransform(drop_null));
    settings.into_generator().into_root_schema_for::<RawFile>().to_value()
}

/// A key that may be left out is not a key that may be `null`: in this file, absent is the one way to say nothing.
fn drop_null(schema: &mut Schema) {
    let Some(object) = schema.as_object_mut() else { return };
    if let Some(Value::Array(types)) = object.get_mut("type") {
        types.retain(|one| one != "null");
        if let [only] = &types[..] {
            let only = only.clone();
            object.insert("type".into(), only);
        }
    }
    if let Some(Value::Array(any)) = object.get_mut("anyOf") {
        any.retain(|one| one.get("type").is_none_or(|one| one != "null"));
        if let [Value::Object(only)] = &any[..] {
            let only = only.clone();
            object.remove("anyOf");
            object.extend(only);
        }
    }
    if object.get("default").is_some_and(Value::is_null) {
        object.remove("default");
    }
}
