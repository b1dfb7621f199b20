//! When to draw: at once where nothing was drawn lately, and not more often than anybody can see.

use std::time::Duration;

use tokio::time::Instant;

/// The least time between two frames that nobody has pressed a key for. What many clients ask at once
/// is not seen sooner if it is drawn more often, and drawing takes what they wait for.
const FRAME: Duration = Duration::from_millis(12);

/// How long a frame may wait for the news that what was said is delivered.
const DELIVERY: Duration = Duration::from_millis(5);

/// When to draw next.
#[derive(Debug)]
pub(super) struct Frames {
    last: Option<Instant>,
    next: Option<Instant>,
}

impl Frames {
    /// The first frame is due.
    pub(super) fn new() -> Self {
        Self {
            last: None,
            next: Some(Instant::now()),
        }
    }

    /// Something has changed that the person did, who is waiting to see it.
    pub(super) fn draw_now(&mut self) {
        self.next = Some(Instant::now());
    }

    /// The person has said something. Whoever waits for it gets it first, and that it was delivered
    /// is on the same frame if that does not take long.
    pub(super) fn draw_after_delivery(&mut self) {
        self.draw_by(Instant::now() + DELIVERY);
    }

    /// Something has changed. What follows soon is drawn together.
    pub(super) fn draw_soon(&mut self) {
        let now = Instant::now();
        self.draw_by(self.last.map_or(now, |last| now.max(last + FRAME)));
    }

    fn draw_by(&mut self, latest: Instant) {
        self.next = Some(self.next.map_or(latest, |next| next.min(latest)));
    }

    /// Whether it is time to draw; what is drawn then is everything.
    pub(super) fn take_due(&mut self) -> bool {
        let now = Instant::now();
        let is_due = self.next.take_if(|next| *next <= now).is_some();
        if is_due {
            self.last = Some(now);
        }
        is_due
    }

    /// When it is time to draw.
    pub(super) fn next(&self) -> Option<Instant> {
        self.next
    }
}
