//! Sets the terminal up (raw mode, alternate screen, mouse, keyboard), and restores it however the
//! program ends.

use std::io::{self, Write};
use std::mem::ManuallyDrop;
use std::sync::{Mutex, Once, PoisonError};
use std::thread::{self, ThreadId};

use crossterm::event::{
    DisableBracketedPaste, DisableFocusChange, DisableMouseCapture, EnableBracketedPaste,
    EnableFocusChange, EnableMouseCapture,
};
use crossterm::style::{Colored, Print};
use crossterm::terminal::{
    BeginSynchronizedUpdate, EndSynchronizedUpdate, EnterAlternateScreen, LeaveAlternateScreen,
    SetTitle, disable_raw_mode, enable_raw_mode,
};
use crossterm::{cursor, execute, queue};
use ratatui::style::Color;
use ratatui::{Frame, Terminal};
use rustix::termios::{OptionalActions, SpecialCodeIndex, tcgetattr, tcsetattr};

use crate::tui::terminal::backend::{Links, TerminalOutput};
use crate::tui::terminal::clusters::DrawnRows;
use crate::tui::terminal::link::{self, Link};

/// The owner of the terminal, while it is set up. Global, because the panic hook restores it.
static OWNER: Mutex<Option<TerminalOwner>> = Mutex::new(None);

/// What has to be known to restore the terminal.
#[derive(Clone, Copy)]
struct TerminalOwner {
    thread: ThreadId,
    /// The keyboard protocol that was enabled.
    keyboard: Option<Keyboard>,
}

/// A keyboard protocol, by which a terminal tells keys apart such as Enter and Shift+Enter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keyboard {
    /// Kitty's protocol, which many other terminals know.
    Kitty,
    /// xterm's `modifyOtherKeys`; terminals that do not know it ignore it.
    Xterm,
}

impl Keyboard {
    /// The sequence that enables it. Kitty: disambiguate keys (1), and report shifted keys (4).
    fn begin(self) -> &'static str {
        match self {
            Self::Kitty => "\x1b[>5u",
            Self::Xterm => "\x1b[>4;1m",
        }
    }

    /// The sequence that disables it.
    fn end(self) -> &'static str {
        match self {
            Self::Kitty => "\x1b[<u",
            Self::Xterm => "\x1b[>4m",
        }
    }
}

/// Asks whether the terminal knows kitty's protocol, and then for its device attributes, which every
/// terminal answers. [`Screen::enable_keyboard`] is called when the response has arrived.
const QUERY_KEYBOARD: &str = "\x1b[?u\x1b[c";

/// Asks for the background colour (OSC 11). Not every terminal answers.
const QUERY_BACKGROUND: &str = "\x1b]11;?\x1b\\";

/// Saves and restores the window title, in terminals that can (xterm's `XTWINOPS` 22 and 23);
/// others ignore it.
const SAVE_TITLE: &str = "\x1b[22;2t";
const RESTORE_TITLE: &str = "\x1b[23;2t";

/// The most characters of the title: nobody reads more, and some terminals cannot handle it.
const MAX_TITLE: usize = 80;

/// The terminal, set up for drawing. Dropping it restores the terminal.
pub struct Screen {
    /// Never dropped: that would show the cursor, which [`restore_terminal`] does, and panic where
    /// neither the terminal nor standard error can be written to.
    terminal: ManuallyDrop<Terminal<TerminalOutput>>,
    rows: DrawnRows,
    links: Links,
    supports_links: bool,
    title: Option<String>,
    mouse: bool,
    keyboard: Option<Keyboard>,
}

