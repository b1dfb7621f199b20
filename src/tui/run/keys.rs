//! Keys, as the terminal hands them over.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant};

use crossterm::event::{self, Event, KeyCode, KeyModifiers};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::retry_on_intr;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::tui::app::App;

/// How long to look for what is there already; crossterm does not look at all if this is zero.
const AT_ONCE: Duration = Duration::from_micros(20);
/// How long the rest of a sequence may take that has begun to come.
const SEQUENCE_GAP: Duration = Duration::from_millis(5);
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
    /// Nothing is read from it here: it tells when there is something to read.
    terminal: AsyncFd<OwnedFd>,
    resized: Signal,
    /// Whether the terminal has shown that it tells what was pasted from what was typed.
    tells_pastes: bool,
    /// When keys came last.
    last: Option<Instant>,
}

impl Keys {
    /// # Errors
    ///
    /// If the system does not let it.
    pub(super) fn new() -> io::Result<Self> {
        // The same that crossterm reads: without a terminal there, the program does not start.
        let terminal = io::stdin().as_fd().try_clone_to_owned()?;
        // Deprecated for types that may change their descriptor, which an `OwnedFd` does not; what
        // is there instead is unsafe code.
        #[allow(deprecated)]
        let terminal = AsyncFd::with_interest(terminal, Interest::READABLE)?;
        Ok(Self {
            terminal,
            resized: signal(SignalKind::window_change())?,
            tells_pastes: false,
            last: None,
        })
    }

    /// The next key and all that were typed with it.
    ///
    /// # Errors
    ///
    /// If the terminal is gone.
    pub(super) async fn next(&mut self, app: &App) -> io::Result<Vec<Event>> {
        let mut typed = vec![self.first().await?];
        let submits = |event: &Event| {
            let key = event.as_key_press_event();
            key.is_some_and(|key| app.submits(&key))
        };
        loop {
            let is_alone = typed.len() == 1;
            let is_soon = self.last.is_some_and(|last| last.elapsed() < SOON);
            let gap = match typed.last() {
                Some(last) if typed.len() >= BURST && is_pasted(last) => BURST_GAP,
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

    /// Waits for something from the terminal, and no longer for the rest of what is no key yet.
    async fn first(&mut self) -> io::Result<Event> {
        // What is left of what was read before is no news to the system.
        if event::poll(AT_ONCE)? {
            return event::read();
        }
        loop {
            tokio::select! {
                ready = self.terminal.readable() => {
                    // Whatever comes from now on is news again.
                    ready?.clear_ready();
                    let now = Timespec { tv_sec: 0, tv_nsec: 0 };
                    let mut asked = [PollFd::new(&self.terminal, PollFlags::IN)];
                    if retry_on_intr(|| poll(&mut asked, Some(&now)))? == 0 {
                        continue;
                    }
                    if event::poll(SEQUENCE_GAP)? {
                        return event::read();
                    }
                    if asked[0].revents().contains(PollFlags::HUP) {
                        return Err(io::ErrorKind::UnexpectedEof.into());
                    }
                }
                Some(()) = self.resized.recv() => {
                    // How large it is now, everybody asks the terminal.
                    return Ok(Event::Resize(0, 0));
                }
            }
        }
    }
}

/// Whether something may be a part of what was pasted, where the terminal does not tell.
fn is_pasted(event: &Event) -> bool {
    let chords = KeyModifiers::CONTROL | KeyModifiers::ALT;
    let key = event.as_key_press_event();
    key.is_some_and(|key| {
        let is_text = matches!(key.code, KeyCode::Char(_) | KeyCode::Enter | KeyCode::Tab);
        is_text && !key.modifiers.intersects(chords)
    })
}
