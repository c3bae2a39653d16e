//! HTTP probes.

use anyhow::Result;
use hangar_agent::probe::Means;
use hangar_plan::strategy::observation::{Failure, FailureClass, HttpAnswer, Observation};
use hangar_plan::strategy::probe::{HttpQuestion, Question};

use crate::server::{Behaviour, Server, http};
use crate::site::{Site, ask, ask_within, authority, bundle, node};

fn question(port: u16, tls: bool) -> Question {
    Question::Http(HttpQuestion {
        host: "localhost".to_owned(),
        port,
        tls,
        server_name: None,
        path: "/health?ready=1".to_owned(),
    })
}

#[tokio::test]
async fn plain_and_over_tls_the_answer_is_status_and_body() -> Result<()> {
    let (site, theirs) = (Site::new()?, authority("uss2"));
    let means = Means { client: None, identity: None, source: None };
    let plain = Server::start(|stream| http(stream, 200)).await?;
    let answer = Observation::Http(HttpAnswer { status: 200, body: "GET /health".to_owned() });
    assert_eq!(ask(question(plain.port(), false), &means).await?, answer);
    let server = Server::tls(&node(&theirs, 0), &bundle(&[&theirs]), Behaviour::Http(200)).await?;
    let means = site.identity(&theirs.probe_leaf(10, crate::site::now_ms())?, &bundle(&[&theirs]))?;
    assert_eq!(ask(question(server.port(), true), &means).await?, answer);
    Ok(())
}

#[tokio::test]
async fn a_long_body_is_cut() -> Result<()> {
    let plain = Server::start(|stream| http(stream, 503)).await?;
    let Observation::Http(answer) = ask(question(plain.port(), false), &Means::default()).await? else {
        anyhow::bail!("no answer")
    };
    assert_eq!((answer.status, answer.body.len()), (503, 64 * 1024));
    Ok(())
}

#[tokio::test]
async fn each_failure_has_its_class() -> Result<()> {
    let (site, theirs) = (Site::new()?, authority("uss2"));
    let class = |seen: Observation| match seen {
        Observation::Failed(Failure { class, .. }) => Ok(class),
        other => Err(anyhow::anyhow!("{other:?}")),
    };
    let gone = Server::start(|stream| async move { drop(stream) }).await?;
    assert_eq!(class(ask(question(gone.port(), false), &Means::default()).await?)?, FailureClass::Other);
    let port = gone.port();
    drop(gone);
    crate::site::until(async || tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_err(), |gone| *gone).await;
    assert_eq!(class(ask(question(port, false), &Means::default()).await?)?, FailureClass::Unreachable);
    let deaf = Server::start(|stream| async move {
        std::future::pending::<()>().await;
        drop(stream);
    })
    .await?;
    assert_eq!(class(ask_within(question(deaf.port(), false), &Means::default(), 200).await?)?, FailureClass::TimedOut);
    let server = Server::tls(&node(&theirs, 0), &bundle(&[&theirs]), Behaviour::Http(200)).await?;
    let strangers = site.identity(&theirs.probe_leaf(10, crate::site::now_ms())?, &bundle(&[&authority("uss3")]))?;
    assert_eq!(class(ask(question(server.port(), true), &strangers).await?)?, FailureClass::Tls);
    Ok(())
}
