//! The certificate that the API shows to the database, named by the release.
//!
//! core-service reads its certificate, its key and whom it trusts once, when it starts. The chart writes what is named here on its
//! pods, so that a release with another certificate replaces them, one by one.

use hangar_helm::{Effect, Preview};
use hangar_kube::secrets::Files;
use hangar_pki::Certificate;
use serde_json::{Value, json};

/// Where the chart has it.
const POINTER: &str = "/coreService/datastoreCertificate";

/// What the chart writes it on the pods as, and the digest of the whole pod beside it.
const FIELDS: [&str; 2] = ["annotations[hangar.dev/datastore-certificate]", "annotations[hangar.dev/configuration]"];

/// Whether a chart with these values of its own knows the name of a certificate: an older one would refuse it.
pub(crate) fn is_known(chart: &Value) -> bool {
    chart.pointer(POINTER).is_some()
}

/// The value, by the file of a Secret as it is now; none where there is no certificate yet. The leaf alone: whom the nodes of others
/// trust is nothing to the API.
pub(crate) fn layer(live: &Files, file: &str) -> Option<Value> {
    let leaf = Certificate::from_pem(std::str::from_utf8(live.get(file)?).ok()?).ok()?;
    Some(json!({"coreService": {"datastoreCertificate": leaf.fingerprint().to_string()}}))
}

/// The first thing that would change beyond this certificate, in words: a rotation replaces that anyway.
pub(crate) fn beyond(preview: &Preview) -> Option<String> {
    let is_it = |path: &str| FIELDS.iter().any(|field| path.ends_with(field));
    let changed = preview.changes.iter().find_map(|change| match change.effect {
        Effect::Update => {
            let field = change.fields.iter().find(|field| !is_it(&field.path)).map(ToString::to_string);
            field.or_else(|| change.conflicts.first().map(ToString::to_string))
        }
        _ => Some(change.to_string()),
    });
    let neighbour = preview.neighbours.first().filter(|_| !preview.is_empty()).map(ToString::to_string);
    preview.foreign.clone().or(changed).or(neighbour)
}

#[cfg(test)]
mod tests {
    use hangar_helm::{Field, Manifest, ObjectChange};

    use super::*;

    /// An object of which these fields change.
    fn change(effect: Effect, paths: &[&str]) -> ObjectChange {
        let text = "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: dss-core-service\n";
        let object = Manifest::parse(text).expect("a manifest").objects().next().expect("an object").clone();
        let field =
            |path: &&str| Field { path: (*path).to_owned(), before: Some("6f".into()), after: Some("b4".into()) };
        ObjectChange {
            object,
            effect,
            fields: paths.iter().map(field).collect(),
            restarts: true,
            conflicts: Vec::new(),
        }
    }

    #[test]
    fn what_other_certificates_change_is_not_pending_and_all_else_is() {
        let certificate = [
            "metadata.annotations[hangar.dev/configuration]",
            "spec.template.metadata.annotations[hangar.dev/datastore-certificate]",
        ];
        let told = |changes: &[ObjectChange]| beyond(&Preview { changes: changes.to_vec(), ..Preview::default() });
        assert_eq!(told(&[change(Effect::Update, &certificate)]), None);
        assert_eq!(told(&[]), None);
        let labelled = [certificate.as_slice(), &["spec.template.metadata.labels[a]"]].concat();
        let told_of_label = told(&[change(Effect::Update, &labelled)]);
        assert_eq!(told_of_label.as_deref(), Some("spec.template.metadata.labels[a]: 6f → b4"));
        let come = told(&[change(Effect::Update, &certificate), change(Effect::Create, &[])]);
        assert!(come.is_some_and(|told| told.starts_with("+ Deployment dss-core-service")));
    }

    fn certificate(name: &str) -> (String, String) {
        let key = rcgen::KeyPair::generate().expect("a key");
        let params = rcgen::CertificateParams::new([name.to_owned()]).expect("a name");
        let pem = params.self_signed(&key).expect("a certificate").pem();
        let fingerprint = Certificate::from_pem(&pem).expect("a certificate").fingerprint().to_string();
        (pem, fingerprint)
    }

    fn named(files: &Files) -> Option<String> {
        let layer = layer(files, "client.root.crt")?;
        Some(layer.pointer(POINTER)?.as_str()?.to_owned())
    }

    #[test]
    fn the_leaf_is_named_and_nothing_else_of_its_secret() {
        let ((first, wanted), (second, other)) = (certificate("root"), certificate("root"));
        let files = Files::default().with("client.root.crt", first).with("ca.crt", second.clone());
        assert_eq!(named(&files).as_deref(), Some(wanted.as_str()));
        let grown = files.clone().with("ca.crt", [second.clone(), certificate("joiner").0].concat());
        assert_eq!(named(&grown), named(&files), "a bundle that grows replaces no pod");
        let renewed = grown.with("client.root.crt", second);
        assert_eq!(named(&renewed).as_deref(), Some(other.as_str()));
    }

    #[test]
    fn without_a_certificate_none_is_named() {
        let files = Files::default().with("ca.crt", certificate("ca").0);
        assert_eq!(named(&files), None);
        assert_eq!(named(&files.with("client.root.crt", "none yet")), None);
    }

    /// A workspace may name a chart of an earlier release, which takes no value that it does not know.
    #[test]
    fn a_chart_that_knows_no_such_value_is_given_none() {
        assert!(is_known(&json!({"coreService": {"datastoreCertificate": ""}})));
        assert!(!is_known(&json!({"coreService": {"replicas": 2}})));
    }
}
