//! The loop: one `select!` over keys, requests, signals and the clock, then a draw.

use std::io;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use crossterm::event::{self, EventStream};
use futures_util::StreamExt;
use jiff::Timestamp;
use rustix::process::{Signal, kill_current_process_group};
use tokio::io::AsyncWriteExt;
use tokio::process::Command;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc::UnboundedReceiver;

use super::app::{App, Effect, Level};
use super::clipboard::{TMUX_COMMAND, osc52};
use super::screen::Screen;
use super::{editor, markup, pictures, view};
use crate::inbox::Event;

/// How long tmux has to take a text.
const PATIENCE: Duration = Duration::from_secs(1);

/// Why the loop ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// The person asked for it.
    Quit,
    /// A signal with this number did.
    Signal(u8),
    /// The terminal is gone.
    TerminalGone,
}

/// What the loop needs to know.
#[derive(Debug, Clone)]
pub struct Options {
    /// Whether the title of the terminal tells how many wait.
    pub title: bool,
    /// Whether the mouse does anything.
    pub mouse: bool,
    /// Where the editor's files go.
    pub state_dir: PathBuf,
}

/// Runs the terminal interface on the current thread until something ends it. The terminal is
/// given back in every case.
///
/// # Errors
///
/// If the terminal cannot be taken over.
pub async fn run(
    app: &mut App,
    mut events: UnboundedReceiver<Event>,
    options: &Options,
) -> io::Result<Exit> {
    let mut signals = Signals::new()?;
    let mut screen = Screen::enter(options.mouse)?;
    let mut keys = EventStream::new();
    let mut colours = markup::changes();
    let mut shown = pictures::changes();
    loop {
        app.now = Timestamp::now();
        let title = options.title.then(|| app.title());
        if show(&mut screen, app, title).is_err() {
            return Ok(Exit::TerminalGone);
        }
        tokio::select! {
            key = keys.next() => match key {
                Some(Ok(key)) => match all_typed(key) {
                    Ok(typed) => {
                        app.now = Timestamp::now();
                        if typed.iter().any(event::Event::is_resize) {
                            pictures::measure();
                        }
                        app.on_input(typed);
                    }
                    Err(_) => return Ok(Exit::TerminalGone),
                },
                Some(Err(_)) | None => return Ok(Exit::TerminalGone),
            },
            Some(event) = events.recv() => {
                app.now = Timestamp::now();
                app.on_event(event);
            }
            number = signals.next() => return Ok(Exit::Signal(number)),
            () = next_tick(app) => app.on_tick(),
            // Colours of code and pictures come when they are ready; the senders live as long as
            // the program.
            Ok(()) = colours.changed() => {}
            Ok(()) = shown.changed() => {}
        }
        // All that is there already is drawn once.
        while let Ok(event) = events.try_recv() {
            app.on_event(event);
        }
        for effect in app.take_effects() {
            match effect {
                Effect::Quit => return Ok(Exit::Quit),
                Effect::Bell => {
                    if screen.bell().is_err() {
                        return Ok(Exit::TerminalGone);
                    }
                }
                Effect::Copy(text) => {
                    let notice = match copy(&text, &mut screen).await {
                        Ok(notice) => notice,
                        Err(_) => return Ok(Exit::TerminalGone),
                    };
                    app.say(Level::Info, notice);
                }
                Effect::Redraw => {
                    pictures::forget_drawn();
                    screen.clear()?;
                }
                Effect::Suspend => {
                    keys = released(keys, &mut screen);
                    // The group, so that a shell that started us through cargo gets its turn.
                    if let Err(error) = kill_current_process_group(Signal::TSTP) {
                        app.say(Level::Bad, format!("cannot suspend: {error}"));
                    }
                    pictures::forget_drawn();
                    screen.come_back()?;
                }
                Effect::Edit => {
                    keys = released(keys, &mut screen);
                    let number = edit(app, options, &mut signals).await;
                    if let Some(number) = number {
                        return Ok(Exit::Signal(number));
                    }
                    pictures::forget_drawn();
                    screen.come_back()?;
                }
            }
        }
    }
}

