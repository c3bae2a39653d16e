//! The load-balancer controller and the EBS driver, by the module's own list.

use std::collections::BTreeMap;

use hangar_sdk::add_ons::List;
use hangar_sdk::infra_provider::{AddOn, Error, Finding, Severity};

use crate::config::Config;

const LIST: &str = include_str!("../../../deploy/infrastructure/eks/add-ons/add-ons.json");
/// Key of the EBS driver, and the storage class that its chart makes.
const VOLUMES: &str = "volumes";
const STORAGE_CLASS: &str = "dss";

/// What the outputs say that the add-ons are told.
pub(crate) struct Facts<'a> {
    pub(crate) cluster: &'a str,
    pub(crate) vpc: &'a str,
    pub(crate) roles: &'a BTreeMap<String, String>,
}

/// Those for which the block names a chart.
pub(crate) fn wanted(config: &Config, facts: &Facts<'_>) -> Result<Vec<AddOn>, Error> {
    if config.add_ons.is_empty() {
        return Ok(Vec::new());
    }
    let role = |workload: &str| {
        facts.roles.get(workload).map(String::as_str).ok_or_else(|| Error::MissingOutput("workload_roles".into()))
    };
    let facts = [
        ("cluster", facts.cluster),
        ("region", config.region.as_str()),
        ("vpc", facts.vpc),
        ("load_balancers_role", role("load-balancers")?),
        ("volumes_role", role("volumes")?),
    ];
    List::parse(LIST)?.wanted(&config.add_ons, &facts)
}

/// The storage class of the database; none where the cluster's own default is used.
pub(crate) fn storage_class(config: &Config) -> Option<&'static str> {
    config.add_ons.contains_key(VOLUMES).then_some(STORAGE_CLASS)
}

/// What somebody else must install, and how an operator has it installed.
pub(crate) fn left_out(config: &Config) -> Result<Vec<Finding>, Error> {
    let list = List::parse(LIST)?;
    let left = list.left_out(&config.add_ons).map(|listed| Finding {
        severity: Severity::Warning,
        subject: format!("add-on:{}", listed.key),
        message: format!("no chart is named for `{}`: a new cluster of EKS is without it", listed.chart),
        cure: Some(format!(
            "copy the chart into a registry of yours ({}), and name it by its digest in `add_ons`; or install it yourself",
            listed.copying()
        )),
    });
    Ok(left.collect())
}

#[cfg(test)]
mod tests {
    use hangar_sdk::serde_json::Value;

    use super::*;

    #[test]
    fn the_schema_has_the_keys_of_the_list_and_no_others() {
        let schema: Value = serde_json::from_str(include_str!("../schema.json")).expect("the schema is JSON");
        let known = schema["properties"]["add_ons"]["properties"].as_object().expect("keys").keys();
        let list = List::parse(LIST).expect("a list");
        let mut listed: Vec<&str> = list.keys().collect();
        listed.sort_unstable();
        assert_eq!(known.collect::<Vec<_>>(), listed);
    }

    #[test]
    fn the_class_is_one_that_the_driver_makes() {
        let list: Value = serde_json::from_str(LIST).expect("JSON");
        let driver = list.as_array().into_iter().flatten().find(|add_on| add_on["key"] == VOLUMES);
        assert_eq!(driver.expect("it is listed")["values"]["storageClasses"][0]["name"], STORAGE_CLASS);
    }

    #[test]
    fn what_nobody_installs_is_told_with_the_way_to_have_it() {
        let config = Config::parse(r#"{"region":"us-east-1","cluster_name":"uss1"}"#).expect("a block");
        let left = left_out(&config).expect("a list");
        let subjects: Vec<_> = left.iter().map(|finding| finding.subject.as_str()).collect();
        assert_eq!(subjects, ["add-on:volumes", "add-on:load_balancers"]);
        assert!(left.iter().all(|finding| finding.cure.as_ref().is_some_and(|cure| cure.contains("helm push"))));
    }
}
