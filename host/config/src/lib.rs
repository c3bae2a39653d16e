//! The workspace file and the environment: as typed, then validated.
//!
//! `hangar.hcl` is read in three steps: HCL becomes one JSON value with a place in the file for every key and
//! value; the JSON Schema of the raw model finds what has the wrong shape; what has the
//! right shape is turned into types in which no bad state can be written. All findings come at once, each with
//! its line, its caret and, for a misspelt key, the nearest one there is.
//!
//! A plugin's own block goes the same way with the schema that the plugin carries ([`PluginBlock::check_schema`]).
//!
//! This room alone reads environment variables ([`Environment`]) and knows where files lie ([`Paths`]).

mod credential;
mod document;
mod environment;
mod finding;
mod lock;
mod names;
mod nearest;
mod paths;
mod raw;
mod schema;
mod source;
mod workspace;

pub use credential::{
    AwsChain, AwsFrom, AwsProfile, AwsValue, AzureFrom, AzureMetadata, AzureProof, AzureProofValue, AzureValue,
    ClientProof, ClientProofValue, Credential, CredentialError, CredentialValue, GoogleValue, SecretFrom,
};
pub use environment::{Environment, EnvironmentError};
pub use finding::{ConfigError, Finding, Report};
pub use lock::{Lock, LockError, LockedChart, LockedPlugin, Signer};
pub use names::{DnsName, InstanceName, KubeName, Locality, NameError, PluginName, PoolName, SlotName};
pub use paths::{Paths, PathsError};
pub use raw::schema as file_schema;
pub use source::Source;
pub use workspace::{
    AllowedDrift, Authorization, Carrier, Chart, Cluster, DEFAULT_AGENT_IMAGE, Instance, Plugin, PluginBlock, Pool,
    RemoteState, Roster, Services, Terraform, Tools, Workspace,
};
