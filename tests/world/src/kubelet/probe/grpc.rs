//! Probes by the gRPC health protocol (`grpc.health.v1.Health/Check`).

use std::net::Ipv4Addr;
use std::time::Duration;

use http::uri::PathAndQuery;
use k8s_openapi::api::core::v1::GRPCAction;
use tonic::client::Grpc;
use tonic::transport::Endpoint;
use tonic::{Code, Request};
use tonic_prost::ProstCodec;

use super::Failure;

#[derive(Clone, PartialEq, prost::Message)]
struct HealthCheckRequest {
    #[prost(string, tag = "1")]
    service: String,
}

#[derive(Clone, PartialEq, prost::Message)]
struct HealthCheckResponse {
    #[prost(int32, tag = "1")]
    status: i32,
}

/// Names of the states, by their numbers in the protocol.
const STATES: [&str; 4] = ["UNKNOWN", "SERVING", "NOT_SERVING", "SERVICE_UNKNOWN"];

/// Asks once. The words are the kubelet's.
pub(super) async fn ask(address: Ipv4Addr, action: &GRPCAction, timeout: Duration) -> Result<(), Failure> {
    let at = format!("{address}:{}", action.port);
    let unreachable = || format!("timeout: failed to connect service {at:?} within {}s", timeout.as_secs());
    match tokio::time::timeout(timeout, check(&at, action.service.clone().unwrap_or_default())).await {
        Err(_) => Err(unreachable()),
        Ok(Err(Asked::Unreachable)) => Err(format!("{}: connection refused", unreachable())),
        Ok(Err(Asked::Refused(status))) => Err(match status.code() {
            Code::Unimplemented => {
                format!(
                    "error: this server does not implement the grpc health protocol (grpc.health.v1.Health): {}",
                    status.message()
                )
            }
            _ => format!("error: health rpc failed: {}", status.message()),
        }),
        Ok(Ok(1)) => Ok(()),
        Ok(Ok(state)) => {
            let name = usize::try_from(state).ok().and_then(|state| STATES.get(state)).unwrap_or(&"UNKNOWN");
            Err(format!("service unhealthy (responded with {name:?})"))
        }
    }
}

enum Asked {
    Unreachable,
    Refused(tonic::Status),
}

async fn check(at: &str, service: String) -> Result<i32, Asked> {
    let endpoint = Endpoint::from_shared(format!("http://{at}")).map_err(|_| Asked::Unreachable)?;
    let channel = endpoint.connect().await.map_err(|_| Asked::Unreachable)?;
    let mut client = Grpc::new(channel);
    client.ready().await.map_err(|_| Asked::Unreachable)?;
    let path = PathAndQuery::from_static("/grpc.health.v1.Health/Check");
    let codec: ProstCodec<HealthCheckRequest, HealthCheckResponse> = ProstCodec::default();
    let answer = client.unary(Request::new(HealthCheckRequest { service }), path, codec).await;
    answer.map(|answer| answer.into_inner().status).map_err(Asked::Refused)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::convert::Infallible;

    use http_body_util::{BodyExt as _, StreamBody};
    use hyper::body::{Bytes, Frame, Incoming};
    use hyper::service::service_fn;
    use hyper_util::rt::{TokioExecutor, TokioIo};
    use tokio::net::TcpListener;

    /// A server that answers one service with each state, and all others with a refusal; its port. It ends with the runtime.
    async fn server() -> i32 {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(
                    hyper::server::conn::http2::Builder::new(TokioExecutor::new())
                        .serve_connection(TokioIo::new(stream), service_fn(answer)),
                );
            }
        });
        port.into()
    }

    async fn answer(request: hyper::Request<Incoming>) -> Result<hyper::Response<StreamOfFrames>, Infallible> {
        assert_eq!(request.uri().path(), "/grpc.health.v1.Health/Check");
        let body = request.into_body().collect().await.expect("a body").to_bytes();
        // After the five bytes of a frame: field 1, its length, the name.
        let service = body.get(7..).map(|name| String::from_utf8_lossy(name).into_owned()).unwrap_or_default();
        let (state, status) = match service.as_str() {
            "" | "serving" => (Some(1), "0"),
            "sick" => (Some(2), "0"),
            _ => (None, "12"),
        };
        let frame = state.map(|state: u8| Frame::data(Bytes::from(vec![0, 0, 0, 0, 2, 8, state])));
        let mut trailers = http::HeaderMap::new();
        trailers.insert("grpc-status", status.parse().expect("a number"));
        trailers.insert("grpc-message", "no such service".parse().expect("a text"));
        let frames = frame.into_iter().chain([Frame::trailers(trailers)]).map(Ok::<_, Infallible>);
        let response = hyper::Response::builder().header("content-type", "application/grpc");
        let body: StreamOfFrames = Box::pin(StreamBody::new(futures::stream::iter(frames.collect::<Vec<_>>())));
        Ok(response.body(body).expect("a response"))
    }

    type StreamOfFrames = std::pin::Pin<Box<dyn hyper::body::Body<Data = Bytes, Error = Infallible> + Send>>;

    async fn told(port: i32, service: &str) -> Result<(), String> {
        let action = GRPCAction { port, service: Some(service.to_owned()) };
        ask(Ipv4Addr::LOCALHOST, &action, Duration::from_secs(20)).await
    }

    #[tokio::test]
    async fn every_answer_has_the_kubelets_words() {
        let port = server().await;
        assert_eq!(told(port, "serving").await, Ok(()));
        assert_eq!(told(port, "").await, Ok(()));
        assert_eq!(told(port, "sick").await, Err("service unhealthy (responded with \"NOT_SERVING\")".to_owned()));
        let unknown = told(port, "other").await.expect_err("unknown");
        assert!(unknown.starts_with("error: this server does not implement the grpc health protocol"), "{unknown}");
        let nobody = told(1, "").await.expect_err("nobody listens");
        assert!(nobody.starts_with("timeout: failed to connect service \"127.0.0.1:1\" within 20s"), "{nobody}");
    }
}
