//! Responses that are detached from hyper while a person thinks.
//!
//! Hyper keeps 16 KB of buffers with each connection, for requests that may come and for events that
//! may leave. Ten thousand clients that only wait would cost more with them than with all that they
//! ask. So the connection takes such a response out of hyper's hands, sends it event by event, and
//! goes back to hyper when it has ended.

use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::{Body, BodyDataStream, HttpBody};
use axum::http::header::{CONNECTION, DATE, TRANSFER_ENCODING, UPGRADE};
use axum::http::{HeaderMap, Method, Request, StatusCode, Version, response};
use axum::response::Response;
use bytes::{Buf, Bytes};
use futures_util::StreamExt;
use hyper::body::{Frame, Incoming, SizeHint};
use hyper_util::service::TowerToHyperService;
use jiff::Timestamp;
use tokio::io::AsyncWriteExt;
use tokio::time::timeout;

use super::stream::{Flow, Stream};

/// How long the head of a response waits for its first part, to leave together with it.
const WITH_HEAD: Duration = Duration::from_millis(20);

/// Marks a response that may stay open for long, and whose length nobody knows.
#[derive(Debug, Clone, Copy)]
pub(super) struct Detachable;

/// Where a response goes that is not for hyper, and what has to be true before it may go there.
#[derive(Debug)]
pub(super) struct Handover {
    /// Says whether hyper still has to send something.
    flow: Arc<Flow>,
    response: Mutex<Option<Response>>,
    /// Whether the request was read to its end, so that what follows is the next one.
    is_read: AtomicBool,
}

impl Handover {
    pub(super) fn new(stream: &Stream) -> Arc<Self> {
        Arc::new(Self {
            flow: stream.flow(),
            response: Mutex::default(),
            is_read: AtomicBool::default(),
        })
    }

    /// The response to detach, as soon as all that was sent before has left. To be asked
    /// after hyper has sent what it could.
    pub(super) fn take(&self) -> Option<Response> {
        if self.flow.is_blocked() {
            return None;
        }
        let mut response = self.response.lock().unwrap_or_else(PoisonError::into_inner);
        response.take()
    }

    fn put(&self, response: Response) {
        let mut place = self.response.lock().unwrap_or_else(PoisonError::into_inner);
        *place = Some(response);
    }
}

/// The routes, as hyper calls them.
pub(super) struct Service {
    pub routes: TowerToHyperService<axum::Router>,
    pub(crate) handover: Arc<Handover>,
}

type ServiceFuture =
    Pin<Box<dyn Future<Output = Result<Response, std::convert::Infallible>> + Send>>;

impl hyper::service::Service<Request<Incoming>> for Service {
    type Response = Response;
    type Error = std::convert::Infallible;
    type Future = ServiceFuture;

    fn call(&self, mut request: Request<Incoming>) -> ServiceFuture {
        let handover = Arc::clone(&self.handover);
        if request.headers().contains_key(UPGRADE) {
            // Whoever takes the connection over counts what comes.
            request.extensions_mut().insert(Arc::clone(&handover.flow));
        }
        let may_detach = may_detach(&request);
        let is_empty = request.body().is_end_stream();
        handover.is_read.store(is_empty, Ordering::Relaxed);
        let request = request.map(|body| Watched {
            body,
            handover: Arc::clone(&handover),
        });
        let future = self.routes.call(request);
        Box::pin(async move {
            let response = future.await?;
            let detaches = may_detach
                && response.status() == StatusCode::OK
                && response.extensions().get::<Detachable>().is_some()
                && handover.is_read.load(Ordering::Relaxed);
            if !detaches {
                return Ok(response);
            }
            handover.put(response);
            // The connection takes hyper down, and this with it.
            std::future::pending().await
        })
    }
}

/// Whether the response to a request may be sent in chunks, and the connection go on after it.
fn may_detach<B>(request: &Request<B>) -> bool {
    let asks_to_close = |headers: &HeaderMap| {
        let mut values = headers.get_all(CONNECTION).into_iter();
        values.any(|value| !value.as_bytes().eq_ignore_ascii_case(b"keep-alive"))
    };
    request.version() == Version::HTTP_11
        && [Method::GET, Method::POST].contains(request.method())
        && !asks_to_close(request.headers())
}

/// The body of a request, which tells when it was read to its end.
struct Watched {
    body: Incoming,
    handover: Arc<Handover>,
}

impl HttpBody for Watched {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(context));
        if frame.is_none() {
            self.handover.is_read.store(true, Ordering::Relaxed);
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        // Whoever reads learns of the end by reading up to it.
        false
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// Sends a response as it comes to be, each part as soon as the client has taken the one before.
///
/// # Errors
///
/// If the client is gone, or takes nothing any more.
pub(super) async fn send(stream: &mut Stream, response: Response) -> io::Result<()> {
    let (parts, body) = response.into_parts();
    let mut head = Bytes::from(head(parts));
    let mut body = Body::into_data_stream(body);
    // Not within this future, which lasts as long as the response.
    let mut first = match Box::pin(timeout(WITH_HEAD, next(stream, &mut body))).await {
        Ok(first) => Some(first?),
        Err(_) => {
            stream.write_all_buf(&mut head).await?;
            None
        }
    };
    loop {
        let part = match first.take() {
            Some(first) => first,
            None => next(stream, &mut body).await?,
        };
        let Some(part) = part else {
            break;
        };
        if part.is_empty() {
            // A chunk without anything would be the last one.
            continue;
        }
        let size = Bytes::from(format!("{:x}\r\n", part.len()));
        let mut chunk = (&mut head).chain(size).chain(part).chain(&b"\r\n"[..]);
        stream.write_all_buf(&mut chunk).await?;
    }
    stream
        .write_all_buf(&mut head.chain(&b"0\r\n\r\n"[..]))
        .await
}

/// The next part of a response.
async fn next(stream: &mut Stream, body: &mut BodyDataStream) -> io::Result<Option<Bytes>> {
    tokio::select! {
        biased;
        part = body.next() => part.transpose().map_err(io::Error::other),
        gone = stream.read_ahead() => Err(gone),
    }
}

/// The head of a response in chunks (RFC 9112, section 7.1).
fn head(parts: response::Parts) -> Vec<u8> {
    let mut head = b"HTTP/1.1 200 OK\r\n".to_vec();
    let mut line = |name: &[u8], value: &[u8]| {
        for part in [name, b": ", value, b"\r\n"] {
            head.extend_from_slice(part);
        }
    };
    for (name, value) in &parts.headers {
        line(name.as_ref(), value.as_bytes());
    }
    line(TRANSFER_ENCODING.as_ref(), b"chunked");
    let now = Timestamp::now().strftime("%a, %d %b %Y %H:%M:%S GMT");
    line(DATE.as_ref(), now.to_string().as_bytes());
    head.extend_from_slice(b"\r\n");
    head
}
