//! The HTTP server: routes, access control and transport. The wire formats are in [`crate::api`];
//! requests are answered through the [`Intake`] of the inbox.

mod active_response;
mod background;
mod body;
mod budget;
mod connection;
mod connections;
mod conversations;
mod cors;
mod create;
mod detached;
mod error;
mod guard;
mod incoming;
mod limits;
mod models;
mod pacing;
mod read_timeout;
mod refusals;
mod socket;
mod sse;
mod stored;
mod stream;
mod token_counter;

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{Method, StatusCode, Uri};
use axum::middleware::from_fn_with_state;
use axum::routing::{get, post};
use tokio::sync::{Semaphore, mpsc, oneshot, watch};

use self::body::BodyReader;
use self::connections::Connections;
use self::error::ErrorResponse;
use self::guard::Guard;
pub use self::limits::Limits;
use self::refusals::Refusals;
use crate::agents::AutoAnswered;
use crate::api::ApiError;
use crate::inbox::Intake;
use crate::store::Store;
use crate::study::Study;

/// Settings of the server.
#[derive(Debug, Clone)]
pub struct ServerSettings {
    /// The address it listens on; it decides which `Host` headers are its own.
    pub address: SocketAddr,
    /// The bearer token that clients must send; anyone may ask if absent.
    pub api_key: Option<Vec<u8>>,
    /// The models that `/v1/models` lists. Requests may name any other.
    pub models: Vec<String>,
    /// The largest request body, in bytes.
    pub max_body: usize,
    /// Interval of heartbeats on open streams.
    pub heartbeat: Duration,
    /// How long a WebSocket lasts. A response in progress is finished first: a person may have
    /// thought about it for an hour.
    pub socket_lifetime: Duration,
    /// Additional values allowed in `Host`.
    pub allowed_hosts: Vec<String>,
    /// Values allowed in `Origin`.
    pub allowed_origins: Vec<String>,
    /// Which errands of agents the program answers by itself.
    pub answered: AutoAnswered,
    /// Settings of a study.
    pub study: Study,
    /// Limits on the resources of clients.
    pub limits: Limits,
}

/// Default lifetime of a WebSocket (Open Responses, 2026-04-24).
pub const SOCKET_LIFETIME: Duration = Duration::from_secs(60 * 60);

/// Most open WebSockets.
const MAX_SOCKETS: usize = 256;

/// State shared by all routes.
#[derive(Debug, Clone)]
struct AppState {
    intake: Intake,
    settings: Arc<ServerSettings>,
    store: Store,
    body_reader: BodyReader,
    refusals: Refusals,
    /// A permit for each WebSocket that may still be opened.
    sockets: Arc<Semaphore>,
    /// Tells when the last task has ended: dropped with the last clone of the state.
    _at_work: mpsc::Sender<()>,
}

/// The routes of a server, and a way to wait for the tasks that they started.
#[derive(Debug)]
pub struct Routes {
    router: Router,
    state: AppState,
    at_capacity: Router,
    at_work: mpsc::Receiver<()>,
}

impl Routes {
    /// The routes alone, for another server.
    pub fn into_router(self) -> Router {
        self.router
    }
}

/// All routes, behind the guard.
pub fn router(intake: Intake, settings: ServerSettings) -> Routes {
    let guard = Arc::new(Guard::new(&settings));
    let (at_work, is_at_work) = mpsc::channel(1);
    let refusals = Refusals::default();
    let state = AppState {
        store: intake.store().clone(),
        intake,
        body_reader: BodyReader::new(settings.max_body, &settings.limits),
        refusals: refusals.clone(),
        settings: Arc::new(settings),
        sockets: Arc::new(Semaphore::new(MAX_SOCKETS)),
        _at_work: at_work,
    };
    let open = Router::new().route("/healthz", get(healthz));
    let guarded = BASES
        .iter()
        .fold(Router::new(), |router, base| with_routes(router, base))
        .route_layer(from_fn_with_state(Arc::clone(&guard), guard::authorize));
    let router = open
        .merge(guarded)
        .method_not_allowed_fallback(method_not_allowed)
        .fallback(not_found)
        .layer(from_fn_with_state(guard, guard::same_site))
        .layer(from_fn_with_state(refusals.clone(), error::in_callers_form))
        .with_state(state.clone());
    Routes {
        router,
        state,
        at_capacity: connections::at_capacity(refusals),
        at_work: is_at_work,
    }
}

/// Path prefixes of the routes. Clients are configured with a base URL with or without `/v1`, and
/// some add it to one that already has it.
const BASES: [&str; 3] = ["/v1", "", "/v1/v1"];

