//! The JSON Schema of the file.

use hangar_config::file_schema;
use serde_json::Value;

fn walk(schema: &Value, visit: &mut impl FnMut(&serde_json::Map<String, Value>)) {
    match schema {
        Value::Object(object) => {
            visit(object);
            object.values().for_each(|part| walk(part, visit));
        }
        Value::Array(parts) => parts.iter().for_each(|part| walk(part, visit)),
        _ => {}
    }
}

#[test]
fn every_object_of_the_host_is_closed() {
    let schema = file_schema();
    walk(&schema, &mut |object| {
        if object.contains_key("properties") && object.get("title").is_none_or(|title| title != "Pool") {
            // The pool's other keys are the plugin's.
            let is_pool = object["properties"].get("locality").is_some();
            assert!(is_pool || object.get("additionalProperties") == Some(&Value::Bool(false)), "{object:#?}");
        }
    });
}

#[test]
fn every_key_is_documented_and_none_may_be_null() {
    let schema = file_schema();
    let mut n_keys = 0;
    walk(&schema, &mut |object| {
        for (key, property) in object.get("properties").and_then(Value::as_object).into_iter().flatten() {
            assert!(property.get("description").is_some(), "`{key}` says nothing of itself");
            n_keys += 1;
        }
    });
    assert!(n_keys > 40);
    assert!(!schema.to_string().contains("\"null\""));
}

#[test]
fn the_blocks_of_the_file_are_those_of_the_schema() {
    let schema = file_schema();
    let keys: Vec<_> = schema["properties"].as_object().unwrap().keys().map(String::as_str).collect();
    insta::assert_snapshot!(keys.join(" "), @"version instance plugin infra secrets pool roster services cluster credential terraform tools state drift");
}
