//! Each outcome of a TLS probe, from a server that brings it about.

use anyhow::{Context, Result};
use hangar_agent::probe::Means;
use hangar_pki::Authority;
use hangar_plan::strategy::observation::{Observation, TlsAnswer, TlsOutcome};
use hangar_plan::strategy::probe::{Identity, Question, TlsCall, TlsQuestion};
use tokio::net::TcpListener;

use crate::server::{Behaviour, Server};
use crate::site::{DAY, Site, ask, ask_within, authority, bundle, node, now_ms};

const HEALTH: &str = "/cockroach.server.serverpb.Admin/Health";

fn question(port: u16, identity: Identity, call: TlsCall) -> TlsQuestion {
    TlsQuestion { host: "localhost".to_owned(), port, server_name: None, identity, call }
}

async fn seen(question: TlsQuestion, means: &Means) -> Result<TlsAnswer> {
    match ask(Question::Tls(question), means).await? {
        Observation::Tls(answer) => Ok(answer),
        other => anyhow::bail!("not an answer of a handshake: {other:?}"),
    }
}

fn grpc(port: u16) -> TlsQuestion {
    question(port, Identity::Probe, TlsCall::Grpc(HEALTH.to_owned()))
}

/// Ours, theirs, and what a probe of ours mounts that trusts both.
fn two() -> Result<(Site, Authority, Authority, Means)> {
    let (site, ours, theirs) = (Site::new()?, authority("uss1"), authority("uss2"));
    let means = site.identity(&ours.probe_leaf(10, now_ms())?, &bundle(&[&ours, &theirs]))?;
    Ok((site, ours, theirs, means))
}

#[tokio::test]
async fn accepted_once_the_call_is_answered() -> Result<()> {
    let (_site, ours, theirs, means) = two()?;
    let leaf = node(&theirs, 0);
    let server = Server::tls(&leaf, &bundle(&[&ours]), Behaviour::Grpc("0", "")).await?;
    let answer = seen(grpc(server.port()), &means).await?;
    assert_eq!(
        answer,
        TlsAnswer {
            outcome: TlsOutcome::Accepted,
            peer_leaf: Some(leaf.certificate.fingerprint().to_string()),
            peer_authority: Some(theirs.certificate().fingerprint().to_string()),
            detail: "gRPC status 0".to_owned(),
        }
    );
    Ok(())
}

#[tokio::test]
async fn identity_refused_proves_that_the_authority_is_known() -> Result<()> {
    let (_site, ours, theirs, means) = two()?;
    let text = "need root or node client cert to perform RPCs on this server";
    let server = Server::tls(&node(&theirs, 0), &bundle(&[&ours]), Behaviour::Grpc("16", text)).await?;
    let answer = seen(grpc(server.port()), &means).await?;
    assert_eq!(answer.outcome, TlsOutcome::IdentityRefused);
    assert_eq!(answer.detail, format!("gRPC status 16: {text}"));
    Ok(())
}

#[tokio::test]
async fn authority_unknown_is_heard_after_the_handshake_of_tls_13_and_within_that_of_tls_12() -> Result<()> {
    let (_site, _, theirs, means) = two()?;
    for versions in [&[&rustls::version::TLS13][..], &[&rustls::version::TLS12][..]] {
        let leaf = node(&theirs, 0);
        let server = Server::tls_of(versions, &leaf, &bundle(&[&theirs]), Behaviour::Grpc("0", "")).await?;
        for call in [TlsCall::Grpc(HEALTH.to_owned()), TlsCall::Http("/health".to_owned()), TlsCall::None] {
            let answer = seen(question(server.port(), Identity::Probe, call), &means).await?;
            assert_eq!(answer.outcome, TlsOutcome::AuthorityUnknown, "{versions:?}: {}", answer.detail);
            assert_eq!(answer.peer_leaf, Some(leaf.certificate.fingerprint().to_string()));
        }
    }
    Ok(())
}

#[tokio::test]
async fn server_untrusted_still_says_which_certificate_was_shown() -> Result<()> {
    let (_site, ours, _, means) = two()?;
    let leaf = node(&authority("uss3"), 0);
    let server = Server::tls(&leaf, &bundle(&[&ours]), Behaviour::Grpc("0", "")).await?;
    let answer = seen(grpc(server.port()), &means).await?;
    assert_eq!(answer.outcome, TlsOutcome::ServerUntrusted);
    assert_eq!(answer.peer_leaf, Some(leaf.certificate.fingerprint().to_string()));
    assert_eq!(answer.peer_authority, None);
    Ok(())
}

