//! A stream that remembers the TLS error it met.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::probe::tls_error;

/// A stream that remembers the first TLS error of it: libraries above turn errors into text, and the alert is the answer.
pub(super) struct Tap<S> {
    stream: S,
    ear: Ear,
}

/// What a [`Tap`] has heard.
#[derive(Clone, Default)]
pub(super) struct Ear(Arc<OnceLock<rustls::Error>>);

impl Ear {
    pub(super) fn error(&self) -> Option<rustls::Error> {
        self.0.get().cloned()
    }

    fn hear<T>(&self, result: &Poll<io::Result<T>>) {
        if let Poll::Ready(Err(err)) = result
            && let Some(tls) = tls_error(err)
        {
            // Only the first counts: what follows is a consequence.
            self.0.get_or_init(|| tls.clone());
        }
    }
}

impl<S> Tap<S> {
    pub(super) fn new(stream: S) -> Self {
        Self { stream, ear: Ear::default() }
    }

    pub(super) fn ear(&self) -> Ear {
        self.ear.clone()
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Tap<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let result = Pin::new(&mut self.stream).poll_read(cx, buf);
        self.ear.hear(&result);
        result
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Tap<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.stream).poll_write(cx, buf);
        self.ear.hear(&result);
        result
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let result = Pin::new(&mut self.stream).poll_flush(cx);
        self.ear.hear(&result);
        result
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
