//! The links of AWS's chain, each followed by AWS's own library, one after the other so that we know which gave the keys.
//!
//! The library reads AWS's variables by itself: the region, endpoints (`AWS_ENDPOINT_URL_STS` and its like,
//! `AWS_EC2_METADATA_SERVICE_ENDPOINT`), files, tokens.

use std::path::Path;
use std::time::Duration;

use aws_config::Region;
use aws_config::ecs::EcsCredentialsProvider;
use aws_config::environment::{EnvironmentVariableCredentialsProvider, EnvironmentVariableRegionProvider};
use aws_config::imds::{self, credentials::ImdsCredentialsProvider};
use aws_config::meta::region::ProvideRegion as _;
use aws_config::profile::ProfileFileCredentialsProvider;
use aws_config::provider_config::ProviderConfig;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::web_identity_token::WebIdentityTokenCredentialsProvider;
use aws_credential_types::provider::ProvideCredentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use aws_types::os_shim_internal::Env;
use hangar_config::{AwsChain, AwsProfile};

use super::AwsKeys;
use super::error::{AwsError, causes};
use super::profile::{self, Found};

/// No link takes longer; a process that a profile names may ask a server of its own.
const PATIENCE: Duration = Duration::from_secs(60);
const CONNECT: Duration = Duration::from_secs(5);
const CALL: Duration = Duration::from_secs(20);
/// A machine's metadata server is near, or not there.
#[cfg(not(test))]
const NEAR: Duration = Duration::from_secs(1);
/// It shares a busy machine with everything else that is tested.
#[cfg(test)]
const NEAR: Duration = Duration::from_secs(2);
/// Where the token service is asked if nothing says where: it is the same account everywhere.
const REGION: &str = "us-east-1";
const TOKEN_FILE: &str = "AWS_WEB_IDENTITY_TOKEN_FILE";
const ROLE: &str = "AWS_ROLE_ARN";
const CONTAINER: [&str; 2] = ["AWS_CONTAINER_CREDENTIALS_FULL_URI", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"];

/// A link and who follows it.
struct Link {
    words: String,
    sign_in: Option<String>,
    provider: Box<dyn ProvideCredentials>,
}

/// Follows a chain to its keys.
pub(super) async fn keys(from: &AwsChain) -> Result<AwsKeys, AwsError> {
    match from {
        AwsChain::Default => default().await,
        AwsChain::Profile(named) => {
            let found = profile::look(Some(named)).await?;
            let found = found.ok_or_else(|| AwsError::Empty { profile: named.name.clone() })?;
            of_profile(Some(named), found).await.keys().await
        }
        AwsChain::WebIdentity => web_identity().await?.ok_or(WEB_IDENTITY)?.keys().await,
        AwsChain::Container => container().await.ok_or(NO_CONTAINER)?.keys().await,
        AwsChain::Instance => instance().await.keys().await,
    }
}

const WEB_IDENTITY: AwsError = AwsError::NotSet {
    link: "web identity",
    missing: "`AWS_WEB_IDENTITY_TOKEN_FILE` and `AWS_ROLE_ARN` are to be set",
};
const NO_CONTAINER: AwsError = AwsError::NotSet {
    link: "the container's identity",
    missing: "neither `AWS_CONTAINER_CREDENTIALS_FULL_URI` nor `AWS_CONTAINER_CREDENTIALS_RELATIVE_URI` is set",
};

/// The order of AWS's own library. A link that is set up and fails ends it: another identity is not what was meant.
async fn default() -> Result<AwsKeys, AwsError> {
    let environment = Link {
        words: "the environment".into(),
        sign_in: None,
        provider: Box::new(EnvironmentVariableCredentialsProvider::new()),
    };
    let mut looked = Vec::new();
    match environment.try_keys().await? {
        Ok(keys) => return Ok(keys),
        Err(_) => {
            looked.push("the environment: `AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY` are not both set".into())
        }
    }
    let of_profile = match profile::look(None).await? {
        Some(found) => Some(of_profile(None, found).await),
        None => {
            looked.push("profiles: there is none named `default`, and `AWS_PROFILE` names none".into());
            None
        }
    };
    let web_identity = web_identity().await?;
    if web_identity.is_none() {
        looked.push(format!("web identity: `{TOKEN_FILE}` and `{ROLE}` are not both set"));
    }
    let container = container().await;
    if container.is_none() {
        looked.push(format!("the container: `{}` is not set", CONTAINER[0]));
    }
    for link in [of_profile, web_identity, container, Some(instance().await)].into_iter().flatten() {
        match link.try_keys().await? {
            Ok(keys) => return Ok(keys),
            Err(missing) => looked.push(missing),
        }
    }
    Err(AwsError::Nothing { looked })
}

async fn of_profile(named: Option<&AwsProfile>, found: Found) -> Link {
    let config = config(found.region).await;
    let mut provider = ProfileFileCredentialsProvider::builder()
        .configure(&config)
        .profile_files(profile::files_for(named, found.process.as_ref()))
        .with_custom_provider("Ec2InstanceMetadata", of_instance(&config));
    if let Some(named) = named {
        provider = provider.profile_name(&named.name);
    }
    Link { words: found.words, sign_in: found.sign_in, provider: Box::new(provider.build()) }
}

async fn web_identity() -> Result<Option<Link>, AwsError> {
    let (Some(file), Some(role)) = (variable(TOKEN_FILE), variable(ROLE)) else { return Ok(None) };
    token_is_there(file.as_ref(), "web identity")?;
    let provider = WebIdentityTokenCredentialsProvider::builder().configure(&config(None).await).build();
    let words = format!("web identity (token `{file}` for role `{role}`)");
    Ok(Some(Link { words, sign_in: None, provider: Box::new(provider) }))
}

/// The library's own error names no file.
pub(super) fn token_is_there(path: &Path, link: &str) -> Result<(), AwsError> {
    let failed = |err| AwsError::TokenFile { path: path.to_owned(), link: link.to_owned(), err };
    std::fs::metadata(path).map(drop).map_err(failed)
}

async fn container() -> Option<Link> {
    let at = CONTAINER.iter().find_map(|name| variable(name))?;
    let provider = EcsCredentialsProvider::builder().configure(&config(None).await).build();
    Some(Link { words: format!("the container's identity (`{at}`)"), sign_in: None, provider: Box::new(provider) })
}

async fn instance() -> Link {
    let provider = of_instance(&config(None).await);
    Link { words: "the instance's role (IMDSv2)".into(), sign_in: None, provider: Box::new(provider) }
}

fn of_instance(config: &ProviderConfig) -> ImdsCredentialsProvider {
    let client = imds::Client::builder()
        .configure(config)
        .max_attempts(2)
        .connect_timeout(NEAR)
        .read_timeout(NEAR)
        .operation_attempt_timeout(NEAR)
        .operation_timeout(NEAR * 2)
        .build();
    ImdsCredentialsProvider::builder().configure(config).imds_client(client).build()
}

async fn config(region: Option<String>) -> ProviderConfig {
    let named = EnvironmentVariableRegionProvider::new().region().await;
    let region = named.unwrap_or_else(|| Region::new(region.unwrap_or_else(|| REGION.to_owned())));
    let client = aws_smithy_http_client::Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring)).build_https();
    let timeouts = TimeoutConfig::builder().connect_timeout(CONNECT).operation_timeout(CALL).build();
    ProviderConfig::without_region()
        .with_region(Some(region))
        .with_http_client(client)
        .with_timeout_config(timeouts)
        .with_retry_config(RetryConfig::standard().with_max_attempts(2))
}