/// Whoever wants to know when a certificate of another member ends has to trust it for nothing.
#[tokio::test]
async fn a_certificate_is_seen_whole_whether_it_is_trusted_or_not() -> Result<()> {
    let (_site, ours, theirs, means) = two()?;
    for authority in [&theirs, &authority("uss3")] {
        let leaf = node(authority, 0);
        let server = Server::tls(&leaf, &bundle(&[&ours]), Behaviour::Grpc("0", "")).await?;
        let seen = ask(Question::shown_certificate("localhost", server.port()), &means).await?;
        let place = format!("localhost:{}", server.port());
        assert_eq!(seen, Observation::Certificates(vec![hangar_pki::observed(&place, &leaf.certificate)]));
    }
    let nobody = TcpListener::bind("127.0.0.1:0").await?.local_addr()?.port();
    let seen = ask(Question::shown_certificate("localhost", nobody), &means).await?;
    assert!(matches!(&seen, Observation::Failed(_)), "{seen:?}");
    Ok(())
}

#[tokio::test]
async fn name_mismatch_is_told_from_a_missing_trust() -> Result<()> {
    let (_site, ours, theirs, means) = two()?;
    let server = Server::tls(&node(&theirs, 0), &bundle(&[&ours]), Behaviour::Grpc("0", "")).await?;
    let named = TlsQuestion { server_name: Some("0.db.example.com".to_owned()), ..grpc(server.port()) };
    let answer = seen(named, &means).await?;
    assert_eq!(answer.outcome, TlsOutcome::NameMismatch);
    assert_eq!(answer.peer_authority, Some(theirs.certificate().fingerprint().to_string()));
    Ok(())
}

#[tokio::test]
async fn expired_counts_on_either_side() -> Result<()> {
    let (site, ours, theirs, means) = two()?;
    let server = Server::tls(&node(&theirs, 5 * DAY), &bundle(&[&ours]), Behaviour::Grpc("0", "")).await?;
    assert_eq!(seen(grpc(server.port()), &means).await?.outcome, TlsOutcome::Expired);
    let server = Server::tls(&node(&theirs, 0), &bundle(&[&ours]), Behaviour::Grpc("0", "")).await?;
    let late = site.identity(&ours.probe_leaf(10, now_ms() - DAY)?, &bundle(&[&theirs]))?;
    assert_eq!(seen(grpc(server.port()), &late).await?.outcome, TlsOutcome::Expired);
    Ok(())
}

#[tokio::test]
async fn unreachable_without_a_listener() -> Result<()> {
    let (_site, _, _, means) = two()?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let port = listener.local_addr()?.port();
    drop(listener);
    let answer = seen(grpc(port), &means).await?;
    assert_eq!(answer.outcome, TlsOutcome::Unreachable);
    assert!(answer.detail.contains("Connection refused"), "{}", answer.detail);
    Ok(())
}

#[tokio::test]
async fn timed_out_says_how_far_it_came() -> Result<()> {
    let (_site, ours, theirs, means) = two()?;
    let deaf = Server::start(|stream| async move {
        std::future::pending::<()>().await;
        drop(stream);
    })
    .await?;
    let asked = ask_within(Question::Tls(grpc(deaf.port())), &means, 200).await?;
    let Observation::Tls(answer) = asked else { anyhow::bail!("{asked:?}") };
    assert_eq!(
        (answer.outcome, answer.detail.as_str()),
        (TlsOutcome::TimedOut, "no answer within 200 ms, without a handshake")
    );
    let silent = Server::tls(&node(&theirs, 0), &bundle(&[&ours]), Behaviour::Silent).await?;
    let asked = ask_within(Question::Tls(grpc(silent.port())), &means, 500).await?;
    let Observation::Tls(answer) = asked else { anyhow::bail!("{asked:?}") };
    assert_eq!(answer.outcome, TlsOutcome::TimedOut);
    assert!(answer.detail.ends_with("after the server showed its certificate"), "{}", answer.detail);
    Ok(())
}

#[tokio::test]
async fn an_answer_that_is_neither_yes_nor_no_is_other() -> Result<()> {
    let (_site, ours, theirs, means) = two()?;
    let waiting = Behaviour::Grpc("14", "node waiting for init");
    let server = Server::tls(&node(&theirs, 0), &bundle(&[&ours]), waiting).await?;
    let answer = seen(grpc(server.port()), &means).await?;
    assert_eq!((answer.outcome, answer.detail.as_str()), (TlsOutcome::Other, "gRPC status 14: node waiting for init"));
    let server = Server::tls(&node(&theirs, 0), &bundle(&[&ours]), Behaviour::Close).await?;
    assert_eq!(seen(grpc(server.port()), &means).await?.outcome, TlsOutcome::Other);
    Ok(())
}

