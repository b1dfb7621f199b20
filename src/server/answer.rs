//! Reads a request, puts it before the person, and sends what comes back, in the wire format of
//! the route.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::Json;
use axum::body::Body;
use axum::extract::State as Shared;
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::response::sse::{Event as SseEvent, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use tokio::time::{Instant, Interval, MissedTickBehavior};

use super::error::ErrorResponse;
use super::meter::Meter;
use super::{State, body};
use crate::api::{
    ApiError, Ending, FailureCode, Frame, Housekeeping, Ids, Reply, Request, ResponseWriter, chat,
    messages, responses,
};
use crate::inbox::{Pending, Refusal};

/// Bodies above this size, in bytes, are parsed on a thread that may block.
const LARGE_BODY: usize = 256 * 1024;

/// What a wire format has to offer.
type Parse = fn(&[u8]) -> Result<Request, ApiError>;
type Write = fn(&Request, u64, Ids) -> Box<dyn ResponseWriter>;

/// `POST /v1/responses`.
pub(super) async fn responses(state: Shared<State>, headers: HeaderMap, body: Body) -> Answer {
    let write: Write = |request, now, ids| Box::new(responses::Writer::new(request, now, ids));
    answer(state, headers, body, responses::parse, write).await
}

/// `POST /v1/chat/completions`.
pub(super) async fn chat(state: Shared<State>, headers: HeaderMap, body: Body) -> Answer {
    let write: Write = |request, now, ids| Box::new(chat::Writer::new(request, now, ids));
    answer(state, headers, body, chat::parse, write).await
}

/// `POST /v1/messages`.
pub(super) async fn messages(state: Shared<State>, headers: HeaderMap, body: Body) -> Answer {
    let write: Write = |request, _, ids| Box::new(messages::Writer::new(request, ids));
    answer(state, headers, body, messages::parse, write).await
}

/// `POST /v1/messages/count_tokens`, which needs nobody to answer it.
pub(super) async fn count_tokens(
    Shared(state): Shared<State>,
    headers: HeaderMap,
    body: Body,
) -> Answer {
    if let Err(error) = uncompressed(&headers) {
        body::discard(body).await;
        return Err(error);
    }
    let body = body::read(body, state.settings.max_body).await?;
    let request = read(body, messages::parse_for_count).await?;
    let counter = state.counter.clone();
    let count = move || counter.request(&request.items, &request.tools);
    let tokens = tokio::task::spawn_blocking(count).await;
    let tokens =
        tokens.map_err(|_| ApiError::invalid("The tokens could not be counted.").status(500))?;
    Ok(Json(serde_json::json!({"input_tokens": tokens})).into_response())
}

/// An answer, or the error that is one.
type Answer = Result<Response, ErrorResponse>;

async fn answer(
    Shared(state): Shared<State>,
    headers: HeaderMap,
    body: Body,
    parse: Parse,
    write: Write,
) -> Answer {
    if let Err(error) = acceptable(&state, &headers) {
        body::discard(body).await;
        return Err(error);
    }
    let body = body::read(body, state.settings.max_body).await?;
    let mut request = read(body, parse).await?;
    if request.thread.is_none() {
        request.thread = thread_header(&headers);
    }
    let housekeeping = match state.settings.answer_housekeeping {
        true => Housekeeping::of(&request),
        false => None,
    };
    let writer = write(&request, unix_now(), Box::new(new_id));
    let wants_stream = request.stream;
    tracing::info!(
        response = writer.id(),
        model = request.model,
        items = request.items.len(),
        housekeeping = housekeeping.is_some(),
        "request"
    );
    let meter = Meter::start(&state.counter, &request);
    let pending = state.intake.open(request, agent(&headers), housekeeping)?;
    if wants_stream {
        Ok(stream(writer, pending, meter, state.settings.heartbeat))
    } else {
        plain(writer, pending, meter).await
    }
}

/// What can be said of a request before its body is read.
fn acceptable(state: &State, headers: &HeaderMap) -> Result<(), ErrorResponse> {
    state.intake.check()?;
    uncompressed(headers)
}

fn uncompressed(headers: &HeaderMap) -> Result<(), ErrorResponse> {
    match headers.get(header::CONTENT_ENCODING) {
        Some(encoding) if encoding != "identity" => Err(ApiError::invalid(format!(
            "The content encoding {encoding:?} is not supported: send the body uncompressed."
        ))
        .status(415)
        .into()),
        _ => Ok(()),
    }
}

/// Parses a body; one that takes long does not hold up the other connections.
async fn read(body: Vec<u8>, parse: Parse) -> Result<Request, ErrorResponse> {
    if body.len() <= LARGE_BODY {
        return Ok(parse(&body)?);
    }
    let parsed = tokio::task::spawn_blocking(move || parse(&body)).await;
    Ok(parsed.map_err(|_| ApiError::invalid("The body could not be read.").status(500))??)
}

/// The headers in which agents name a thread; the first is what Codex 0.169 sends.
fn thread_header(headers: &HeaderMap) -> Option<String> {
    ["thread-id", "session-id", "session_id", "conversation_id"]
        .iter()
        .filter_map(|name| headers.get(*name)?.to_str().ok())
        .find(|id| !id.is_empty())
        .map(str::to_owned)
}

/// The program that asks: the first word of its user agent, or what it calls itself.
fn agent(headers: &HeaderMap) -> String {
    let word = |name: &str| {
        let value = headers.get(name)?.to_str().ok()?;
        value.split_whitespace().next().map(str::to_owned)
    };
    word("user-agent")
        .or_else(|| word("originator"))
        .unwrap_or_else(|| "unknown client".into())
}

/// Answers with one JSON document when the response has ended.
async fn plain(
    mut writer: Box<dyn ResponseWriter>,
    mut pending: Pending,
    mut meter: Meter,
) -> Result<Response, ErrorResponse> {
    let mut tokens = 0;
    while let Some((ticket, reply)) = pending.next().await {
        let (added, usage) = meter.add(&reply).await;
        tokens += added;
        writer.reply(&reply, unix_now(), usage);
        // A note reaches this client together with the answer.
        if reply.ends() {
            pending.delivered(ticket, tokens, true);
            return Ok(Json(writer.document()?).into_response());
        }
    }
    Err(Refusal::Closed.into())
}

fn stream(
    mut writer: Box<dyn ResponseWriter>,
    pending: Pending,
    meter: Meter,
    heartbeat: Duration,
) -> Response {
    let mut heartbeats = tokio::time::interval_at(Instant::now() + heartbeat, heartbeat);
    heartbeats.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let state = Stream {
        queue: writer.start().iter().map(sse).collect(),
        writer,
        pending,
        meter,
        heartbeats,
        unconfirmed: None,
        ended: false,
    };
    let events = stream::unfold(state, |mut state| async move {
        let event = state.next().await?;
        Some((Ok::<_, Infallible>(event), state))
    });
    // Reverse proxies that buffer would hold back what the person says.
    let unbuffered = (
        HeaderName::from_static("x-accel-buffering"),
        HeaderValue::from_static("no"),
    );
    ([unbuffered], Sse::new(events)).into_response()
}

/// An open stream of events.
struct Stream {
    writer: Box<dyn ResponseWriter>,
    pending: Pending,
    meter: Meter,
    heartbeats: Interval,
    /// Events that wait for the connection to take them.
    queue: VecDeque<SseEvent>,
    /// The reply whose events are in the queue or were just taken, with its tokens.
    unconfirmed: Option<(u64, u64)>,
    ended: bool,
}

impl Stream {
    /// The next event. The connection asks for it only after it has taken the last one, which is
    /// how delivery is known.
    async fn next(&mut self) -> Option<SseEvent> {
        loop {
            if let Some(event) = self.queue.pop_front() {
                return Some(event);
            }
            if let Some((ticket, tokens)) = self.unconfirmed.take() {
                self.pending.delivered(ticket, tokens, self.ended);
            }
            if self.ended {
                return None;
            }
            tokio::select! {
                biased;
                said = self.pending.next() => self.say(said).await,
                _ = self.heartbeats.tick() => {
                    let event = self.writer.heartbeat();
                    self.queue.push_back(sse(&event));
                }
            }
        }
    }

    async fn say(&mut self, said: Option<(u64, Reply)>) {
        let (ticket, reply) = match said {
            Some((ticket, reply)) => (Some(ticket), reply),
            None => (None, going_away()),
        };
        let (tokens, usage) = self.meter.add(&reply).await;
        self.unconfirmed = ticket.map(|ticket| (ticket, tokens));
        self.ended = reply.ends();
        let events = self.writer.reply(&reply, unix_now(), usage);
        self.queue.extend(events.iter().map(sse));
        self.heartbeats.reset();
    }
}

/// What an open response ends with when the program does. Codex tries again on this code until
/// the server is back, so that a restart costs no turn.
fn going_away() -> Reply {
    Reply::End {
        items: Vec::new(),
        ending: Ending::Failed {
            code: FailureCode::ServerError,
            message: "The server is shutting down; nobody answered this request.".into(),
        },
    }
}

fn sse(frame: &Frame) -> SseEvent {
    // In this order on the wire, because there are clients that want the name first.
    let event = match frame.event {
        Some(name) => SseEvent::default().event(name),
        None => SseEvent::default(),
    };
    event.data(&frame.data)
}

fn new_id(prefix: &str) -> String {
    format!("{prefix}_{}", uuid::Uuid::now_v7().simple())
}

/// Seconds since the Unix epoch.
fn unix_now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| since.as_secs())
}
