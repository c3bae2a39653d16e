//! The clouds that clusters are in.

use std::net::Ipv4Addr;
use std::path::Path;
use std::str::FromStr;
use std::time::Duration;

use kube::Client;
use serde_json::json;
use world_clouds::{AZURE, Clouds, GOOGLE, Provider};

use crate::address::OrganisationAddresses;
use crate::aws::{AccessEntry, AccessKey, Eks, Emulator, SERVICES};
use crate::azure::{Azure, Principal};
use crate::pki::write_private;
use crate::world_file::CloudFile;
use crate::{WorldError, first_objects};

mod google;

/// The cloud that an organisation is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cloud {
    /// An emulator of AWS that checks signatures, and a cluster that takes the tokens of EKS.
    Aws,
    /// A folder behind a stand-in of terraform's provider; the cluster takes the operator's token.
    Google,
    /// The same, and Entra, which gives the cluster's token.
    Azure,
}

/// A cloud that runs, for as long as this lives.
pub(crate) struct RunningCloud {
    pub(crate) file: CloudFile,
    /// Whose tokens its cluster takes beside those of every cluster.
    pub(crate) eks: Option<Eks>,
    _emulator: Option<Emulator>,
    _azure: Option<Azure>,
}

/// The principal that every operator of Azure is given.
const TENANT: &str = "11111111-2222-3333-4444-555555555555";
const CLIENT: &str = "11111111-2222-3333-4444-666666666666";
const SECRET: &str = "a-client-secret-of-entra";
/// How long its tokens are good for.
const TOKENS: Duration = Duration::from_secs(3600);

impl Cloud {
    /// Gives a cluster what every one of this cloud has from the start.
    ///
    /// # Errors
    ///
    /// If the cluster does not take it.
    pub async fn furnish(self, client: &Client, organisation: &str) -> Result<(), WorldError> {
        match self {
            Self::Aws => Ok(()),
            Self::Google => {
                first_objects::storage_class(client, organisation, "premium-rwo", &json!({})).await?;
                google::serve_frontend_config(client, organisation).await
            }
            Self::Azure => first_objects::storage_class(client, organisation, "managed-csi-premium", &json!({})).await,
        }
    }
}

impl FromStr for Cloud {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "aws" => Ok(Self::Aws),
            "google" => Ok(Self::Google),
            "azure" => Ok(Self::Azure),
            other => Err(format!("`{other}` is none of `aws`, `google` and `azure`")),
        }
    }
}

impl RunningCloud {
    /// Starts an organisation's cloud in its folder. Nothing is in it but a hosted zone, `ORGANISATION.example.com`, on AWS.
    pub(crate) async fn start(
        cloud: Cloud,
        organisation: &str,
        dir: &Path,
        addresses: OrganisationAddresses,
    ) -> Result<Self, WorldError> {
        std::fs::create_dir_all(dir).map_err(WorldError::file("make", dir))?;
        match cloud {
            Cloud::Aws => aws(organisation, dir).await,
            Cloud::Google => {
                let file = CloudFile::Google { provider_mirror: stand_in(GOOGLE, organisation, dir, addresses)? };
                Ok(Self { file, eks: None, _emulator: None, _azure: None })
            }
            Cloud::Azure => azure(organisation, dir, addresses).await,
        }
    }
}

async fn aws(organisation: &str, dir: &Path) -> Result<RunningCloud, WorldError> {
    let failed = |err| WorldError::cloud(organisation)(Box::new(err));
    let emulator = Emulator::start(&dir.join("aws")).await.map_err(failed)?;
    let operator = emulator.add_operator("hangar").await.map_err(failed)?;
    let zone = format!("{organisation}.example.com");
    let hosted_zone = emulator.add_hosted_zone(&operator.key, &zone).await.map_err(failed)?;
    emulator.require_signatures().await.map_err(failed)?;
    let credentials_file = dir.join("aws-credentials");
    write_private(&credentials_file, &profile(&operator.key))?;
    let entries = vec![AccessEntry { principal: operator.arn, groups: vec!["system:masters".to_owned()] }];
    let eks = Eks {
        cluster: organisation.to_owned(),
        sts: emulator.endpoint().to_owned(),
        keys: vec![operator.key],
        entries,
    };
    let file = CloudFile::Aws {
        endpoint: emulator.endpoint().to_owned(),
        services: SERVICES.map(ToOwned::to_owned).to_vec(),
        credentials_file,
        hosted_zone,
    };
    Ok(RunningCloud { file, eks: Some(eks), _emulator: Some(emulator), _azure: None })
}

fn profile(key: &AccessKey) -> String {
    format!("[default]\naws_access_key_id = {}\naws_secret_access_key = {}\n", key.id, key.secret())
}

async fn azure(organisation: &str, dir: &Path, addresses: OrganisationAddresses) -> Result<RunningCloud, WorldError> {
    let provider_mirror = stand_in(AZURE, organisation, dir, addresses)?;
    let principal = Principal::with_secret(TENANT, CLIENT, SECRET);
    let azure = Azure::start(principal, Some(&dir.join("operator.token")), TOKENS).await?;
    let secret_file = dir.join("entra-secret");
    write_private(&secret_file, SECRET)?;
    let file = CloudFile::Azure {
        provider_mirror,
        authority: azure.authority().to_owned(),
        tenant: TENANT.into(),
        client: CLIENT.into(),
        secret_file,
    };
    Ok(RunningCloud { file, eks: None, _emulator: None, _azure: Some(azure) })
}

/// A cloud that is a folder, with addresses that the cluster's load balancers can have. Returns the mirror of its provider.
fn stand_in(
    provider: Provider,
    organisation: &str,
    dir: &Path,
    addresses: OrganisationAddresses,
) -> Result<std::path::PathBuf, WorldError> {
    let [a, b, c, _] = Ipv4Addr::octets(&addresses.load_balancer_range().addr());
    let lay_down = || {
        let clouds = Clouds::lay_down(dir, &[provider])?;
        clouds.cloud(provider.name).control(&json!({ "networks": [format!("{a}.{b}.{c}")] }))?;
        anyhow::Ok(clouds.mirror())
    };
    lay_down().map_err(|err| WorldError::cloud(organisation)(err.into()))
}
