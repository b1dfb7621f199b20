//! A program in a pseudo-terminal: bytes go in as from a keyboard, and vt100 keeps the screen.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::BorrowedFd;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use portable_pty::{Child, CommandBuilder, ExitStatus, MasterPty, PtySize, native_pty_system};
use rustix::event::{PollFd, PollFlags, Timespec};
pub use rustix::process::Signal;
use rustix::process::{Pid, kill_process, kill_process_group};

use super::{DEADLINE, poll};

/// A key as an xterm without extended protocols sends it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(dead_code, reason = "a keyboard has them all")]
pub enum Key {
    Enter,
    Tab,
    BackTab,
    Esc,
    Backspace,
    Delete,
    Up,
    Down,
    Left,
    Right,
    Home,
    End,
    PageUp,
    PageDown,
    AltEnter,
    AltUp,
    AltDown,
    /// F1 to F12.
    F(u8),
    /// A letter with Ctrl.
    Ctrl(char),
    /// A character with Alt.
    Alt(char),
}

impl Key {
    /// The bytes that the terminal sends.
    pub fn bytes(self) -> Vec<u8> {
        match self {
            Key::Enter => "\r".into(),
            Key::Tab => "\t".into(),
            Key::BackTab => "\x1b[Z".into(),
            Key::Esc => "\x1b".into(),
            Key::Backspace => "\x7f".into(),
            Key::Delete => "\x1b[3~".into(),
            Key::Up => "\x1b[A".into(),
            Key::Down => "\x1b[B".into(),
            Key::Right => "\x1b[C".into(),
            Key::Left => "\x1b[D".into(),
            Key::Home => "\x1b[H".into(),
            Key::End => "\x1b[F".into(),
            Key::PageUp => "\x1b[5~".into(),
            Key::PageDown => "\x1b[6~".into(),
            Key::AltEnter => "\x1b\r".into(),
            Key::AltUp => "\x1b[1;3A".into(),
            Key::AltDown => "\x1b[1;3B".into(),
            Key::F(n @ 1..=4) => vec![0x1b, b'O', b'O' + n],
            Key::F(n) => {
                let code = [15, 17, 18, 19, 20, 21, 23, 24][usize::from(n) - 5];
                format!("\x1b[{code}~").into()
            }
            Key::Ctrl(c) => vec![c.to_ascii_lowercase() as u8 & 0x1f],
            Key::Alt(c) => format!("\x1b{c}").into(),
        }
    }
}

/// Handles escape sequences that vt100 does not: bells, titles, and queries that want a response.
#[derive(Default)]
struct TerminalCallbacks {
    bells: usize,
    title: String,
    answers: Vec<u8>,
    /// The background colour that it reports; `None` if it does not.
    background: Option<String>,
}

impl vt100::Callbacks for TerminalCallbacks {
    fn audible_bell(&mut self, _: &mut vt100::Screen) {
        self.bells += 1;
    }

    fn set_window_title(&mut self, _: &mut vt100::Screen, title: &[u8]) {
        self.title = String::from_utf8_lossy(title).into_owned();
    }

    fn unhandled_csi(
        &mut self,
        screen: &mut vt100::Screen,
        intermediate: Option<u8>,
        _: Option<u8>,
        params: &[&[u16]],
        command: char,
    ) {
        match (intermediate, command, params) {
            (None, 'n', [[6]]) => {
                let (row, column) = screen.cursor_position();
                let answer = format!("\x1b[{};{}R", row + 1, column + 1);
                self.answers.extend(answer.bytes());
            }
            (None, 'c', _) => self.answers.extend(b"\x1b[?62;22c"),
            _ => {}
        }
    }

    fn unhandled_osc(&mut self, _: &mut vt100::Screen, params: &[&[u8]]) {
        let answer = match (params, &self.background) {
            ([b"10", b"?"], _) => "\x1b]10;rgb:ffff/ffff/ffff\x1b\\".to_owned(),
            ([b"11", b"?"], Some(colour)) => format!("\x1b]11;rgb:{colour}\x1b\\"),
            _ => return,
        };
        self.answers.extend(answer.bytes());
    }
}

struct State {
    parser: vt100::Parser<TerminalCallbacks>,
    raw: Vec<u8>,
    watched: Option<OutputWatch>,
    hung_up: bool,
    closed: bool,
}

