//! Keys, as the terminal hands them over.

use std::io;
use std::time::{Duration, Instant};

use crossterm::event::{self, Event, EventStream};
use futures_util::StreamExt;

use crate::tui::app::App;
use crate::tui::screen::Screen;

/// How long to look for what is there already; crossterm does not look at all if this is zero.
const AT_ONCE: Duration = Duration::from_micros(20);
/// How long to look for what comes behind an Enter that may be a line break of something pasted.
const KEY_GAP: Duration = Duration::from_millis(1);
/// An Enter so soon after other keys may be one of them.
const SOON: Duration = Duration::from_millis(5);
/// Keys that nobody types at once: a terminal hands over what was pasted.
const BURST: usize = 16;
/// How long the next part of a burst may take. Were a burst cut behind a line break, that would be
/// taken for the Enter that submits.
const BURST_GAP: Duration = Duration::from_millis(20);

/// The keyboard, and what is known of it.
pub(super) struct Keys {
    stream: EventStream,
    /// Whether the terminal has shown that it tells what was pasted from what was typed.
    tells_pastes: bool,
    /// When keys came last.
    last: Option<Instant>,
}

impl Keys {
    pub(super) fn new() -> Self {
        Self {
            stream: EventStream::new(),
            tells_pastes: false,
            last: None,
        }
    }

    /// The next key and all that were typed with it.
    ///
    /// # Errors
    ///
    /// If the terminal is gone.
    pub(super) async fn next(&mut self, app: &App) -> io::Result<Vec<Event>> {
        let first = self.stream.next().await;
        let first = first.ok_or(io::ErrorKind::UnexpectedEof)??;
        let submits = |event: &Event| {
            let key = event.as_key_press_event();
            key.is_some_and(|key| app.submits(&key))
        };
        let mut typed = vec![first];
        // Not from the stream: it would remember who asked last, and nobody would be woken later.
        loop {
            let is_alone = typed.len() == 1;
            let is_soon = self.last.is_some_and(|last| last.elapsed() < SOON);
            let gap = match typed.last() {
                _ if typed.len() >= BURST => BURST_GAP,
                Some(last) if submits(last) && (!is_alone || is_soon && !self.tells_pastes) => {
                    KEY_GAP
                }
                _ => AT_ONCE,
            };
            if !event::poll(gap)? {
                break;
            }
            typed.push(event::read()?);
        }
        self.tells_pastes |= typed.iter().any(|event| matches!(event, Event::Paste(_)));
        self.last = Some(Instant::now());
        Ok(typed)
    }

    /// Stops reading keys and gives the terminal back. Nothing is read until it is asked for.
    pub(super) fn release(&mut self, screen: &mut Screen) {
        self.stream = released(std::mem::take(&mut self.stream), screen);
    }
}

fn released(keys: EventStream, screen: &mut Screen) -> EventStream {
    drop(keys);
    screen.leave();
    // The stream's thread may still be waiting for a key; it lets go of the reader only when it
    // has noticed. What comes back `false` had no key to lose.
    let _ = event::poll(Duration::from_millis(1));
    EventStream::new()
}
