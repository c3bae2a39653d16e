use std::error::Error as _;

use hangar_plan::grant::Kind;
use serde_json::json;

use super::{Manifest, ManifestError};

const EVERYTHING: &str = r#"
name = "everything"
version = "1.2.3"
description = "All that can be asked for"

[infra-provider]
schema = "infra.json"
values = ["storageClass"]
charts = ["oci://registry.example.com/charts/lb"]
state = true

[[infra-provider.egress]]
host = "eks.*.amazonaws.com"
methods = ["GET"]

[[infra-provider.credentials]]
name = "aws"
kind = "aws"
hosts = ["eks.*.amazonaws.com"]
services = ["eks"]
terraform = true
purpose = "creates the cluster"

[[infra-provider.terraform-providers]]
source = "registry.terraform.io/hashicorp/aws"
version = "5.100.0"
hashes = ["h1:aaaa"]

[secret-store]
schema = "store.json"
sealed-file = true

[database]
image = "docker.io/example/db:v1"
port = 7000
tier = "zone"

[pooling-strategy]
schema = "pool.json"
workloads = ["{release}-db"]
secrets = ["{release}-db-root"]
actions = ["put-secret", "verb"]
values = ["database.join"]
queries = ["SELECT 1"]

[[pooling-strategy.verbs]]
name = "init"
command = ["/bin/db", "init"]
arguments = ["--host="]
secret = "{release}-db-root"
mount = "/certs"

[[pooling-strategy.sql-classes]]
name = "setting"
statements = ["SET x = ?"]

[limits]
memory-mib = 512
"#;

fn read(path: &str) -> std::io::Result<Vec<u8>> {
    let schema = json!({"title": path, "type": "object", "properties": {"region": {"type": "string"}},
        "required": ["region"], "additionalProperties": false});
    Ok(schema.to_string().into_bytes())
}

fn refused(text: &str) -> String {
    let err = Manifest::from_toml(text, read).expect_err("a manifest that is refused");
    match err.source() {
        Some(source) => format!("{err}: {source}"),
        None => err.to_string(),
    }
}

#[test]
fn everything_that_is_written_survives_the_section() {
    let manifest = Manifest::from_toml(EVERYTHING, read).expect("a manifest");
    assert_eq!(manifest.kinds(), Kind::ALL);
    assert_eq!(manifest.request.limits.memory_mib, 512);
    assert_eq!(manifest.schemas[&Kind::SecretStore]["title"], "store.json");
    let section = manifest.to_section().expect("a section");
    assert_eq!(Manifest::from_section(&section).expect("the same manifest"), manifest);
}

#[test]
fn an_unknown_key_is_refused_wherever_it_stands() {
    assert!(refused(&format!("extra = 1\n{EVERYTHING}")).contains("unknown field `extra`"));
    assert!(refused(&EVERYTHING.replace("state = true", "stat = true")).contains("unknown field `stat`"));
    assert!(refused(&EVERYTHING.replace("terraform = true", "teraform = true")).contains("unknown field `teraform`"));
    assert!(refused(&EVERYTHING.replace("memory-mib", "memory")).contains("unknown field `memory`"));
}

#[test]
fn only_the_operator_says_what_is_private_or_development() {
    let text = EVERYTHING.replace("methods = [\"GET\"]", "dev = true");
    assert!(refused(&text).contains("unknown field `dev`"));
}

#[test]
fn a_kind_without_schema_is_refused() {
    assert_eq!(
        refused(&EVERYTHING.replace("schema = \"store.json\"\n", "")),
        "`secret-store` of the manifest names no schema"
    );
}

#[test]
fn a_verb_mounts_only_what_is_asked_for() {
    let text = EVERYTHING.replace("secrets = [\"{release}-db-root\"]", "secrets = []");
    assert_eq!(refused(&text), "verb `init` mounts secret `{release}-db-root`, which is not among `secrets`");
}

#[test]
fn a_strategy_says_which_database_it_is_for() {
    let database = "[database]\nimage = \"docker.io/example/db:v1\"\nport = 7000\ntier = \"zone\"\n";
    let without = EVERYTHING.replace(database, "");
    assert_eq!(
        refused(&without),
        "the manifest of a pooling strategy needs `[database]` with `image`, `port` and `tier`"
    );
    let vague = EVERYTHING.replace("example/db:v1", "example/db");
    assert_eq!(refused(&vague), "image `docker.io/example/db` of the manifest's database needs a tag or a digest");
}

#[test]
fn a_name_is_lower_case() {
    assert!(
        refused(&EVERYTHING.replace("name = \"everything\"", "name = \"Every/thing\""))
            .starts_with("`Every/thing` is no name")
    );
}

#[test]
fn a_block_is_checked_without_running_anything() {
    let manifest = Manifest::from_toml(EVERYTHING, read).expect("a manifest");
    assert_eq!(manifest.check_config(Kind::InfraProvider, &json!({"region": "eu"})), []);
    let findings = manifest.check_config(Kind::InfraProvider, &json!({"regio": "eu", "region": 1}));
    let pointers: Vec<_> = findings.iter().map(|finding| finding.pointer.as_str()).collect();
    assert_eq!(pointers, ["/region", "/regio"]);
}

#[test]
fn a_schema_never_points_outside_itself() {
    let outside = |_: &str| Ok(br#"{"$ref": "https://example.com/schema.json"}"#.to_vec());
    let err = Manifest::from_toml(EVERYTHING, outside).expect_err("a foreign reference");
    assert!(matches!(err, ManifestError::Schema { kind: Kind::InfraProvider, .. }), "{err}");
}
