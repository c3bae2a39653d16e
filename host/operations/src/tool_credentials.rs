//! What terraform's providers and its backend sign in with: renewable by themselves wherever an apply may outlive it.

use std::io;
use std::sync::Arc;

use hangar_config::{AwsChain, AwsValue, CredentialValue, GoogleValue};
use secrecy::SecretString;

use crate::aws::{AwsKeys, Endpoint};
use crate::entra;
use crate::failure::{Cause, Failure};
use crate::google;
use crate::loopback::Renewable;
use crate::oauth;
use crate::site::Site;

type Variables = Vec<(&'static str, SecretString)>;

impl Site {
    /// A slot as terraform's providers and its backend read it from the environment.
    pub(crate) async fn variables_of(&self, slot: &str) -> Result<Variables, Failure> {
        let slots = self.slots();
        let missing = |err| Failure::of(Cause::Refused, "terraform needs a credential that is not there", err);
        match slots.read(slot).map_err(missing)? {
            CredentialValue::Aws(value) => {
                // Even where terraform asks for them itself: what is wrong is told before anything starts.
                let keys = slots.aws_keys(slot).await.map_err(missing)?;
                match value {
                    AwsValue::Chain(chain) if keys.expires.is_some() => self.renewable_keys(chain).await,
                    _ => Ok(variables_of_keys(keys)),
                }
            }
            CredentialValue::Azure(value) => {
                let unusable =
                    |err| Failure::of(Cause::Refused, format!("terraform cannot use what slot `{slot}` holds"), err);
                let mut variables = oauth::variables_of_azure(&value);
                if oauth::assertion(&value).map_err(unusable)?.is_some() {
                    variables.extend(self.asked_for(slot, async || entra::start(slot, slots).await).await?);
                }
                Ok(variables)
            }
            CredentialValue::Google(value) => {
                let token = slots.token(slot, &google::everything()).await.map_err(missing)?;
                match value {
                    GoogleValue::Token(_) => Ok(vec![("GOOGLE_OAUTH_ACCESS_TOKEN", token)]),
                    GoogleValue::File(_) | GoogleValue::Metadata(_) => {
                        self.asked_for(slot, async || google::start(slot, slots).await).await
                    }
                }
            }
            _ => Err(Failure::refused(format!("slot `{slot}` holds nothing that a terraform provider reads"))),
        }
    }

    /// Keys that expire are not handed over: terraform asks for them, as often as it needs new ones.
    async fn renewable_keys(&self, from: AwsChain) -> Result<Variables, Failure> {
        const FAILED: &str = "cannot give terraform keys that it can renew";
        let endpoint = match self.kept.endpoint(&from) {
            Some(endpoint) => endpoint,
            None => {
                let (keyring, folder) = (Arc::clone(&self.kept.keyring), self.scratch("aws")?);
                let started = Endpoint::start(from.clone(), keyring, self.redactor.clone(), folder).await;
                let endpoint = Arc::new(started.map_err(|err| Failure::of(Cause::Outside, FAILED, err))?);
                self.kept.set_endpoint(from, Arc::clone(&endpoint));
                endpoint
            }
        };
        let variables = endpoint.variables().map_err(|err| Failure::of(Cause::Outside, FAILED, err))?;
        Ok(variables.into_iter().map(|(name, value)| (name, value.into())).collect())
    }

    /// What ends before an apply may end is not handed over, and neither is what makes it: terraform asks for it, too.
    async fn asked_for(
        &self,
        slot: &str,
        start: impl AsyncFnOnce() -> io::Result<Renewable>,
    ) -> Result<Variables, Failure> {
        let renewable = match self.kept.renewable(slot) {
            Some(renewable) => renewable,
            None => {
                let failed = |err| Failure::of(Cause::Outside, "cannot give terraform what it can renew", err);
                let renewable = Arc::new(start().await.map_err(failed)?);
                self.kept.set_renewable(slot, Arc::clone(&renewable));
                renewable
            }
        };
        Ok(renewable.variables.clone())
    }
}

fn variables_of_keys(keys: AwsKeys) -> Variables {
    let mut variables =
        vec![("AWS_ACCESS_KEY_ID", keys.access_key_id.into()), ("AWS_SECRET_ACCESS_KEY", keys.secret_access_key)];
    variables.extend(keys.session_token.map(|token| ("AWS_SESSION_TOKEN", token)));
    variables
}
