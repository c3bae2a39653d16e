//! What containers wrote, for the API server to ask for: the one path of a kubelet's server that it needs.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock};

use anyhow::Result;
use rustls_pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;

/// What pods (`namespace/name`) have written: each time it is asked for, the next one, and the last again and again.
fn written() -> &'static Mutex<HashMap<String, Vec<String>>> {
    static WRITTEN: OnceLock<Mutex<HashMap<String, Vec<String>>>> = OnceLock::new();
    WRITTEN.get_or_init(Mutex::default)
}

pub(crate) fn write(pod: &str, mut outputs: Vec<String>) {
    outputs.reverse();
    written().lock().expect("no test panics here").insert(pod.to_owned(), outputs);
}

fn read(pod: &str) -> Option<String> {
    let mut written = written().lock().expect("no test panics here");
    let outputs = written.get_mut(pod)?;
    if outputs.len() > 1 { outputs.pop() } else { outputs.last().cloned() }
}

/// Serves on a free port; the API server does not check who answers, as it is not told an authority of kubelets.
pub(crate) async fn serve() -> Result<u16> {
    let made = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()])?;
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
    let config = ServerConfig::builder().with_no_client_auth().with_single_cert(vec![made.cert.der().clone()], key)?;
    let (tls, listener) = (TlsAcceptor::from(Arc::new(config)), TcpListener::bind("127.0.0.1:0").await?);
    let port = listener.local_addr()?.port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let tls = tls.clone();
            tokio::spawn(async move {
                let mut stream = tls.accept(stream).await?;
                let mut head = vec![0; 8 * 1024];
                let n_read = stream.read(&mut head).await?;
                let head = String::from_utf8_lossy(&head[..n_read]).into_owned();
                // GET /containerLogs/NAMESPACE/POD/CONTAINER?..
                let path: Vec<&str> = head.split([' ', '/', '?']).collect();
                let pod = path.get(3..5).map(|names| names.join("/")).unwrap_or_default();
                let answer = match read(&pod) {
                    Some(text) => {
                        format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{text}", text.len())
                    }
                    None => "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".to_owned(),
                };
                stream.write_all(answer.as_bytes()).await?;
                stream.shutdown().await
            });
        }
    });
    Ok(port)
}
