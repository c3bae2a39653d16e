//! The Kubernetes API of the instance, by the token that the host makes.

use std::sync::Arc;
use std::time::SystemTime;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hangar_config::{Cluster as Override, CredentialValue};
use hangar_kube::{Access, Cluster, Credential, MakeToken, TokenError, Tokens};
use hangar_plan::hint::Hint as _;
use hangar_plan::infrastructure::{Api, Oauth, SlotKind, TokenRecipe};
use hangar_runtime::oauth::Wanted;
use secrecy::{ExposeSecret as _, SecretString};

use crate::failure::{Cause, Failure};
use crate::presign;
use crate::slots::Slots;

/// Puts together the access: what the operator sets beats what the infrastructure answers.
pub(crate) async fn access(
    api: &Api,
    over: Option<&Override>,
    recipe: &TokenRecipe,
    slots: &Arc<Slots>,
) -> Result<Access, Failure> {
    let found = match recipe {
        TokenRecipe::Slot(slot) if slot.kind == SlotKind::Kubeconfig => {
            let mut found = kubeconfig(&slot.name, slots).await?;
            if let Credential::Token(held) = &mut found.credential {
                *held = tokens(recipe, slots).await?;
            }
            found
        }
        _ => Access {
            endpoint: api.endpoint.clone(),
            ca_pem: api.ca_pem.clone(),
            server_name: api.server_name.clone(),
            proxy: None,
            credential: credential(recipe, slots).await?,
        },
    };
    overridden(found, over)
}

/// The operator keeps a file that says all of it.
async fn kubeconfig(slot: &str, slots: &Slots) -> Result<Access, Failure> {
    let CredentialValue::Kubeconfig { text, folder, context } = slots.read(slot).map_err(no_credential)? else {
        return Err(wrong_kind(slot, "a kubeconfig"));
    };
    Access::from_kubeconfig(&text, &folder, context.as_deref()).await.map_err(|err| {
        let hint = err.hint();
        Failure::of(Cause::Refused, format!("cannot use the kubeconfig of slot `{slot}`"), err).hint_maybe(hint)
    })
}

fn overridden(mut access: Access, over: Option<&Override>) -> Result<Access, Failure> {
    if let Some(endpoint) = over.and_then(|over| over.endpoint.as_ref()) {
        access.endpoint = endpoint.to_string();
        // It was the name at the former endpoint.
        access.server_name = None;
    }
    if let Some(path) = over.and_then(|over| over.ca_file.as_deref()) {
        let text = std::fs::read_to_string(path)
            .map_err(|err| Failure::of(Cause::Refused, format!("cannot read `ca_file` `{}`", path.display()), err))?;
        access.ca_pem = Some(text);
    }
    if let Some(proxy) = over.and_then(|over| over.proxy.as_ref()) {
        access.proxy = Some(proxy.to_string());
    }
    if access.endpoint.is_empty() {
        return Err(Failure::refused("nobody says where the Kubernetes API is")
            .hint_is("write `cluster { endpoint = \"https://…\" }` into hangar.hcl, or the `infra` block's own key"));
    }
    Ok(access)
}

/// Connects, and asks the API who we are: that proves the path, the server and the token at once.
pub(crate) async fn connect(access: &Access) -> Result<Cluster, Failure> {
    let cluster = Cluster::connect(access).map_err(refused)?;
    cluster.identity().await.map_err(refused)?;
    Ok(cluster)
}

async fn credential(recipe: &TokenRecipe, slots: &Arc<Slots>) -> Result<Credential, Failure> {
    match recipe {
        TokenRecipe::Slot(slot) if slot.kind == SlotKind::ClientTls => {
            match slots.read(&slot.name).map_err(no_credential)? {
                CredentialValue::ClientTls { certificate, key } => {
                    slots.redactor.register(key.expose_secret());
                    Ok(Credential::ClientTls { certificate_pem: certificate, key_pem: key })
                }
                _ => Err(wrong_kind(&slot.name, "a client certificate")),
            }
        }
        recipe => Ok(Credential::Token(tokens(recipe, slots).await?)),
    }
}

/// A command may wait longer than any token is good for, so that the recipe is followed again and again.
async fn tokens(recipe: &TokenRecipe, slots: &Arc<Slots>) -> Result<Tokens, Failure> {
    let (recipe, slots) = (recipe.clone(), Arc::clone(slots));
    let make: MakeToken = Arc::new(move || {
        let (recipe, slots) = (recipe.clone(), Arc::clone(&slots));
        Box::pin(async move { Ok(token(&recipe, &slots).await?) })
    });
    Tokens::made_by(make).await.map_err(no_token)
}

fn no_token(err: TokenError) -> Failure {
    match err.downcast::<Failure>() {
        Ok(failure) => *failure,
        Err(err) => Failure::of(Cause::Outside, "cannot make a cluster token", err),
    }
}

/// Follows a recipe once. What comes of it is shown nowhere.
async fn token(recipe: &TokenRecipe, slots: &Slots) -> Result<SecretString, Failure> {
    let token = match recipe {
        TokenRecipe::Slot(slot) if slot.kind == SlotKind::Kubeconfig => {
            match kubeconfig(&slot.name, slots).await?.credential {
                Credential::Token(tokens) => tokens.current().await.map_err(no_token)?,
                Credential::ClientTls { .. } => return Err(wrong_kind(&slot.name, "a token any more")),
            }
        }
        TokenRecipe::Slot(slot) => match slots.read(&slot.name).map_err(no_credential)? {
            CredentialValue::Bearer(token) => token,
            _ => return Err(wrong_kind(&slot.name, "a bearer token")),
        },
        TokenRecipe::Presign(wanted) => {
            let keys = slots.aws_keys(&wanted.slot).await.map_err(no_credential)?;
            let url = presign::url(&keys, wanted, SystemTime::now())
                .map_err(|err| Failure::of(Cause::Refused, "cannot sign the request for a cluster token", err))?;
            SecretString::from(format!("{}{}", wanted.prefix, URL_SAFE_NO_PAD.encode(url)))
        }
        TokenRecipe::Oauth(oauth) => {
            let Oauth { slot, scope, audience, parameters } = oauth.clone();
            slots.token(&slot, &Wanted { scope, audience, parameters }).await.map_err(no_credential)?
        }
        TokenRecipe::Other((name, _)) => return Err(unknown(name)),
    };
    slots.redactor.register(token.expose_secret());
    Ok(token)
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

#[cfg(test)]
mod tests;
