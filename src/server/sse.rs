//! Server-sent events: a response while the person gives it, or again later.

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

/// From how many bytes of events on others leave by themselves. The first two events of a response to
/// Codex, which hold its tools, leave together.
const LARGE: usize = 64 * 1024;

/// Streams a response to the client that asked for it.
pub(super) fn live(active: ActiveResponse, heartbeat: Duration) -> Response {
    let state = Live {
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

/// Streams a background response from its log: the events after number `after` that are there,
/// and those that come.
pub(super) fn replay(state: &AppState, id: String, after: Option<u64>) -> Response {
    let state = Replayed {
        changes: state.store.responses().changes(),
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

/// When an open stream has to say that it is still in progress.
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
        // Reverse proxies that buffer would hold back what the person says.
        (
            HeaderName::from_static("x-accel-buffering"),
            HeaderValue::from_static("no"),
        ),
    ];
    let body = Body::from_stream(parts.map(Ok::<_, Infallible>));
    (Extension(Detachable), headers, body).into_response()
}

/// The events that wait, as they leave: together as far as they are small, so that one reply costs
/// one write.
fn written(queue: &mut VecDeque<Frame>) -> Option<Bytes> {
    let bytes = queue.iter().map(|frame| frame.data.len() + 64);
    let mut text = String::with_capacity(bytes.sum::<usize>().min(2 * LARGE));
    while let Some(frame) = queue.pop_front() {
        // In this order on the wire, because there are clients that want the name first.
        if let Some(name) = frame.event {
            text.extend(["event: ", name, "\n"]);
        }
        // JSON, of which each line break is escaped.
        text.extend(["data: ", &frame.data, "\n\n"]);
        if text.len() >= LARGE {
            break;
        }
    }
    (!text.is_empty()).then(|| text.into())
}

/// An open stream.
struct Live {
    active: ActiveResponse,
    heartbeats: Interval,
    /// Events that wait for the connection to take them.
    queue: VecDeque<Frame>,
    has_started: bool,
}

impl Live {
    /// The next events. The connection asks for them only after it has taken the last ones, which
    /// is how delivery is known.
    async fn next(&mut self) -> Option<Bytes> {
        if !std::mem::replace(&mut self.has_started, true) {
            self.active.settled().await;
            self.queue.extend(self.active.start());
        }
        loop {
            if let Some(part) = written(&mut self.queue) {
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

/// A stream of what is in the log of a background response.
struct Replayed {
    store: Store,
    intake: Intake,
    changes: watch::Receiver<()>,
    id: String,
    after: Option<u64>,
    queue: VecDeque<Frame>,
    heartbeats: Interval,
    ended: bool,
}

impl Replayed {
    async fn next(&mut self) -> Option<Bytes> {
        loop {
            if let Some(part) = written(&mut self.queue) {
                return Some(part);
            }
            if self.ended {
                return None;
            }
            self.changes.mark_unchanged();
            // One that was deleted in the meantime has nothing more to say.
            let after = self.after;
            let responses = self.store.responses().clone();
            let replay = responses.with(&self.id, move |stored, id| stored.replay(id, after));
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
                // It is gone on with when the program is back. Where nothing outlives the program,
                // its end is still to come.
                () = self.intake.closed(), if self.store.keeps() => return None,
                _ = self.heartbeats.tick() => {
                    self.queue.extend(responses.lock().heartbeat(&self.id));
                    self.store.settled(responses.saving()).await;
                }
            }
        }
    }
}
