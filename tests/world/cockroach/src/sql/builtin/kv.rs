//! What the system's ranges hold. Reading it needs a majority.

use serde_json::json;

use crate::http_server::metrics::range_counts;
use crate::sql::relation::Relation;
use crate::sql::view::View;
use crate::state::datum::{Datum, Kind};
use crate::state::ranges::Range;

/// Settings that are known even while nobody set them.
const KNOWN_SETTINGS: [(&str, &str); 15] = [
    ("cluster.auto_upgrade.enabled", "true"),
    ("cluster.organization", ""),
    ("cluster.preserve_downgrade_option", ""),
    ("enterprise.license", ""),
    ("kv.replica_circuit_breaker.slow_replication_threshold", "00:01:00"),
    ("kv.snapshot_rebalance.max_rate", "32 MiB"),
    ("security.client_cert.subject_required.enabled", "false"),
    ("security.ocsp.mode", "off"),
    ("server.shutdown.initial_wait", "00:00:00"),
    ("server.shutdown.lease_transfer_iteration.timeout", "00:00:05"),
    ("server.shutdown.transactions.timeout", "00:00:10"),
    ("server.time_after_store_suspect", "00:00:30"),
    ("server.time_until_store_dead", "00:05:00"),
    ("sql.defaults.default_int_size", "8"),
    ("diagnostics.reporting.enabled", "true"),
];

/// The value of a cluster setting; `None` for an unknown name.
pub(in crate::sql) fn setting(view: &View, name: &str) -> Option<String> {
    let state = view.state.as_ref()?;
    if name == "version" {
        return Some(state.active_version.to_string());
    }
    let set = state.settings.get(name).cloned();
    set.or_else(|| default_setting(name).map(str::to_owned))
}

/// The default of a known setting.
pub(in crate::sql) fn default_setting(name: &str) -> Option<&'static str> {
    KNOWN_SETTINGS.iter().find(|(known, _)| *known == name).map(|(_, value)| *value)
}

/// `crdb_internal.cluster_settings`, and `SHOW ALL CLUSTER SETTINGS`.
pub(in crate::sql) fn settings(view: &View) -> Relation {
    let mut relation = Relation::with_columns(&[
        ("variable", Kind::Text),
        ("value", Kind::Text),
        ("setting_type", Kind::Text),
        ("public", Kind::Bool),
        ("description", Kind::Text),
    ]);
    view.touch_shared(true);
    let set = view.state.iter().flat_map(|state| state.settings.keys().map(String::as_str));
    let mut names: Vec<&str> = KNOWN_SETTINGS.iter().map(|(name, _)| *name).chain(["version"]).chain(set).collect();
    names.sort_unstable();
    names.dedup();
    for name in names {
        let value = setting(view, name).unwrap_or_default();
        relation.push(vec![
            Datum::text(name),
            Datum::Text(value),
            Datum::text("s"),
            Datum::Bool(true),
            Datum::text(""),
        ]);
    }
    relation
}

/// `crdb_internal.kv_node_status`.
pub(super) fn node_status(view: &View) -> Relation {
    let mut relation = Relation::with_columns(&[
        ("node_id", Kind::Int8),
        ("network", Kind::Text),
        ("address", Kind::Text),
        ("attrs", Kind::Json),
        ("locality", Kind::Text),
        ("server_version", Kind::Text),
        ("go_version", Kind::Text),
        ("tag", Kind::Text),
        ("time", Kind::Text),
        ("revision", Kind::Text),
        ("cgo_compiler", Kind::Text),
        ("platform", Kind::Text),
        ("distribution", Kind::Text),
        ("type", Kind::Text),
        ("dependencies", Kind::Text),
        ("started_at", Kind::Timestamp),
        ("updated_at", Kind::Timestamp),
        ("metrics", Kind::Json),
        ("args", Kind::Json),
        ("env", Kind::Json),
        ("activity", Kind::Json),
    ]);
    view.touch_shared(true);
    let Some(state) = &view.state else { return relation };
    // A node that has left for good has no status.
    for member in state.remaining() {
        let Some(descriptor) = &member.descriptor else { continue };
        let updated = member.liveness.expiration.min(view.now);
        // Each real node writes what it measures. Here the one that is asked tells its own, and what a dead one wrote last stays;
        // that of the other live ones is left out, since on a busy machine it is what the machine makes of it.
        let is_own = view.node.identity().is_some_and(|identity| identity.node_id == member.id);
        let metrics = match (is_own, view.node.is_live(member.id)) {
            (true, _) => json!({"clock-offset.meannanos": view.node.offsets.spread().0}),
            (false, true) => json!({}),
            (false, false) => json!({"clock-offset.meannanos": member.status.clock_offset}),
        };
        relation.push(vec![
            Datum::Int(i64::from(member.id.0)),
            Datum::text("tcp"),
            Datum::text(descriptor.address.to_string()),
            Datum::Json(json!([])),
            Datum::text(descriptor.locality.to_string()),
            Datum::text(descriptor.version.to_string()),
            Datum::text(view.node.build.go_version()),
            Datum::text(&descriptor.build_tag),
            Datum::text(view.node.build.time()),
            Datum::text(""),
            Datum::text(""),
            Datum::text("linux amd64"),
            Datum::text("CCL"),
            Datum::text("release"),
            Datum::text(""),
            Datum::timestamp_from_nanos(descriptor.started_at),
            Datum::timestamp_from_nanos(updated),
            Datum::Json(metrics),
            Datum::Json(json!([])),
            Datum::Json(json!([])),
            Datum::Json(json!({})),
        ]);
    }
    relation
}

