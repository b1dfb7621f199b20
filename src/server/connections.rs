//! Accepts connections up to a limit, and shuts them down gracefully.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::HeaderValue;
use axum::http::header::RETRY_AFTER;
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Response};
use hyper::server::conn::http1;
use hyper_util::rt::TokioTimer;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot, watch};

use super::error::{self, ErrorResponse};
use super::limits::Limits;
use super::refusals::Refusals;
use super::stream::Stream;
use super::{body, connection};
use crate::api::ApiError;

/// Most bytes of a request head.
const MAX_HEAD: usize = 64 * 1024;
/// How many connections are refused at the same time with a 503. Others wait in the accept queue of
/// the system, because a refusal needs a descriptor too.
const MAX_REFUSALS: usize = 32;
/// Time limit of a refusal.
const REFUSAL_TIMEOUT: Duration = Duration::from_secs(5);
/// How much of that time the client may go on sending before it is refused.
const REFUSAL_LINGER: Duration = Duration::from_secs(2);
/// Pause after `accept` failed for lack of resources.
const ACCEPT_PAUSE: Duration = Duration::from_millis(500);

/// A listening port and its connections.
pub(super) struct Connections {
    listener: TcpListener,
    router: Router,
    /// Answers connections beyond the limit.
    at_capacity: Router,
    limits: Limits,
    http: http1::Builder,
    served: Arc<Semaphore>,
    refused: Arc<Semaphore>,
    /// Tells all connections to end with the current response. Each holds a receiver for as long as
    /// it lasts, so that this also tells when the last has ended: what a `CancellationToken` and a
    /// `TaskTracker` of tokio-util would do together.
    ending: watch::Sender<()>,
}

/// Whether a new connection is served or refused. The permit is held as long as its descriptor.
enum Admission {
    Served(OwnedSemaphorePermit),
    Refused(OwnedSemaphorePermit),
}

impl Connections {
    pub(super) fn new(
        listener: TcpListener,
        router: Router,
        at_capacity: Router,
        limits: Limits,
    ) -> Self {
        let mut http = http1::Builder::new();
        http.timer(TokioTimer::new())
            .header_read_timeout(limits.head_timeout)
            .max_buf_size(MAX_HEAD);
        Self {
            listener,
            router,
            at_capacity,
            served: Arc::new(Semaphore::new(limits.connections)),
            refused: Arc::new(Semaphore::new(MAX_REFUSALS)),
            limits,
            http,
            ending: watch::Sender::new(()),
        }
    }

    /// Serves until `stop` becomes true or its sender is gone; then closes the port, drops
    /// `closed`, and waits for the responses in progress.
    pub(super) async fn serve(self, mut stop: watch::Receiver<bool>, closed: oneshot::Sender<()>) {
        tokio::select! {
            () = self.accept_all() => {}
            // An error means that the sender is gone, as on shutdown.
            _ = stop.wait_for(|stop| *stop) => {}
        }
        drop(self.listener);
        drop(closed);
        self.ending.send_replace(());
        self.ending.closed().await;
    }

    async fn accept_all(&self) {
        let mut is_failing = false;
        loop {
            let admission = self.admit().await;
            match self.listener.accept().await {
                Ok((stream, _)) => {
                    is_failing = false;
                    self.spawn_connection(stream, admission);
                }
                Err(error) if is_of_one_connection(&error) => {}
                Err(error) => {
                    // An immediate retry would fail again. Logged only once in a row.
                    if !is_failing {
                        tracing::error!(%error, "no connection can be accepted");
                    }
                    is_failing = true;
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }

    /// Waits until another connection may be accepted, to be served or refused.
    async fn admit(&self) -> Admission {
        let (served, refused) = (Arc::clone(&self.served), Arc::clone(&self.refused));
        let permit = tokio::select! {
            biased;
            permit = served.acquire_owned() => permit.map(Admission::Served),
            permit = refused.acquire_owned() => permit.map(Admission::Refused),
        };
        match permit {
            Ok(admission) => admission,
            // These semaphores are never closed.
            Err(_) => std::future::pending().await,
        }
    }

    fn spawn_connection(&self, stream: TcpStream, admission: Admission) {
        // A place may have become free since admission.
        let admission = match admission {
            Admission::Refused(refused) => match Arc::clone(&self.served).try_acquire_owned() {
                Ok(served) => Admission::Served(served),
                Err(_) => Admission::Refused(refused),
            },
            served => served,
        };
        let ending = self.ending.subscribe();
        let (router, permit, is_served) = match admission {
            Admission::Served(permit) => (self.router.clone(), permit, true),
            Admission::Refused(permit) => (self.at_capacity.clone(), permit, false),
        };
        let mut http = self.http.clone();
        http.keep_alive(is_served);
        let stream = Stream::new(stream, self.limits.write_timeout, permit);
        let connection = connection::serve(http, TowerToHyperService::new(router), stream, ending);
        // A panic ends only this connection.
        if is_served {
            drop(tokio::spawn(connection))
        } else {
            drop(tokio::spawn(async {
                // A client that takes longer may miss it.
                let _ = tokio::time::timeout(REFUSAL_TIMEOUT, connection).await;
            }))
        }
    }
}

/// Routes that refuse every request of a connection beyond the limit.
pub(super) fn at_capacity(refusals: Refusals) -> Router {
    Router::new()
        .fallback(refuse)
        .layer(from_fn_with_state(refusals, error::in_callers_form))
}

async fn refuse(body: Body) -> Response {
    body::discard_for(body, REFUSAL_LINGER).await;
    let message = "This server has as many connections as it can have. Close those that you do \
                   not need, or try again in a moment.";
    let error = ApiError::invalid(message).status(503).kind("server_error");
    let mut response = ErrorResponse(error.code("server_error")).into_response();
    let soon = HeaderValue::from_static("1");
    response.headers_mut().insert(RETRY_AFTER, soon);
    response
}

/// Whether an error of `accept` is about this connection only, so that the next may be accepted at
/// once.
fn is_of_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionRefused
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::Interrupted
    )
}
