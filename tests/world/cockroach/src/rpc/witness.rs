//! Remembers why a TLS stream broke. HTTP/2 above it keeps only a kind of error.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::certs::go_text;

/// What was seen, shared with whoever asks.
#[derive(Debug, Clone, Default)]
pub struct Testimony(Arc<Mutex<Option<String>>>);

/// A stream that is watched.
#[derive(Debug)]
pub struct Witnessed<S> {
    inner: S,
    seen: Testimony,
}

impl Testimony {
    /// The first failure, in the words of Go's library.
    pub fn text(&self) -> Option<String> {
        self.0.lock().expect("no holder panics").clone()
    }

    fn note<T>(&self, outcome: &Poll<io::Result<T>>) {
        if let Poll::Ready(Err(err)) = outcome {
            let text = go_text::handshake(err);
            self.0.lock().expect("no holder panics").get_or_insert(text);
        }
    }
}

impl<S> Witnessed<S> {
    /// Watches a stream.
    pub fn new(inner: S) -> (Self, Testimony) {
        let seen = Testimony::default();
        (Self { inner, seen: seen.clone() }, seen)
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Witnessed<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let outcome = Pin::new(&mut self.inner).poll_read(cx, buffer);
        self.seen.note(&outcome);
        outcome
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Witnessed<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        // A write fails because a read did, or will: only reads carry the peer's reason.
        Pin::new(&mut self.inner).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}