#[tokio::test]
async fn a_call_over_http_and_no_call_at_all_have_outcomes_too() -> Result<()> {
    let (_site, ours, theirs, means) = two()?;
    for (status, outcome) in [(200, TlsOutcome::Accepted), (403, TlsOutcome::IdentityRefused), (503, TlsOutcome::Other)]
    {
        let server = Server::tls(&node(&theirs, 0), &bundle(&[&ours]), Behaviour::Http(status)).await?;
        let http = question(server.port(), Identity::Probe, TlsCall::Http("/health".to_owned()));
        assert_eq!(seen(http, &means).await?.outcome, outcome, "{status}");
    }
    let server = Server::tls(&node(&theirs, 0), &bundle(&[&ours]), Behaviour::Silent).await?;
    let none = question(server.port(), Identity::Probe, TlsCall::None);
    assert_eq!(seen(none, &means).await?.outcome, TlsOutcome::Accepted);
    Ok(())
}

#[tokio::test]
async fn an_anonymous_probe_shows_nothing_and_needs_no_leaf() -> Result<()> {
    let (site, _, theirs, _) = two()?;
    let server = Server::tls(&node(&theirs, 0), &bundle(&[&theirs]), Behaviour::Grpc("16", "no cert")).await?;
    // A server that does not know our authority would refuse our leaf: so none was shown.
    let means = Means { identity: None, client: Some(site.folder("bundle", &bundle(&[&theirs]))?), source: None };
    let only_bundle =
        hangar_agent::Spec { bundle: Some(bundle(&[&theirs]).to_pem()), ..hangar_agent::Spec::new(Vec::new()) };
    assert!(means.client.as_ref().is_some_and(|dir| dir.join("ca.crt").exists()));
    let anonymous = question(server.port(), Identity::Anonymous, TlsCall::Grpc(HEALTH.to_owned()));
    let spec = hangar_agent::Spec { probes: vec![crate::site::probe(Question::Tls(anonymous), 10_000)], ..only_bundle };
    let report = hangar_agent::probe::run(spec, &Means::default()).await?;
    let Observation::Tls(answer) = &report.results[0].observation else { anyhow::bail!("{report:?}") };
    assert_eq!(answer.outcome, TlsOutcome::IdentityRefused);
    Ok(())
}

#[tokio::test]
async fn calls_come_from_the_address_that_is_ours() -> Result<()> {
    let (_site, ours, theirs, means) = two()?;
    let server = Server::tls(&node(&theirs, 0), &bundle(&[&ours]), Behaviour::Grpc("0", "")).await?;
    let means = Means { source: Some("127.64.3.9".parse()?), ..means };
    assert_eq!(seen(grpc(server.port()), &means).await?.outcome, TlsOutcome::Accepted);
    let callers = server.callers.lock().ok().context("nobody panics with it")?.clone();
    assert!(callers.iter().all(|caller| caller.ip().to_string() == "127.64.3.9"), "{callers:?}");
    Ok(())
}

#[tokio::test]
async fn many_probes_run_side_by_side_and_answer_in_order() -> Result<()> {
    let (_site, ours, theirs, means) = two()?;
    let deaf = Server::start(|stream| async move {
        std::future::pending::<()>().await;
        drop(stream);
    })
    .await?;
    let server = Server::tls(&node(&theirs, 0), &bundle(&[&ours]), Behaviour::Grpc("0", "")).await?;
    let mut probes: Vec<_> = (0..20)
        .map(|i| {
            let port = if i % 2 == 0 { deaf.port() } else { server.port() };
            let mut probe = crate::site::probe(Question::Tls(grpc(port)), 3000);
            probe.id = i.to_string();
            probe
        })
        .collect();
    probes[0].vantage = hangar_plan::strategy::probe::Vantage::Host;
    let started = std::time::Instant::now();
    let report = hangar_agent::probe::run(hangar_agent::Spec::new(probes), &means).await?;
    assert!(started.elapsed().as_secs() < 20, "ten times 3 s, one after the other, would be 30 s");
    let ids: Vec<_> = report.results.iter().map(|answer| answer.id.clone()).collect();
    assert_eq!(ids, (0..20).map(|i| i.to_string()).collect::<Vec<_>>());
    assert!(matches!(&report.results[0].observation, Observation::Failed(_)));
    for (i, answer) in report.results.iter().enumerate().skip(1) {
        let Observation::Tls(seen) = &answer.observation else { anyhow::bail!("{answer:?}") };
        let wanted = if i % 2 == 0 { TlsOutcome::TimedOut } else { TlsOutcome::Accepted };
        assert_eq!(seen.outcome, wanted, "{i}: {}", seen.detail);
    }
    Ok(())
}
