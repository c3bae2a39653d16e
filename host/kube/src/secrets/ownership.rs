//! Which files of a Secret a field manager owns, as the API server keeps account of it.

use std::collections::BTreeSet;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

/// Names of the files (keys of `data`) that `manager` has applied.
pub(super) fn files_of(metadata: &ObjectMeta, manager: &str) -> BTreeSet<String> {
    let entries = metadata.managed_fields.iter().flatten();
    let ours = entries.filter(|entry| {
        entry.manager.as_deref() == Some(manager)
            && entry.operation.as_deref() == Some("Apply")
            && entry.subresource.as_deref().unwrap_or_default().is_empty()
    });
    ours.filter_map(|entry| entry.fields_v1.as_ref())
        .filter_map(|fields| fields.0.get("f:data")?.as_object())
        .flat_map(serde_json::Map::keys)
        // `.` stands for the map itself; every key of it is `f:` and its name.
        .filter_map(|field| field.strip_prefix("f:").map(str::to_owned))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_applied_by_this_manager_is_its_own() -> anyhow::Result<()> {
        let metadata = serde_json::from_value(serde_json::json!({"managedFields": [
            {"manager": "hangar", "operation": "Apply", "fieldsV1": {"f:data": {".": {}, "f:ca.crt": {}}, "f:type": {}}},
            {"manager": "hangar", "operation": "Update", "fieldsV1": {"f:data": {"f:old": {}}}},
            {"manager": "kubectl", "operation": "Apply", "fieldsV1": {"f:data": {"f:theirs": {}}}},
        ]}))?;
        assert_eq!(files_of(&metadata, "hangar").into_iter().collect::<Vec<_>>(), ["ca.crt"]);
        assert!(files_of(&ObjectMeta::default(), "hangar").is_empty());
        Ok(())
    }
}
