//! Streams that are sent without hyper while a person thinks.
//!
//! Hyper keeps 16 KB of read and write buffers for each connection. For ten thousand waiting
//! clients that is more than their requests take. So the connection takes such a response from
//! hyper, sends it event by event, and goes back to hyper when it has ended.

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

/// How long the head of a response waits for the first part of the body, to be sent with it.
const FIRST_PART_WAIT: Duration = Duration::from_millis(20);

/// Marks a response that may stay open for long, and whose length is unknown.
#[derive(Debug, Clone, Copy)]
pub(super) struct Detachable;

/// Hands a detached response from the service to the connection, once its conditions hold.
#[derive(Debug)]
pub(super) struct Handover {
    /// Tells whether hyper still has something to send.
    flow: Arc<Flow>,
    response: Mutex<Option<Response>>,
    /// Whether the request body was read to its end.
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

    /// The response to detach, once everything before it was sent. To be called after hyper has
    /// sent what it could.
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

/// The routes as a hyper service.
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
            // An upgraded connection uses it to count received bytes.
            request.extensions_mut().insert(Arc::clone(&handover.flow));
        }
        let may_detach = may_detach(&request);
        let is_empty = request.body().is_end_stream();
        handover.is_read.store(is_empty, Ordering::Relaxed);
        let request = request.map(|body| TrackedBody {
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
            // Never completes: the connection drops hyper, and this future with it.
            std::future::pending().await
        })
    }
}

/// Whether the response to a request may be chunked, and the connection reused after it.
fn may_detach<B>(request: &Request<B>) -> bool {
    let asks_to_close = |headers: &HeaderMap| {
        let mut values = headers.get_all(CONNECTION).into_iter();
        values.any(|value| !value.as_bytes().eq_ignore_ascii_case(b"keep-alive"))
    };
    request.version() == Version::HTTP_11
        && [Method::GET, Method::POST].contains(request.method())
        && !asks_to_close(request.headers())
}

/// A request body that records when it was read to its end.
struct TrackedBody {
    body: Incoming,
    handover: Arc<Handover>,
}

impl HttpBody for TrackedBody {
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
        // Always false, so that the body is polled to its end.
        false
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// Sends a response as a stream, each part as soon as the client has taken the one before.
///
/// # Errors
///
/// If the client is gone, or does not read any more.
pub(super) async fn send(stream: &mut Stream, response: Response) -> io::Result<()> {
    let (parts, body) = response.into_parts();
    let mut head = Bytes::from(head(parts));
    let mut body = Body::into_data_stream(body);
    // Boxed, to keep this future small: it lasts as long as the response.
    let mut first = match Box::pin(timeout(FIRST_PART_WAIT, next(stream, &mut body))).await {
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
            // An empty chunk would end the body.
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

/// The head of a chunked response (RFC 9112, section 7.1).
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