impl Screen {
    /// Sets the terminal up, with mouse events if `mouse` is set.
    ///
    /// # Errors
    ///
    /// If there is no terminal or it cannot be set up; it is restored then.
    pub fn enter(mouse: bool) -> io::Result<Self> {
        restore_on_panic();
        set_up_terminal(mouse, None).inspect_err(|_| restore_terminal())?;
        execute!(io::stdout(), Print(QUERY_KEYBOARD)).inspect_err(|_| restore_terminal())?;
        let output = TerminalOutput::new();
        let links = output.links();
        let terminal = Terminal::new(output).inspect_err(|_| restore_terminal())?;
        let term = std::env::var("TERM").ok();
        Ok(Self {
            terminal: ManuallyDrop::new(terminal),
            rows: DrawnRows::default(),
            links,
            supports_links: link::are_supported(term.as_deref(), std::env::var_os("STY").is_some()),
            title: None,
            mouse,
            keyboard: None,
        })
    }

    /// Enables a keyboard protocol that the terminal knows. It is enabled again after each
    /// [`Self::resume`].
    ///
    /// # Errors
    ///
    /// If the terminal is gone.
    pub fn enable_keyboard(&mut self, keyboard: Keyboard) -> io::Result<()> {
        if self.keyboard.replace(keyboard) == Some(keyboard) {
            return Ok(());
        }
        begin_keyboard(Some(keyboard))
    }

    /// Asks for the background colour; the response is an input, if one comes.
    ///
    /// # Errors
    ///
    /// If the terminal is gone.
    pub fn query_background(&mut self) -> io::Result<()> {
        self.write(QUERY_BACKGROUND)
    }

    /// Draws what changed; `render` returns the links of the frame, in the order of the screen.
    ///
    /// # Errors
    ///
    /// If the terminal is gone.
    pub fn draw(&mut self, render: impl FnOnce(&mut Frame) -> Vec<Link>) -> io::Result<()> {
        queue!(self.terminal.backend_mut(), BeginSynchronizedUpdate)?;
        let is_colourless = Colored::ansi_color_disabled_memoized();
        self.terminal.draw(|frame| {
            let mut links = render(frame);
            if is_colourless {
                remove_colours(frame);
            }
            let buffer = frame.buffer_mut();
            links.retain(|link| self.supports_links && link.is_on(buffer));
            self.rows.prepare(buffer, &links);
            self.links.replace(links);
        })?;
        execute!(self.terminal.backend_mut(), EndSynchronizedUpdate)
    }

    /// Forgets what is on the screen, so that the next draw draws everything.
    ///
    /// # Errors
    ///
    /// If the terminal is gone.
    pub fn clear(&mut self) -> io::Result<()> {
        // `Terminal::clear` asks where the cursor is, and fails where nobody answers.
        let area = self.terminal.size()?.into();
        self.rows = DrawnRows::default();
        self.terminal.resize(area)
    }

    /// Sets the title of the window, which is written with the next frame.
    ///
    /// # Errors
    ///
    /// If the terminal is gone.
    pub fn set_title(&mut self, title: &str) -> io::Result<()> {
        if self.title.as_deref() == Some(title) {
            return Ok(());
        }
        self.title = Some(title.to_owned());
        let harmless: String = title
            .chars()
            .filter(|c| !c.is_control())
            .take(MAX_TITLE)
            .collect();
        queue!(self.terminal.backend_mut(), SetTitle(harmless))
    }

    /// Restores the title that the window had before.
    ///
    /// # Errors
    ///
    /// If the terminal is gone.
    pub fn restore_title(&mut self) -> io::Result<()> {
        self.title = None;
        self.write(&format!("{RESTORE_TITLE}{SAVE_TITLE}"))
    }

    /// Enables or disables mouse events.
    ///
    /// # Errors
    ///
    /// If the terminal is gone.
    pub fn set_mouse(&mut self, mouse: bool) -> io::Result<()> {
        if self.mouse == mouse {
            return Ok(());
        }
        self.mouse = mouse;
        if mouse {
            execute!(self.terminal.backend_mut(), EnableMouseCapture)
        } else {
            execute!(self.terminal.backend_mut(), DisableMouseCapture)
        }
    }

    /// Rings the bell, which is written with the next frame.
    ///
    /// # Errors
    ///
    /// If the terminal is gone.
    pub fn bell(&mut self) -> io::Result<()> {
        queue!(self.terminal.backend_mut(), Print('\x07'))
    }

