//! The port and the connections on it: how many there may be, and how they end.

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

/// The longest head of a request, in bytes.
const MAX_HEAD: usize = 64 * 1024;
/// How many connections are told at once that the server is full. The rest waits in the queue of the
/// system until these are gone: telling costs descriptors too.
const REFUSALS: usize = 32;
/// How long telling may take.
const REFUSAL_TIMEOUT: Duration = Duration::from_secs(5);
/// How long of that a client may go on sending before it is told.
const REFUSAL_LINGER: Duration = Duration::from_secs(2);
/// How long nothing is accepted after the system could not give a connection.
const PAUSE: Duration = Duration::from_millis(500);

/// A port whose connections are served.
pub(super) struct Connections {
    listener: TcpListener,
    router: Router,
    /// Answers the connections that are one too many.
    at_capacity: Router,
    limits: Limits,
    http: http1::Builder,
    served: Arc<Semaphore>,
    refused: Arc<Semaphore>,
    /// Tells all connections to end with the response that is under way. Each has a receiver for as
    /// long as it lasts, so that this also tells when the last has ended: what a `CancellationToken` and a
    /// `TaskTracker` of tokio-util would do together.
    ending: watch::Sender<()>,
}

/// What becomes of a new connection. The permit goes with its descriptor.
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
            refused: Arc::new(Semaphore::new(REFUSALS)),
            limits,
            http,
            ending: watch::Sender::new(()),
        }
    }

    /// Serves until `stop` becomes true or its sender is gone; then closes the port, lets go of
    /// `closed`, and waits for the responses that are under way.
    pub(super) async fn serve(self, mut stop: watch::Receiver<bool>, closed: oneshot::Sender<()>) {
        tokio::select! {
            () = self.accept_all() => {}
            // An error means that the sender is gone, and so is the program.
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
                    self.begin(stream, admission);
                }
                Err(error) if is_of_one_connection(&error) => {}
                Err(error) => {
                    // Trying again at once would only be refused again. Said once in a row.
                    if !is_failing {
                        tracing::error!(%error, "no connection can be accepted");
                    }
                    is_failing = true;
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
    }

    /// Waits until another connection may be accepted, to be served or to be refused.
    async fn admit(&self) -> Admission {
        let (served, refused) = (Arc::clone(&self.served), Arc::clone(&self.refused));
        let permit = tokio::select! {
            biased;
            permit = served.acquire_owned() => permit.map(Admission::Served),
            permit = refused.acquire_owned() => permit.map(Admission::Refused),
        };
        match permit {
            Ok(admission) => admission,
            // Nobody closes these semaphores.
            Err(_) => std::future::pending().await,
        }
    }

    fn begin(&self, stream: TcpStream, admission: Admission) {
        // It may have become free while this one was not there yet.
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
        // One that panics ends alone.
        if is_served {
            drop(tokio::spawn(connection))
        } else {
            drop(tokio::spawn(async {
                // A client that takes longer learns of it as well as that goes.
                let _ = tokio::time::timeout(REFUSAL_TIMEOUT, connection).await;
            }))
        }
    }
}

/// What a connection is told that was not admitted, whatever it asks for.
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

/// Whether an error says something of the connection that was to be accepted, and nothing of the
/// next one.
fn is_of_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionRefused
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::Interrupted
    )
}
