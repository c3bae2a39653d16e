//! Values of one member of a pool.

use serde_json::{Value, json};

/// What the chart needs, and one address of another member.
pub(crate) fn values() -> Value {
    json!({
        "agent": {"image": "registry.example/hangar@sha256:0000000000000000000000000000000000000000000000000000000000000000"},
        "cockroachdb": {
            "locality": [{"key": "zone", "value": "uss1"}],
            "join": ["dss-cockroachdb-0.dss-cockroachdb.uss1.svc.cluster.local:26257", "0.db.uss2.example.com:26257"],
            "advertise": {"suffix": "db.uss1.example.com"},
            "sourceRanges": ["192.0.2.0/28", "198.51.100.7/32"],
        },
        "coreService": {
            "hostname": "dss.uss1.example.com",
            "locality": "uss1",
            "authorization": {"jwksEndpoint": "https://auth.example.com/jwks.json", "jwksKeyIds": ["k1"]},
        },
        "schema": {"run": true},
    })
}

/// The example with other values over it.
pub(crate) fn with(pointer: &str, value: Value) -> Value {
    let mut values = values();
    set(&mut values, pointer, value);
    values
}

/// Sets one value, making the maps on the way.
pub(crate) fn set(values: &mut Value, pointer: &str, value: Value) {
    let mut place = values;
    for key in pointer.trim_start_matches('/').split('/') {
        place = &mut place[key];
    }
    *place = value;
}
