//! The token for the cluster's API: an access token of Google.

use hangar_sdk::infra_provider::{Error, Infrastructure, Oauth, TokenRecipe};

use crate::config::Config;
use crate::{SCOPE, SLOT};

/// Says how the host makes a token, so that no cloud CLI is needed and no plugin holds one.
///
/// GKE's API takes the access token itself. The scope of the address lets it tell people by name instead of by number.
///
/// # Errors
///
/// [`Error::Invalid`] about the block.
pub fn cluster_token(config: &str, _infrastructure: &Infrastructure) -> Result<TokenRecipe, Error> {
    Config::parse(config)?;
    Ok(TokenRecipe::Oauth(Oauth {
        slot: SLOT.into(),
        scope: format!("{SCOPE} https://www.googleapis.com/auth/userinfo.email"),
        audience: None,
        parameters: Vec::new(),
    }))
}
