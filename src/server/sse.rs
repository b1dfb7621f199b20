//! Server-sent events: a response while the person gives it, or again later.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::time::Duration;

use axum::http::{HeaderName, HeaderValue};
use axum::response::sse::{Event, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::{Stream, stream};
use tokio::sync::watch;
use tokio::time::{Instant, Interval, MissedTickBehavior};

use super::exchange::Exchange;
use crate::api::Frame;
use crate::api::responses::DONE;
use crate::store::Responses;

/// Streams a response to the client that asked for it.
pub(super) fn live(exchange: Exchange, heartbeat: Duration) -> Response {
    let state = Live {
        queue: VecDeque::new(),
        has_started: false,
        exchange,
        heartbeats: heartbeats(heartbeat),
    };
    events(stream::unfold(state, |mut state| async move {
        let frame = state.next().await?;
        Some((frame, state))
    }))
}

/// Streams a background response from its log: the events after number `after` that are there,
/// and those that come.
pub(super) fn replay(
    stored: Responses,
    id: String,
    after: Option<u64>,
    heartbeat: Duration,
) -> Response {
    let state = Replayed {
        changes: stored.changes(),
        stored,
        id,
        after,
        queue: VecDeque::new(),
        heartbeats: heartbeats(heartbeat),
        ended: false,
    };
    events(stream::unfold(state, |mut state| async move {
        let frame = state.next().await?;
        Some((frame, state))
    }))
}

/// When an open stream has to say that it is still in progress.
pub(super) fn heartbeats(every: Duration) -> Interval {
    let mut heartbeats = tokio::time::interval_at(Instant::now() + every, every);
    heartbeats.set_missed_tick_behavior(MissedTickBehavior::Delay);
    heartbeats
}

fn events(frames: impl Stream<Item = Frame> + Send + 'static) -> Response {
    use futures_util::StreamExt;
    let events = frames.map(|frame| Ok::<_, Infallible>(event(&frame)));
    // Reverse proxies that buffer would hold back what the person says.
    let unbuffered = (
        HeaderName::from_static("x-accel-buffering"),
        HeaderValue::from_static("no"),
    );
    ([unbuffered], Sse::new(events)).into_response()
}

fn event(frame: &Frame) -> Event {
    // In this order on the wire, because there are clients that want the name first.
    let event = match frame.event {
        Some(name) => Event::default().event(name),
        None => Event::default(),
    };
    event.data(&frame.data)
}

/// An open stream.
struct Live {
    exchange: Exchange,
    heartbeats: Interval,
    /// Events that wait for the connection to take them.
    queue: VecDeque<Frame>,
    has_started: bool,
}

impl Live {
    /// The next event. The connection asks for it only after it has taken the last one, which is
    /// how delivery is known.
    async fn next(&mut self) -> Option<Frame> {
        if !std::mem::replace(&mut self.has_started, true) {
            self.exchange.settled().await;
            self.queue.extend(self.exchange.start());
        }
        loop {
            if let Some(frame) = self.queue.pop_front() {
                return Some(frame);
            }
            self.exchange.delivered();
            if self.exchange.has_ended() {
                return None;
            }
            tokio::select! {
                biased;
                heard = self.exchange.heard() => {
                    self.queue.extend(self.exchange.say(heard).await);
                    self.heartbeats.reset();
                }
                _ = self.heartbeats.tick() => {
                    let frame = self.exchange.heartbeat();
                    self.queue.push_back(frame);
                }
            }
        }
    }
}

/// A stream of what is in the log of a background response.
struct Replayed {
    stored: Responses,
    changes: watch::Receiver<()>,
    id: String,
    after: Option<u64>,
    queue: VecDeque<Frame>,
    heartbeats: Interval,
    ended: bool,
}

impl Replayed {
    async fn next(&mut self) -> Option<Frame> {
        loop {
            if let Some(frame) = self.queue.pop_front() {
                return Some(frame);
            }
            if self.ended {
                return None;
            }
            self.changes.mark_unchanged();
            // One that was deleted in the meantime has nothing more to say.
            let replay = self.stored.lock().replay(&self.id, self.after).ok()?;
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
                self.heartbeats.reset();
                continue;
            }
            tokio::select! {
                changed = self.changes.changed() => changed.ok()?,
                _ = self.heartbeats.tick() => {
                    self.queue.extend(self.stored.lock().heartbeat(&self.id));
                }
            }
        }
    }
}