impl State {
    /// The rows as a person sees them: wide characters once, no trailing blanks.
    fn screen(&self) -> String {
        let screen = self.parser.screen();
        let rows: Vec<String> = screen
            .rows(0, screen.size().1)
            .map(|row| row.trim_end().to_owned())
            .collect();
        rows.join("\n")
    }
}

/// Bytes that a test waits for, and when they were read.
struct OutputWatch {
    bytes: Vec<u8>,
    /// What was read before this mark has been searched.
    searched: usize,
    seen: Option<Instant>,
}

impl OutputWatch {
    fn search(&mut self, raw: &[u8], now: Instant) {
        if self.seen.is_none() {
            let found = memchr::memmem::find(&raw[self.searched..], &self.bytes);
            self.seen = found.map(|_| now);
            // What is searched for may have come in part.
            let whole = (raw.len() + 1).saturating_sub(self.bytes.len());
            self.searched = self.searched.max(whole);
        }
    }
}

type Shared = Arc<(Mutex<State>, Condvar)>;

/// A running program and the terminal around it. Dropping it kills the program and all it started.
pub struct Pty {
    shared: Shared,
    child: Box<dyn Child + Send + Sync>,
    status: Option<ExitStatus>,
    master: Option<Box<dyn MasterPty + Send>>,
    keyboard: Option<File>,
    reader: Option<JoinHandle<()>>,
}

impl Pty {
    /// Starts `command` in a black terminal of this size.
    pub fn spawn(command: CommandBuilder, size: (u16, u16)) -> Self {
        Self::spawn_on(command, size, Some("0000/0000/0000".to_owned()))
    }

    /// Starts `command` in a terminal that says that this is its background, if it says anything.
    pub fn spawn_on(
        command: CommandBuilder,
        (columns, rows): (u16, u16),
        background: Option<String>,
    ) -> Self {
        let pair = native_pty_system()
            .openpty(size(columns, rows))
            .expect("a pseudo-terminal");
        let child = pair.slave.spawn_command(command).expect("the program");
        drop(pair.slave);

        // portable-pty's own writer types a newline and an end-of-file when it is dropped, and its
        // reader cannot be interrupted; a hang-up needs neither, so the descriptor is duplicated.
        let fd = pair.master.as_raw_fd().expect("a descriptor");
        // SAFETY: `pair.master` is alive and owns the descriptor for the whole statement.
        #[expect(unsafe_code, reason = "portable-pty gives nothing but the number")]
        let keyboard = File::from(rustix::io::dup(unsafe { BorrowedFd::borrow_raw(fd) }).unwrap());

        let callbacks = TerminalCallbacks {
            background,
            ..TerminalCallbacks::default()
        };
        let state = State {
            parser: vt100::Parser::new_with_callbacks(rows, columns, 0, callbacks),
            raw: Vec::new(),
            watched: None,
            hung_up: false,
            closed: false,
        };
        let shared: Shared = Arc::new((Mutex::new(state), Condvar::new()));
        let display = keyboard.try_clone().expect("a second descriptor");
        let reader = std::thread::spawn({
            let shared = Arc::clone(&shared);
            move || display_loop(display, &shared)
        });
        Self {
            shared,
            child,
            status: None,
            master: Some(pair.master),
            keyboard: Some(keyboard),
            reader: Some(reader),
        }
    }

    /// Sends bytes as they are.
    pub fn send(&mut self, bytes: &[u8]) {
        let keyboard = self.keyboard.as_mut().expect("the terminal is hung up");
        keyboard.write_all(bytes).expect("type into the terminal");
    }

    /// Types text, key by key; a newline in it is Ctrl+J.
    pub fn type_text(&mut self, text: &str) {
        self.send(text.as_bytes());
    }

    /// Presses a key.
    pub fn key(&mut self, key: Key) {
        self.send(&key.bytes());
    }

    /// Presses Enter until a question is gone: programs ignore keys in the first moments of one, in
    /// case somebody was still typing.
    pub fn press_enter_until_gone(&mut self, question: &str) {
        self.wait_for(question);
        let shared = Arc::clone(&self.shared);
        let mut pressed: Option<Instant> = None;
        poll(
            &format!("the end of {question:?}"),
            || {
                if !self.screen().contains(question) {
                    return Some(());
                }
                if pressed.is_none_or(|at| at.elapsed() > Duration::from_millis(500)) {
                    self.key(Key::Enter);
                    pressed = Some(Instant::now());
                }
                None
            },
            || shared.0.lock().unwrap().screen(),
        );
    }

