//! The event loop of the terminal interface: one `select!` over keys, requests, signals, finished work
//! and the clock; then the effects of the event; then a frame if one is due. Nothing else waits.

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

use self::background::BackgroundTracker;
use self::exports::ExportRunner;
use self::files::TemporaryFiles;
use self::frames::Frames;
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

mod background;
mod exports;
mod files;
mod frames;
mod keys;
mod reload;
mod searches;
mod signals;

/// How long to wait for tmux to take a text, and for the disk to save an edited draft.
const TIMEOUT: Duration = Duration::from_secs(1);

/// How long a frame that shows a reply as sent or delivered waits until that is saved.
const SAVING_TIMEOUT: Duration = Duration::from_millis(200);
/// Events of the server that are handled before keys are looked at again.
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

/// Settings of the loop.
#[derive(Debug, Clone)]
pub struct LoopOptions {
    /// Whether the terminal's title shows how many requests wait.
    pub title: bool,
    /// Whether mouse events are enabled.
    pub mouse: bool,
    /// How the terminal shows a notification.
    pub notifications: Notifications,
    /// The state directory, in which the draft is put for the editor.
    pub state_dir: PathBuf,
    /// The configured theme.
    pub theme: ThemeChoice,
    /// The brightness of the terminal's background according to `COLORFGBG`.
    pub ground: Option<Background>,
    /// How pictures are shown.
    pub graphics: Graphics,
}

/// Asks the request of a turn again, given its number counted from 1, and blocks until it is answered.
/// An error is a message for the person.
pub type ForkTurn = Arc<dyn Fn(ConversationId, usize) -> Result<(), String> + Send + Sync>;

impl LoopOptions {
    /// What everything that is drawn shares, at the start.
    ///
    /// # Errors
    ///
    /// If the worker's thread cannot be started.
    pub fn ui(&self) -> io::Result<Ui> {
        Ui::new(self.theme.theme(self.ground), self.graphics)
    }
}

/// Runs the terminal interface on the current thread until something ends it. The terminal is
/// restored in every case. The caller must save the drafts that have changed last.
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
    fork: ForkTurn,
) -> io::Result<Exit> {
    let mut signals = EndSignals::new()?;
    let mut screen = Screen::enter(options.mouse)?;
    let mut keys = KeyInput::new()?;
    ui.pictures.measure();
    let mut worker_changes = ui.worker.changes();
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
    let mut save_at: Option<Instant> = None;
    let mut reloads = Reloads::new(reload);
    let mut background = BackgroundTracker::new(options.ground);
    if background.ask(&options.theme, &mut screen).is_err() {
        return Ok(Exit::TerminalGone);
    }
    loop {
        app.now = Timestamp::now();
        if frames.take_due() {
            wait_for_saving(app).await;
            let title = options.title.then(|| app.title());
            if draw_frame(&mut screen, ui, app, title).is_err() {
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
                            background.on_answer(colour);
                            ui.theme = background.theme(&options.theme);
                            frames.draw_now();
                        }
                        handle_input(app, typed, &mut frames);
                    }
                    Some(event) = events.recv() => {
                        app.now = Timestamp::now();
                        app.on_event(event);
                        // All that is there already is drawn once.
                        let more = std::iter::from_fn(|| events.try_recv().ok());
                        more.take(MAX_EVENTS).for_each(|event| app.on_event(event));
                        frames.draw_soon();
                    }
                    signal = signals.next() => return Ok(Exit::Signal(signal_number(signal))),
                    // Something changes with time.
                    () = sleep_until_some(app.next_tick().map(|wait| Instant::now() + wait)) => {
                        app.now = Timestamp::now();
                        app.on_tick();
                        if app.has_saving() {
        frames.draw_after_delivery()
        } else {
        frames.draw_soon()
        }
                    }
                    // The worker has finished colours of code or pictures.
                    Ok(()) = worker_changes.changed() => frames.draw_soon(),
                    Some(alert) = next_health_alert(&mut health) => {
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
                        if app.on_search_results(&query, found) && is_behind {
                            searches.repeat(query);
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
                                if reloaded.apply_to_screen(&options, &mut screen).is_err() {
                                    return Ok(Exit::TerminalGone);
                                }
                                (app.settings, options) = (reloaded.settings, reloaded.options);
                                app.set_drafting(reloaded.drafting);
                                ui.theme = background.theme(&options.theme);
                                ui.pictures.show_as(options.graphics);
                                if background.ask(&options.theme, &mut screen).is_err() {
                                    return Ok(Exit::TerminalGone);
                                }
                            }
                            Err(error) => app.say(Level::Bad, error),
                        }
                    }
                    () = sleep_until_some(frames.next()) => {}
                    () = sleep_until_some(save_at) => {}
                }
        for effect in app.take_effects() {
            match effect {
                // Many requests at once ring once each, and are drawn together.
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
                    // It blocks until it is answered.
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
                    save_drafts(app);
                    screen.suspend();
                    // The group, so that a shell that started us through cargo gets its turn.
                    if let Err(error) = kill_current_process_group(Signal::TSTP) {
                        app.say(Level::Bad, format!("cannot suspend: {error}"));
                    }
                    resume_screen(&mut screen, ui)?;
                }
                Effect::Page(text) => {
                    save_drafts(app);
                    screen.suspend();
                    match wait_for(Program::pager(text), &mut signals).await {
                        Ok(None) => {}
                        Ok(Some(signal)) => return Ok(Exit::Signal(signal_number(signal))),
                        Err(failure) => app.say(Level::Bad, failure),
                    }
                    resume_screen(&mut screen, ui)?;
                }
                Effect::Edit => {
                    save_drafts(app);
                    screen.suspend();
                    if let Some(signal) = edit(app, &options, &mut signals).await {
                        return Ok(Exit::Signal(signal_number(signal)));
                    }
                    resume_screen(&mut screen, ui)?;
                }
            }
        }
        let now = Instant::now();
        save_at = app.save_drafts_within().map(|wait| {
            let latest = now + wait;
            save_at.map_or(latest, |at| at.min(latest))
        });
        if save_at.take_if(|at| *at <= now).is_some() {
            save_drafts(app);
        }
    }
}