/// How long to look for the next key; crossterm does not look at all if this is zero.
const KEY_GAP: Duration = Duration::from_millis(1);
/// Keys that nobody types at once: a terminal hands over what was pasted.
const BURST: usize = 16;
/// How long the next part of a burst may take. Were a burst cut behind a line break, that would be
/// taken for the Enter that submits.
const BURST_GAP: Duration = Duration::from_millis(20);

/// The key and all that were typed with it.
fn all_typed(first: event::Event) -> io::Result<Vec<event::Event>> {
    let mut typed = vec![first];
    // Not from the stream: it would remember who asked last, and nobody would be woken later.
    loop {
        let gap = match typed.len() {
            0..BURST => KEY_GAP,
            _ => BURST_GAP,
        };
        if !event::poll(gap)? {
            return Ok(typed);
        }
        typed.push(event::read()?);
    }
}

fn show(screen: &mut Screen, app: &mut App, title: Option<String>) -> io::Result<()> {
    if let Some(title) = title {
        screen.set_title(&title)?;
    }
    screen.draw(|frame| view::draw(frame, app))
}

/// Hands a text to the clipboard and says what became of it.
async fn copy(text: &str, screen: &mut Screen) -> io::Result<String> {
    let set = |name: &str| std::env::var_os(name).is_some();
    if set("TMUX") && copy_through_tmux(text).await.is_ok() {
        return Ok(format!("{} bytes copied through tmux", text.len()));
    }
    let copied = osc52(text, set("TMUX"), set("STY"));
    screen.write(&copied.sequence)?;
    Ok(copied.notice())
}

/// Lets tmux copy, which works whatever its `set-clipboard` and `allow-passthrough` say.
async fn copy_through_tmux(text: &str) -> io::Result<()> {
    let [program, arguments @ ..] = TMUX_COMMAND;
    let mut tmux = Command::new(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()?;
    if let Some(mut stdin) = tmux.stdin.take() {
        stdin.write_all(text.as_bytes()).await?;
    }
    let status = tokio::time::timeout(PATIENCE, tmux.wait()).await??;
    status
        .success()
        .then_some(())
        .ok_or_else(|| io::ErrorKind::Other.into())
}

/// Stops reading keys and gives the terminal back. The stream it returns reads nothing until it is
/// asked to.
fn released(keys: EventStream, screen: &mut Screen) -> EventStream {
    drop(keys);
    screen.leave();
    // The stream's thread may still be waiting for a key; it lets go of the reader only when it
    // has noticed. What comes back `false` had no key to lose.
    let _ = event::poll(Duration::from_millis(1));
    EventStream::new()
}

/// Lets the person edit the draft; returns the number of a signal that ends the program meanwhile.
async fn edit(app: &mut App, options: &Options, signals: &mut Signals) -> Option<u8> {
    let (text, suffix) = app.composer().edited_text();
    let mut editing = std::pin::pin!(editor::edit(&text, suffix, &options.state_dir));
    let edited = loop {
        tokio::select! {
            edited = &mut editing => break edited,
            number = signals.next() => {
                // Ctrl+C in the editor is the editor's.
                if number != Signals::INTERRUPT {
                    return Some(number);
                }
            }
        }
    };
    match edited {
        Ok(text) => app.on_edited(&text),
        Err(error) => app.say(Level::Bad, error.to_string()),
    }
    None
}

/// Waits until the screen tells something else by itself.
async fn next_tick(app: &App) {
    match app.next_tick() {
        Some(wait) => tokio::time::sleep(wait).await,
        None => std::future::pending().await,
    }
}

/// The signals that end the program.
struct Signals {
    terminate: tokio::signal::unix::Signal,
    hangup: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
}

impl Signals {
    const INTERRUPT: u8 = 2;

    fn new() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            hangup: signal(SignalKind::hangup())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    /// The number of the next signal.
    async fn next(&mut self) -> u8 {
        tokio::select! {
            _ = self.terminate.recv() => 15,
            _ = self.hangup.recv() => 1,
            _ = self.interrupt.recv() => Self::INTERRUPT,
        }
    }
}
