//! Who a credential is, in words: which link of a chain gave it, and until when it is good.

use std::time::SystemTime;

use hangar_config::{AzureMetadata, AzureProofValue, AzureValue, CredentialValue, GoogleValue};
use hangar_runtime::CredentialError;
use hangar_runtime::oauth::{Wanted, google};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::Value;

use crate::slots::Slots;

/// What a principal of Entra needs for whatever else it may do, and the same in clouds apart, by where one signs in there
/// (Microsoft, "Azure Government compared to global Azure", "Azure China endpoints"). Each knows its own alone.
const AZURE_SCOPE: &str = "https://management.azure.com/.default";
const AZURE_APART: [(&str, &str); 3] = [
    ("login.microsoftonline.us", "https://management.usgovcloudapi.net/.default"),
    ("login.chinacloudapi.cn", "https://management.chinacloudapi.cn/.default"),
    ("login.partner.microsoftonline.cn", "https://management.chinacloudapi.cn/.default"),
];

impl Slots {
    /// Uses what a slot holds as far as that changes nothing, and says who it is.
    ///
    /// # Errors
    ///
    /// [`CredentialError`] if it cannot be read, or who should know it does not.
    pub(crate) async fn identity(&self, slot: &str) -> Result<String, CredentialError> {
        let value = self.read(slot)?;
        let (who, scope) = match &value {
            CredentialValue::Aws(_) => {
                let keys = self.aws_keys(slot).await?;
                return Ok(format!("by {}{}", keys.link, until(keys.expires, ", which does not expire")));
            }
            CredentialValue::Google(google) => (of_google(google), google::CLOUD_PLATFORM),
            CredentialValue::Azure(azure) => (of_azure(azure), azure_scope(azure)),
            _ => return Ok("is there".to_owned()),
        };
        let expires = self.token_until(slot, &Wanted::of_scope(scope)).await?.1;
        Ok(format!("by {who}{}", until(expires, "")))
    }
}

fn until(expires: Option<SystemTime>, never: &str) -> String {
    let expires = expires.and_then(|expires| jiff::Timestamp::try_from(expires).ok());
    expires.map_or(never.to_owned(), |expires| expires.strftime(", good until %Y-%m-%d %H:%M:%S UTC").to_string())
}

fn of_google(value: &GoogleValue) -> String {
    match value {
        GoogleValue::File(text) => of_file(text),
        GoogleValue::Token(_) => "an access token that somebody else renews".to_owned(),
        GoogleValue::Metadata(host) => format!("the metadata server `{host}`"),
    }
}

/// The kind of a credential file, and whose it is; neither is secret.
fn of_file(text: &SecretString) -> String {
    let file: Value = serde_json::from_str(text.expose_secret()).unwrap_or_default();
    let kind = file["type"].as_str().unwrap_or("unknown");
    let impersonated = file["service_account_impersonation_url"].as_str().and_then(|url| url.rsplit('/').next());
    let whose = file["client_email"].as_str().or(impersonated.and_then(|name| name.split(':').next()));
    let whose = whose.or_else(|| file["audience"].as_str()).map_or_else(String::new, |whose| format!(" (`{whose}`)"));
    format!("a credential file of type `{kind}`{whose}")
}

fn azure_scope(value: &AzureValue) -> &'static str {
    let AzureValue::Client { authority, .. } = value else { return AZURE_SCOPE };
    let apart = AZURE_APART.iter().find(|(host, _)| authority.host_str() == Some(host));
    apart.map_or(AZURE_SCOPE, |(_, scope)| scope)
}

fn of_azure(value: &AzureValue) -> String {
    match value {
        AzureValue::Client { tenant_id, client_id, proof, .. } => {
            let proof = match proof {
                AzureProofValue::Secret(_) => "its secret".to_owned(),
                AzureProofValue::Certificate(_) => "its certificate".to_owned(),
                AzureProofValue::Federated { file, .. } => format!("the federated token `{}`", file.display()),
            };
            format!("client `{client_id}` of tenant `{tenant_id}` with {proof}")
        }
        AzureValue::Machine { metadata, client_id } => {
            let which = client_id.as_ref().map_or_else(String::new, |id| format!(" `{id}`"));
            let who = match metadata {
                AzureMetadata::Instance(host) => format!("the metadata server `{host}`"),
                AzureMetadata::Service { endpoint, .. } => format!("App Service at `{endpoint}`"),
            };
            format!("this machine's identity{which} ({who})")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_it_is_is_said_without_what_is_secret() {
        let file = |text: &str| of_google(&GoogleValue::File(text.into()));
        let key =
            r#"{"type":"service_account","client_email":"dss@p1.iam.gserviceaccount.com","private_key":"hunter2"}"#;
        let federated = r#"{"type":"external_account","audience":"//iam.googleapis.com/x",
            "service_account_impersonation_url":"https://iam.example.com/v1/a/dss@p1:generateAccessToken"}"#;
        let azure = |proof| {
            let authority = "https://login.example.com/".parse().expect("a URL");
            of_azure(&AzureValue::Client { authority, tenant_id: "t".into(), client_id: "c".into(), proof })
        };
        let said = [
            file(key),
            file(federated),
            azure(AzureProofValue::Secret("hunter2".into())),
            azure(AzureProofValue::Federated { token: "hunter2".into(), file: "/run/token".into() }),
            of_azure(&AzureValue::Machine {
                metadata: AzureMetadata::Instance("h".into()),
                client_id: Some("c".into()),
            }),
        ];
        insta::assert_snapshot!(said.join("\n"), @"
        a credential file of type `service_account` (`dss@p1.iam.gserviceaccount.com`)
        a credential file of type `external_account` (`dss@p1`)
        client `c` of tenant `t` with its secret
        client `c` of tenant `t` with the federated token `/run/token`
        this machine's identity `c` (the metadata server `h`)
        ");
    }

    #[test]
    fn a_cloud_apart_is_asked_for_a_token_of_its_own() {
        for (host, wanted) in [
            ("login.microsoftonline.com", AZURE_SCOPE),
            ("login.microsoftonline.us", "https://management.usgovcloudapi.net/.default"),
            ("login.partner.microsoftonline.cn", "https://management.chinacloudapi.cn/.default"),
        ] {
            let authority = format!("https://{host}/").parse().expect("a URL");
            let proof = AzureProofValue::Secret("s".into());
            let client = AzureValue::Client { authority, tenant_id: "t".into(), client_id: "c".into(), proof };
            assert_eq!(azure_scope(&client), wanted);
        }
    }

    #[test]
    fn a_time_is_said_to_the_second() {
        let time = SystemTime::UNIX_EPOCH + std::time::Duration::from_millis(1_800_000_000_500);
        assert_eq!(until(Some(time), ""), ", good until 2027-01-15 08:00:00 UTC");
        assert_eq!(until(None, ", which does not expire"), ", which does not expire");
    }
}
