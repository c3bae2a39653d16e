//! A small server for the tests' pods: answers over HTTP about itself.
//!
//! `test-pod serve PORT` listens on `$POD_IP:PORT`; paths are `/env/NAME`, `/file/PATH`, `/peer`, `/exit/CODE`, and
//! `/healthy` (200 until `/sick` was asked, then 500). `test-pod call HOST:PORT PATH` asks another, from `$POD_IP`.
#![expect(clippy::disallowed_methods, reason = "the environment is what this program shows")]

use std::io::{BufRead, BufReader, Write};
use std::net::{IpAddr, TcpListener, TcpStream};
use std::process::ExitCode;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpSocket;

fn main() -> std::io::Result<ExitCode> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words[..] {
        ["serve", port] => serve(port),
        ["call", address, path] => call(address, path),
        _ => Ok(ExitCode::from(2)),
    }
}

fn variable(name: &str) -> String {
    std::env::vars().find(|(known, _)| known == name).map(|(_, value)| value).unwrap_or_default()
}

fn serve(port: &str) -> std::io::Result<ExitCode> {
    let listener = TcpListener::bind(format!("{}:{port}", variable("POD_IP")))?;
    say(&format!("serving on {}", listener.local_addr()?))?;
    let mut is_sick = false;
    for stream in listener.incoming() {
        // Who connects and says nothing, as a socket probe does, is no reason to end.
        if let Ok(Some(code)) = attend(stream?, &mut is_sick) {
            return Ok(code);
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Answers one request; an exit code if the request was to end.
fn attend(mut stream: TcpStream, is_sick: &mut bool) -> std::io::Result<Option<ExitCode>> {
    let mut line = String::new();
    let mut reader = BufReader::new(stream.try_clone()?);
    reader.read_line(&mut line)?;
    let path = line.split(' ').nth(1).unwrap_or("/").to_owned();
    while reader.read_line(&mut line)? > 2 {}
    let (status, body) = match path.split('/').collect::<Vec<_>>()[..] {
        ["", "env", name] => (200, variable(name)),
        ["", "peer"] => (200, stream.peer_addr()?.ip().to_string()),
        ["", "file", ..] => match std::fs::read_to_string(path.trim_start_matches("/file")) {
            Ok(text) => (200, text),
            Err(err) => (404, err.to_string()),
        },
        ["", "sick"] => {
            *is_sick = true;
            (200, String::new())
        }
        ["", "healthy"] if *is_sick => (500, "sick".to_owned()),
        ["", "exit", code] => {
            answer(&mut stream, 200, "bye")?;
            return Ok(Some(ExitCode::from(code.parse().unwrap_or(1))));
        }
        _ => (200, variable("HOSTNAME")),
    };
    answer(&mut stream, status, &body)?;
    Ok(None)
}

fn answer(stream: &mut TcpStream, status: u16, body: &str) -> std::io::Result<()> {
    write!(stream, "HTTP/1.1 {status} x\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}", body.len())
}

#[tokio::main(flavor = "current_thread")]
async fn call(address: &str, path: &str) -> std::io::Result<ExitCode> {
    let socket = TcpSocket::new_v4()?;
    let from: IpAddr = variable("POD_IP").parse().map_err(std::io::Error::other)?;
    socket.bind((from, 0).into())?;
    let to = tokio::net::lookup_host(address).await?.find(|address| address.is_ipv4());
    let mut stream = socket.connect(to.ok_or(std::io::ErrorKind::NotFound)?).await?;
    stream.write_all(format!("GET {path} HTTP/1.1\r\nhost: x\r\n\r\n").as_bytes()).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    say(answer.split("\r\n\r\n").nth(1).unwrap_or_default())?;
    Ok(ExitCode::SUCCESS)
}

fn say(text: &str) -> std::io::Result<()> {
    writeln!(std::io::stdout(), "{text}")
}
