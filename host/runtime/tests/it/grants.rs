//! What a plugin may do is what the operator granted, whatever it asks for.

use hangar_plan::grant::{Grant, Kind, StrategyGrant};
use hangar_runtime::{Fault, Services};

use crate::support::{Guest, chain};

#[tokio::test]
async fn nothing_is_granted_by_default() {
    let plugin = Guest::mock().load(Grant::default(), Services::default()).await;
    assert_eq!(plugin.kinds(), Kind::ALL);
    let err = plugin.infra_provider().expect_err("no grant");
    assert!(matches!(*err.fault, Fault::NoSuchKind(Kind::InfraProvider)), "{err:?}");
    assert!(chain(&err).ends_with("it may not be called as `infra-provider`"), "{}", chain(&err));
    assert!(plugin.secret_store().is_err());
    assert!(plugin.strategy().is_err());
}

#[tokio::test]
async fn a_kind_that_is_not_implemented_is_not_there_though_it_is_granted() {
    let grant = Grant { pooling_strategy: Some(StrategyGrant::default()), ..Guest::local().grant() };
    let plugin = Guest::local().load(grant, Services::default()).await;
    assert!(plugin.infra_provider().is_ok());
    assert!(plugin.strategy().is_err());
}

#[tokio::test]
async fn what_is_asked_beyond_the_grant_is_told() {
    let mut grant = Guest::mock().grant();
    assert_eq!(Guest::mock().load(grant.clone(), Services::default()).await.excess(), []);
    grant.pooling_strategy.as_mut().unwrap().workloads.clear();
    let excess = Guest::mock().load(grant, Services::default()).await.excess();
    assert_eq!(excess.len(), 1);
    assert_eq!(excess[0].to_string(), "pooling-strategy: workloads `{release}-database`");
}
