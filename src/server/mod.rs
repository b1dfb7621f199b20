//! The HTTP server: routes, who may use them, and how bytes travel. What they mean is in
//! [`crate::api`]; who answers is behind the [`Intake`].

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

/// What the server needs to know.
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
    /// How often an open stream says that it is still in progress.
    pub heartbeat: Duration,
    /// How long a WebSocket lasts. A response that is under way then is finished first: a person
    /// may have thought about it for an hour.
    pub socket_lifetime: Duration,
    /// Further names that the `Host` header may carry.
    pub allowed_hosts: Vec<String>,
    /// Values that the `Origin` header may carry.
    pub allowed_origins: Vec<String>,
    /// Which of the requests that agents make for themselves the program answers.
    pub answered: AutoAnswered,
    /// What a study goes by, if there is one.
    pub study: Study,
    /// What a client may cost.
    pub limits: Limits,
}

/// How long a WebSocket lasts where nobody says otherwise (Open Responses, 2026-04-24).
pub const SOCKET_LIFETIME: Duration = Duration::from_secs(60 * 60);

/// How many WebSockets may be open at once.
const MAX_SOCKETS: usize = 256;

/// What every route sees.
#[derive(Debug, Clone)]
struct AppState {
    intake: Intake,
    settings: Arc<ServerSettings>,
    store: Store,
    reading: BodyReader,
    refusals: Refusals,
    /// One for each WebSocket that may still be opened.
    sockets: Arc<Semaphore>,
    /// Dropped with the last thing that still works for a client.
    _at_work: mpsc::Sender<()>,
}

/// The routes of a server, and how to learn that all that they began has ended.
#[derive(Debug)]
pub struct Routes {
    router: Router,
    state: AppState,
    at_capacity: Router,
    at_work: mpsc::Receiver<()>,
}

impl Routes {
    /// The routes alone, for a server of another kind.
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
        reading: BodyReader::new(settings.max_body, &settings.limits),
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

/// What the paths of the routes begin with. Clients are told a base URL with `/v1` or without it, and
/// some add it to one that has it already.
const BASES: [&str; 3] = ["/v1", "", "/v1/v1"];

/// A path without what all paths of the routes begin with.
fn below_base(path: &str) -> &str {
    let mut rest = path;
    while let Some(below) = rest.strip_prefix("/v1").filter(|it| it.starts_with('/')) {
        rest = below;
    }
    rest
}

/// All routes that want the key, with paths that begin with `base`.
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

/// A server that has its port and is ready to be run.
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
    routes: Routes,
    stop: watch::Receiver<bool>,
    closed: oneshot::Sender<()>,
}

impl Server {
    /// A server on a port, which stops when `stop` becomes true or its sender is dropped. What
    /// comes back with it is done when the port is closed.
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

    /// Serves until it is told to stop, then closes the port and finishes what is under way.
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
        // Background responses and WebSockets go on beside the connections that were waited for.
        // Nothing is ever sent here; it ends when the last of them is gone.
        at_work.recv().await;
        Ok(())
    }
}

async fn healthz() -> axum::Json<serde_json::Value> {
    axum::Json(serde_json::json!({"status": "ok"}))
}

/// The routes, for whoever missed them.
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
