//! What an infra provider renders, and what it says stands.

use serde::{Deserialize, Serialize};

use crate::diagnostic::{Diagnostic, Severity, in_one_line};

/// The instance that is to stand on the infrastructure, as the workspace file says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Instance {
    /// Name of the instance, a DNS label.
    pub name: String,
    /// Public name of the DSS API.
    pub hostname: String,
    /// Suffix of the database nodes' public names: node 0 is `0.<suffix>`.
    pub db_suffix: String,
    /// Number of database nodes.
    pub nodes: u32,
    /// Kubernetes namespace of the services.
    pub namespace: String,
    /// Port of the database nodes, on the nodes and on their public addresses; 0 as long as no pool says which database it is.
    pub db_port: u16,
    /// Growth: further facts by name.
    pub facts: Vec<(String, String)>,
}

/// A provider that a rendered root module needs. Only those of the grant are installed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct ProviderRequirement {
    /// Local name in the module, such as `aws`.
    pub name: String,
    /// Source address, such as `registry.terraform.io/hashicorp/aws`; `terraform.io/builtin/terraform` is built in.
    pub source: String,
    /// Exact version, empty for a built-in provider.
    pub version: String,
    /// Lock hashes (`h1:` or `zh:`) the plugin vouches for; empty leaves them to the grant.
    pub hashes: Vec<String>,
}

/// What the infrastructure is likely to cost.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct CostHint {
    /// Amount a month in hundredths of the currency.
    pub monthly_hundredths: u64,
    /// ISO 4217 code, such as `USD`.
    pub currency: String,
    /// Where the prices come from, and their date.
    pub source: String,
}

/// A terraform root module without its backend, which is the host's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Workspace {
    /// Relative paths and contents; `.tf`, `.tf.json` and files below `modules/`.
    pub files: Vec<(String, Vec<u8>)>,
    /// Providers that the module and its submodules need.
    pub providers: Vec<ProviderRequirement>,
    /// Credential slots whose values terraform's environment needs.
    pub credentials: Vec<String>,
    /// Addresses of resources that hold data or that partners were told: replaced only when asked by name.
    pub precious: Vec<String>,
    /// What it is likely to cost; none where nobody knows.
    pub cost: Option<CostHint>,
}

/// Why an answer could not be given.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "kebab-case")]
pub enum ProviderError {
    /// The configuration does not allow it; all findings at once.
    #[error("the configuration does not allow it: {}", in_one_line(.0))]
    Invalid(Vec<Diagnostic>),
    /// The grant forbids what it needs; carries what.
    #[error("the grant does not allow it: {0}")]
    Denied(String),
    /// The cloud refused or could not be reached; a later try may succeed.
    #[error("unavailable: {0}")]
    Unavailable(String),
    /// Terraform's outputs lack something; carries the output's name.
    #[error("terraform has no output `{0}`")]
    MissingOutput(String),
    /// Anything else, in words for an operator. Never parsed by the host.
    #[error("{0}")]
    Other(String),
}

/// One finding of a look at the cloud.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Finding {
    /// How much it matters.
    pub severity: Severity,
    /// What was looked at, such as `quota:eip` or `permission:eks:CreateCluster`.
    pub subject: String,
    /// What was found.
    pub message: String,
    /// What to do about it.
    pub cure: Option<String>,
}

/// Where a long look stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Progress {
    /// Finished, with every finding.
    Done(Vec<Finding>),
    /// Not finished: call again with `token` after `after-ms`.
    Poll(Poll),
}

/// When and with what to call again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Poll {
    /// Milliseconds to wait before the next call.
    pub after_ms: u32,
    /// Opaque to the host; handed back unchanged.
    pub token: String,
    /// What is being waited for.
    pub message: String,
}

/// One output of terraform; sensitive outputs are never handed over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Output {
    /// Name, as the module declares it.
    pub name: String,
    /// The value as JSON.
    pub json: String,
}

/// How to reach the Kubernetes API.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Api {
    /// `https://` URL.
    pub endpoint: String,
    /// Certificate authority in PEM; none trusts the system's.
    pub ca_pem: Option<String>,
    /// Name to expect in the certificate where it is not the endpoint's.
    pub server_name: Option<String>,
}