/// Hands input events to the state.
fn handle_input(app: &mut App, typed: Vec<event::Event>, frames: &mut Frames) {
    if typed.is_empty() {
        return;
    }
    app.now = Timestamp::now();
    app.on_input(typed);
    if app.has_saving() {
        frames.draw_after_delivery()
    } else {
        frames.draw_now()
    }
}

/// Waits until replies that the next frame shows as sent or delivered are saved, but not longer than
/// [`SAVING_TIMEOUT`].
async fn wait_for_saving(app: &mut App) {
    if let Some(saving) = app.take_saving() {
        let _ = timeout(SAVING_TIMEOUT, app.store().settled(saving)).await;
    }
}

/// Saves the drafts that have changed; returns the last of the writes.
pub fn save_drafts(app: &mut App) -> Saving {
    let changed = app.take_dirty_drafts().into_iter();
    let writes = changed.map(|(id, draft)| app.store().save_draft(id, &draft));
    writes.last().unwrap_or_default()
}

/// Waits for a change of the journal's health, and returns the alert for it, if it needs one.
async fn next_health_alert(health: &mut Option<watch::Receiver<Health>>) -> Option<Option<String>> {
    match health {
        Some(health) => {
            health.changed().await.ok()?;
            Some(health.borrow_and_update().alert())
        }
        None => std::future::pending().await,
    }
}

/// The number of a signal, for the exit code.
fn signal_number(signal: Signal) -> u8 {
    u8::try_from(signal.as_raw()).unwrap_or(0)
}

/// Sleeps until a moment; for ever if there is none.
async fn sleep_until_some(moment: Option<Instant>) {
    match moment {
        Some(moment) => sleep_until(moment).await,
        None => std::future::pending().await,
    }
}

/// Takes the terminal back from another program, which may have drawn anything.
fn resume_screen(screen: &mut Screen, ui: &mut Ui) -> io::Result<()> {
    ui.pictures.forget_drawn();
    screen.resume()
}

/// Draws a frame, and sets the title.
fn draw_frame(
    screen: &mut Screen,
    ui: &Ui,
    app: &mut App,
    title: Option<String>,
) -> io::Result<()> {
    if let Some(title) = title {
        screen.set_title(&title)?;
    }
    screen.draw(|frame| {
        layout::draw(frame, ui, app);
        app.links()
    })
}

/// Whether an environment variable is set, such as `TMUX` of tmux and `STY` of GNU screen.
fn is_set(name: &str) -> bool {
    std::env::var_os(name).is_some()
}

/// Copies a text to the clipboard; returns the notice about it.
async fn copy(text: &str, screen: &mut Screen) -> io::Result<String> {
    if is_set("TMUX") && copy_through_tmux(text).await.is_ok() {
        return Ok(format!("{} bytes copied through tmux", text.len()));
    }
    let copied = osc52(text, is_set("TMUX"), is_set("STY"));
    screen.write(&copied.sequence)?;
    Ok(copied.notice())
}

/// Copies through tmux, which works whatever its `set-clipboard` and `allow-passthrough` are.
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

/// Opens the draft in the person's editor and waits for that. Returns the signal that ends the program
/// meanwhile; what was saved in the editor is in the draft then too.
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
    let saving = saving.max(save_drafts(app));
    let store = app.store();
    // The file is removed only once the text is saved, unless nothing is to be saved.
    let is_kept = async { timeout(TIMEOUT, store.settled(saving)).await == Ok(true) };
    if !is_news || !store.has_journal() || is_kept.await {
        file.remove();
    }
    signal
}

/// Waits for a program to exit. If a signal ends this program meanwhile, kills it and returns the
/// signal.
async fn wait_for(
    program: io::Result<Program>,
    signals: &mut EndSignals,
) -> Result<Option<Signal>, String> {
    let mut program = program.map_err(|error| error.to_string())?;
    loop {
        tokio::select! {
                    status = program.wait() => {
                        let status = status.map_err(|error| error.to_string())?;
                        return if status.success() {
        Ok(None)
        } else {
        Err(format!("{} ended with {status}", program.name))
        };
                    }
                    signal = signals.next() => {
                        // The terminal sends `Ctrl+C` and `Ctrl+\` to both; they are meant for the program.
                        if !matches!(signal, Signal::INT | Signal::QUIT) {
                            program.kill().await;
                            return Ok(Some(signal));
                        }
                    }
                }
    }
}