fn variable(name: &str) -> Option<String> {
    Env::real().get(name).ok().filter(|value| !value.is_empty())
}

impl Link {
    async fn keys(self) -> Result<AwsKeys, AwsError> {
        let (words, sign_in) = (self.words.clone(), self.sign_in.clone());
        let keys = self.provide().await?;
        keys.map_err(|err| AwsError::Link { link: words, sign_in, err })
    }

    /// The inner error says why the link is not set up, which is no failure where others follow.
    async fn try_keys(self) -> Result<Result<AwsKeys, String>, AwsError> {
        let (words, sign_in) = (self.words.clone(), self.sign_in.clone());
        match self.provide().await? {
            Ok(keys) => Ok(Ok(keys)),
            Err(err @ CredentialsError::CredentialsNotLoaded(_)) => Ok(Err(format!("{words}: {}", why_not(&err)))),
            Err(err) => Err(AwsError::Link { link: words, sign_in, err }),
        }
    }

    async fn provide(self) -> Result<Result<AwsKeys, CredentialsError>, AwsError> {
        let asked = tokio::time::timeout(PATIENCE, self.provider.provide_credentials()).await;
        let silent = |_| AwsError::Silent { link: self.words.clone(), after: PATIENCE };
        Ok(asked.map_err(silent)?.map(|found| AwsKeys {
            access_key_id: found.access_key_id().to_owned(),
            secret_access_key: found.secret_access_key().into(),
            session_token: found.session_token().map(Into::into),
            link: self.words,
            expires: found.expiry(),
        }))
    }
}

/// Without the library's own preface.
fn why_not(err: &CredentialsError) -> String {
    let said = causes(err);
    said.strip_prefix("the credential provider was not enabled: ").map_or(said.clone(), ToOwned::to_owned)
}
