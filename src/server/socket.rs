//! WebSocket mode of the Responses API: `GET /v1/responses` with an upgrade.
//!
//! One connection carries several responses, one after the other. They are remembered for as long
//! as it lasts, so that a client that stores nothing (`store: false`, as Codex 0.169 does with
//! `supports_websockets = true`) still sends only what is new.

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

/// How long to wait for the answer to a close frame: one that is unread when the connection closes
/// may be lost.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);
/// Messages up to this many times the limit are read to their end, so that a client that sends a
/// little too much gets an error and can go on.
const OVERSIZE_FACTOR: usize = 2;
/// Bytes of the read buffer of an idle socket. There is no write buffer: each message is written
/// before anything more is read.
const READ_BUFFER: usize = 8 * 1024;
/// Most responses that a connection remembers.
const MAX_REMEMBERED: usize = 16;
/// Most bytes of JSON of these together; the newest stays, however large it is.
const MAX_REMEMBERED_BYTES: usize = 16 << 20;
/// Most requests queued on a connection.
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
    let upgrade = upgrade.read_buffer_size(READ_BUFFER).write_buffer_size(0);
    let flow = flow.map(|Extension(flow)| flow).unwrap_or_default();
    upgrade.on_upgrade(move |socket| async move {
        let mut connection = SocketSession {
            caller: create::caller(&headers),
            headers,
            remembered: Responses::new(StoredResponses::with_bytes(
                MAX_REMEMBERED,
                MAX_REMEMBERED_BYTES,
            )),
            expires_at: Instant::now() + state.settings.socket_lifetime,
            queue: VecDeque::new(),
            incoming: IncomingMessage::new(state.body_reader.clone(), flow),
            state,
            socket,
        };
        tracing::info!(
            agent = excerpt(connection.caller.user_agent_word()),
            "socket opened"
        );
        // Always ends with an error: one side is gone.
        let _ = connection.serve().await;
        tracing::info!(
            agent = excerpt(connection.caller.user_agent_word()),
            "socket closed"
        );
        drop(place);
    })
}

fn upgrade_required() -> Response {
    let message = "GET /v1/responses opens a WebSocket and this is no request for one: send POST \
                   /v1/responses, or the headers of a WebSocket handshake.";
    let error = ApiError::invalid(message).status(426);
    let mut response = ErrorResponse(error.code("upgrade_required")).into_response();
    let headers = response.headers_mut();
    // Required by RFC 9110, section 15.5.22.
    headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
    response
}

/// The connection has ended.
struct Disconnected;

/// A request that waits for those before it.
struct QueuedMessage {
    message: Received,
    /// Its part of the memory for queued requests.
    _reservation: Reservation,
}

impl From<axum::Error> for Disconnected {
    fn from(error: axum::Error) -> Self {
        tracing::debug!(%error, "socket");
        Self
    }
}

/// A connected client.
struct SocketSession {
    socket: WebSocket,
    state: AppState,
    /// The client, by the headers of the handshake.
    caller: Caller,
    /// All headers of the handshake.
    headers: HeaderMap,
    /// Responses made on this connection.
    remembered: Responses,
    expires_at: Instant,
    /// Requests that arrived while another one was being answered.
    queue: VecDeque<QueuedMessage>,
    /// What has come of the next message.
    incoming: IncomingMessage,
}