/// `crdb_internal.kv_node_liveness`.
pub(super) fn node_liveness(view: &View) -> Relation {
    let mut relation = Relation::with_columns(&[
        ("node_id", Kind::Int8),
        ("epoch", Kind::Int8),
        ("expiration", Kind::Text),
        ("draining", Kind::Bool),
        ("membership", Kind::Text),
    ]);
    view.touch_shared(true);
    for member in view.state.iter().flat_map(|state| state.members.values()) {
        relation.push(vec![
            Datum::Int(i64::from(member.id.0)),
            Datum::Int(member.liveness.epoch),
            Datum::Text(member.liveness.expiration_text()),
            Datum::Bool(member.liveness.draining),
            Datum::text(member.membership.text()),
        ]);
    }
    relation
}

/// `crdb_internal.kv_store_status`; store and node carry the same number.
pub(super) fn store_status(view: &View) -> Relation {
    let mut relation = Relation::with_columns(&[
        ("node_id", Kind::Int8),
        ("store_id", Kind::Int8),
        ("attrs", Kind::Json),
        ("capacity", Kind::Int8),
        ("available", Kind::Int8),
        ("used", Kind::Int8),
        ("logical_bytes", Kind::Int8),
        ("range_count", Kind::Int8),
        ("lease_count", Kind::Int8),
        ("writes_per_second", Kind::Float),
        ("bytes_per_replica", Kind::Json),
        ("writes_per_replica", Kind::Json),
        ("metrics", Kind::Json),
        ("properties", Kind::Json),
    ]);
    view.touch_shared(true);
    let Some(state) = &view.state else { return relation };
    const CAPACITY: i64 = 100 << 30;
    for member in state.remaining().filter(|member| member.descriptor.is_some()) {
        let id = i64::from(member.id.0);
        // What a dead one wrote last stays.
        let is_live = view.node.is_live(member.id);
        let counts = if is_live { range_counts(&view.node, member.id) } else { member.status.ranges };
        let metrics = json!({
            "replicas": counts.replicas,
            "replicas.leaders": counts.leaseholders,
            "replicas.leaseholders": counts.leaseholders,
            "ranges": counts.ranges,
            "ranges.unavailable": counts.unavailable,
            "ranges.underreplicated": counts.underreplicated,
            "ranges.overreplicated": counts.overreplicated,
            "livebytes": 0, "keybytes": 0, "valbytes": 0, "intentbytes": 0, "sysbytes": 0,
        });
        relation.push(vec![
            Datum::Int(id),
            Datum::Int(id),
            Datum::Json(json!([])),
            Datum::Int(CAPACITY),
            Datum::Int(CAPACITY),
            Datum::Int(0),
            Datum::Int(0),
            Datum::Int(i64::try_from(counts.replicas).unwrap_or(i64::MAX)),
            Datum::Int(i64::try_from(counts.leaseholders).unwrap_or(i64::MAX)),
            Datum::Float(0.0),
            Datum::Json(json!({})),
            Datum::Json(json!({})),
            Datum::Json(metrics),
            Datum::Json(json!({})),
        ]);
    }
    relation
}

/// `crdb_internal.ranges`.
pub(super) fn ranges(view: &View) -> Relation {
    let all: Vec<Range> = view.state.iter().flat_map(|state| state.ranges.iter().cloned()).collect();
    show_ranges(view, &all)
}

/// The rows of `SHOW RANGES … WITH DETAILS` for these ranges.
pub(in crate::sql) fn show_ranges(view: &View, ranges: &[Range]) -> Relation {
    let mut relation = Relation::with_columns(&[
        ("start_key", Kind::Text),
        ("end_key", Kind::Text),
        ("range_id", Kind::Int8),
        ("database_name", Kind::Text),
        ("lease_holder", Kind::Int8),
        ("lease_holder_locality", Kind::Text),
        ("replicas", Kind::IntArray),
        ("replica_localities", Kind::TextArray),
        ("voting_replicas", Kind::IntArray),
        ("non_voting_replicas", Kind::IntArray),
        ("learner_replicas", Kind::IntArray),
        ("split_enforced_until", Kind::Timestamp),
    ]);
    view.touch_shared(true);
    let Some(state) = &view.state else { return relation };
    let locality = |node| {
        let descriptor = state.members.get(&node).and_then(|member| member.descriptor.as_ref());
        descriptor.map(|descriptor| descriptor.locality.to_string()).unwrap_or_default()
    };
    for (index, range) in ranges.iter().enumerate() {
        let mut nodes: Vec<_> = range.replicas.iter().map(|replica| replica.node).collect();
        nodes.sort();
        let ids = Datum::IntArray(nodes.iter().map(|node| i64::from(node.0)).collect());
        let end = ranges.get(index + 1).map_or("/Max", |next| next.name.as_str());
        relation.push(vec![
            Datum::text(&range.name),
            Datum::text(end),
            Datum::Int(range.id),
            Datum::text(range.database.clone().unwrap_or_default()),
            Datum::Int(i64::from(range.lease.0)),
            Datum::Text(locality(range.lease)),
            ids.clone(),
            Datum::TextArray(nodes.iter().map(|node| locality(*node)).collect()),
            ids,
            Datum::IntArray(Vec::new()),
            Datum::IntArray(Vec::new()),
            Datum::Null,
        ]);
    }
    relation
}
