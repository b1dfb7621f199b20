//! A TCP stream with small reads, a write timeout and a byte counter.

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

/// Most bytes of a read: one less than the initial size of hyper's buffer. A read that fills the
/// buffer makes it grow, and it stays as large for as long as a person thinks about the answer.
const SMALL_READ: u64 = 8 * 1024 - 1;
/// After this many bytes without a write in between, reads are larger: such a body takes more
/// memory than any buffer, and each read has its overhead.
const LARGE_BURST: usize = 64 * 1024;
/// Most bytes that are read ahead of the current request.
const MAX_READ_AHEAD: usize = 16 * 1024;
/// Idle time before TCP keepalive probes, and their interval. The system decides when to give up.
const KEEPALIVE: Duration = Duration::from_secs(60);
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(15);

/// The state of a connection's transfer, readable while another owner has the stream.
#[derive(Debug, Default)]
pub(super) struct Flow {
    /// Whether a write is blocked.
    blocked: AtomicBool,
    /// Bytes received so far.
    received: AtomicUsize,
}

impl Flow {
    /// Whether a write is blocked.
    pub(super) fn is_blocked(&self) -> bool {
        self.blocked.load(Ordering::Relaxed)
    }

    /// Bytes received so far; wraps around, so only differences are meaningful.
    pub(super) fn received(&self) -> usize {
        self.received.load(Ordering::Relaxed)
    }
}

/// The stream of a client.
#[derive(Debug)]
pub(super) struct Stream {
    tcp: Take<TcpStream>,
    /// Data that was read ahead and is to be read again.
    read_ahead: BytesMut,
    /// How long a write may be blocked.
    write_timeout: Duration,
    flow: Arc<Flow>,
    /// Bytes received since the last write.
    burst: usize,
    /// The deadline of a blocked write.
    write_deadline: Option<Pin<Box<Sleep>>>,
    /// Its place among the connections, held as long as its descriptor: a WebSocket outlives the
    /// HTTP connection that it began as.
    _permit: OwnedSemaphorePermit,
}

impl Stream {
    pub(super) fn new(
        tcp: TcpStream,
        write_timeout: Duration,
        place: OwnedSemaphorePermit,
    ) -> Self {
        // Events are small and must not be delayed by Nagle's algorithm.
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
            tcp: tcp.take(SMALL_READ),
            read_ahead: BytesMut::new(),
            write_timeout,
            flow: Arc::default(),
            burst: 0,
            write_deadline: None,
            _permit: place,
        }
    }

    /// Puts back data that was read and not used.
    pub(super) fn put_back(&mut self, early: &[u8]) {
        // Copied, to free the larger buffer that it was read into.
        self.read_ahead = early.into();
    }

    /// The state of its transfer.
    pub(super) fn flow(&self) -> Arc<Flow> {
        Arc::clone(&self.flow)
    }

    /// Buffers what the client sends during a response, up to the size of a request head; returns
    /// only when the client is gone. Cancel-safe.
    pub(super) async fn read_ahead(&mut self) -> io::Error {
        loop {
            if self.read_ahead.len() > MAX_READ_AHEAD {
                // The buffer is full until it is used.
                return std::future::pending().await;
            }
            let tcp = self.tcp.get_ref();
            if let Err(error) = tcp.readable().await {
                return error;
            }
            let mut buffer = [0; 1024];
            match tcp.try_read(&mut buffer) {
                Ok(0) => return io::ErrorKind::UnexpectedEof.into(),
                Ok(count) => self.read_ahead.extend_from_slice(&buffer[..count]),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return error,
            }
        }
    }

    /// Passes on the result of a write, or fails if it has been blocked for too long.
    fn written<T>(
        &mut self,
        context: &mut Context<'_>,
        written: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        self.burst = 0;
        let is_blocked = written.is_pending();
        self.flow.blocked.store(is_blocked, Ordering::Relaxed);
        if written.is_ready() {
            self.write_deadline = None;
            return written;
        }
        let patience = self.write_timeout;
        let until = self
            .write_deadline
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
        if !self.read_ahead.is_empty() {
            let count = self.read_ahead.len().min(buffer.remaining());
            buffer.put_slice(&self.read_ahead.split_to(count));
            return Poll::Ready(Ok(()));
        }
        let limit = if self.burst < LARGE_BURST {
            SMALL_READ
        } else {
            LARGE_BURST as u64
        };
        self.tcp.set_limit(limit);
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.tcp).poll_read(context, buffer);
        let count = buffer.filled().len().saturating_sub(before);
        self.flow.received.fetch_add(count, Ordering::Relaxed);
        self.burst = self.burst.saturating_add(count);
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
