//! The token for the cluster's API: one of Entra for the server application that all AKS clusters share.

use hangar_sdk::infra_provider::{Error, Oauth, TokenRecipe};

use crate::SLOT;
use crate::config::Config;

/// Application id of "Azure Kubernetes Service AAD Server" (kubelogin, "Azure Kubernetes Service AAD Server").
const SERVER: &str = "6dae42f8-4368-4678-94ff-3960e28e3630";

/// Says how the host makes a token, so that neither `az` nor `kubelogin` is needed and no plugin holds one.
///
/// # Errors
///
/// [`Error::Invalid`] about the block.
pub fn cluster_token(config: &str) -> Result<TokenRecipe, Error> {
    Config::parse(config)?;
    Ok(TokenRecipe::Oauth(Oauth {
        slot: SLOT.into(),
        scope: format!("{SERVER}/.default"),
        audience: None,
        parameters: Vec::new(),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::tests::BLOCK;

    #[test]
    fn the_token_is_for_the_server_application_of_all_clusters() {
        let TokenRecipe::Oauth(oauth) = cluster_token(BLOCK).expect("the block is good") else {
            panic!("another recipe")
        };
        assert_eq!(
            (oauth.slot.as_str(), oauth.scope.as_str()),
            ("azure", "6dae42f8-4368-4678-94ff-3960e28e3630/.default")
        );
    }
}
