//! A connection as bytes: small reads, and an end to waiting for a client that takes nothing.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::BytesMut;
use socket2::{SockRef, TcpKeepalive};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf, Take};
use tokio::net::TcpStream;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::Sleep;

/// The most that is read at once, in bytes: one less than hyper's buffer has at first. Reads that
/// fill it make it grow, and it stays as large for as long as a person thinks about the answer.
const READ: u64 = 8 * 1024 - 1;
/// From how many bytes on that come in one piece they are read in larger steps: a body so large takes
/// more memory than any buffer, and each step has the connection looked at anew.
const LARGE: usize = 64 * 1024;
/// How much may come before it is its turn, in bytes.
const MAX_EARLY: usize = 16 * 1024;
/// How long a connection may be silent before the system asks whether the client is still there,
/// and how often it asks then. The system itself decides when to give up.
const KEEPALIVE: Duration = Duration::from_secs(60);
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(15);

/// How it goes with the bytes of a connection, for whoever wants to know while somebody else has
/// the stream.
#[derive(Debug, Default)]
pub(super) struct Flow {
    /// Whether something that was to be sent waits.
    blocked: AtomicBool,
    /// How many bytes were read.
    received: AtomicUsize,
}

impl Flow {
    /// Whether something that was to be sent waits.
    pub(super) fn is_blocked(&self) -> bool {
        self.blocked.load(Ordering::Relaxed)
    }

    /// How many bytes were read since the connection began; only the difference of two such numbers
    /// means anything.
    pub(super) fn received(&self) -> usize {
        self.received.load(Ordering::Relaxed)
    }
}

/// The stream of a client.
#[derive(Debug)]
pub(super) struct Stream {
    tcp: Take<TcpStream>,
    /// What was read already and is to be read again.
    early: BytesMut,
    /// How long a write may wait.
    patience: Duration,
    flow: Arc<Flow>,
    /// How much has come since something was sent.
    coming: usize,
    /// When it has waited too long.
    until: Option<Pin<Box<Sleep>>>,
    /// The place it takes, for as long as it has its descriptor: a WebSocket outlives the
    /// connection of HTTP that it began as.
    _place: OwnedSemaphorePermit,
}

impl Stream {
    pub(super) fn new(tcp: TcpStream, patience: Duration, place: OwnedSemaphorePermit) -> Self {
        // Events are small and must not wait for more.
        if let Err(error) = tcp.set_nodelay(true) {
            tracing::debug!(%error, "no TCP_NODELAY");
        }
        let keepalive = TcpKeepalive::new()
            .with_time(KEEPALIVE)
            .with_interval(KEEPALIVE_INTERVAL);
        if let Err(error) = SockRef::from(&tcp).set_tcp_keepalive(&keepalive) {
            tracing::debug!(%error, "no TCP keepalive");
        }
        Self {
            tcp: tcp.take(READ),
            early: BytesMut::new(),
            patience,
            flow: Arc::default(),
            coming: 0,
            until: None,
            _place: place,
        }
    }

    /// Puts back what was read and not used.
    pub(super) fn put_back(&mut self, early: &[u8]) {
        // Nothing of the buffer that it was read into, which is larger.
        self.early = early.into();
    }

    /// How it goes with its bytes.
    pub(super) fn flow(&self) -> Arc<Flow> {
        Arc::clone(&self.flow)
    }

    /// Keeps what the client sends before it is its turn, up to a head of a request; ends only when
    /// it is gone. Can be given up and begun again without losing anything.
    pub(super) async fn read_ahead(&mut self) -> io::Error {
        loop {
            if self.early.len() > MAX_EARLY {
                // Nothing more is read until this is used.
                return std::future::pending().await;
            }
            let tcp = self.tcp.get_ref();
            if let Err(error) = tcp.readable().await {
                return error;
            }
            let mut buffer = [0; 1024];
            match tcp.try_read(&mut buffer) {
                Ok(0) => return io::ErrorKind::UnexpectedEof.into(),
                Ok(count) => self.early.extend_from_slice(&buffer[..count]),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return error,
            }
        }
    }

    /// Hands on what a write has come to, or gives up if it has waited too long.
    fn written<T>(
        &mut self,
        context: &mut Context<'_>,
        written: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        self.coming = 0;
        let is_blocked = written.is_pending();
        self.flow.blocked.store(is_blocked, Ordering::Relaxed);
        if written.is_ready() {
            self.until = None;
            return written;
        }
        let patience = self.patience;
        let until = self
            .until
            .get_or_insert_with(|| Box::pin(tokio::time::sleep(patience)));
        ready!(until.as_mut().poll(context));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if !self.early.is_empty() {
            let count = self.early.len().min(buffer.remaining());
            buffer.put_slice(&self.early.split_to(count));
            return Poll::Ready(Ok(()));
        }
        let limit = if self.coming < LARGE {
            READ
        } else {
            LARGE as u64
        };
        self.tcp.set_limit(limit);
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.tcp).poll_read(context, buffer);
        let count = buffer.filled().len().saturating_sub(before);
        self.flow.received.fetch_add(count, Ordering::Relaxed);
        self.coming = self.coming.saturating_add(count);
        read
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(self.tcp.get_mut()).poll_write(context, bytes);
        self.written(context, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(self.tcp.get_mut()).poll_write_vectored(context, slices);
        self.written(context, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.tcp.get_ref().is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(self.tcp.get_mut()).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(self.tcp.get_mut()).poll_shutdown(context)
    }
}