    /// Writes a sequence that draws nothing, such as one for the clipboard.
    ///
    /// # Errors
    ///
    /// If the terminal is gone.
    pub fn write(&mut self, sequence: &str) -> io::Result<()> {
        execute!(self.terminal.backend_mut(), Print(sequence))
    }

    /// Restores the terminal for another program, until [`Self::resume`].
    pub fn suspend(&mut self) {
        restore_terminal();
    }

    /// Sets the terminal up again after [`Self::suspend`].
    ///
    /// # Errors
    ///
    /// If it cannot be set up any more.
    pub fn resume(&mut self) -> io::Result<()> {
        set_up_terminal(self.mouse, self.keyboard)?;
        self.title = None;
        self.clear()
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        // What is still buffered must not be written after the screen was left.
        let _ = Write::flush(self.terminal.backend_mut());
        restore_terminal();
    }
}

/// With `NO_COLOR` a change of colour would be written as a sequence that also ends bold and
/// reversed, so there must be none.
fn remove_colours(frame: &mut Frame) {
    for cell in &mut frame.buffer_mut().content {
        (cell.fg, cell.bg) = (Color::Reset, Color::Reset);
    }
}

fn set_up_terminal(mouse: bool, keyboard: Option<Keyboard>) -> io::Result<()> {
    *OWNER.lock().unwrap_or_else(PoisonError::into_inner) = Some(TerminalOwner {
        thread: thread::current().id(),
        keyboard: None,
    });
    enable_raw_mode()?;
    set_nonblocking_reads()?;
    execute!(
        io::stdout(),
        Print(SAVE_TITLE),
        EnterAlternateScreen,
        EnableBracketedPaste,
        EnableFocusChange
    )?;
    if mouse {
        execute!(io::stdout(), EnableMouseCapture)?;
    }
    begin_keyboard(keyboard)
}

/// Enables a keyboard protocol, which [`restore_terminal`] disables.
fn begin_keyboard(keyboard: Option<Keyboard>) -> io::Result<()> {
    let Some(keyboard) = keyboard else {
        return Ok(());
    };
    let mut entered = OWNER.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(entered) = entered.as_mut() {
        entered.keyboard = Some(keyboard);
    }
    execute!(io::stdout(), Print(keyboard.begin()))
}

/// Makes reads from the terminal return at once, because nothing is drawn while one blocks.
fn set_nonblocking_reads() -> io::Result<()> {
    let mut modes = tcgetattr(io::stdin())?;
    modes.special_codes[SpecialCodeIndex::VMIN] = 0;
    modes.special_codes[SpecialCodeIndex::VTIME] = 0;
    Ok(tcsetattr(io::stdin(), OptionalActions::Now, &modes)?)
}

/// Restores the terminal. Errors are ignored, because there is nowhere to report them; a second call
/// does nothing.
fn restore_terminal() {
    let entered = OWNER.lock().unwrap_or_else(PoisonError::into_inner).take();
    if let Some(entered) = entered {
        // Before the screen is left, because each screen has a keyboard of its own.
        let keyboard = entered.keyboard.map_or("", Keyboard::end);
        let _ = execute!(
            io::stdout(),
            EndSynchronizedUpdate,
            Print(keyboard),
            DisableMouseCapture,
            DisableFocusChange,
            DisableBracketedPaste,
            LeaveAlternateScreen,
            cursor::Show,
            Print(RESTORE_TITLE)
        );
        let _ = disable_raw_mode();
    }
}

/// Installs a panic hook. A panic of the thread that draws restores the terminal before its message is
/// printed, so that it can be read; a panic of another thread is only logged.
fn restore_on_panic() {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let print = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            tracing::error!("{panic}");
            let entered = OWNER.try_lock().map_or(None, |entered| *entered);
            let is_own = entered.map(|entered| entered.thread == thread::current().id());
            if is_own == Some(true) {
                restore_terminal();
            }
            if is_own != Some(false) {
                print(panic);
            }
        }));
    });
}
