//! When to draw the next frame: at once for a key press, and together for events that come in quickly.

use std::time::Duration;

use tokio::time::Instant;

/// The least time between two frames without a key press. Drawing more often would only take time from
/// the clients.
const MIN_FRAME_INTERVAL: Duration = Duration::from_millis(12);

/// How long a frame after a reply waits for the event that the reply was delivered.
const DELIVERY_WAIT: Duration = Duration::from_millis(5);

/// When to draw next.
#[derive(Debug)]
pub(super) struct Frames {
    last: Option<Instant>,
    next: Option<Instant>,
}

impl Frames {
    /// The first frame is due at once.
    pub(super) fn new() -> Self {
        Self {
            last: None,
            next: Some(Instant::now()),
        }
    }

    /// Draws as soon as possible, for something that the person did.
    pub(super) fn draw_now(&mut self) {
        self.next = Some(Instant::now());
    }

    /// Draws shortly after a reply was sent: the client gets it first, and the frame shows that it was
    /// delivered if that does not take long.
    pub(super) fn draw_after_delivery(&mut self) {
        self.draw_by(Instant::now() + DELIVERY_WAIT);
    }

    /// Draws soon, together with what changes until then.
    pub(super) fn draw_soon(&mut self) {
        let now = Instant::now();
        self.draw_by(
            self.last
                .map_or(now, |last| now.max(last + MIN_FRAME_INTERVAL)),
        );
    }

    fn draw_by(&mut self, latest: Instant) {
        self.next = Some(self.next.map_or(latest, |next| next.min(latest)));
    }

    /// Whether a frame is due; if so, the caller must draw it.
    pub(super) fn take_due(&mut self) -> bool {
        let now = Instant::now();
        let is_due = self.next.take_if(|next| *next <= now).is_some();
        if is_due {
            self.last = Some(now);
        }
        is_due
    }

    /// When the next frame is due; `None` if nothing has changed.
    pub(super) fn next(&self) -> Option<Instant> {
        self.next
    }
}
