//! What this gateway has heard. Needs no majority; two gateways may differ for a moment.

use crate::sql::relation::Relation;
use crate::sql::view::View;
use crate::state::datum::{Datum, Kind};

/// `crdb_internal.gossip_nodes`.
pub(super) fn nodes(view: &View) -> Relation {
    let mut relation = Relation::with_columns(&[
        ("node_id", Kind::Int8),
        ("network", Kind::Text),
        ("address", Kind::Text),
        ("advertise_address", Kind::Text),
        ("sql_network", Kind::Text),
        ("sql_address", Kind::Text),
        ("advertise_sql_address", Kind::Text),
        ("attrs", Kind::Json),
        ("locality", Kind::Text),
        ("cluster_name", Kind::Text),
        ("server_version", Kind::Text),
        ("build_tag", Kind::Text),
        ("started_at", Kind::Timestamp),
        ("is_live", Kind::Bool),
        ("ranges", Kind::Int8),
        ("leases", Kind::Int8),
    ]);
    let livenesses = view.node.livenesses();
    for heard in view.node.gossip.nodes(view.now).into_values() {
        let Some(descriptor) = heard.descriptor else { continue };
        let live = livenesses.get(&heard.node).is_some_and(|(liveness, _)| liveness.is_live(view.now));
        let (replicas, leases) = view.state.as_ref().map(|state| state.ranges.counts(heard.node)).unwrap_or_default();
        let advertised = descriptor.address_for(&view.node.config.locality);
        let sql_address = Datum::text(descriptor.sql_address.to_string());
        relation.push(vec![
            Datum::Int(i64::from(heard.node.0)),
            Datum::text("tcp"),
            Datum::text(descriptor.address.to_string()),
            // Where this gateway calls it.
            Datum::text(advertised.to_string()),
            Datum::text("tcp"),
            sql_address.clone(),
            sql_address,
            Datum::Json(serde_json::json!([])),
            Datum::text(descriptor.locality.to_string()),
            Datum::text(&descriptor.cluster_name),
            Datum::text(descriptor.version.to_string()),
            Datum::text(&descriptor.build_tag),
            Datum::timestamp_from_nanos(descriptor.started_at),
            Datum::Bool(live),
            Datum::Int(i64::try_from(replicas).unwrap_or(i64::MAX)),
            Datum::Int(i64::try_from(leases).unwrap_or(i64::MAX)),
        ]);
    }
    relation
}

/// `crdb_internal.gossip_liveness`.
pub(super) fn liveness(view: &View) -> Relation {
    let mut relation = Relation::with_columns(&[
        ("node_id", Kind::Int8),
        ("epoch", Kind::Int8),
        ("expiration", Kind::Text),
        ("draining", Kind::Bool),
        ("decommissioning", Kind::Bool),
        ("membership", Kind::Text),
        ("updated_at", Kind::Timestamp),
    ]);
    for heard in view.node.gossip.nodes(view.now).into_values() {
        let Some((liveness, membership)) = heard.liveness else { continue };
        relation.push(vec![
            Datum::Int(i64::from(heard.node.0)),
            Datum::Int(liveness.epoch),
            Datum::Text(liveness.expiration_text()),
            Datum::Bool(liveness.draining),
            Datum::Bool(membership != crate::state::member::Membership::Active),
            Datum::text(membership.text()),
            Datum::timestamp_from_nanos(heard.updated_at),
        ]);
    }
    relation
}

/// `crdb_internal.gossip_network`: this node's own connections.
pub(super) fn network(view: &View) -> Relation {
    let mut relation = Relation::with_columns(&[("source_id", Kind::Int8), ("target_id", Kind::Int8)]);
    let Some(identity) = view.identity() else { return relation };
    for peer in view.node.peers.connected() {
        relation.push(vec![Datum::Int(i64::from(identity.node_id.0)), Datum::Int(i64::from(peer.0))]);
    }
    relation
}