impl SocketSession {
    /// Answers one request after the other, until the connection is closed.
    async fn serve(&mut self) -> Result<(), Disconnected> {
        loop {
            let message = match self.queue.pop_front() {
                Some(next) => next.message,
                None => {
                    let (intake, until) = (self.state.intake.clone(), self.expires_at);
                    tokio::select! {
                        message = self.recv() => match self.take_request(message).await? {
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
            if Instant::now() >= self.expires_at {
                return self.expire().await;
            }
            self.answer(message).await?;
        }
    }

    /// Receives the next message; `None` at the end. Cancel-safe.
    async fn recv(&mut self) -> Option<Result<Message, ReceiveError>> {
        self.incoming.recv(&mut self.socket).await
    }

    /// Answers one message of the client.
    async fn answer(&mut self, message: Received) -> Result<(), Disconnected> {
        let message = create::parse_body(&self.state, message, |body, interner| {
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
            // The response that a failed request continued is forgotten, so that the client begins
            // anew (Open Responses, 2026-04-24). Stored responses stay.
            self.remembered.lock().remove(&previous);
        }
        Ok(())
    }

    /// Prepends the items of the response that a request continues.
    async fn resolve(&mut self, request: Request) -> Result<Request, ApiError> {
        let stored = self.state.store.responses();
        let nearer = Some(self.remembered.clone());
        let mut request = stored.resolve(nearer, request).await?;
        // Responses are always streamed here, whatever the request says.
        request.stream = true;
        Ok(request)
    }

    /// Where a response is stored: on this connection, and in the store if the client wants that.
    fn places(&self, request: &Request) -> Vec<Responses> {
        let mut places = vec![self.remembered.clone()];
        if request.store {
            places.push(self.state.store.responses().clone());
        }
        places
    }

    /// Has the person answer a request; returns whether the response has failed.
    async fn respond(
        &mut self,
        mut request: Request,
        reservation: Reservation,
    ) -> Result<bool, Disconnected> {
        let places = self.places(&request);
        let header = |name: &str| self.headers.get(name)?.to_str().ok();
        let study = &self.state.settings.study;
        request.assignment = study.assigned(header, &request.model);
        let agent = self.caller.identify(&mut request);
        let active =
            ActiveResponse::open(&self.state, request, reservation, agent, RESPONSES, places).await;
        let mut active = match active {
            Ok(active) => active,
            Err(ErrorResponse(error)) => {
                self.refuse(&error).await?;
                return Ok(true);
            }
        };
        active.wait_until_recorded().await;
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
                    if let Some(message) = self.take_request(message).await? {
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

    /// Accepts a request that is not to be answered (`generate: false`), so that the next one can
    /// continue it. The person does not see it.
    async fn prepare(&mut self, mut request: Request) -> Result<(), Disconnected> {
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

    async fn send_all(&mut self, frames: &[Frame]) -> Result<(), Disconnected> {
        for frame in frames {
            self.send(frame).await?;
        }
        Ok(())
    }

    /// Sends an event. The marker at the end of an HTTP stream is left out.
    async fn send(&mut self, frame: &Frame) -> Result<(), Disconnected> {
        if frame.event.is_some() {
            let message = Message::Text((*frame.data).into());
            self.socket.send(message).await?;
        }
        Ok(())
    }

    /// Sends an error, after which the connection goes on.
    async fn refuse(&mut self, error: &ApiError) -> Result<(), Disconnected> {
        self.state.refusals.log(error);
        let data = json!({"type": "error", "status": error.status, "error": {
            "type": error.kind,
            // The schema of this event requires a code.
            "code": error.code.unwrap_or(error.kind),
            "message": error.message,
            "param": error.param,
        }});
        let message = Message::Text(data.to_string().into());
        Ok(self.socket.send(message).await?)
    }

    /// Closes a connection at the end of its lifetime.
    async fn expire(&mut self) -> Result<(), Disconnected> {
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

    /// Sends a close frame, and waits for the client to answer it.
    async fn close(&mut self, code: u16, reason: &'static str) -> Result<(), Disconnected> {
        self.send_close_frame(code, reason).await?;
        let heard = async { while let Some(Ok(_)) = self.socket.recv().await {} };
        // A client that takes longer may miss it.
        let _ = tokio::time::timeout(CLOSE_TIMEOUT, heard).await;
        Err(Disconnected)
    }

    async fn send_close_frame(
        &mut self,
        code: u16,
        reason: &'static str,
    ) -> Result<(), Disconnected> {
        let reason = reason.into();
        let message = Message::Close(Some(CloseFrame { code, reason }));
        Ok(self.socket.send(message).await?)
    }

    /// The request in a received message; `None` for control frames, and for messages that were
    /// refused.
    async fn take_request(
        &mut self,
        message: Option<Result<Message, ReceiveError>>,
    ) -> Result<Option<Received>, Disconnected> {
        let most = self.state.settings.max_body;
        match message.ok_or(Disconnected)? {
            Ok(Message::Text(text)) => {
                let bytes = Bytes::from(text);
                let reservation = self.incoming.finish(bytes.clone());
                let received = if bytes.len() > most {
                    Err(too_large(most))
                } else {
                    self.state.body_reader.receive(bytes, reservation)
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
                // Nothing more is read from a client that does not read its answers.
                self.socket.flush().await?;
                Ok(None)
            }
            Ok(Message::Pong(payload)) => {
                self.incoming.control(payload.len());
                Ok(None)
            }
            Ok(Message::Close(_)) => {
                // The pong is sent with the next read.
                let _ = self.socket.recv().await;
                Err(Disconnected)
            }
            Err(ReceiveError::Broken(error)) => self.break_off(error).await,
            Err(ReceiveError::Refused(error)) => {
                self.refuse(&error).await?;
                // The connection cannot go on without reading the rest of the message.
                self.send_close_frame(close_code::AGAIN, "the message was not taken")
                    .await?;
                Err(Disconnected)
            }
        }
    }

    /// Closes a connection after a protocol error.
    async fn break_off(&mut self, error: axum::Error) -> Result<Option<Received>, Disconnected> {
        let text = error.to_string();
        let code = match error.into_inner().downcast_ref() {
            Some(tungstenite::Error::Capacity(_)) => {
                let most = self.state.settings.max_body;
                self.refuse(&too_large(most)).await?;
                close_code::SIZE
            }
            Some(tungstenite::Error::Utf8(_)) => close_code::INVALID,
            // A client that hangs up without a close frame causes this error.
            Some(tungstenite::Error::Protocol(ProtocolError::ResetWithoutClosingHandshake)) => {
                return Err(Disconnected);
            }
            Some(tungstenite::Error::Protocol(_)) => close_code::PROTOCOL,
            _ => return Err(Disconnected),
        };
        tracing::info!(code, error = text, "socket broken off");
        self.send_close_frame(code, "the message could not be read")
            .await?;
        Err(Disconnected)
    }

    /// Queues a request until those before it are answered.
    async fn enqueue(&mut self, message: Received) -> Result<(), Disconnected> {
        let bytes: usize = self.queue.iter().map(|next| next.message.len()).sum();
        let is_full = self.queue.len() >= MAX_QUEUED
            || !self.queue.is_empty() && bytes + message.len() > self.state.settings.max_body;
        let mut reservation = self.state.body_reader.reserve_queued();
        if !is_full && reservation.grow(message.len()).is_ok() {
            let _reservation = reservation;
            self.queue.push_back(QueuedMessage {
                message,
                _reservation,
            });
            return Ok(());
        }
        let error = ApiError::invalid(if is_full {
            format!(
                "{} requests are queued on this connection already: wait for a response to end.",
                self.queue.len()
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

/// Why a message was rejected.
struct RejectedMessage {
    error: ApiError,
    /// The id of the response that it continues.
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
