//! Connections to upstreams, and those that wait for the next request.

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

/// How long a connection waits for the next request. Most servers close it before.
const IDLE: Duration = Duration::from_secs(60);
/// How many wait at most.
const MAX_IDLE: usize = 4;
/// After how long without a byte the system finds out whether the other side is still there.
const KEEPALIVE: Duration = Duration::from_secs(60);

/// Why there is no connection.
#[derive(Debug)]
pub(crate) enum ConnectError {
    /// Nothing listens there.
    Refused,
    /// Nobody answered in time.
    TimedOut,
    /// No address is known for the name.
    NoSuchHost,
    /// There are no certificates by which anybody could be trusted.
    NoTrust(io::Error),
    /// They speak no TLS, or none that can be trusted.
    Tls(io::Error),
    /// What else the system says.
    Other(io::Error),
}

/// A connection. It moves only while somebody waits for something of it, in whose task it is read and
/// written: what comes wakes nobody else, and when it is dropped it is closed.
pub(super) struct UpstreamConnection {
    sender: http1::SendRequest<Full<Bytes>>,
    /// Until it has come to its end.
    inner: Option<http1::Connection<TokioIo<Socket>, Full<Bytes>>>,
}

/// Plain or encrypted.
type Socket = Box<dyn Io>;

trait Io: AsyncRead + AsyncWrite + Unpin + Send {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send> Io for T {}

impl UpstreamConnection {
    /// Connects, which may take this long with all that belongs to it.
    pub async fn new(
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
            let connector = trust.connector().await.map_err(ConnectError::NoTrust)?;
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

    /// Sends a request, and waits for the head of the answer.
    pub async fn send(
        &mut self,
        request: Request<Full<Bytes>>,
    ) -> hyper::Result<Response<Incoming>> {
        let answer = self.sender.send_request(request);
        drive(&mut self.inner, answer).await
    }

    /// Waits for something of the answer.
    pub(crate) async fn drive<T>(&mut self, wanted: impl Future<Output = T>) -> T {
        drive(&mut self.inner, wanted).await
    }

    /// Whether it takes a request: nothing is left of the last answer, and nobody has closed it.
    async fn is_ready(&mut self) -> bool {
        let ready = self.sender.ready();
        drive(&mut self.inner, ready).await.is_ok() && self.inner.is_some()
    }
}

/// Reads and writes a connection until there is what is wanted of it.
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
            // Whoever waits for something of it learns that nothing will come.
            *inner = None;
        }
        wanted.as_mut().poll(context)
    })
    .await
}

/// Connects to the first address of a host that takes it. Each has its share of the time: one may lead
/// nowhere where the next is right.
async fn connect(url: &BaseUrl, patience: Duration) -> Result<TcpStream, ConnectError> {
    let found = tokio::net::lookup_host((url.host(), url.port())).await;
    let addresses: Vec<SocketAddr> = found.map_err(|_| ConnectError::NoSuchHost)?.collect();
    let share = patience / u32::try_from(addresses.len().max(1)).unwrap_or(u32::MAX);
    let mut failed = None;
    for address in addresses {
        let connecting = timeout(share, TcpStream::connect(address)).await;
        match connecting.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into())) {
            Ok(stream) => {
                // Neither is needed, and both help.
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

/// Connections to one upstream that wait for the next request. Clones share them.
#[derive(Clone, Default)]
pub(super) struct Pool(Arc<Mutex<Vec<(Instant, UpstreamConnection)>>>);

impl Pool {
    /// One that still takes requests, as far as anybody knows: the other side may be closing it now.
    pub async fn take(&self) -> Option<UpstreamConnection> {
        loop {
            let (since, mut connection) = self.lock().pop()?;
            if since.elapsed() < IDLE && connection.is_ready().await {
                return Some(connection);
            }
        }
    }

    /// Keeps one for the next request, when all of the last answer has been read.
    pub fn put(&self, connection: UpstreamConnection) {
        if connection.inner.is_none() || connection.sender.is_closed() {
            return;
        }
        let mut idle = self.lock();
        if idle.len() == MAX_IDLE {
            idle.remove(0);
        }
        idle.push((Instant::now(), connection));
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<(Instant, UpstreamConnection)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
