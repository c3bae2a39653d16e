//! The Kubernetes API of the instance, by the token that the host makes.

use std::time::SystemTime;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hangar_config::{Cluster as Override, CredentialValue};
use hangar_kube::{Access, Cluster, Credential};
use hangar_plan::hint::Hint as _;
use hangar_plan::infrastructure::{Api, SlotKind, TokenRecipe};
use secrecy::SecretString;

use crate::failure::{Cause, Failure};
use crate::presign::{self, AwsKey};
use crate::slots::Slots;

/// Puts together the access: what the operator sets beats what the infrastructure answers.
pub(crate) async fn access(
    api: &Api,
    over: Option<&Override>,
    recipe: &TokenRecipe,
    slots: &Slots,
) -> Result<Access, Failure> {
    if let TokenRecipe::Slot(slot) = recipe
        && slot.kind == SlotKind::Kubeconfig
    {
        let CredentialValue::Kubeconfig { text, context } = slots.read(&slot.name).map_err(no_credential)? else {
            return Err(wrong_kind(&slot.name, "a kubeconfig"));
        };
        return Access::from_kubeconfig(&text, context.as_deref()).await.map_err(refused);
    }
    let endpoint = over.and_then(|over| over.endpoint.as_ref()).map(ToString::to_string);
    let ca_file = over.and_then(|over| over.ca_file.as_deref());
    let ca_pem =
        match ca_file {
            Some(path) => Some(std::fs::read_to_string(path).map_err(|err| {
                Failure::of(Cause::Refused, format!("cannot read `ca_file` `{}`", path.display()), err)
            })?),
            None => api.ca_pem.clone(),
        };
    Ok(Access {
        endpoint: endpoint.unwrap_or_else(|| api.endpoint.clone()),
        ca_pem,
        server_name: if over.is_some_and(|over| over.endpoint.is_some()) { None } else { api.server_name.clone() },
        proxy: over.and_then(|over| over.proxy.as_ref()).map(ToString::to_string),
        credential: credential(recipe, slots)?,
    })
}

/// Connects, and asks the API who we are: that proves the path, the server and the token at once.
pub(crate) async fn connect(access: &Access) -> Result<Cluster, Failure> {
    let cluster = Cluster::connect(access).map_err(refused)?;
    cluster.identity().await.map_err(refused)?;
    Ok(cluster)
}

fn credential(recipe: &TokenRecipe, slots: &Slots) -> Result<Credential, Failure> {
    match recipe {
        TokenRecipe::Slot(slot) => match (slot.kind, slots.read(&slot.name).map_err(no_credential)?) {
            (SlotKind::Bearer, CredentialValue::Bearer(token)) => Ok(Credential::Token(token)),
            (SlotKind::ClientTls, CredentialValue::ClientTls { certificate, key }) => {
                Ok(Credential::ClientTls { certificate_pem: certificate, key_pem: key })
            }
            (SlotKind::Bearer, _) => Err(wrong_kind(&slot.name, "a bearer token")),
            _ => Err(wrong_kind(&slot.name, "a client certificate")),
        },
        TokenRecipe::Presign(wanted) => {
            let CredentialValue::Aws { access_key_id, secret_access_key, session_token } =
                slots.read(&wanted.slot).map_err(no_credential)?
            else {
                return Err(wrong_kind(&wanted.slot, "an AWS key"));
            };
            let key = AwsKey {
                access_key_id: &access_key_id,
                secret_access_key: &secret_access_key,
                session_token: session_token.as_ref(),
            };
            let url = presign::url(&key, wanted, SystemTime::now())
                .map_err(|err| Failure::of(Cause::Refused, "cannot sign the request for a cluster token", err))?;
            let token = format!("{}{}", wanted.prefix, URL_SAFE_NO_PAD.encode(url));
            Ok(Credential::Token(SecretString::from(token)))
        }
        TokenRecipe::Oauth(oauth) => Err(unknown(&format!("oauth by slot `{}`", oauth.slot))),
        TokenRecipe::Other((name, _)) => Err(unknown(name)),
    }
}

fn unknown(name: &str) -> Failure {
    Failure::refused(format!("this host cannot make a cluster token by `{name}`"))
        .hint_is("bind a kubeconfig to a slot, or use a newer hangar")
}

fn wrong_kind(slot: &str, wanted: &str) -> Failure {
    Failure::refused(format!("credential slot `{slot}` does not hold {wanted}"))
}

fn no_credential(err: hangar_runtime::CredentialError) -> Failure {
    Failure::of(Cause::Refused, "no credential for the Kubernetes API", err)
}

fn refused(err: hangar_kube::KubeError) -> Failure {
    let hint = err.hint();
    Failure::of(Cause::Outside, "cannot use the Kubernetes API", err).hint_maybe(hint)
}
