//! HTTP probes.

use bytes::Bytes;
use hangar_plan::strategy::observation::{FailureClass, HttpAnswer, Observation};
use hangar_plan::strategy::probe::HttpQuestion;
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use hyper::{Request, Response, Uri};
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use std::sync::Arc;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsConnector;

use crate::probe::{Round, chain, failed, tls_error};

/// Most bytes of a body that are kept.
const LONGEST: usize = 64 * 1024;

/// Why a GET has no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum GetError {
    #[error("not a host, port and path")]
    Uri(#[source] http::Error),
    #[error("no HTTP answer")]
    Http(#[source] hyper::Error),
}

pub(super) async fn look(round: &Round, question: &HttpQuestion) -> Observation {
    let stream = match round.dialer.dial(&question.host, question.port).await {
        Ok(stream) => stream,
        Err(err) => return failed(FailureClass::Unreachable, chain(&err)),
    };
    let authority = (question.host.as_str(), question.port);
    let answer = if question.tls {
        let Some(config) = round.credentials.anonymous() else {
            return failed(FailureClass::Tls, "no bundle of authorities to trust the server by".to_owned());
        };
        let name = question.server_name.as_ref().unwrap_or(&question.host);
        let Ok(name) = ServerName::try_from(name.clone()) else {
            return failed(FailureClass::Tls, format!("`{name}` is no name of a server"));
        };
        match TlsConnector::from(Arc::new(config)).connect(name, stream).await {
            Ok(stream) => get(stream, authority, &question.path).await,
            Err(err) => return failed(FailureClass::Tls, chain(&err)),
        }
    } else {
        get(stream, authority, &question.path).await
    };
    match answer {
        Ok(answer) => Observation::Http(answer),
        Err(err) if tls_error(&err).is_some() => failed(FailureClass::Tls, chain(&err)),
        Err(err) => failed(FailureClass::Other, chain(&err)),
    }
}

/// One GET over a connection, and what came of it; the body is cut at 64 KiB.
pub(crate) async fn get<S>(stream: S, authority: (&str, u16), path: &str) -> Result<HttpAnswer, GetError>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let request = Request::get(path)
        .header(http::header::HOST, host_and_port(authority))
        .body(Empty::<Bytes>::new())
        .map_err(GetError::Uri)?;
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(GetError::Http)?;
    drive(connection, async move { answer(sender.send_request(request).await?).await }).await.map_err(GetError::Http)
}

/// Awaits a call while its connection runs beside it.
pub(super) async fn drive<C, A>(connection: C, call: A) -> A::Output
where
    C: Future,
    A: Future,
{
    let (mut connection, mut call) = (std::pin::pin!(connection), std::pin::pin!(call));
    tokio::select! {
        biased;
        output = &mut call => return output,
        _ = &mut connection => {}
    }
    call.await
}

async fn answer(response: Response<Incoming>) -> Result<HttpAnswer, hyper::Error> {
    let status = response.status().as_u16();
    let mut body = response.into_body();
    let mut kept = Vec::new();
    while let Some(frame) = body.frame().await {
        if let Ok(data) = frame?.into_data() {
            kept.extend_from_slice(&data[..data.len().min(LONGEST - kept.len())]);
        }
        if kept.len() == LONGEST {
            break;
        }
    }
    Ok(HttpAnswer { status, body: String::from_utf8_lossy(&kept).into_owned() })
}

pub(super) fn host_and_port((host, port): (&str, u16)) -> String {
    if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
}

pub(super) fn https(authority: (&str, u16), path: &str) -> Result<Uri, http::Error> {
    Uri::builder().scheme("https").authority(host_and_port(authority)).path_and_query(path).build()
}
