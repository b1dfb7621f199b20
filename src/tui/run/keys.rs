//! Reads input events from the terminal, and keeps together what was pasted into a terminal without
//! bracketed paste.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

use crossterm::event::{Event, KeyCode, KeyModifiers};
use ratatui::style::Color;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::retry_on_intr;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::Instant;

use super::sleep_until_some;
use crate::tui::app::App;
use crate::tui::terminal::input::{Input, Parser};
use crate::tui::terminal::screen::Keyboard;

/// Take only what is there already.
const NO_WAIT: Duration = Duration::ZERO;
/// How long to wait for more after an Enter that may be a line break of a pasted text.
const KEY_GAP: Duration = Duration::from_millis(1);
/// An Enter so soon after other keys may belong to a pasted text.
const AFTER_KEYS: Duration = Duration::from_millis(5);
/// So many keys at once are not typed but pasted.
const BURST: usize = 16;
/// How long to wait for the next part of a burst. If a burst were split after a line break, that would
/// count as the Enter that submits.
const BURST_GAP: Duration = Duration::from_millis(20);

/// Bytes that are read from the terminal at once.
const READ_BYTES: usize = 16 * 1024;

/// The terminal's input, and what it has told about itself.
pub(super) struct KeyInput {
    /// Standard input.
    terminal: AsyncFd<OwnedFd>,
    parser: Parser,
    /// When something was read last.
    read_at: Instant,
    resized: Signal,
    /// Whether the terminal has sent a bracketed paste before.
    has_bracketed_paste: bool,
    /// When keys came last.
    last_keys_at: Option<Instant>,
    /// The keyboard protocol of the terminal; `None` until it has answered.
    keyboard: Option<Keyboard>,
    /// The background colour that the terminal has answered with, until it is taken.
    background: Option<Color>,
    is_closed: bool,
}

impl KeyInput {
    /// Begins to read the terminal.
    ///
    /// # Errors
    ///
    /// If standard input cannot be watched, or `SIGWINCH` cannot be caught.
    pub(super) fn new() -> io::Result<Self> {
        // Without a terminal there, the program does not start.
        let terminal = io::stdin().as_fd().try_clone_to_owned()?;
        // Deprecated for types that may change their descriptor, which an `OwnedFd` does not; what
        // is there instead is unsafe code.
        #[allow(deprecated)]
        let terminal = AsyncFd::with_interest(terminal, Interest::READABLE)?;
        Ok(Self {
            terminal,
            parser: Parser::default(),
            read_at: Instant::now(),
            resized: signal(SignalKind::window_change())?,
            has_bracketed_paste: false,
            last_keys_at: None,
            keyboard: None,
            background: None,
            is_closed: false,
        })
    }

    /// The keyboard protocol of the terminal, once it has answered.
    pub(super) fn keyboard(&self) -> Option<Keyboard> {
        self.keyboard
    }

    /// The background colour, if the terminal has answered since the last call.
    pub(super) fn take_background(&mut self) -> Option<Color> {
        self.background.take()
    }

    /// Waits for the next key, and returns it with all that came with it; empty if the terminal has
    /// answered a query instead.
    ///
    /// # Errors
    ///
    /// If the terminal is gone.
    pub(super) async fn next(&mut self, app: &App) -> io::Result<Vec<Event>> {
        let Some(first) = self.wait_for_event().await? else {
            return Ok(Vec::new());
        };
        let mut typed = vec![first];
        let submits = |event: &Event| {
            let key = event.as_key_press_event();
            key.is_some_and(|key| app.submits(&key))
        };
        loop {
            let is_alone = typed.len() == 1;
            let is_soon = self
                .last_keys_at
                .is_some_and(|last| last.elapsed() < AFTER_KEYS);
            let gap = match typed.last() {
                Some(last) if typed.len() >= BURST && is_pasted(last) => BURST_GAP,
                Some(last)
                    if submits(last) && (!is_alone || is_soon && !self.has_bracketed_paste) =>
                {
                    KEY_GAP
                }
                _ => NO_WAIT,
            };
            match self.poll_event(gap)? {
                Some(event) => typed.push(event),
                None => break,
            }
        }
        self.has_bracketed_paste |= typed.iter().any(|event| matches!(event, Event::Paste(_)));
        self.last_keys_at = Some(Instant::now());
        Ok(typed)
    }

    /// Waits for an input event; `None` if the terminal has answered a query instead.
    async fn wait_for_event(&mut self) -> io::Result<Option<Event>> {
        let keyboard = self.keyboard;
        loop {
            // What was read before and not parsed yet does not make the descriptor readable.
            if let Some(event) = self.poll_event(NO_WAIT)? {
                return Ok(Some(event));
            }
            if self.keyboard != keyboard || self.background.is_some() {
                return Ok(None);
            }
            if self.is_closed {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            let patience = self.parser.timeout();
            tokio::select! {
                // Wait for the descriptor to become readable again.
                ready = self.terminal.readable() => ready?.clear_ready(),
                Some(()) = self.resized.recv() => {
                    // Whoever needs the size asks the terminal.
                    return Ok(Some(Event::Resize(0, 0)));
                }
                () = sleep_until_some(patience.map(|patience| self.read_at + patience)) => {
                    // Bytes that came before the timeout was handled still count.
                    if !self.read(NO_WAIT)? {
                        self.parser.time_out();
                    }
                }
            }
        }
    }

    /// Waits a short time for an input event; it blocks, and nothing is drawn meanwhile.
    fn poll_event(&mut self, gap: Duration) -> io::Result<Option<Event>> {
        let end = Instant::now() + gap;
        loop {
            while let Some(input) = self.parser.take() {
                match input {
                    Input::Event(event) => return Ok(Some(event)),
                    Input::KittyKeyboard => self.keyboard = Some(Keyboard::Kitty),
                    Input::DeviceAttributes => {
                        self.keyboard.get_or_insert(Keyboard::Xterm);
                    }
                    Input::Background(colour) => self.background = Some(colour),
                }
            }
            let left = end.saturating_duration_since(Instant::now());
            if !self.read(left)? {
                return Ok(None);
            }
        }
    }

    /// Waits at most this long for bytes and hands them to the parser; returns whether there were any.
    fn read(&mut self, patience: Duration) -> io::Result<bool> {
        let patience = Timespec {
            tv_sec: 0,
            tv_nsec: patience.subsec_nanos().into(),
        };
        let mut asked = [PollFd::new(&self.terminal, PollFlags::IN)];
        if retry_on_intr(|| poll(&mut asked, Some(&patience)))? == 0 {
            return Ok(false);
        }
        let is_closed = asked[0].revents().contains(PollFlags::HUP);
        let mut piece = [0; READ_BYTES];
        let count = retry_on_intr(|| rustix::io::read(&self.terminal, &mut piece[..]))?;
        self.is_closed = is_closed && count == 0;
        if count > 0 {
            self.read_at = Instant::now();
            self.parser.push(&piece[..count]);
        }
        Ok(count > 0)
    }
}

/// Whether an event may be a part of a pasted text in a terminal without bracketed paste.
fn is_pasted(event: &Event) -> bool {
    let chords = KeyModifiers::CONTROL | KeyModifiers::ALT;
    let key = event.as_key_press_event();
    key.is_some_and(|key| {
        let is_text = matches!(key.code, KeyCode::Char(_) | KeyCode::Enter | KeyCode::Tab);
        is_text && !key.modifiers.intersects(chords)
    })
}
