//! A registry that says exactly what a test tells it to say, down to the bytes of the connection.

use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

/// Serves scripted answers on a loopback port until it is dropped. Asked for anything else, it says 404.
pub(crate) struct Fake {
    pub(crate) address: SocketAddr,
    state: Arc<Mutex<State>>,
    task: JoinHandle<()>,
}

#[derive(Default)]
struct State {
    /// By method and path with query. The last answer of a list is given for ever.
    routes: HashMap<String, Vec<Answer>>,
    seen: Vec<Request>,
}

/// A request as it came in.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    /// Method and path with query.
    pub(crate) line: String,
    pub(crate) authorization: Option<String>,
    pub(crate) body: String,
}

/// What is written back.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    status: u16,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
    /// What `content-length` says; the truth if not set, nothing if [`Length::Hidden`].
    length: Length,
    /// Keep the connection open and silent after the body.
    stalls: bool,
}

#[derive(Debug, Clone, Copy)]
enum Length {
    True,
    Claimed(u64),
    Hidden,
}

impl Answer {
    pub(crate) fn ok(body: impl Into<Vec<u8>>) -> Self {
        Self { status: 200, headers: vec![], body: body.into(), length: Length::True, stalls: false }
    }

    pub(crate) fn status(status: u16) -> Self {
        Self { status, ..Self::ok("") }
    }

    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    pub(crate) fn body(mut self, body: &str) -> Self {
        self.body = body.into();
        self
    }

    /// Claims another length than the body has.
    pub(crate) fn claiming(mut self, length: u64) -> Self {
        self.length = Length::Claimed(length);
        self
    }

    /// Says nothing about the length; the body ends with the connection.
    pub(crate) fn without_length(mut self) -> Self {
        self.length = Length::Hidden;
        self
    }

    /// Goes silent after the body.
    pub(crate) fn stalling(mut self) -> Self {
        self.stalls = true;
        self
    }
}

impl Fake {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback has free ports");
        let address = listener.local_addr().expect("bound");
        let state = Arc::new(Mutex::new(State::default()));
        let shared = state.clone();
        let task = tokio::spawn(async move {
            // Connections end with this task, because the set aborts what is in it.
            let mut connections = tokio::task::JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                connections.spawn(serve(stream, shared.clone()));
            }
        });
        let fake = Self { address, state, task };
        fake.answer("GET /v2/", Answer::ok("{}"));
        fake
    }

    /// Sets the one answer to `line`, method and path.
    pub(crate) fn answer(&self, line: &str, answer: Answer) {
        self.answers(line, vec![answer]);
    }

    /// Sets the answers to `line`, one after the other; the last one stays.
    pub(crate) fn answers(&self, line: &str, answers: Vec<Answer>) {
        self.state.lock().expect("no test panics in here").routes.insert(line.into(), answers);
    }

    /// Returns what was asked so far.
    pub(crate) fn seen(&self) -> Vec<Request> {
        self.state.lock().expect("no test panics in here").seen.clone()
    }

    /// Counts the requests whose line begins so.
    pub(crate) fn n_seen(&self, prefix: &str) -> usize {
        self.seen().iter().filter(|request| request.line.starts_with(prefix)).count()
    }
}

impl Drop for Fake {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(mut stream: TcpStream, state: Arc<Mutex<State>>) {
    let Some(request) = read(&mut stream).await else {
        return;
    };
    let answer = {
        let mut state = state.lock().expect("no test panics in here");
        let answer = match state.routes.get_mut(&request.line) {
            None => Answer::status(404),
            Some(answers) if answers.len() > 1 => answers.remove(0),
            Some(answers) => answers[0].clone(),
        };
        state.seen.push(request.clone());
        answer
    };
    let mut head = format!("HTTP/1.1 {} Scripted\r\nconnection: close\r\n", answer.status);
    for (name, value) in &answer.headers {
        head += &format!("{name}: {value}\r\n");
    }
    match answer.length {
        Length::True => head += &format!("content-length: {}\r\n", answer.body.len()),
        Length::Claimed(length) => head += &format!("content-length: {length}\r\n"),
        Length::Hidden => {}
    }
    head += "\r\n";
    let body = if request.line.starts_with("HEAD ") { &[][..] } else { &answer.body[..] };
    // The client may well hang up on us; that is then what the test is about.
    if stream.write_all(head.as_bytes()).await.is_err() || stream.write_all(body).await.is_err() {
        return;
    }
    if answer.stalls {
        std::future::pending::<()>().await;
    }
    drop(stream.shutdown().await);
}

async fn read(stream: &mut TcpStream) -> Option<Request> {
    let mut bytes = Vec::new();
    let end = loop {
        if let Some(at) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break at + 4;
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    };
    let head = String::from_utf8(bytes[..end].to_vec()).ok()?;
    let header = |name: &str| {
        let mut lines = head.lines().filter_map(|line| line.split_once(": "));
        lines.find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.to_owned())
    };
    let length: usize = header("content-length").map_or(0, |length| length.parse().expect("a number"));
    while bytes.len() < end + length {
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    }
    let line = head.lines().next()?.trim_end_matches(" HTTP/1.1").to_owned();
    let body = String::from_utf8_lossy(&bytes[end..]).into_owned();
    Some(Request { line, authorization: header("authorization"), body })
}
