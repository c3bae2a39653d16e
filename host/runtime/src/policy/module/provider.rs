//! What configures a provider: whom it talks to with the operator's credentials, and what of this machine it reads.

use serde_json::Value;

use super::File;
use crate::policy::Rule;
use crate::policy::tree::{Content, Item};

impl File<'_> {
    pub(super) fn check_provider(&mut self, item: &Item) {
        let name = &item.labels[0];
        self.check_granted(name, &format!("provider `{name}`"));
        self.check_provider_body(item);
    }

    fn check_provider_body(&mut self, item: &Item) {
        for inner in item.body() {
            let key = inner.key.as_str();
            if key == "exec" {
                self.add(Rule::Provisioner, "`exec` in a provider runs a program of this machine".into());
            }
            if is_careless(key) {
                self.add(Rule::Endpoint, format!("`{key}` in a provider trusts anybody"));
            }
            let is_path = ["_file", "_files", "_path", "_paths", "_bundle"].iter().any(|ending| key.ends_with(ending));
            if is_path || key == "credentials" {
                self.check_path_argument(inner);
            }
            if is_endpoint(key) {
                self.check_endpoints(&inner.content);
            }
            match &inner.content {
                Content::Body(_) => self.check_provider_body(inner),
                Content::Json(value) => self.check_provider_json(value),
                Content::Expression(_) => {}
            }
        }
    }

    /// In JSON a nested block is a value like any other.
    fn check_provider_json(&mut self, value: &Value) {
        match value {
            Value::Array(items) => items.iter().for_each(|item| self.check_provider_json(item)),
            Value::Object(object) => {
                let items = object.iter().map(|(key, value)| Item {
                    key: key.clone(),
                    labels: Vec::new(),
                    content: Content::Json(value.clone()),
                });
                let block = Item { key: String::new(), labels: Vec::new(), content: Content::Body(items.collect()) };
                self.check_provider_body(&block);
            }
            _ => {}
        }
    }

    /// Where a provider is pointed to, with the operator's credentials in hand, must be granted.
    fn check_endpoints(&mut self, content: &Content) {
        if let Some(text) = content.literal() {
            return self.check_endpoint(&text);
        }
        match content.entries() {
            Some(entries) => entries.iter().for_each(|(_, content)| self.check_endpoints(content)),
            None => self.add(Rule::Endpoint, "an endpoint of a provider is not written out".into()),
        }
    }

    fn check_endpoint(&mut self, text: &str) {
        // A host alone, such as Azure's `metadata_host`, is spoken to by https.
        let url = if text.contains("://") { text.to_owned() } else { format!("https://{text}") };
        let granted = url::Url::parse(&url).ok().is_some_and(|url| {
            let (Some(host), Some(port)) = (url.host_str(), url.port_or_known_default()) else { return false };
            let allowed = |egress: &&hangar_plan::grant::Egress| {
                egress.host.matches(host) && egress.port == port && (url.scheme() == "https" || egress.dev)
            };
            self.grant.egress.iter().any(|egress| allowed(&egress))
        });
        if !granted {
            self.add(Rule::Endpoint, format!("endpoint `{text}` is not granted"));
        }
    }
}

/// Arguments that say whom a provider talks to, or through whom.
fn is_endpoint(key: &str) -> bool {
    matches!(key, "endpoints" | "host" | "proxy")
        || ["endpoint", "_url", "_proxy", "_host"].iter().any(|end| key.ends_with(end))
}

/// Arguments that make a provider talk to anybody.
fn is_careless(key: &str) -> bool {
    key == "insecure" || key.starts_with("insecure_") || key.ends_with("skip_verify")
}
