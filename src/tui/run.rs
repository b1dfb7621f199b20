//! The loop: one `select!` over keys, requests, signals and the clock, then a draw.

use std::io;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use crossterm::event;
use jiff::Timestamp;
use rustix::process::{Signal, kill_current_process_group};
use tokio::io::AsyncWriteExt;
use tokio::process::Command;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::sync::watch;
use tokio::task::spawn_blocking;
use tokio::time::{Instant, sleep_until, timeout};

pub use self::reload::{Reload, Reloaded};

use self::exports::ExportRunner;
use self::files::TemporaryFiles;
use self::frames::Frames;
use self::ground::Following;
use self::keys::KeyInput;
use self::reload::Reloads;
use self::searches::{FinishedSearch, Searches};
use self::signals::EndSignals;

use super::layout;
use crate::inbox::{ConversationId, Event};
use crate::journal::Health;
use crate::store::Saving;
use crate::tui::app::{App, Effect, Level};
use crate::tui::paths;
use crate::tui::pictures::Graphics;
use crate::tui::terminal::clipboard::{TMUX_COMMAND, osc52};
use crate::tui::terminal::editor::EditorFile;
use crate::tui::terminal::notification::Notifications;
use crate::tui::terminal::program::Program;
use crate::tui::terminal::screen::Screen;
use crate::tui::theme::{Background, ThemeChoice};
use crate::tui::ui::Ui;

mod exports;
mod files;
mod frames;
mod ground;
mod keys;
mod reload;
mod searches;
mod signals;

/// How long tmux has to take a text, and the disk a draft.
const TIMEOUT: Duration = Duration::from_secs(1);

/// How long the screen may wait for the disk before it calls a reply sent or delivered.
const SENT_WITHIN: Duration = Duration::from_millis(200);
/// Events that are taken in before the next look at the keys.
const MAX_EVENTS: usize = 256;

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
pub struct LoopOptions {
    /// Whether the title of the terminal tells how many wait.
    pub title: bool,
    /// Whether the mouse does anything.
    pub mouse: bool,
    /// How the terminal shows a notification.
    pub notifications: Notifications,
    /// Where the editor's files go.
    pub state_dir: PathBuf,
    /// How things look.
    pub theme: ThemeChoice,
    /// What the terminal's environment tells of its background.
    pub ground: Option<Background>,
    /// How pictures are shown.
    pub graphics: Graphics,
}

/// Asks the request of a turn of a conversation again, by its number, and waits for the answer; an error
/// is what the person has to know.
pub type Fork = Arc<dyn Fn(ConversationId, usize) -> Result<(), String> + Send + Sync>;

impl LoopOptions {
    /// What all that is drawn shares at first.
    ///
    /// # Errors
    ///
    /// If the system gives no thread.
    pub fn ui(&self) -> io::Result<Ui> {
        Ui::new(self.theme.theme(self.ground), self.graphics)
    }
}

