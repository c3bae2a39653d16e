use hangar_plan::grant::{Request, difference};

use super::*;

fn request() -> Request {
    serde_json::from_value(serde_json::json!({
        "infra-provider": {
            "egress": [
                { "host": "sts.*.amazonaws.com", "methods": ["GET"] },
                { "host": "ec2.*.amazonaws.com" },
            ],
            "credentials": [
                { "name": "aws", "kind": "aws", "hosts": ["sts.*.amazonaws.com"], "services": ["sts"], "terraform": true },
            ],
            "terraform-providers": [{ "source": "registry.terraform.io/hashicorp/aws", "version": "5.100.0" }],
        },
        "secret-store": { "sealed-file": true },
        "limits": { "memory-mib": 512 },
    }))
    .expect("a request")
}

fn plugin(grant: Grant) -> LockedPlugin {
    LockedPlugin {
        source: "oci://registry.example.com/hangar/aws:0.1".parse().expect("a source"),
        manifest_digest: Digest::from_sha256([1; 32]),
        content_digest: Digest::from_sha256([2; 32]),
        size: ByteSize::bytes(120_345),
        signer: Signer::Unsigned,
        dev: false,
        request_digest: Digest::from_sha256([3; 32]),
        contracts: [("hangar:infra-provider".into(), Version::new(0, 1, 0))].into(),
        grant,
    }
}

fn lock() -> Lock {
    let plugins = [("cockroachdb", plugin(Grant::default())), ("aws", plugin(Grant::accept(&request())))];
    Lock { plugins: plugins.map(|(name, plugin)| (name.parse().expect("a name"), plugin)).into(), chart: None }
}

#[test]
fn a_lock_comes_back_as_it_was_saved() {
    let folder = tempfile::tempdir().expect("temp folder");
    let path = folder.path().join("hangar.lock");
    assert_eq!(Lock::load(&path).expect("no file"), Lock::default());
    let lock = lock();
    lock.save(&path).expect("saved");
    assert_eq!(Lock::load(&path).expect("loaded"), lock);
    lock.save(&path).expect("saved again");
    assert_eq!(fs::read_to_string(&path).expect("text"), lock.text());
}

#[test]
fn a_chart_of_a_registry_is_pinned_beside_the_plugins() {
    let chart = LockedChart {
        source: "registry.example.com/charts/dss:0.1.0".to_owned(),
        manifest_digest: Digest::from_sha256([4; 32]),
        signer: Signer::Unsigned,
    };
    let lock = Lock { chart: Some(chart), ..lock() };
    insta::assert_snapshot!(lock.text().lines().skip(3).take(6).collect::<Vec<_>>().join("\n"), @r#"
    version = 1

    [chart]
    source = "registry.example.com/charts/dss:0.1.0"
    manifest-digest = "sha256:0404040404040404040404040404040404040404040404040404040404040404"
    signer = "unsigned"
    "#);
    assert_eq!(Lock::parse(&lock.text(), Path::new("hangar.lock")).expect("its own form"), lock);
}

#[test]
fn the_file_is_made_to_be_read_and_compared() {
    insta::assert_snapshot!(lock().text(), @r#"
    # What `hangar` pinned and what the operator granted. Made by `hangar init` and `hangar plugin`; keep it under
    # version control, and change it by those commands only.

    version = 1

    [[plugin]]
    name = "aws"
    source = "oci://registry.example.com/hangar/aws:0.1"
    manifest-digest = "sha256:0101010101010101010101010101010101010101010101010101010101010101"
    content-digest = "sha256:0202020202020202020202020202020202020202020202020202020202020202"
    size = 120345
    signer = "unsigned"
    request-digest = "sha256:0303030303030303030303030303030303030303030303030303030303030303"

    [plugin.contracts]
    "hangar:infra-provider" = "0.1.0"

    [plugin.grant.infra-provider]
    values = []
    charts = []
    state = false

    [[plugin.grant.infra-provider.egress]]
    host = "sts.*.amazonaws.com"
    port = 443
    methods = ["GET"]

    [[plugin.grant.infra-provider.egress]]
    host = "ec2.*.amazonaws.com"
    port = 443

    [[plugin.grant.infra-provider.credentials]]
    name = "aws"
    kind = "aws"
    hosts = ["sts.*.amazonaws.com"]
    services = ["sts"]
    terraform = true

    [[plugin.grant.infra-provider.terraform-providers]]
    source = "registry.terraform.io/hashicorp/aws"
    version = "5.100.0"

    [plugin.grant.secret-store]
    egress = []
    credentials = []
    sealed-file = true

    [plugin.grant.limits]
    memory-mib = 512
    table-elements = 100000
    instances = 32
    handles = 4096
    payload-kib = 8192
    cpu-ms = 30000
    wall-ms = 120000
    log-lines = 1000
    http-requests = 100
    http-kib = 16384

    [[plugin]]
    name = "cockroachdb"
    source = "oci://registry.example.com/hangar/aws:0.1"
    manifest-digest = "sha256:0101010101010101010101010101010101010101010101010101010101010101"
    content-digest = "sha256:0202020202020202020202020202020202020202020202020202020202020202"
    size = 120345
    signer = "unsigned"
    request-digest = "sha256:0303030303030303030303030303030303030303030303030303030303030303"

    [plugin.contracts]
    "hangar:infra-provider" = "0.1.0"

    [plugin.grant.limits]
    memory-mib = 256
    table-elements = 100000
    instances = 32
    handles = 4096
    payload-kib = 8192
    cpu-ms = 30000
    wall-ms = 120000
    log-lines = 1000
    http-requests = 100
    http-kib = 16384
    "#);
}

#[test]
fn a_lock_that_is_not_ours_is_refused() {
    let parse = |text: &str| Lock::parse(text, "hangar.lock".as_ref()).expect_err("refused");
    assert!(matches!(parse("version = 2\nnew = true"), LockError::Version { version: 2, .. }));
    assert!(matches!(parse("version = 1\nnew = true"), LockError::Damaged { .. }));
    assert!(matches!(parse("plugin = 3"), LockError::Damaged { .. }));
    let twice = lock().text().replace("name = \"cockroachdb\"", "name = \"aws\"");
    assert!(matches!(parse(&twice), LockError::Twice { .. }));
    let more = lock().text().replace("sealed-file = true", "sealed-file = true\nroot = true");
    assert!(matches!(parse(&more), LockError::Damaged { .. }), "an unknown permission is not passed over");
}

#[test]
fn a_grant_from_a_lock_still_covers_its_request() {
    let lock = Lock::parse(&lock().text(), "hangar.lock".as_ref()).expect("parsed");
    let grant = &lock.plugins[&"aws".parse().expect("a name")].grant;
    assert_eq!(difference(&request(), grant), []);
    let mut more = request();
    more.infra_provider.as_mut().expect("asked").state = true;
    assert_eq!(difference(&more, grant).len(), 1, "asking for more is seen");
}
