//! Charts that a cluster needs before the services, by the list that a terraform module has of them.
//!
//! The list is JSON in which `${name}` stands for a fact, as terraform's `templatefile` reads it, so that one file serves the
//! plugin and whoever has terraform alone. Which chart is installed is the operator's word: charts are taken by digest, and a
//! maker publishes a version.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use crate::infra_provider::{AddOn, Error};

/// The add-ons of a module, in the order in which they are installed.
#[derive(Debug, Clone, Deserialize)]
#[serde(transparent)]
pub struct List(Vec<Listed>);

/// One add-on of a list.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Listed {
    /// What the operator's block calls it.
    pub key: String,
    /// Name of the release.
    pub release: String,
    /// Namespace of the release.
    pub namespace: String,
    /// Where its maker publishes the chart.
    pub repository: String,
    /// Name of the chart there.
    pub chart: String,
    /// The version that the values are for.
    pub version: String,
    /// Identity that it runs as.
    pub identity: Option<String>,
    /// Values of the chart.
    pub values: Value,
}

impl List {
    /// Reads a list.
    ///
    /// # Errors
    ///
    /// [`Error::Other`] if it is of another form.
    pub fn parse(text: &str) -> Result<Self, Error> {
        serde_json::from_str(text).map_err(|err| Error::Other(format!("the list of add-ons is of another form: {err}")))
    }

    /// Those for which the operator names a chart, with the facts filled in.
    ///
    /// # Errors
    ///
    /// [`Error::Other`] for a fact that nobody gives.
    pub fn wanted(&self, charts: &BTreeMap<String, String>, facts: &[(&str, &str)]) -> Result<Vec<AddOn>, Error> {
        let named = self.0.iter().filter_map(|listed| Some((listed, charts.get(&listed.key)?)));
        named.map(|(listed, chart)| listed.with(chart, facts)).collect()
    }

    /// Those for which the operator names none.
    pub fn left_out<'a>(&'a self, charts: &'a BTreeMap<String, String>) -> impl Iterator<Item = &'a Listed> {
        self.0.iter().filter(|listed| !charts.contains_key(&listed.key))
    }

    /// What the operator's block may call them.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|listed| listed.key.as_str())
    }
}

impl Listed {
    fn with(&self, chart: &str, facts: &[(&str, &str)]) -> Result<AddOn, Error> {
        let identity = self.identity.as_deref().map(|text| filled_text(text, facts)).transpose()?;
        Ok(AddOn {
            name: self.release.clone(),
            namespace: self.namespace.clone(),
            chart: chart.to_owned(),
            values: filled(&self.values, facts)?.to_string(),
            identity,
        })
    }

    /// How an operator comes by a digest: by a copy of the chart in a registry of their own.
    #[must_use]
    pub fn copying(&self) -> String {
        let Self { repository, chart, version, .. } = self;
        format!(
            "`helm pull {chart} --repo {repository} --version {version}`, `helm push {chart}-{version}.tgz oci://REGISTRY`, \
             which tells the digest"
        )
    }
}

fn filled(value: &Value, facts: &[(&str, &str)]) -> Result<Value, Error> {
    Ok(match value {
        Value::String(text) => Value::String(filled_text(text, facts)?),
        Value::Array(items) => items.iter().map(|item| filled(item, facts)).collect::<Result<_, _>>()?,
        Value::Object(object) => {
            let filled = object.iter().map(|(key, value)| Ok((key.clone(), filled(value, facts)?)));
            filled.collect::<Result<_, Error>>()?
        }
        other => other.clone(),
    })
}

fn filled_text(text: &str, facts: &[(&str, &str)]) -> Result<String, Error> {
    let (mut made, mut rest) = (String::new(), text);
    while let Some((before, after)) = rest.split_once("${") {
        let (name, after) = after.split_once('}').unwrap_or((after, ""));
        let fact = facts.iter().find(|(known, _)| *known == name);
        let (_, value) = fact.ok_or_else(|| Error::Other(format!("the list of add-ons wants `{name}`")))?;
        made.push_str(before);
        made.push_str(value);
        rest = after;
    }
    Ok(made + rest)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const LIST: &str = r#"[
        {"key": "disks", "release": "r", "namespace": "n", "repository": "https://a", "chart": "c", "version": "1.2.3",
         "identity": "${role}", "values": {"x": ["at ${region}, as ${role}"], "n": 3, "on": true}},
        {"key": "other", "release": "o", "namespace": "n", "repository": "https://a", "chart": "o", "version": "1.0.0",
         "identity": null, "values": {}}]"#;

    fn charts() -> BTreeMap<String, String> {
        [("disks".to_owned(), "oci://a/c@sha256:0".to_owned())].into()
    }

    #[test]
    fn what_the_operator_names_is_installed_with_the_facts_in_place() {
        let facts = [("region", "r1"), ("role", "arn:1")];
        let wanted = List::parse(LIST).expect("a list").wanted(&charts(), &facts).expect("all facts");
        assert_eq!(wanted.len(), 1);
        assert_eq!((wanted[0].name.as_str(), wanted[0].identity.as_deref()), ("r", Some("arn:1")));
        assert_eq!(wanted[0].chart, "oci://a/c@sha256:0");
        let values: Value = serde_json::from_str(&wanted[0].values).expect("JSON");
        assert_eq!(values, json!({"x": ["at r1, as arn:1"], "n": 3, "on": true}));
    }

    #[test]
    fn what_is_left_out_can_be_come_by() {
        let list = List::parse(LIST).expect("a list");
        let left: Vec<_> = list.left_out(&BTreeMap::new()).map(Listed::copying).collect();
        assert_eq!(left.len(), 2);
        assert!(left[0].starts_with("`helm pull c --repo https://a --version 1.2.3`"), "{}", left[0]);
        let charts = charts();
        assert_eq!(list.left_out(&charts).map(|listed| listed.key.as_str()).collect::<Vec<_>>(), ["other"]);
    }

    #[test]
    fn a_fact_that_nobody_gives_is_named() {
        let err = List::parse(LIST).expect("a list").wanted(&charts(), &[("role", "a")]).expect_err("no region");
        assert_eq!(err, Error::Other("the list of add-ons wants `region`".into()));
    }
}