    /// Pastes text, in brackets, as terminals do.
    pub fn paste(&mut self, text: &str) {
        self.send(format!("\x1b[200~{}\x1b[201~", text.replace('\n', "\r")).as_bytes());
    }

    /// The screen as text, one line a row, without trailing blanks.
    pub fn screen(&self) -> String {
        self.lock().screen()
    }

    /// Waits until the screen shows `text` in one row and returns the screen. Rows have no trailing
    /// blanks, so the text must not end in one.
    pub fn wait_for(&self, text: &str) -> String {
        self.wait_until(&format!("{text:?}"), |screen| screen.contains(text))
    }

    /// Waits until the screen does not show `text` any more and returns the screen.
    pub fn wait_gone(&self, text: &str) -> String {
        self.wait_until(&format!("the end of {text:?}"), |screen| {
            !screen.contains(text)
        })
    }

    /// Waits until `holds(screen)` and returns that screen. `what` is for the panic's message.
    pub fn wait_until(&self, what: &str, mut holds: impl FnMut(&str) -> bool) -> String {
        let end = Instant::now() + DEADLINE;
        let mut state = self.lock();
        loop {
            let screen = state.screen();
            if holds(&screen) {
                return screen;
            }
            let now = Instant::now();
            if now >= end || state.closed {
                let why = if state.closed {
                    "the program closed the terminal"
                } else {
                    "gave up"
                };
                drop(state);
                panic!("{why} while waiting for {what}; the screen:\n{screen}\n---");
            }
            state = (self.shared.1.wait_timeout(state, end - now).unwrap()).0;
        }
    }

    /// Changes the size of the terminal.
    pub fn resize(&mut self, columns: u16, rows: u16) {
        self.lock().parser.screen_mut().set_size(rows, columns);
        let master = self.master.as_ref().expect("the terminal is hung up");
        master.resize(size(columns, rows)).expect("a new size");
    }

    /// How much has been written to the terminal so far: a mark for [`Pty::raw_since`].
    pub fn mark(&self) -> usize {
        self.lock().raw.len()
    }

    /// The bytes written to the terminal since `mark`.
    pub fn raw_since(&self, mark: usize) -> Vec<u8> {
        self.lock().raw[mark..].to_vec()
    }

    /// Looks out for bytes that the program has not written yet; [`Pty::wait_watched`] tells when it did.
    #[allow(dead_code, reason = "`benches/load` measures with it")]
    pub fn watch(&self, bytes: &str) {
        let mut state = self.lock();
        state.watched = Some(OutputWatch {
            bytes: bytes.into(),
            searched: state.raw.len(),
            seen: None,
        });
    }

    /// Waits for the bytes that are watched for, and returns when they were read.
    #[allow(dead_code, reason = "`benches/load` measures with it")]
    pub fn wait_watched(&self) -> Instant {
        let end = Instant::now() + DEADLINE;
        let mut state = self.lock();
        loop {
            let watched = state.watched.as_ref().expect("something is watched for");
            if let Some(seen) = watched.seen {
                return seen;
            }
            let now = Instant::now();
            if now >= end || state.closed {
                let bytes = String::from_utf8_lossy(&watched.bytes).into_owned();
                let screen = state.screen();
                drop(state);
                panic!("{bytes:?} was not written in one piece; the screen:\n{screen}\n---");
            }
            state = (self.shared.1.wait_timeout(state, end - now).unwrap()).0;
        }
    }

    /// How often the bell rang.
    pub fn bells(&self) -> usize {
        self.lock().parser.callbacks().bells
    }

    /// The title of the terminal's window.
    pub fn title(&self) -> String {
        self.lock().parser.callbacks().title.clone()
    }

    /// Whether the terminal is as a shell expects it: main screen, cursor visible, no bracketed
    /// paste, no mouse.
    pub fn is_restored(&self) -> bool {
        let state = self.lock();
        let screen = state.parser.screen();
        !screen.alternate_screen()
            && !screen.hide_cursor()
            && !screen.bracketed_paste()
            && screen.mouse_protocol_mode() == vt100::MouseProtocolMode::None
    }

