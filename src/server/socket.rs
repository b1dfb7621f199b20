//! WebSocket mode of the Responses API: `GET /v1/responses` with an upgrade.
//!
//! One connection carries several responses, one after the other. What was said on it is
//! remembered for as long as it lasts, so that a client that stores nothing (`store: false`, as
//! Codex 0.169 does with `supports_websockets = true`) still sends only what is new.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::extract::State;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade, close_code};
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::SinkExt;
use serde_json::json;
use tokio::time::{Instant, sleep_until};
use tungstenite::error::ProtocolError;

use super::active_response::{ActiveResponse, new_id, unix_now};
use super::body::Received;
use super::budget::Reservation;
use super::create::{self, RESPONSES};
use super::error::ErrorResponse;
use super::incoming::{IncomingMessage, ReceiveError};
use super::refusals::excerpt;
use super::stream::Flow;
use super::{AppState, sse};
use crate::agents::Caller;
use crate::api::responses::{Message as Create, parse_message};
use crate::api::{ApiError, Ending, Frame, Previous, Reply, Request, Usage};
use crate::store::{ResponseRecorder, Responses, StoredResponses};

/// How long a client may take to answer a close frame. One that was not read when the connection
/// goes may never arrive.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);
/// How much larger than it may be a message is read at all: somebody who sends a little too much
/// is told so, and goes on.
const OVERSIZE_FACTOR: usize = 2;
/// The room for reading that a socket has while nothing large comes over it, in bytes. It has none
/// for writing: each message is taken by the connection before anything more is read.
const BUFFER: usize = 8 * 1024;
/// How many responses the connection itself remembers.
const MAX_REMEMBERED: usize = 16;
/// How many bytes of JSON they may hold together; the newest one stays, however large it is.
const MAX_BYTES: usize = 16 << 20;
/// How many requests may be queued on a connection.
const MAX_QUEUED: usize = 32;

