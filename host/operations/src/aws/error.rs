//! Why AWS's own library finds no keys, in the words of who has to do something about it.

use std::error::Error;
use std::path::PathBuf;
use std::time::Duration;

use aws_config::profile::ProfileFileLoadError;
use aws_credential_types::provider::error::CredentialsError;
use hangar_plan::hint::Hint;

/// Why there are no keys. Never carries one.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AwsError {
    /// AWS's own files cannot be read or understood.
    #[error("AWS's own files cannot be used")]
    Files(#[source] ProfileFileLoadError),
    /// A profile that is named is not there.
    #[error("AWS's own files have no profile `{profile}`{}", after(source_of.as_deref()))]
    NoProfile { profile: String, source_of: Option<String> },
    /// A profile leads to nothing.
    #[error("profile `{profile}` holds no keys and leads to none")]
    Empty { profile: String },
    /// Profiles that lead in a circle.
    #[error("profiles lead in a circle: {}", profiles.join(" → "))]
    Circle { profiles: Vec<String> },
    /// A profile whose role wants a code that somebody reads off a device.
    #[error("profile `{profile}` wants a code of `{serial}`, and nobody is asked for one")]
    Mfa { profile: String, serial: String },
    /// A profile that only AWS's own command line can follow.
    #[error("profile `{profile}` leads to `login_session`, which is not followed")]
    LoginSession { profile: String },
    /// An SSO session that a profile names and no section describes.
    #[error("profile `{profile}` names the SSO session `{session}`, which AWS's config file does not describe")]
    NoSession { profile: String, session: String },
    /// The file of a federated token is not there.
    #[error("cannot read the token `{}` of {link}", path.display())]
    TokenFile {
        path: PathBuf,
        link: String,
        #[source]
        err: std::io::Error,
    },
    /// A link that was asked for is not set up.
    #[error("{link} is not set up: {missing}")]
    NotSet { link: &'static str, missing: &'static str },
    /// A link that should have given keys did not.
    #[error("{link} gives no keys")]
    Link {
        link: String,
        /// The profile to sign in to anew, where that is what helps.
        sign_in: Option<String>,
        #[source]
        err: CredentialsError,
    },
    /// Nothing answered in time.
    #[error("{link} gives no answer within {} s", after.as_secs())]
    Silent { link: String, after: Duration },
    /// Every link of the default chain was looked at.
    #[error("nothing of what AWS's own tools look at gives keys: {}", looked.join("; "))]
    Nothing { looked: Vec<String> },
}

fn after(source_of: Option<&str>) -> String {
    source_of.map_or_else(String::new, |profile| format!(", which profile `{profile}` leads to"))
}

impl AwsError {
    /// All of it in one line, with what to do.
    pub(crate) fn words(&self) -> String {
        let said = causes(self);
        self.hint().map_or(said.clone(), |hint| format!("{said}; {hint}"))
    }
}