    /// Whether the cell at a row and column is drawn in reverse.
    pub fn is_reversed(&self, row: u16, column: u16) -> bool {
        let state = self.lock();
        let cell = state.parser.screen().cell(row, column);
        cell.is_some_and(vt100::Cell::inverse)
    }

    /// The colour of the first letter of a text on the screen.
    pub fn colour_of(&self, text: &str) -> Option<vt100::Color> {
        let state = self.lock();
        let screen = state.parser.screen();
        let rows = screen.rows(0, screen.size().1).zip(0..);
        let mut found = rows.filter_map(|(row, y)| Some((row.find(text)?, row, y)));
        let (at, row, y) = found.next()?;
        let x = row[..at].chars().count().try_into().ok()?;
        screen.cell(y, x).map(vt100::Cell::fgcolor)
    }

    /// The row and column of the cursor, from 0.
    pub fn cursor(&self) -> (u16, u16) {
        self.lock().parser.screen().cursor_position()
    }

    /// The id of the program's process.
    pub fn pid(&self) -> Pid {
        let pid = self.child.process_id().expect("a running process");
        Pid::from_raw(pid.try_into().unwrap()).unwrap()
    }

    /// Sends a signal to the program.
    pub fn signal(&self, signal: Signal) {
        kill_process(self.pid(), signal).expect("a running process");
    }

    /// Closes the terminal under the program, as a closed window or a lost SSH connection does.
    pub fn hang_up(&mut self) {
        self.lock().hung_up = true;
        if let Some(reader) = self.reader.take() {
            reader.join().expect("the reader of the terminal");
        }
        self.keyboard = None;
        self.master = None;
    }

    /// Whether the program has ended.
    pub fn has_exited(&mut self) -> bool {
        if self.status.is_none() {
            self.status = self.child.try_wait().expect("the program's state");
        }
        self.status.is_some()
    }

    /// Waits until the program ends and all it wrote is on the screen.
    pub fn wait_exit(&mut self) -> ExitStatus {
        let shared = Arc::clone(&self.shared);
        poll(
            "the end of the program",
            || self.has_exited().then_some(()),
            || shared.0.lock().unwrap().screen(),
        );
        let drained = || {
            let state = self.lock();
            (state.closed || state.hung_up).then_some(())
        };
        poll("the end of the terminal", drained, || self.screen());
        self.status.clone().expect("an exit status")
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.shared.0.lock().unwrap()
    }
}

impl Drop for Pty {
    fn drop(&mut self) {
        if !self.has_exited() {
            // The program leads its session and with that a process group.
            let _ = kill_process_group(self.pid(), Signal::KILL);
            let _ = self.child.wait();
        }
        // Not `hang_up`, which panics when the reader did: this may run while panicking.
        if let Ok(mut state) = self.shared.0.lock() {
            state.hung_up = true;
        }
        if let Some(reader) = self.reader.take() {
            let _ = reader.join();
        }
    }
}

fn size(cols: u16, rows: u16) -> PtySize {
    PtySize {
        rows,
        cols,
        ..PtySize::default()
    }
}

/// Feeds the screen until the program has closed the terminal or the test has hung up.
fn display_loop(mut terminal: File, (state, changed): &(Mutex<State>, Condvar)) {
    let mut buffer = vec![0; 64 * 1024];
    let timeout = Timespec {
        tv_sec: 0,
        tv_nsec: 20_000_000,
    };
    loop {
        let ready = {
            let mut fds = [PollFd::new(&terminal, PollFlags::IN)];
            rustix::event::poll(&mut fds, Some(&timeout))
        };
        let count = match ready {
            Ok(0) | Err(rustix::io::Errno::INTR) => None,
            // Linux reports EIO when the last program has closed its side.
            _ => Some(terminal.read(&mut buffer).unwrap_or(0)),
        };
        let now = Instant::now();
        let mut guard = state.lock().unwrap();
        if guard.hung_up {
            return;
        }
        match count {
            None => {}
            Some(0) => {
                guard.closed = true;
                changed.notify_all();
                return;
            }
            Some(count) => {
                let state = &mut *guard;
                state.raw.extend(&buffer[..count]);
                if let Some(watched) = &mut state.watched {
                    watched.search(&state.raw, now);
                }
                guard.parser.process(&buffer[..count]);
                let answers = std::mem::take(&mut guard.parser.callbacks_mut().answers);
                drop(guard);
                changed.notify_all();
                let _ = terminal.write_all(&answers);
            }
        }
    }
}
