//! Connections to upstreams, and the pool of idle ones.

use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use socket2::{SockRef, TcpKeepalive};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::rustls;

use super::BaseUrl;
use super::trust::Trust;

/// How long a connection stays in the pool. Most servers close it earlier.
const MAX_IDLE_TIME: Duration = Duration::from_secs(60);
/// Most connections in the pool.
const MAX_IDLE_CONNECTIONS: usize = 4;
/// Idle time after which TCP keepalive probes begin.
const KEEPALIVE: Duration = Duration::from_secs(60);

/// Why there is no connection.
#[derive(Debug)]
pub(crate) enum ConnectError {
    /// Nothing listens there.
    Refused,
    /// The connection timed out.
    TimedOut,
    /// The name has no address.
    NoSuchHost,
    /// There are no root certificates.
    NoCertificates(io::Error),
    /// The TLS handshake failed, or the certificate is not trusted.
    Tls(io::Error),
    /// Any other error of the system.
    Other(io::Error),
}

/// A connection. It makes progress only while [`UpstreamConnection::drive`] or a request waits on
/// it, in that task: data wakes no other task, and dropping it closes the connection.
pub(super) struct UpstreamConnection {
    sender: http1::SendRequest<Full<Bytes>>,
    /// `None` once it has ended.
    inner: Option<http1::Connection<TokioIo<Socket>, Full<Bytes>>>,
}

/// TCP or TLS.
type Socket = Box<dyn Io>;

trait Io: AsyncRead + AsyncWrite + Unpin + Send {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send> Io for T {}

impl UpstreamConnection {
    /// Connects; `patience` is the time limit, TLS handshake included.
    pub(super) async fn new(
        url: &BaseUrl,
        trust: &Trust,
        patience: Duration,
    ) -> Result<Self, ConnectError> {
        let connecting = timeout(patience, Self::connect(url, trust, patience));
        connecting.await.map_err(|_| ConnectError::TimedOut)?
    }

    async fn connect(
        url: &BaseUrl,
        trust: &Trust,
        patience: Duration,
    ) -> Result<Self, ConnectError> {
        let stream = connect(url, patience).await?;
        let socket: Socket = if url.is_secure() {
            let name = rustls::pki_types::ServerName::try_from(url.host().to_owned());
            let name = name.map_err(|_| ConnectError::NoSuchHost)?;
            let connector = trust
                .connector()
                .await
                .map_err(ConnectError::NoCertificates)?;
            let stream = connector.connect(name, stream).await;
            Box::new(stream.map_err(ConnectError::Tls)?)
        } else {
            Box::new(stream)
        };
        let (sender, inner) = http1::handshake(TokioIo::new(socket))
            .await
            .map_err(|error| ConnectError::Other(io::Error::other(error)))?;
        Ok(Self {
            sender,
            inner: Some(inner),
        })
    }

    /// Sends a request, and waits for the response head.
    pub(super) async fn send(
        &mut self,
        request: Request<Full<Bytes>>,
    ) -> hyper::Result<Response<Incoming>> {
        let answer = self.sender.send_request(request);
        drive(&mut self.inner, answer).await
    }

    /// Waits for a future that needs the connection, and drives the connection meanwhile.
    pub(crate) async fn drive<T>(&mut self, wanted: impl Future<Output = T>) -> T {
        drive(&mut self.inner, wanted).await
    }

    /// Whether it can take a request: the last response was read to its end, and the connection is
    /// open.
    async fn is_ready(&mut self) -> bool {
        let ready = self.sender.ready();
        drive(&mut self.inner, ready).await.is_ok() && self.inner.is_some()
    }
}

/// Drives a connection until a future that depends on it is ready.
async fn drive<T>(
    inner: &mut Option<http1::Connection<TokioIo<Socket>, Full<Bytes>>>,
    wanted: impl Future<Output = T>,
) -> T {
    let mut wanted = pin!(wanted);
    std::future::poll_fn(|context| {
        if let Some(connection) = inner
            && let Poll::Ready(ended) = Pin::new(connection).poll(context)
        {
            if let Err(error) = ended {
                tracing::debug!(%error, "connection to an upstream");
            }
            // The future sees that the connection has ended.
            *inner = None;
        }
        wanted.as_mut().poll(context)
    })
    .await
}

/// Connects to the first address of a host that accepts. Each gets a share of the time, because one
/// may be unreachable where the next is not.
async fn connect(url: &BaseUrl, patience: Duration) -> Result<TcpStream, ConnectError> {
    let found = tokio::net::lookup_host((url.host(), url.port())).await;
    let addresses: Vec<SocketAddr> = found.map_err(|_| ConnectError::NoSuchHost)?.collect();
    let share = patience / u32::try_from(addresses.len().max(1)).unwrap_or(u32::MAX);
    let mut failed = None;
    for address in addresses {
        let connecting = timeout(share, TcpStream::connect(address)).await;
        match connecting.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into())) {
            Ok(stream) => {
                // Both options are optional, so errors are ignored.
                let _ = stream.set_nodelay(true);
                let keepalive = TcpKeepalive::new().with_time(KEEPALIVE);
                let _ = SockRef::from(&stream).set_tcp_keepalive(&keepalive);
                return Ok(stream);
            }
            Err(error) => failed = Some(error),
        }
    }
    let failed = failed.ok_or(ConnectError::NoSuchHost)?;
    Err(match failed.kind() {
        io::ErrorKind::ConnectionRefused => ConnectError::Refused,
        io::ErrorKind::TimedOut => ConnectError::TimedOut,
        _ => ConnectError::Other(failed),
    })
}

/// Idle connections to one upstream. Clones share them.
#[derive(Clone, Default)]
pub(super) struct Pool(Arc<Mutex<Vec<(Instant, UpstreamConnection)>>>);

impl Pool {
    /// Takes a connection that seems open; the server may still be closing it.
    pub(super) async fn take(&self) -> Option<UpstreamConnection> {
        loop {
            let (since, mut connection) = self.lock().pop()?;
            if since.elapsed() < MAX_IDLE_TIME && connection.is_ready().await {
                return Some(connection);
            }
        }
    }

    /// Puts back a connection whose last response was read to its end.
    pub(super) fn put(&self, connection: UpstreamConnection) {
        if connection.inner.is_none() || connection.sender.is_closed() {
            return;
        }
        let mut idle = self.lock();
        if idle.len() == MAX_IDLE_CONNECTIONS {
            idle.remove(0);
        }
        idle.push((Instant::now(), connection));
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<(Instant, UpstreamConnection)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
