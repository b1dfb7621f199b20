//! Responses as server-sent events, live or replayed from the store.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::time::Duration;

use axum::Extension;
use axum::body::Body;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{HeaderName, HeaderValue};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::{Stream, stream};
use tokio::sync::watch;
use tokio::time::{Instant, Interval, MissedTickBehavior};

use super::AppState;
use super::active_response::ActiveResponse;
use super::detached::Detachable;
use crate::api::Frame;
use crate::api::responses::DONE;
use crate::inbox::Intake;
use crate::store::Store;

/// Events are batched up to this many bytes. The first two events of a response to Codex, which
/// contain its tools, are sent together.
const LARGE_BATCH: usize = 64 * 1024;

/// Streams a response to the client that asked for it.
pub(super) fn live(active: ActiveResponse, heartbeat: Duration) -> Response {
    let state = LiveStream {
        queue: VecDeque::new(),
        has_started: false,
        active,
        heartbeats: heartbeats(heartbeat),
    };
    events(stream::unfold(state, |mut state| async move {
        let part = state.next().await?;
        Some((part, state))
    }))
}

/// Streams a background response from its stored events: those after sequence number `after`, and
/// new ones as they come.
pub(super) fn replay(state: &AppState, id: String, after: Option<u64>) -> Response {
    let state = ReplayStream {
        changes: state.store.responses().subscribe(),
        store: state.store.clone(),
        intake: state.intake.clone(),
        id,
        after,
        queue: VecDeque::new(),
        heartbeats: heartbeats(state.settings.heartbeat),
        ended: false,
    };
    events(stream::unfold(state, |mut state| async move {
        let part = state.next().await?;
        Some((part, state))
    }))
}

/// The ticks at which an open stream sends heartbeats.
pub(super) fn heartbeats(every: Duration) -> Interval {
    let mut heartbeats = tokio::time::interval_at(Instant::now() + every, every);
    heartbeats.set_missed_tick_behavior(MissedTickBehavior::Delay);
    heartbeats
}

fn events(parts: impl Stream<Item = Bytes> + Send + 'static) -> Response {
    use futures_util::StreamExt;
    let headers = [
        (CONTENT_TYPE, HeaderValue::from_static("text/event-stream")),
        (CACHE_CONTROL, HeaderValue::from_static("no-cache")),
        // Tells reverse proxies not to buffer the stream.
        (
            HeaderName::from_static("x-accel-buffering"),
            HeaderValue::from_static("no"),
        ),
    ];
    let body = Body::from_stream(parts.map(Ok::<_, Infallible>));
    (Extension(Detachable), headers, body).into_response()
}

/// Encodes queued events, small ones together, so that one reply is one write.
fn encode(queue: &mut VecDeque<Frame>) -> Option<Bytes> {
    let bytes = queue.iter().map(|frame| frame.data.len() + 64);
    let mut text = String::with_capacity(bytes.sum::<usize>().min(2 * LARGE_BATCH));
    while let Some(frame) = queue.pop_front() {
        // The name first, because some clients require this order.
        if let Some(name) = frame.event {
            text.extend(["event: ", name, "\n"]);
        }
        // JSON has its line breaks escaped, so this is one line.
        text.extend(["data: ", &frame.data, "\n\n"]);
        if text.len() >= LARGE_BATCH {
            break;
        }
    }
    (!text.is_empty()).then(|| text.into())
}

/// An open stream.
struct LiveStream {
    active: ActiveResponse,
    heartbeats: Interval,
    /// Events to be sent.
    queue: VecDeque<Frame>,
    has_started: bool,
}

impl LiveStream {
    /// The next events. Polled only after the connection has taken the last ones, by which their
    /// delivery is known.
    async fn next(&mut self) -> Option<Bytes> {
        if !std::mem::replace(&mut self.has_started, true) {
            self.active.wait_until_recorded().await;
            self.queue.extend(self.active.start());
        }
        loop {
            if let Some(part) = encode(&mut self.queue) {
                return Some(part);
            }
            self.active.delivered();
            if self.active.has_ended() {
                return None;
            }
            tokio::select! {
                biased;
                next = self.active.next_reply() => {
                    self.queue.extend(self.active.write(next).await);
                    self.heartbeats.reset();
                }
                _ = self.heartbeats.tick() => {
                    let frame = self.active.heartbeat();
                    self.queue.push_back(frame);
                }
            }
        }
    }
}

/// A stream of the stored events of a background response.
struct ReplayStream {
    store: Store,
    intake: Intake,
    changes: watch::Receiver<()>,
    id: String,
    after: Option<u64>,
    queue: VecDeque<Frame>,
    heartbeats: Interval,
    ended: bool,
}

impl ReplayStream {
    async fn next(&mut self) -> Option<Bytes> {
        loop {
            if let Some(part) = encode(&mut self.queue) {
                return Some(part);
            }
            if self.ended {
                return None;
            }
            self.changes.mark_unchanged();
            // It was deleted in the meantime.
            let after = self.after;
            let responses = self.store.responses().clone();
            let replay =
                responses.with_loaded(&self.id, move |stored, id| stored.replay(id, after));
            let replay = replay.await.ok()?;
            let count = replay.frames.len() as u64;
            self.after = match (self.after, count) {
                (after, 0) => after,
                (None, count) => Some(count - 1),
                (Some(after), count) => Some(after + count),
            };
            self.queue.extend(replay.frames);
            if replay.ended {
                self.ended = true;
                self.queue.push_back(Frame::data(DONE));
            }
            if !self.queue.is_empty() {
                self.store.settled(responses.saving()).await;
                self.heartbeats.reset();
                continue;
            }
            tokio::select! {
                biased;
                changed = self.changes.changed() => changed.ok()?,
                // It is resumed in the next run. If nothing is stored on disk, its end is still to
                // come.
                () = self.intake.closed(), if self.store.has_journal() => return None,
                _ = self.heartbeats.tick() => {
                    self.queue.extend(responses.lock().heartbeat(&self.id));
                    self.store.settled(responses.saving()).await;
                }
            }
        }
    }
}