/// `GET /v1/responses`.
pub(super) async fn open(
    State(state): State<AppState>,
    headers: HeaderMap,
    flow: Option<Extension<Arc<Flow>>>,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Response {
    let upgrade = match upgrade {
        Ok(upgrade) => upgrade,
        Err(_) => return upgrade_required(),
    };
    let Ok(place) = Arc::clone(&state.sockets).try_acquire_owned() else {
        let message = "Too many WebSockets are open: close one, or send POST /v1/responses.";
        let error = ApiError::invalid(message).status(429);
        return ErrorResponse(error.kind("too_many_requests")).into_response();
    };
    let most = state.settings.max_body;
    let most = most.saturating_mul(OVERSIZE_FACTOR);
    let upgrade = upgrade.max_message_size(most).max_frame_size(most);
    let upgrade = upgrade.read_buffer_size(BUFFER).write_buffer_size(0);
    let flow = flow.map(|Extension(flow)| flow).unwrap_or_default();
    upgrade.on_upgrade(move |socket| async move {
        let mut connection = SocketSession {
            caller: create::caller(&headers),
            headers,
            remembered: Responses::new(StoredResponses::with_bytes(MAX_REMEMBERED, MAX_BYTES)),
            until: Instant::now() + state.settings.socket_lifetime,
            line: VecDeque::new(),
            incoming: IncomingMessage::new(state.reading.clone(), flow),
            state,
            socket,
        };
        tracing::info!(agent = excerpt(connection.caller.word()), "socket opened");
        // It ends with one side gone, whichever that is.
        let _ = connection.serve().await;
        tracing::info!(agent = excerpt(connection.caller.word()), "socket closed");
        drop(place);
    })
}

fn upgrade_required() -> Response {
    let message = "GET /v1/responses opens a WebSocket and this is no request for one: send POST \
                   /v1/responses, or the headers of a WebSocket handshake.";
    let error = ApiError::invalid(message).status(426);
    let mut response = ErrorResponse(error.code("upgrade_required")).into_response();
    let headers = response.headers_mut();
    // RFC 9110, section 15.5.22: it must say to what.
    headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
    response
}

/// The other side is gone.
struct Gone;

/// A request that waits until those before it are answered.
struct QueuedMessage {
    message: Received,
    /// What it takes of the room for such requests.
    _reservation: Reservation,
}

impl From<axum::Error> for Gone {
    fn from(error: axum::Error) -> Self {
        tracing::debug!(%error, "socket");
        Self
    }
}

/// A client that stays connected.
struct SocketSession {
    socket: WebSocket,
    state: AppState,
    /// Who opened it, in the words of the handshake.
    caller: Caller,
    /// What the handshake said besides.
    headers: HeaderMap,
    /// What was said on this connection.
    remembered: Responses,
    until: Instant,
    /// Requests that came while another one was answered.
    line: VecDeque<QueuedMessage>,
    /// What has come of the next message.
    incoming: IncomingMessage,
}

impl SocketSession {
    /// Answers one request after the other until one side hangs up, and the other has said so too.
    async fn serve(&mut self) -> Result<(), Gone> {
        loop {
            let message = match self.line.pop_front() {
                Some(next) => next.message,
                None => {
                    let (intake, until) = (self.state.intake.clone(), self.until);
                    tokio::select! {
                        message = self.recv() => match self.take(message).await? {
                            Some(message) => message,
                            None => continue,
                        },
                        () = sleep_until(until) => return self.expire().await,
                        () = intake.closed() => {
                            return self.close(close_code::AWAY, "the server is shutting down").await;
                        }
                    }
                }
            };
            if Instant::now() >= self.until {
                return self.expire().await;
            }
            self.answer(message).await?;
        }
    }

    /// The next message, if it comes as it should. Can be given up and begun again without losing
    /// anything.
    async fn recv(&mut self) -> Option<Result<Message, ReceiveError>> {
        self.incoming.recv(&mut self.socket).await
    }

    /// Answers one message of the client.
    async fn answer(&mut self, message: Received) -> Result<(), Gone> {
        let message = create::read(&self.state, message, |body, interner| {
            parse_message(body, interner).map_err(RejectedMessage::from)
        });
        let (previous, failed) = match message.await {
            Ok((Create { request, generate }, reservation)) => {
                let previous = match &request.previous {
                    Some(Previous::Response(id)) => Some(id.clone()),
                    _ => None,
                };
                let failed = match self.resolve(request).await {
                    Ok(request) if generate => self.respond(request, reservation).await?,
                    Ok(request) => {
                        self.prepare(request).await?;
                        false
                    }
                    Err(error) => {
                        self.refuse(&error).await?;
                        true
                    }
                };
                (previous, failed)
            }
            Err(RejectedMessage { error, previous }) => {
                self.refuse(&error).await?;
                (previous, true)
            }
        };
        if let Some(previous) = previous.filter(|_| failed) {
            // What a failed request went on from is forgotten, so that the client begins anew
            // (Open Responses, 2026-04-24). What is stored beyond the connection stays.
            self.remembered.lock().forget(&previous);
        }
        Ok(())
    }

    /// Puts before a request all that it goes on from.
    async fn resolve(&mut self, request: Request) -> Result<Request, ApiError> {
        let stored = self.state.store.responses();
        let nearer = Some(self.remembered.clone());
        let mut request = stored.resolve(nearer, request).await?;
        // Everything leaves as an event here, whether the message says so or not.
        request.stream = true;
        Ok(request)
    }

    /// Where a response is kept: here, and among what is stored if the client wants that.
    fn places(&self, request: &Request) -> Vec<Responses> {
        let mut places = vec![self.remembered.clone()];
        if request.store {
            places.push(self.state.store.responses().clone());
        }
        places
    }

    /// Has the person answer a request, and tells whether the response has failed.
    async fn respond(
        &mut self,
        mut request: Request,
        reservation: Reservation,
    ) -> Result<bool, Gone> {
        let places = self.places(&request);
        let header = |name: &str| self.headers.get(name)?.to_str().ok();
        let study = &self.state.settings.study;
        request.assigned = study.assigned(header, &request.model);
        let agent = self.caller.introduce(&mut request);
        let active =
            ActiveResponse::open(&self.state, request, reservation, agent, RESPONSES, places).await;
        let mut active = match active {
            Ok(active) => active,
            Err(ErrorResponse(error)) => {
                self.refuse(&error).await?;
                return Ok(true);
            }
        };
        active.settled().await;
        self.send_all(&active.start()).await?;
        let mut heartbeats = sse::heartbeats(self.state.settings.heartbeat);
        while !active.has_ended() {
            tokio::select! {
                biased;
                next = active.next_reply() => {
                    let frames = active.write(next).await;
                    self.send_all(&frames).await?;
                    active.delivered();
                    heartbeats.reset();
                }
                message = self.recv() => {
                    if let Some(message) = self.take(message).await? {
                        self.enqueue(message).await?;
                    }
                }
                _ = heartbeats.tick() => {
                    let frame = active.heartbeat();
                    self.send(&frame).await?;
                }
            }
        }
        Ok(active.has_failed())
    }

    /// Takes in a request that is not to be answered (`generate: false`), so that the next one can
    /// go on from it. Nobody has to read it.
    async fn prepare(&mut self, mut request: Request) -> Result<(), Gone> {
        let mut writer = RESPONSES(&request, unix_now(), Box::new(new_id));
        let id = writer.id().to_owned();
        request.chain.get_or_insert_with(|| id.clone());
        let Some(response) = writer.response() else {
            return Ok(());
        };
        let mut record = ResponseRecorder::begin(self.places(&request), &request, response, None);
        let mut frames = writer.start();
        let nothing = Reply::End {
            items: Vec::new(),
            ending: Ending::Completed,
        };
        let usage = Usage::default();
        frames.extend(writer.reply(&nothing, unix_now(), Some(usage)));
        if let Some(response) = writer.response() {
            record.update(response, None, &[], true);
        }
        self.state.store.settled(record.saving()).await;
        self.send_all(&frames).await
    }

    async fn send_all(&mut self, frames: &[Frame]) -> Result<(), Gone> {
        for frame in frames {
            self.send(frame).await?;
        }
        Ok(())
    }

    /// Sends an event. What only ends a stream of HTTP is left out.
    async fn send(&mut self, frame: &Frame) -> Result<(), Gone> {
        if frame.event.is_some() {
            let message = Message::Text((*frame.data).into());
            self.socket.send(message).await?;
        }
        Ok(())
    }

    /// Sends an error, after which the connection goes on.
    async fn refuse(&mut self, error: &ApiError) -> Result<(), Gone> {
        self.state.refusals.log(error);
        let data = json!({"type": "error", "status": error.status, "error": {
            "type": error.kind,
            // The schema wants a code in every error here.
            "code": error.code.unwrap_or(error.kind),
            "message": error.message,
            "param": error.param,
        }});
        let message = Message::Text(data.to_string().into());
        Ok(self.socket.send(message).await?)
    }

    /// Ends a connection that has lasted long enough.
    async fn expire(&mut self) -> Result<(), Gone> {
        let minutes = self.state.settings.socket_lifetime.as_secs() / 60;
        let error = ApiError::invalid(format!(
            "This connection has lasted {minutes} minutes, which is as long as it may: open \
             another one and go on there."
        ));
        self.refuse(&error.code("websocket_connection_limit_reached"))
            .await?;
        self.close(close_code::NORMAL, "connection limit reached")
            .await
    }

    /// Sends a close frame, and waits for the client to have read it.
    async fn close(&mut self, code: u16, reason: &'static str) -> Result<(), Gone> {
        self.send_close_frame(code, reason).await?;
        let heard = async { while let Some(Ok(_)) = self.socket.recv().await {} };
        // A client that takes longer learns of it as well as that goes.
        let _ = tokio::time::timeout(CLOSE_TIMEOUT, heard).await;
        Err(Gone)
    }

    async fn send_close_frame(&mut self, code: u16, reason: &'static str) -> Result<(), Gone> {
        let reason = reason.into();
        let message = Message::Close(Some(CloseFrame { code, reason }));
        Ok(self.socket.send(message).await?)
    }

    /// The request in what came over the socket; `None` for what the protocol itself takes care
    /// of, and for what was refused.
    async fn take(
        &mut self,
        message: Option<Result<Message, ReceiveError>>,
    ) -> Result<Option<Received>, Gone> {
        let most = self.state.settings.max_body;
        match message.ok_or(Gone)? {
            Ok(Message::Text(text)) => {
                let bytes = Bytes::from(text);
                let reservation = self.incoming.finish(bytes.clone());
                let received = if bytes.len() > most {
                    Err(too_large(most))
                } else {
                    self.state.reading.receive(bytes, reservation)
                };
                match received {
                    Ok(message) => Ok(Some(message)),
                    Err(error) => {
                        self.refuse(&error).await?;
                        Ok(None)
                    }
                }
            }
            Ok(Message::Binary(bytes)) => {
                drop(self.incoming.finish(bytes));
                let message = "Binary messages are not understood here: send JSON as text.";
                self.refuse(&ApiError::invalid(message)).await?;
                Ok(None)
            }
            Ok(Message::Ping(payload)) => {
                self.incoming.control(payload.len());
                // A client that asks and takes no answers is not heard until it does.
                self.socket.flush().await?;
                Ok(None)
            }
            Ok(Message::Pong(payload)) => {
                self.incoming.control(payload.len());
                Ok(None)
            }
            Ok(Message::Close(_)) => {
                // The answer to it leaves with the next read.
                let _ = self.socket.recv().await;
                Err(Gone)
            }
            Err(ReceiveError::Broken(error)) => self.break_off(error).await,
            Err(ReceiveError::Refused(error)) => {
                self.refuse(&error).await?;
                // The rest of the message would have to be read to go on after it.
                self.send_close_frame(close_code::AGAIN, "the message was not taken")
                    .await?;
                Err(Gone)
            }
        }
    }

    /// Ends a connection on which nothing more can be understood.
    async fn break_off(&mut self, error: axum::Error) -> Result<Option<Received>, Gone> {
        let text = error.to_string();
        let code = match error.into_inner().downcast_ref() {
            Some(tungstenite::Error::Capacity(_)) => {
                let most = self.state.settings.max_body;
                self.refuse(&too_large(most)).await?;
                close_code::SIZE
            }
            Some(tungstenite::Error::Utf8(_)) => close_code::INVALID,
            // This is what hanging up without a close frame is called.
            Some(tungstenite::Error::Protocol(ProtocolError::ResetWithoutClosingHandshake)) => {
                return Err(Gone);
            }
            Some(tungstenite::Error::Protocol(_)) => close_code::PROTOCOL,
            _ => return Err(Gone),
        };
        tracing::info!(code, error = text, "socket broken off");
        self.send_close_frame(code, "the message could not be read")
            .await?;
        Err(Gone)
    }

    /// Keeps a request until those before it are answered.
    async fn enqueue(&mut self, message: Received) -> Result<(), Gone> {
        let bytes: usize = self.line.iter().map(|next| next.message.len()).sum();
        let is_full = self.line.len() >= MAX_QUEUED
            || !self.line.is_empty() && bytes + message.len() > self.state.settings.max_body;
        let mut reservation = self.state.reading.reserve_queued();
        if !is_full && reservation.grow(message.len()).is_ok() {
            let _reservation = reservation;
            self.line.push_back(QueuedMessage {
                message,
                _reservation,
            });
            return Ok(());
        }
        let error = ApiError::invalid(if is_full {
            format!(
                "{} requests are queued on this connection already: wait for a response to end.",
                self.line.len()
            )
        } else {
            "The requests that are queued fill the memory that is there for them: wait \
                  for the response to end."
                .into()
        });
        self.refuse(&error.status(429).kind("too_many_requests"))
            .await
    }
}

fn too_large(most: usize) -> ApiError {
    ApiError::invalid(format!(
        "The message is larger than {most} bytes. Shorten the conversation, or raise \
         'max_body_mib' in the configuration of this server."
    ))
    .status(413)
    .code("message_too_large")
}

/// Why a message is no request.
struct RejectedMessage {
    error: ApiError,
    /// What it goes on from.
    previous: Option<String>,
}

impl From<(ApiError, Option<String>)> for RejectedMessage {
    fn from((error, previous): (ApiError, Option<String>)) -> Self {
        Self { error, previous }
    }
}

impl From<ApiError> for RejectedMessage {
    fn from(error: ApiError) -> Self {
        Self::from((error, None))
    }
}