/// An error and what caused it, without what says nothing.
pub(super) fn causes(err: &(dyn Error + 'static)) -> String {
    const EMPTY: [&str; 5] = [
        "an error occurred while loading credentials",
        "an error occurred while loading an access token",
        "the credential provider was not enabled",
        "unexpected credentials error",
        "service error",
    ];
    let mut said = err.to_string();
    let mut cause = err.source();
    while let Some(err) = cause {
        let text = plain(err.to_string());
        if !EMPTY.contains(&text.as_str()) && !text.starts_with("unhandled error") && !said.contains(&text) {
            said = format!("{said}: {text}");
        }
        cause = err.source();
    }
    let said: String = said.chars().map(|c| if c.is_control() { ' ' } else { c }).take(MAX_WORDS).collect();
    said.trim_end().to_owned()
}

/// The library shows what AWS says as the parts of a structure.
fn plain(text: String) -> String {
    let parts = text.strip_prefix("Error { code: \"").and_then(|rest| rest.strip_suffix("\" }"));
    let Some(parts) = parts else {
        return if text.starts_with("Error {") { "it refuses and says no reason".to_owned() } else { text };
    };
    let said = parts.replacen("\", message: \"", ": ", 1);
    match said.split_once("\", aws_request_id: \"") {
        Some((said, request)) => format!("{said} (request {request})"),
        None => said,
    }
}

/// What a process or a server says may be long.
const MAX_WORDS: usize = 600;

impl Hint for AwsError {
    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Files(_) | Self::NoProfile { .. } | Self::Empty { .. } => {
                "check `~/.aws/config` and `~/.aws/credentials`, or name them: `config_file = …`, `credentials_file = …`".into()
            }
            Self::Circle { .. } => "let one of them have keys, or another source".into(),
            Self::Mfa { profile, .. } | Self::LoginSession { profile } => format!(
                "export keys with `aws configure export-credentials --profile {profile} --format env`, and write `aws {{ source = \
                 \"environment\" }}`"
            ),
            Self::NoSession { session, .. } => format!("add `[sso-session {session}]`, or run `aws configure sso`"),
            Self::TokenFile { .. } => "whoever renews the token writes that file: check the pod or the pipeline".into(),
            Self::NotSet { .. } => "it is set where the identity comes from; elsewhere name another `source`, or a `profile`".into(),
            Self::Silent { .. } => "name another `source` or a `profile` in the `credential` block, or try again".into(),
            Self::Nothing { .. } => {
                "set keys in the environment, sign in to a profile and name it (`AWS_PROFILE`, or `profile` in the `credential` \
                 block), or run where AWS gives an identity"
                    .into()
            }
            Self::Link { sign_in, err, .. } => cure(&causes(err), sign_in.as_deref()),
        })
    }
}

/// What to do about an answer of AWS, by its words.
fn cure(said: &str, sign_in: Option<&str>) -> String {
    const CURES: [(&[&str], &str); 9] = [
        (
            &["InvalidIdentityToken", "ExpiredTokenException", "IDPRejectedClaim"],
            "the federated token is not taken: whoever writes its file must renew it, and the role must trust its issuer",
        ),
        (
            &["AccessDenied", "is not authorized"],
            "let the role's trust policy name who asks, with its external id, and let who asks call `sts:AssumeRole`",
        ),
        (
            &["InvalidClientTokenId", "SignatureDoesNotMatch", "ExpiredToken"],
            "the keys that ask are wrong or have expired: renew them where they come from",
        ),
        (
            &["exit status: 124"],
            "the profile's `credential_process` gave no keys for so long that it was ended: run it by hand, and see what it waits for",
        ),
        (&["external process"], "run the profile's `credential_process` by hand: it must print keys and end well"),
        (
            &["HTTP credential provider"],
            "what stands beside the container refuses: check its authorization token, and that a role belongs to the task or pod",
        ),
        (&["invalid full URI"], "it must be https, or an address beside the container: check its variable"),
        (&["IMDS"], "this machine has no role of an instance, or is no instance: name another `source` or a `profile`"),
        (
            &["dispatch failure", "timeout", "timed out"],
            "it could not be reached: check the network, or its endpoint's variable",
        ),
    ];
    if let Some(profile) = sign_in {
        let is_signed_out = ["SSO token", "UnauthorizedException", "401", "access token"];
        if is_signed_out.iter().any(|word| said.contains(word)) {
            return format!("sign in again: `aws sso login --profile {profile}`");
        }
        if said.contains("ForbiddenException") {
            return "who is signed in may not take that role of that account: ask who administers AWS's IAM Identity Center".into();
        }
    }
    let found = CURES.iter().find(|(words, _)| words.iter().any(|word| said.contains(word)));
    found
        .map_or("check it, or name another `source` or a `profile` in the `credential` block", |(_, cure)| cure)
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_aws_says_is_said_plainly() {
        let of = |text: &str| plain(text.to_owned());
        let whole = of(r#"Error { code: "AccessDenied", message: "not you", aws_request_id: "r1" }"#);
        assert_eq!(whole, "AccessDenied: not you (request r1)");
        assert_eq!(of(r#"Error { code: "AccessDenied", message: "not you" }"#), "AccessDenied: not you");
        assert_eq!(of(r#"Error { aws_request_id: "r1" }"#), "it refuses and says no reason");
        assert_eq!(of("connection refused"), "connection refused");
    }
}