/// Runs the terminal interface on the current thread until something ends it. The terminal is
/// given back in every case. Drafts that have changed last are still to be kept.
///
/// # Errors
///
/// If the terminal cannot be taken over.
pub async fn run(
    app: &mut App,
    ui: &mut Ui,
    mut events: UnboundedReceiver<Event>,
    mut options: LoopOptions,
    reload: Reload,
    fork: Fork,
) -> io::Result<Exit> {
    let mut signals = EndSignals::new()?;
    let mut screen = Screen::enter(options.mouse)?;
    let mut keys = KeyInput::new()?;
    ui.pictures.measure();
    let mut made = ui.worker.changes();
    let store = app.store().clone();
    let mut health = store.health();
    let (loaded, mut loads) = tokio::sync::mpsc::unbounded_channel();
    let (listed, mut lists) = tokio::sync::mpsc::unbounded_channel();
    let mut searches = Searches::new(store.clone());
    let mut files = TemporaryFiles::new();
    let mut exports = ExportRunner::new(store.clone());
    let (read, mut turns) = tokio::sync::mpsc::unbounded_channel();
    let (failed, mut forks) = tokio::sync::mpsc::unbounded_channel();
    let mut frames = Frames::new();
    let mut keep_at: Option<Instant> = None;
    let mut reloads = Reloads::new(reload);
    let mut following = Following::new(options.ground);
    if following.ask(&options.theme, &mut screen).is_err() {
        return Ok(Exit::TerminalGone);
    }
    loop {
        app.now = Timestamp::now();
        if frames.take_due() {
            keep_said(app).await;
            let title = options.title.then(|| app.title());
            if show(&mut screen, ui, app, title).is_err() {
                return Ok(Exit::TerminalGone);
            }
        }
        tokio::select! {
            typed = keys.next(app) => {
                let Ok(typed) = typed else {
                    return Ok(Exit::TerminalGone);
                };
                if let Some(keyboard) = keys.keyboard()
                    && screen.enable_keyboard(keyboard).is_err()
                {
                    return Ok(Exit::TerminalGone);
                }
                if typed.iter().any(event::Event::is_resize) {
                    ui.pictures.measure();
                }
                if let Some(colour) = keys.take_background() {
                    following.answered(colour);
                    ui.theme = following.theme(&options.theme);
                    frames.draw_now();
                }
                take_in(app, typed, &mut frames);
            }
            Some(event) = events.recv() => {
                app.now = Timestamp::now();
                app.on_event(event);
                // All that is there already is drawn once.
                let more = std::iter::from_fn(|| events.try_recv().ok());
                more.take(MAX_EVENTS).for_each(|event| app.on_event(event));
                frames.draw_soon();
            }
            signal = signals.next() => return Ok(Exit::Signal(number(signal))),
            // The screen tells something else by itself.
            () = until(app.next_tick().map(|wait| Instant::now() + wait)) => {
                app.now = Timestamp::now();
                app.on_tick();
                match app.has_saving() {
                    true => frames.draw_said(),
                    false => frames.draw_soon(),
                }
            }
            // Colours of code and pictures come when they are ready.
            Ok(()) = made.changed() => frames.draw_soon(),
            Some(alert) = news(&mut health) => {
                app.set_alert(alert);
                frames.draw_now();
            }
            Some((id, loaded)) = loads.recv() => {
                app.on_loaded(id, loaded);
                frames.draw_now();
            }
            Some(found) = lists.recv() => {
                app.on_paths(found);
                frames.draw_now();
            }
            Some(FinishedSearch { query, found, is_behind }) = searches.next() => {
                if app.on_found(&query, found) && is_behind {
                    searches.again(query);
                }
                frames.draw_now();
            }
            Some((is_dry, news)) = exports.next() => {
                app.on_export(is_dry, news);
                frames.draw_now();
            }
            Some((id, wanted, outline)) = turns.recv() => {
                app.on_turns(id, wanted, &outline);
                frames.draw_now();
            }
            Some(why) = forks.recv() => {
                let why: String = why;
                app.say(Level::Bad, why);
                frames.draw_now();
            }
            Some((level, words)) = files.next() => {
                app.say(level, words);
                frames.draw_now();
            }
            Some(reloaded) = reloads.next() => {
                frames.draw_now();
                match reloaded {
                    Ok((reloaded, words)) => {
                        app.say(Level::Good, words);
                        if reloaded.tell(&options, &mut screen).is_err() {
                            return Ok(Exit::TerminalGone);
                        }
                        (app.settings, options) = (reloaded.settings, reloaded.options);
                        app.set_drafting(reloaded.drafting);
                        ui.theme = following.theme(&options.theme);
                        ui.pictures.show_as(options.graphics);
                        if following.ask(&options.theme, &mut screen).is_err() {
                            return Ok(Exit::TerminalGone);
                        }
                    }
                    Err(error) => app.say(Level::Bad, error),
                }
            }
            () = until(frames.next()) => {}
            () = until(keep_at) => {}
        }
        for effect in app.take_effects() {
            match effect {
                // It comes with each of many requests, and with a frame.
                Effect::Bell => frames.draw_soon(),
                _ => frames.draw_now(),
            }
            match effect {
                Effect::Quit => return Ok(Exit::Quit),
                Effect::Bell => {
                    if screen.bell().is_err() {
                        return Ok(Exit::TerminalGone);
                    }
                }
                Effect::Notify(text) => {
                    let [tmux, screen_program] = ["TMUX", "STY"].map(is_set);
                    let sequence = options.notifications.sequence(&text, tmux, screen_program);
                    if screen.write(&sequence).is_err() {
                        return Ok(Exit::TerminalGone);
                    }
                }
                Effect::Copy(text) => {
                    let Ok(notice) = copy(&text, &mut screen).await else {
                        return Ok(Exit::TerminalGone);
                    };
                    app.say(Level::Info, notice);
                }
                Effect::SavePictures(pictures) => files.save(pictures),
                Effect::Export(order) => exports.begin(*order),
                Effect::ReadTurns(id, wanted) => {
                    let (store, read) = (store.clone(), read.clone());
                    spawn_blocking(move || {
                        let _ = read.send((id, wanted, store.outline(id)));
                    });
                }
                Effect::Fork(id, number) => {
                    let (fork, failed) = (fork.clone(), failed.clone());
                    // Until it is answered.
                    spawn_blocking(move || {
                        if let Err(why) = fork(id, number) {
                            let _ = failed.send(why);
                        }
                    });
                }
                Effect::OpenPictures(pictures) => files.open(pictures),
                Effect::Load(id) => {
                    // The disk may be slow, and the screen must not wait for it.
                    let (store, loaded) = (store.clone(), loaded.clone());
                    spawn_blocking(move || {
                        // Nobody to tell is no error: the program is going away.
                        let _ = loaded.send((id, store.load(id)));
                    });
                }
                Effect::ListPaths(folder) => {
                    let listed = listed.clone();
                    spawn_blocking(move || {
                        let _ = listed.send(paths::list(&folder));
                    });
                }
                Effect::FindConversations(query) => searches.begin(query),
                Effect::Redraw => {
                    ui.pictures.forget_drawn();
                    screen.clear()?;
                }
                Effect::Reload => reloads.begin(),
                Effect::SaveRule(rule) => reloads.add_rule(*rule),
                Effect::Suspend => {
                    keep(app);
                    screen.suspend();
                    // The group, so that a shell that started us through cargo gets its turn.
                    if let Err(error) = kill_current_process_group(Signal::TSTP) {
                        app.say(Level::Bad, format!("cannot suspend: {error}"));
                    }
                    come_back(&mut screen, ui)?;
                }
                Effect::Page(text) => {
                    keep(app);
                    screen.suspend();
                    match wait_for(Program::pager(text), &mut signals).await {
                        Ok(None) => {}
                        Ok(Some(signal)) => return Ok(Exit::Signal(number(signal))),
                        Err(failure) => app.say(Level::Bad, failure),
                    }
                    come_back(&mut screen, ui)?;
                }
                Effect::Edit => {
                    keep(app);
                    screen.suspend();
                    if let Some(signal) = edit(app, &options, &mut signals).await {
                        return Ok(Exit::Signal(number(signal)));
                    }
                    come_back(&mut screen, ui)?;
                }
            }
        }
        let now = Instant::now();
        keep_at = app.keeps_within().map(|wait| {
            let latest = now + wait;
            keep_at.map_or(latest, |at| at.min(latest))
        });
        if keep_at.take_if(|at| *at <= now).is_some() {
            keep(app);
        }
    }
}