/// Where one database node serves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct NodeAddress {
    /// Ordinal of the node, from 0.
    pub ordinal: u32,
    /// Public name.
    pub host: String,
    /// Addresses the name has, where they are known; asked for by the node's Service.
    pub addresses: Vec<String>,
    /// Name that asks the cloud for the address (an allocation id, a static address's name), where it is not the address.
    pub reservation: Option<String>,
    /// Port on the public name.
    pub port: u16,
}

/// A DNS record that exists, or that the operator must make.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct DnsRecord {
    /// Full name, without a final dot.
    pub name: String,
    /// `A`, `AAAA` or `CNAME`.
    pub kind: String,
    /// Addresses, or for `CNAME` the one name.
    pub values: Vec<String>,
    /// Made by terraform, or by the Service through the cluster's own machinery.
    pub managed: bool,
}

/// A chart that the cluster needs before the services.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct AddOn {
    /// Release name.
    pub name: String,
    /// Namespace it is installed into.
    pub namespace: String,
    /// `oci://` reference with digest.
    pub chart: String,
    /// Values as a JSON object.
    pub values: String,
    /// Identity the add-on runs as, such as a role's name.
    pub identity: Option<String>,
}

/// What stands, in the host's terms.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Infrastructure {
    /// How to reach the Kubernetes API; an empty endpoint leaves it to the workspace's `cluster` block.
    pub api: Api,
    /// Name of the Kubernetes cluster at its cloud.
    pub kube_cluster: String,
    /// Where the database nodes serve, by ordinal.
    pub nodes: Vec<NodeAddress>,
    /// Ranges (CIDR) from which this instance's nodes call others.
    pub egress: Vec<String>,
    /// Records that the names above need.
    pub dns: Vec<DnsRecord>,
    /// Chart values that follow from the infrastructure (storage class, load-balancer annotations, gateway), a JSON object.
    pub chart_values: String,
    /// Charts that come before the services, in this order.
    pub add_ons: Vec<AddOn>,
    /// Growth: further facts by name.
    pub facts: Vec<(String, String)>,
}

/// How the host makes a token for the Kubernetes API. The plugin never holds one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TokenRecipe {
    /// A presigned request as token (EKS).
    Presign(Presign),
    /// An OAuth 2 access token (GKE, AKS).
    Oauth(Oauth),
    /// A credential the operator keeps.
    Slot(Slot),
    /// A recipe of a later host: name and parameters.
    Other((String, Vec<(String, String)>)),
}

/// A presigned GET as token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Presign {
    /// Credential slot that signs.
    pub slot: String,
    /// AWS service code, such as `sts`.
    pub service: String,
    /// AWS region, such as `us-east-1`.
    pub region: String,
    /// URL to sign.
    pub url: String,
    /// Headers that are signed and sent, such as `x-k8s-aws-id`.
    pub headers: Vec<(String, String)>,
    /// Seconds the URL is good for.
    pub expires_s: u32,
    /// Text before the encoded URL, such as `k8s-aws-v1.`.
    pub prefix: String,
}

/// An access token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Oauth {
    /// Credential slot that asks for it.
    pub slot: String,
    /// Space-separated scopes.
    pub scope: String,
    /// Audience, where the issuer wants one.
    pub audience: Option<String>,
    /// Further form parameters of the token request.
    pub parameters: Vec<(String, String)>,
}

/// A credential the operator keeps.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Slot {
    /// Credential slot.
    pub name: String,
    /// What it must hold.
    pub kind: SlotKind,
}

/// What the slot holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SlotKind {
    /// A bearer token.
    Bearer,
    /// A client key pair.
    ClientTls,
    /// A kubeconfig, whose current context is used.
    Kubeconfig,
}

/// A diagnostic of terraform.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct ToolDiagnostic {
    /// `error` or `warning`.
    pub severity: String,
    /// First line of the message.
    pub summary: String,
    /// Rest of the message.
    pub detail: String,
    /// Resource address, where there is one.
    pub address: Option<String>,
}
