//! Routes that create responses: read a request, put it before the person, and send the replies in
//! the wire format of the route.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::active_response::{ActiveResponse, MakeWriter};
use super::body::Received;
use super::budget::Reservation;
use super::error::ErrorResponse;
use super::{AppState, background, body, sse};
use crate::agents::Caller;
use crate::api::{ApiError, Interner, Request, chat, messages, responses};
use crate::inbox::Refusal;
use crate::tokens::count_request;

/// Bodies above this size, in bytes, are parsed on a blocking thread.
const LARGE_BODY: usize = 256 * 1024;

/// The result of a handler.
pub(super) type HandlerResult = Result<Response, ErrorResponse>;

/// Parses a request body.
type Parse<T> = fn(&[u8], &Interner) -> Result<T, ApiError>;

/// The writer of the Responses API.
pub(super) const RESPONSES: MakeWriter =
    |request, now, ids| Box::new(responses::ResponsesWriter::new(request, now, ids));

/// `POST /v1/responses`.
pub(super) async fn responses(
    State(state): State<AppState>,
    headers: HeaderMap,
    body: Body,
) -> HandlerResult {
    let (request, agent, reservation) = receive(&state, &headers, body, responses::parse).await?;
    let request = state.store.responses().resolve(None, request).await?;
    let wants_stream = request.stream;
    let is_background = request.background;
    let places = if request.store {
        vec![state.store.responses().clone()]
    } else {
        Vec::new()
    };
    let mut active =
        ActiveResponse::open(&state, request, reservation, agent, RESPONSES, places).await?;
    let heartbeat = state.settings.heartbeat;
    if is_background {
        active.wait_until_recorded().await;
        let (id, document) = (active.id().to_owned(), active.document()?);
        tokio::spawn(background::run(active, state.clone()));
        return Ok(if wants_stream {
            sse::replay(&state, id, None)
        } else {
            json(document)
        });
    }
    if wants_stream {
        Ok(sse::live(active, heartbeat))
    } else {
        respond_with_document(active).await
    }
}

/// `POST /v1/responses/compact`.
pub(super) async fn compact(
    State(state): State<AppState>,
    headers: HeaderMap,
    body: Body,
) -> HandlerResult {
    let parse = responses::parse_compaction;
    let (request, agent, reservation) = receive(&state, &headers, body, parse).await?;
    let request = state.store.responses().resolve(None, request).await?;
    let write: MakeWriter =
        |request, now, ids| Box::new(responses::CompactionWriter::new(request, now, ids));
    let active =
        ActiveResponse::open(&state, request, reservation, agent, write, Vec::new()).await?;
    respond_with_document(active).await
}

/// `POST /v1/responses/input_tokens`, answered without the person.
pub(super) async fn input_tokens(
    State(state): State<AppState>,
    headers: HeaderMap,
    body: Body,
) -> HandlerResult {
    let (request, reservation) =
        receive_unanswered(&state, &headers, body, responses::parse_for_count).await?;
    let request = state.store.responses().resolve(None, request).await?;
    let tokens = count(request, reservation).await?;
    Ok(Json(json!({"object": "response.input_tokens", "input_tokens": tokens})).into_response())
}

/// `POST /v1/chat/completions`.
pub(super) async fn chat(
    State(state): State<AppState>,
    headers: HeaderMap,
    body: Body,
) -> HandlerResult {
    let write: MakeWriter = |request, now, ids| Box::new(chat::ChatWriter::new(request, now, ids));
    respond(state, headers, body, chat::parse, write).await
}

/// `POST /v1/messages`.
pub(super) async fn messages(
    State(state): State<AppState>,
    headers: HeaderMap,
    body: Body,
) -> HandlerResult {
    let write: MakeWriter = |request, _, ids| Box::new(messages::MessagesWriter::new(request, ids));
    respond(state, headers, body, messages::parse, write).await
}

/// `POST /v1/messages/count_tokens`, answered without the person.
pub(super) async fn count_tokens(
    State(state): State<AppState>,
    headers: HeaderMap,
    body: Body,
) -> HandlerResult {
    let (request, reservation) =
        receive_unanswered(&state, &headers, body, messages::parse_for_count).await?;
    let tokens = count(request, reservation).await?;
    Ok(Json(json!({"input_tokens": tokens})).into_response())
}

/// Answers a request in a format that stores nothing.
async fn respond(
    state: AppState,
    headers: HeaderMap,
    body: Body,
    parse: Parse<Request>,
    write: MakeWriter,
) -> HandlerResult {
    let (request, agent, reservation) = receive(&state, &headers, body, parse).await?;
    let wants_stream = request.stream;
    let active =
        ActiveResponse::open(&state, request, reservation, agent, write, Vec::new()).await?;
    if wants_stream {
        Ok(sse::live(active, state.settings.heartbeat))
    } else {
        respond_with_document(active).await
    }
}

/// Answers with one JSON document once the response has ended.
async fn respond_with_document(mut active: ActiveResponse) -> HandlerResult {
    // Notes reach this client together with the answer.
    while !active.has_ended() {
        let next = active.next_reply().await;
        let is_closed = next.is_closed();
        active.write(next).await;
        if is_closed {
            // Nothing was sent yet, so an HTTP error is possible.
            return Err(Refusal::Closed.into());
        }
    }
    let document = active.document();
    active.delivered();
    Ok(json(document?))
}