/// Takes in what was typed.
fn take_in(app: &mut App, typed: Vec<event::Event>, frames: &mut Frames) {
    if typed.is_empty() {
        return;
    }
    app.now = Timestamp::now();
    app.on_input(typed);
    match app.has_saving() {
        true => frames.draw_said(),
        false => frames.draw_now(),
    }
}

/// Waits until what the screen is about to call sent or delivered is kept, unless the disk is too
/// slow.
async fn keep_said(app: &mut App) {
    if let Some(saving) = app.take_saving() {
        let _ = timeout(SENT_WITHIN, app.store().settled(saving)).await;
    }
}

/// Keeps the drafts that have changed; returns the last write of it.
pub fn keep(app: &mut App) -> Saving {
    let changed = app.take_dirty_drafts().into_iter();
    let writes = changed.map(|(id, draft)| app.store().keep_draft(id, &draft));
    writes.last().unwrap_or_default()
}

/// Waits until there is news of how keeping goes, and says what the person must know of it.
async fn news(health: &mut Option<watch::Receiver<Health>>) -> Option<Option<String>> {
    match health {
        Some(health) => {
            health.changed().await.ok()?;
            Some(health.borrow_and_update().alert())
        }
        None => std::future::pending().await,
    }
}

/// The number of a signal, for the exit code.
fn number(signal: Signal) -> u8 {
    u8::try_from(signal.as_raw()).unwrap_or(0)
}

