//! Keys, as the terminal hands them over.

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

use super::until;
use crate::tui::app::App;
use crate::tui::terminal::input::{Input, Parser};
use crate::tui::terminal::screen::Keyboard;

/// How long to look for what is there already.
const AT_ONCE: Duration = Duration::ZERO;
/// How long to look for what comes behind an Enter that may be a line break of something pasted.
const KEY_GAP: Duration = Duration::from_millis(1);
/// An Enter so soon after other keys may be one of them.
const SOON: Duration = Duration::from_millis(5);
/// Keys that nobody types at once: a terminal hands over what was pasted.
const BURST: usize = 16;
/// How long the next part of a burst may take. Were a burst cut behind a line break, that would be
/// taken for the Enter that submits.
const BURST_GAP: Duration = Duration::from_millis(20);

/// Bytes that are read at once.
const PIECE: usize = 16 * 1024;

/// The keyboard, and what is known of it.
pub(super) struct KeyInput {
    /// Reads from it return at once, with nothing if there is nothing.
    terminal: AsyncFd<OwnedFd>,
    parser: Parser,
    /// When something was read last.
    read_at: Instant,
    resized: Signal,
    /// Whether the terminal has shown that it tells what was pasted from what was typed.
    tells_pastes: bool,
    /// When keys came last.
    last: Option<Instant>,
    /// What it says that it can tell; `None` until it has said so.
    keyboard: Option<Keyboard>,
    /// What it says that its background is, until that is taken.
    background: Option<Color>,
    is_closed: bool,
}

impl KeyInput {
    /// # Errors
    ///
    /// If the system does not let it.
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
            tells_pastes: false,
            last: None,
            keyboard: None,
            background: None,
            is_closed: false,
        })
    }

    /// What the terminal says that its keyboard can do, once it has answered.
    pub(super) fn keyboard(&self) -> Option<Keyboard> {
        self.keyboard
    }

    /// What the terminal says that its background is, if it has answered since this was asked.
    pub(super) fn take_background(&mut self) -> Option<Color> {
        self.background.take()
    }

    /// The next key and all that were typed with it; nothing where the terminal has answered.
    ///
    /// # Errors
    ///
    /// If the terminal is gone.
    pub(super) async fn next(&mut self, app: &App) -> io::Result<Vec<Event>> {
        let Some(first) = self.first().await? else {
            return Ok(Vec::new());
        };
        let mut typed = vec![first];
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
            match self.within(gap)? {
                Some(event) => typed.push(event),
                None => break,
            }
        }
        self.tells_pastes |= typed.iter().any(|event| matches!(event, Event::Paste(_)));
        self.last = Some(Instant::now());
        Ok(typed)
    }

    /// Waits for something from the terminal; `None` where it has answered.
    async fn first(&mut self) -> io::Result<Option<Event>> {
        let keyboard = self.keyboard;
        loop {
            // What is left of what was read before is no news to the system.
            if let Some(event) = self.within(AT_ONCE)? {
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
                // Whatever comes from now on is news again.
                ready = self.terminal.readable() => ready?.clear_ready(),
                Some(()) = self.resized.recv() => {
                    // How large it is now, everybody asks the terminal.
                    return Ok(Some(Event::Resize(0, 0)));
                }
                () = until(patience.map(|patience| self.read_at + patience)) => {
                    // What came while nobody looked was in time.
                    if !self.read(AT_ONCE)? {
                        self.parser.time_out();
                    }
                }
            }
        }
    }

    /// What comes within some time, which is short: nothing is drawn meanwhile.
    fn within(&mut self, gap: Duration) -> io::Result<Option<Event>> {
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

    /// Waits for bytes no longer than this, and takes them; says whether there were any.
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
        let mut piece = [0; PIECE];
        let count = retry_on_intr(|| rustix::io::read(&self.terminal, &mut piece[..]))?;
        self.is_closed = is_closed && count == 0;
        if count > 0 {
            self.read_at = Instant::now();
            self.parser.push(&piece[..count]);
        }
        Ok(count > 0)
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
