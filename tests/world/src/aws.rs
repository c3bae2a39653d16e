//! The cloud of AWS: an emulator of its API, and clusters that take the tokens of EKS.
//!
//! The emulator is moto. Once [`Emulator::require_signatures`] was called it checks the signature of each call for real. What it
//! cannot check is a signature in a URL, which is what a token of EKS is: [`Eks`] brings an authenticator that does.

mod arn;
mod authenticator;
mod call;
mod emulator;
mod error;
mod key;
mod refusal;
mod signature;
mod token;
mod webhook;

use std::fmt;

pub use call::Call;
pub use emulator::{Emulator, Operator, SERVICES};
pub use error::AwsError;
pub use key::AccessKey;

pub(crate) use webhook::Webhook;

/// What makes an organisation's Kubernetes a cluster of EKS: it takes the tokens that `aws eks get-token` makes.
#[derive(Clone, Debug)]
pub struct Eks {
    /// Name of the cluster. A token counts for this one alone.
    pub cluster: String,
    /// URL of the token service, such as `https://sts.us-east-1.amazonaws.com`. A token for any other is refused.
    pub sts: String,
    /// Keys of the account: the token service knows their secrets, and so it can check a signature in a URL.
    pub keys: Vec<AccessKey>,
    /// Who is let in.
    pub entries: Vec<AccessEntry>,
}

/// An access entry of a cluster: one principal of IAM, and who that is to Kubernetes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessEntry {
    /// ARN of a user or a role.
    pub principal: String,
    /// Groups; `system:masters` may do everything.
    pub groups: Vec<String>,
}

/// Who presented a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Identity {
    /// As the token service says: for a role it names the session.
    pub(crate) arn: String,
    pub(crate) account: String,
    pub(crate) user_id: String,
    pub(crate) key_id: String,
    pub(crate) groups: Vec<String>,
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.arn)
    }
}