/// Waits until then; for ever if there is no such moment.
async fn until(moment: Option<Instant>) {
    match moment {
        Some(moment) => sleep_until(moment).await,
        None => std::future::pending().await,
    }
}

/// Takes the terminal over again from somebody who may have drawn anything.
fn come_back(screen: &mut Screen, ui: &mut Ui) -> io::Result<()> {
    ui.pictures.forget_drawn();
    screen.resume()
}

/// Draws what changed.
fn show(screen: &mut Screen, ui: &Ui, app: &mut App, title: Option<String>) -> io::Result<()> {
    if let Some(title) = title {
        screen.set_title(&title)?;
    }
    screen.draw(|frame| {
        layout::draw(frame, ui, app);
        app.links()
    })
}

/// Whether the environment tells of something that stands between the program and the terminal.
fn is_set(name: &str) -> bool {
    std::env::var_os(name).is_some()
}

/// Hands a text to the clipboard and says what became of it.
async fn copy(text: &str, screen: &mut Screen) -> io::Result<String> {
    if is_set("TMUX") && copy_through_tmux(text).await.is_ok() {
        return Ok(format!("{} bytes copied through tmux", text.len()));
    }
    let copied = osc52(text, is_set("TMUX"), is_set("STY"));
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
    let status = timeout(TIMEOUT, tmux.wait()).await??;
    status
        .success()
        .then_some(())
        .ok_or_else(|| io::ErrorKind::Other.into())
}

/// Lets the person edit the draft; returns the signal that ends the program meanwhile. What was
/// saved in the editor is in the draft then too.
async fn edit(app: &mut App, options: &LoopOptions, signals: &mut EndSignals) -> Option<Signal> {
    let (text, suffix) = app.composer().edited_text();
    let file = match EditorFile::create(&text, suffix, &options.state_dir) {
        Ok(file) => file,
        Err(error) => {
            app.say(
                Level::Bad,
                format!("cannot open the draft in the editor: {error}"),
            );
            return None;
        }
    };
    let (failure, signal) = match wait_for(file.open(), signals).await {
        Ok(signal) => (None, signal),
        Err(failure) => (Some(failure), None),
    };
    let changed = file.changed();
    let is_news = !matches!(changed, Ok(None));
    let mut saving = Saving::default();
    match (changed, failure) {
        (Ok(Some(text)), None) => app.on_edited(&text),
        (Ok(None), None) => {}
        (Ok(text), Some(failure)) => saving = app.on_edit_failed(text, &failure),
        (Err(error), _) => {
            app.say(Level::Bad, format!("cannot read the draft: {error}"));
            return signal;
        }
    }
    let saving = saving.max(keep(app));
    let store = app.store();
    // Until it is certain that the text is kept, there is the file; unless nothing is to be kept.
    let is_kept = async { timeout(TIMEOUT, store.settled(saving)).await == Ok(true) };
    if !is_news || !store.keeps() || is_kept.await {
        file.remove();
    }
    signal
}

/// Waits until a program has ended as it should; or ends it, because of the signal that is returned.
async fn wait_for(
    program: io::Result<Program>,
    signals: &mut EndSignals,
) -> Result<Option<Signal>, String> {
    let mut program = program.map_err(|error| error.to_string())?;
    loop {
        tokio::select! {
            status = program.wait() => {
                let status = status.map_err(|error| error.to_string())?;
                return match status.success() {
                    true => Ok(None),
                    false => Err(format!("{} ended with {status}", program.name)),
                };
            }
            signal = signals.next() => {
                // What the keys of the terminal send to both is the program's.
                if !matches!(signal, Signal::INT | Signal::QUIT) {
                    program.kill().await;
                    return Ok(Some(signal));
                }
            }
        }
    }
}
