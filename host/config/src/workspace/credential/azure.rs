//! `azure { … }` of a credential.

use super::secret;
use crate::{
    credential::{AzureFrom, AzureProof, Credential},
    raw::RawAzure,
    workspace::check::Check,
};

pub(super) fn read(check: &mut Check<'_>, pointer: &str, raw: RawAzure) -> Option<Credential> {
    let at = |key: &str| format!("{pointer}/{key}");
    let RawAzure {
        tenant_id,
        client_id,
        client_secret_file,
        client_secret_env,
        client_certificate_file,
        federated_token_file,
        managed_identity,
        authority,
    } = raw;
    let is_this_machine = managed_identity == Some(true);
    let n_proofs = [
        client_secret_file.is_some(),
        client_secret_env.is_some(),
        client_certificate_file.is_some(),
        federated_token_file.is_some(),
        is_this_machine,
    ];
    if n_proofs.into_iter().filter(|there| *there).count() > 1 {
        let help = "keep one of the secret, `client_certificate_file`, `federated_token_file` and `managed_identity`";
        check.refuse(pointer, "this says more than one proof of who it is", help.to_owned());
        return None;
    }
    if is_this_machine && tenant_id.is_some() {
        let help = "remove it, or `managed_identity`".to_owned();
        check.refuse(&at("tenant_id"), "the identity of this machine has its own tenant", help);
        return None;
    }
    let proof = if let Some(file) = client_certificate_file {
        Some(AzureProof::Certificate(check.path(&at("client_certificate_file"), &file)?))
    } else if let Some(file) = federated_token_file {
        Some(AzureProof::Federated(check.path(&at("federated_token_file"), &file)?))
    } else if client_secret_file.is_some() || client_secret_env.is_some() {
        let (file, env) = (("client_secret_file", client_secret_file), ("client_secret_env", client_secret_env));
        Some(AzureProof::Secret(secret(check, pointer, file, env)?))
    } else {
        is_this_machine.then_some(AzureProof::Machine)
    };
    let authority = match authority {
        None => None,
        // Plain http reaches an emulator on this machine; the host refuses it for any other address.
        Some(text) => {
            let text = if text.ends_with('/') { text } else { text + "/" };
            Some(check.url(&at("authority"), &text, &["https", "http"])?)
        }
    };
    Some(Credential::Azure(AzureFrom { authority, tenant_id, client_id, proof }))
}
