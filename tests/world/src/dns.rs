use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use hickory_server::Server;
use hickory_server::net::runtime::Time;
use hickory_server::proto::op::{Metadata, ResponseCode};
use hickory_server::proto::rr::rdata::A;
use hickory_server::proto::rr::{RData, Record, RecordType};
use hickory_server::server::{Request, RequestHandler, ResponseHandler, ResponseInfo};
use hickory_server::zone_handler::MessageResponseBuilder;
use tokio::net::{TcpListener, UdpSocket};

use crate::WorldError;
use crate::network_view::NetworkView;

/// A resolver on an address of its own; it stops when dropped.
pub(crate) struct Dns {
    _server: Server<Handler>,
    address: SocketAddr,
}

/// What a resolver knows.
#[derive(Clone)]
pub(crate) struct Names {
    /// Whose cluster names are answered; cluster names are private to an organisation.
    pub(crate) cluster: Option<NetworkView>,
    /// Whose public names are answered.
    pub(crate) public: Arc<Vec<NetworkView>>,
}

const PORT: u16 = 53;
const TTL_SECONDS: u32 = 1;
const TCP_IDLE: Duration = Duration::from_secs(10);
const TCP_BUFFER: usize = 64;
const CLUSTER: &str = ".svc.cluster.local";

impl Dns {
    /// Listens on port 53 where we may, else on a free one.
    pub(crate) async fn start(address: Ipv4Addr, names: Names) -> Result<Self, WorldError> {
        let (udp, tcp) = match bind(address, PORT).await {
            Ok(sockets) => sockets,
            Err(_) => bind_free(address).await?,
        };
        let address = udp.local_addr().map_err(listen(address))?;
        let mut server = Server::new(Handler(names));
        server.register_socket(udp);
        server.register_listener(tcp, TCP_IDLE, TCP_BUFFER);
        Ok(Self { _server: server, address })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }
}

async fn bind(address: Ipv4Addr, port: u16) -> std::io::Result<(UdpSocket, TcpListener)> {
    let tcp = TcpListener::bind((address, port)).await?;
    let udp = UdpSocket::bind((address, tcp.local_addr()?.port())).await?;
    Ok((udp, tcp))
}

/// A port that TCP has free may be taken for UDP, so there are some attempts.
async fn bind_free(address: Ipv4Addr) -> Result<(UdpSocket, TcpListener), WorldError> {
    let mut attempt = 0;
    loop {
        attempt += 1;
        match bind(address, 0).await {
            Err(_) if attempt < 10 => {}
            other => return other.map_err(listen(address)),
        }
    }
}

fn listen(address: Ipv4Addr) -> impl FnOnce(std::io::Error) -> WorldError {
    move |err| WorldError::Listen { what: "DNS", address: address.to_string(), err }
}

struct Handler(Names);

#[async_trait]
impl RequestHandler for Handler {
    async fn handle_request<R: ResponseHandler, T: Time>(&self, request: &Request, mut response: R) -> ResponseInfo {
        let mut metadata = Metadata::response_from_request(&request.metadata);
        metadata.authoritative = true;
        // Stub resolvers give up on a server that does not recurse.
        metadata.recursion_available = true;
        let mut answers = Vec::new();
        match request.request_info() {
            Err(_) => metadata.response_code = ResponseCode::FormErr,
            Ok(info) => match self.0.addresses(&info.query.name().to_string()) {
                None => metadata.response_code = ResponseCode::NXDomain,
                Some(addresses) if info.query.query_type() == RecordType::A => {
                    let name = info.query.original().name();
                    answers.extend(
                        addresses.into_iter().map(|ip| Record::from_rdata(name.clone(), TTL_SECONDS, RData::A(A(ip)))),
                    );
                }
                Some(_) => {}
            },
        }
        let message = MessageResponseBuilder::from_message_request(request).build(metadata, &answers, [], [], []);
        match response.send_response(message).await {
            Ok(info) => info,
            Err(err) => {
                tracing::debug!(%err, "no DNS answer sent");
                let counts = Default::default();
                hickory_server::proto::op::Header { metadata, counts }.into()
            }
        }
    }
}

impl Names {
    /// The addresses a name leads to; nothing if there is no such name. A name may exist without an address.
    fn addresses(&self, name: &str) -> Option<Vec<Ipv4Addr>> {
        let name = name.trim_end_matches('.').to_ascii_lowercase();
        match name.strip_suffix(CLUSTER) {
            Some(inner) => cluster_addresses(self.cluster.as_ref()?, inner),
            None => self.public.iter().find_map(|view| view.public(&name)),
        }
    }
}

/// `SERVICE.NAMESPACE` or `POD.SERVICE.NAMESPACE`. There is no kube-proxy, so a Service is its pods.
fn cluster_addresses(view: &NetworkView, inner: &str) -> Option<Vec<Ipv4Addr>> {
    let parts: Vec<&str> = inner.split('.').collect();
    let (host, service, namespace) = match parts[..] {
        [service, namespace] => (None, service, namespace),
        [host, service, namespace] => (Some(host), service, namespace),
        _ => return None,
    };
    let known = view.service(namespace, service)?;
    let is_headless = known.spec.as_ref().and_then(|spec| spec.cluster_ip.as_deref()) == Some("None");
    let addresses = view.pods(namespace, service, host);
    // As CoreDNS does: a headless Service without pods, and a pod that is not there, have no name.
    let exists = !addresses.is_empty() || (host.is_none() && !is_headless);
    exists.then_some(addresses)
}