/// A path without its prefix.
fn below_base(path: &str) -> &str {
    let mut rest = path;
    while let Some(below) = rest.strip_prefix("/v1").filter(|it| it.starts_with('/')) {
        rest = below;
    }
    rest
}

/// Adds all routes that require the key, below `base`.
fn with_routes(router: Router<AppState>, base: &str) -> Router<AppState> {
    let at = |path: &str| format!("{base}{path}");
    router
        .route(&at("/responses"), post(create::responses).get(socket::open))
        .route(&at("/responses/compact"), post(create::compact))
        .route(&at("/responses/input_tokens"), post(create::input_tokens))
        .route(
            &at("/responses/{id}"),
            get(stored::retrieve).delete(stored::delete),
        )
        .route(&at("/responses/{id}/cancel"), post(stored::cancel))
        .route(&at("/responses/{id}/input_items"), get(stored::input_items))
        .route(&at("/conversations"), post(conversations::create))
        .route(
            &at("/conversations/{id}"),
            get(conversations::retrieve).delete(conversations::delete),
        )
        .route(
            &at("/conversations/{id}/items"),
            get(conversations::items).post(conversations::add_items),
        )
        .route(&at("/chat/completions"), post(create::chat))
        .route(&at("/messages"), post(create::messages))
        .route(&at("/messages/count_tokens"), post(create::count_tokens))
        .route(&at("/models"), get(models::list))
        .route(&at("/models/{*id}"), get(models::retrieve))
}

/// A server with a listening port, ready to run.
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
    routes: Routes,
    stop: watch::Receiver<bool>,
    closed: oneshot::Sender<()>,
}

impl Server {
    /// A server on a port, which stops when `stop` becomes true or its sender is dropped. The
    /// receiver returned with it completes when the port is closed.
    pub fn new(
        listener: TcpListener,
        routes: Routes,
        stop: watch::Receiver<bool>,
    ) -> (Self, oneshot::Receiver<()>) {
        let (closed, is_closed) = oneshot::channel();
        (
            Self {
                listener,
                routes,
                stop,
                closed,
            },
            is_closed,
        )
    }

    /// Serves until it is told to stop, then closes the port and finishes responses in progress.
    ///
    /// # Errors
    ///
    /// If the port cannot be used.
    pub async fn serve(self) -> std::io::Result<()> {
        self.listener.set_nonblocking(true)?;
        let listener = tokio::net::TcpListener::from_std(self.listener)?;
        let Routes {
            router,
            state,
            at_capacity,
            mut at_work,
        } = self.routes;
        background::resume_all(&state).await;
        let limits = state.settings.limits.clone();
        drop(state);
        Connections::new(listener, router, at_capacity, limits)
            .serve(self.stop, self.closed)
            .await;
        // Background responses and WebSockets outlive the connections. Nothing is ever sent on this
        // channel; it closes with the last of them.
        at_work.recv().await;
        Ok(())
    }
}

async fn healthz() -> axum::Json<serde_json::Value> {
    axum::Json(serde_json::json!({"status": "ok"}))
}

/// The list of routes, for 404 responses.
const ROUTES: &str = "POST /v1/responses, GET /v1/responses, GET /v1/responses/{id}, DELETE \
    /v1/responses/{id}, POST /v1/responses/{id}/cancel, GET /v1/responses/{id}/input_items, POST \
    /v1/responses/compact, POST /v1/responses/input_tokens, POST /v1/conversations, GET \
    /v1/conversations/{id}, DELETE /v1/conversations/{id}, GET /v1/conversations/{id}/items, POST \
    /v1/conversations/{id}/items, POST /v1/chat/completions, POST /v1/messages, POST \
    /v1/messages/count_tokens, GET /v1/models, GET /v1/models/{id}, GET /healthz";

async fn not_found(method: Method, uri: Uri, body: Body) -> ErrorResponse {
    body::discard(body).await;
    let path = uri.path();
    let message = format!("Unknown request URL: {method} {path}. This server has: {ROUTES}.");
    ErrorResponse(
        ApiError::invalid(message)
            .status(StatusCode::NOT_FOUND.as_u16())
            .code("unknown_url"),
    )
}

async fn method_not_allowed(method: Method, uri: Uri, body: Body) -> ErrorResponse {
    body::discard(body).await;
    let path = uri.path();
    let message = format!("Not allowed: {method} on {path}. This server has: {ROUTES}.");
    ErrorResponse(
        ApiError::invalid(message)
            .status(StatusCode::METHOD_NOT_ALLOWED.as_u16())
            .code("method_not_allowed"),
    )
}
