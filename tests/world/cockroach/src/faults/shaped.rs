//! A connection that behaves as its link does.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep};

use super::link;
use crate::net::HostPort;

/// How often a cut link is looked at again.
const LOOK: Duration = Duration::from_millis(50);

/// An outgoing connection. Over a cut link nothing comes and nothing goes until it is whole again.
#[derive(Debug)]
pub struct Shaped {
    inner: TcpStream,
    to: HostPort,
    reading: Option<Pin<Box<Sleep>>>,
    writing: Option<Pin<Box<Sleep>>>,
    /// The next packet has waited as long as its link wants.
    waited: bool,
}

impl Shaped {
    /// A connection to `to`.
    pub fn new(inner: TcpStream, to: HostPort) -> Self {
        Self { inner, to, reading: None, writing: None, waited: false }
    }
}

impl Shaped {
    /// Ready once the link has let the next packet through.
    fn may_write(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        while link(&self.to).cut {
            ready!(rest(&mut self.writing, LOOK, cx));
        }
        if !self.waited {
            let wait = if self.writing.is_some() { Duration::ZERO } else { link(&self.to).wait() };
            if self.writing.is_some() || !wait.is_zero() {
                ready!(rest(&mut self.writing, wait, cx));
            }
            self.waited = true;
        }
        Poll::Ready(())
    }
}

/// Waits until the link carries something.
pub async fn open(to: &HostPort) {
    while link(to).cut {
        tokio::time::sleep(LOOK).await;
    }
    tokio::time::sleep(link(to).wait()).await;
}

/// Ready when the sleep is over; the next one starts anew.
fn rest(slot: &mut Option<Pin<Box<Sleep>>>, pause: Duration, cx: &mut Context<'_>) -> Poll<()> {
    let sleep = slot.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(Instant::now() + pause)));
    ready!(sleep.as_mut().poll(cx));
    *slot = None;
    Poll::Ready(())
}

impl AsyncRead for Shaped {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        while link(&self.to).cut {
            ready!(rest(&mut self.reading, LOOK, cx));
        }
        Pin::new(&mut self.inner).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Shaped {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        ready!(self.may_write(cx));
        let written = ready!(Pin::new(&mut self.inner).poll_write(cx, bytes));
        self.waited = false;
        Poll::Ready(written)
    }

    // TLS sends its last words in several buffers at once, and only once.
    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        ready!(self.may_write(cx));
        let written = ready!(Pin::new(&mut self.inner).poll_write_vectored(cx, parts));
        self.waited = false;
        Poll::Ready(written)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}
