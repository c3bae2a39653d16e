//! A bucket, as far as terraform's backend `s3` asks for it: objects, and writes on the condition that nothing is there.
//! Signatures are not looked at.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use serde_json::{Value, json};

const STATE: &str = "/bucket/infra.tfstate";
const LOCK: &str = "/bucket/infra.tfstate.tflock";

#[derive(Default)]
pub(crate) struct Bucket {
    objects: BTreeMap<String, Vec<u8>>,
    /// Hangs up on everybody.
    pub(crate) is_cut: bool,
}

impl Bucket {
    pub(crate) fn state(&self) -> Option<Value> {
        self.objects.get(STATE).map(|state| serde_json::from_slice(state).unwrap())
    }

    pub(crate) fn lock(&self) -> Option<Value> {
        self.objects.get(LOCK).map(|lock| serde_json::from_slice(lock).unwrap())
    }

    pub(crate) fn set_lock(&mut self, lock: Option<&Value>) {
        match lock {
            Some(lock) => drop(self.objects.insert(LOCK.to_owned(), lock.to_string().into_bytes())),
            None => drop(self.objects.remove(LOCK)),
        }
    }
}

/// Serves until the process ends; each test has its own.
pub(crate) struct StateServer {
    address: String,
    bucket: Arc<Mutex<Bucket>>,
}

impl StateServer {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let bucket = Arc::new(Mutex::new(Bucket::default()));
        let kept = Arc::clone(&bucket);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let bucket = Arc::clone(&kept);
                thread::spawn(move || serve(stream, &bucket));
            }
        });
        Self { address, bucket }
    }

    pub(crate) fn settings(&self) -> Value {
        json!({
            "bucket": "bucket", "key": "infra.tfstate", "region": "us-east-1", "use_lockfile": true,
            "endpoints": { "s3": self.address }, "use_path_style": true, "max_retries": 1, "skip_s3_checksum": true,
            "skip_credentials_validation": true, "skip_region_validation": true, "skip_requesting_account_id": true,
            "skip_metadata_api_check": true,
        })
    }

    pub(crate) fn with<T>(&self, look: impl FnOnce(&mut Bucket) -> T) -> T {
        look(&mut self.bucket.lock().unwrap())
    }
}

fn serve(stream: TcpStream, bucket: &Mutex<Bucket>) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut line = String::new();
    if reader.read_line(&mut line).is_err() || bucket.lock().unwrap().is_cut {
        return;
    }
    let mut words = line.split(' ');
    let (verb, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let (mut n_bytes, mut is_new) = (0, false);
    loop {
        let mut header = String::new();
        if reader.read_line(&mut header).unwrap_or_default() <= 2 {
            break;
        }
        let (name, value) = header.split_once(':').unwrap_or_default();
        match name.to_ascii_lowercase().as_str() {
            "content-length" => n_bytes = value.trim().parse().unwrap(),
            "if-none-match" => is_new = true,
            _ => {}
        }
    }
    let mut body = vec![0; n_bytes];
    // A tool that was killed sends no more, and waits for no answer.
    if reader.read_exact(&mut body).is_ok() {
        let path = target.split('?').next().unwrap_or_default();
        let (status, answer) = answer(verb, path, is_new, body, &mut bucket.lock().unwrap());
        let length = answer.len();
        let head = format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n");
        drop((&stream).write_all(head.as_bytes()));
        drop((&stream).write_all(&answer));
    }
}

fn answer(verb: &str, path: &str, is_new: bool, body: Vec<u8>, bucket: &mut Bucket) -> (&'static str, Vec<u8>) {
    let error = |code: &str| format!("<Error><Code>{code}</Code><Message>{code}</Message></Error>").into_bytes();
    match (verb, bucket.objects.get(path)) {
        ("GET", _) if path.trim_end_matches('/') == "/bucket" => {
            ("200 OK", b"<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>".to_vec())
        }
        ("GET", Some(object)) => ("200 OK", object.clone()),
        ("HEAD", Some(_)) => ("200 OK", Vec::new()),
        ("GET", None) => ("404 Not Found", error("NoSuchKey")),
        ("HEAD", None) => ("404 Not Found", Vec::new()),
        ("PUT", Some(_)) if is_new => ("412 Precondition Failed", error("PreconditionFailed")),
        ("PUT", _) => {
            bucket.objects.insert(path.to_owned(), body);
            ("200 OK", Vec::new())
        }
        ("DELETE", _) => {
            bucket.objects.remove(path);
            ("204 No Content", Vec::new())
        }
        _ => ("405 Method Not Allowed", error("MethodNotAllowed")),
    }
}
