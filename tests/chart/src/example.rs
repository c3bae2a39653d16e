//! Values of one member of a pool.

use serde_json::{Value, json};

/// What the chart needs, one address of another member, and what some switches need once they are on.
#[must_use]
pub fn values() -> Value {
    json!({
        "agent": {"image": "registry.example/hangar@sha256:0000000000000000000000000000000000000000000000000000000000000000"},
        "cockroachdb": {
            "locality": [{"key": "zone", "value": "uss1"}],
            "join": ["dss-cockroachdb-0.dss-cockroachdb.uss1.svc.cluster.local:26257", "0.db.uss2.example.com:26257"],
            "advertise": {"suffix": "db.uss1.example.com"},
            "sourceRanges": ["192.0.2.0/28", "198.51.100.7/32"],
        },
        "yugabytedb": {
            "advertise": {"suffix": "db.uss1.example.com"},
            "placement": {"region": "uss-1"},
            "masters": ["0.db.uss1.example.com:7100", "1.db.uss1.example.com:7100", "2.db.uss1.example.com:7100"],
            "sourceRanges": ["192.0.2.0/28"],
        },
        "coreService": {
            "hostname": "dss.uss1.example.com",
            "locality": "uss1",
            "authorization": {"jwksEndpoint": "https://auth.example.com/jwks.json", "jwksKeyIds": ["k1"]},
            "tracing": {"endpoint": "http://collector:4318"},
        },
        "gatewayApi": {"parentRefs": [{"name": "public"}], "gateway": {"className": "example", "tlsSecret": "tls"}},
        "schema": {"run": true},
        "monitoring": {"grafana": {"adminSecret": "grafana", "datasourceUrl": "http://prometheus:9090"}},
    })
}

/// The example with another value in one place.
#[must_use]
pub fn with(pointer: &str, value: Value) -> Value {
    let mut values = values();
    set(&mut values, pointer, value);
    values
}

/// Sets one value, making the maps on the way.
pub fn set(values: &mut Value, pointer: &str, value: Value) {
    let mut place = values;
    for key in pointer.trim_start_matches('/').split('/') {
        place = &mut place[key];
    }
    *place = value;
}