/// Reads a request for the person; returns it with the name of its agent and its memory
/// reservation.
async fn receive(
    state: &AppState,
    headers: &HeaderMap,
    body: Body,
    parse: Parse<Request>,
) -> Result<(Request, String, Reservation), ErrorResponse> {
    if let Err(error) = check_headers(state, headers) {
        body::discard(body).await;
        return Err(error);
    }
    let body = state.body_reader.read(body).await?;
    let (mut request, reservation) = parse_body(state, body, parse).await?;
    request.client_timeout = client_timeout(headers);
    let header = |name: &str| headers.get(name)?.to_str().ok();
    request.assignment = state.settings.study.assigned(header, &request.model);
    let agent = caller(headers).identify(&mut request);
    Ok((request, agent, reservation))
}

/// Reads a request that is answered without the person; returns it with its memory reservation.
pub(super) async fn receive_unanswered<T: Send + 'static>(
    state: &AppState,
    headers: &HeaderMap,
    body: Body,
    parse: Parse<T>,
) -> Result<(T, Reservation), ErrorResponse> {
    if let Err(error) = check_encoding(headers) {
        body::discard(body).await;
        return Err(error);
    }
    let body = state.body_reader.read(body).await?;
    Ok(parse_body(state, body, parse).await?)
}

/// Counts the tokens of a request on a blocking thread.
async fn count(request: Request, reservation: Reservation) -> Result<u64, ApiError> {
    let count = move || {
        let tokens = count_request(&request.items, &request.tools);
        // The count goes on if the client hangs up, and keeps its memory reserved.
        drop((request, reservation));
        tokens
    };
    let tokens = tokio::task::spawn_blocking(count).await;
    tokens.map_err(|_| ApiError::invalid("The tokens could not be counted.").status(500))
}

/// Checks the headers before the body is read.
fn check_headers(state: &AppState, headers: &HeaderMap) -> Result<(), ErrorResponse> {
    state.intake.check()?;
    check_encoding(headers)
}

fn check_encoding(headers: &HeaderMap) -> Result<(), ErrorResponse> {
    match headers.get(header::CONTENT_ENCODING) {
        Some(encoding) if encoding != "identity" => Err(ApiError::invalid(format!(
            "The content encoding {encoding:?} is not supported: send the body uncompressed."
        ))
        .status(415)
        .into()),
        _ => Ok(()),
    }
}

/// Parses a body, a large one on a blocking thread so that other connections are not held up. The
/// reservation of the body passes to the result.
pub(super) async fn parse_body<T, E>(
    state: &AppState,
    body: Received,
    parse: fn(&[u8], &Interner) -> Result<T, E>,
) -> Result<(T, Reservation), E>
where
    T: Send + 'static,
    E: From<ApiError> + Send + 'static,
{
    let interner = Arc::clone(state.store.interner());
    let is_large = body.len() > LARGE_BODY;
    let parse = move || {
        let (bytes, reservation) = body.into_parts();
        Ok((parse(&bytes, &interner)?, reservation))
    };
    if !is_large {
        return parse();
    }
    let parsed = tokio::task::spawn_blocking(parse).await;
    parsed.map_err(|_| ApiError::invalid("The body could not be read.").status(500))?
}

/// A document as an HTTP response.
pub(super) fn json(document: String) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], document).into_response()
}

/// Identifies the client by its headers.
pub(super) fn caller(headers: &HeaderMap) -> Caller {
    Caller::of(|name| headers.get(name)?.to_str().ok())
}

/// The client's read timeout in seconds, in a header that the SDKs of OpenAI and Anthropic send.
fn client_timeout(headers: &HeaderMap) -> Option<Duration> {
    let seconds = ["x-stainless-read-timeout", "x-stainless-timeout"]
        .iter()
        .find_map(|name| headers.get(*name)?.to_str().ok()?.parse::<f64>().ok())?;
    Duration::try_from_secs_f64(seconds)
        .ok()
        .filter(|patience| !patience.is_zero())
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::agents::AutoAnswered;
    use crate::inbox;
    use crate::server::{Limits, SOCKET_LIFETIME, ServerSettings, router};
    use crate::store::Store;
    use crate::study::Study;

    #[tokio::test]
    async fn what_was_read_holds_its_memory_until_it_is_let_go_of() {
        let (intake, _events) = inbox::channel(1, Store::new(1));
        let settings = ServerSettings {
            address: ([127, 0, 0, 1], 8080).into(),
            api_key: None,
            models: Vec::new(),
            max_body: 1 << 20,
            heartbeat: SOCKET_LIFETIME,
            socket_lifetime: SOCKET_LIFETIME,
            allowed_hosts: Vec::new(),
            allowed_origins: Vec::new(),
            answered: AutoAnswered::NONE,
            study: Study::default(),
            limits: Limits {
                memory: 1 << 20,
                ..Limits::new(64, 1 << 20, 1)
            },
        };
        let state = router(intake, settings).state;
        for size in [1 << 10, 2 * LARGE_BODY] {
            let words = "x".repeat(size);
            let body = json!({"model": "human", "input": words}).to_string();
            let body = state
                .body_reader
                .receive(Bytes::from(body), state.body_reader.reserve());
            let body = body.expect("room");
            let (request, reservation) = parse_body(&state, body, responses::parse_for_count)
                .await
                .expect("a request");
            let rest = state.body_reader.reserve().grow((1 << 20) - size / 2);
            assert_eq!(rest.expect_err("no room").status, 503);
            assert!(count(request, reservation).await.expect("tokens") > 0);
            state
                .body_reader
                .reserve()
                .grow(1 << 20)
                .expect("all of it");
        }
    }
}
