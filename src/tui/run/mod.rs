//! The event loop of the terminal interface: one `select!` over keys, requests, signals, finished work
//! and the clock; then the effects of the event; then a frame if one is due. Nothing else waits.

use std::convert::Infallible;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crossterm::event;
use jiff::Timestamp;
use rustix::process::Signal;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until, timeout};

pub use self::reload::{Reload, Reloaded};

use self::background::BackgroundTracker;
use self::exports::ExportRunner;
use self::files::{FileNotice, TemporaryFiles};
use self::frames::Frames;
use self::jobs::{FinishedJob, Jobs};
use self::keys::KeyInput;
use self::reload::{ReloadResult, Reloads};
use self::searches::{FinishedSearch, Searches};
use self::signals::EndSignals;
use super::layout;
use crate::inbox::{ConversationId, Event};
use crate::journal::Health;
use crate::store::Saving;
use crate::tui::app::{App, Level};
use crate::tui::export::ExportUpdate;
use crate::tui::pictures::Graphics;
use crate::tui::terminal::notification::Notifications;
use crate::tui::terminal::screen::Screen;
use crate::tui::theme::{Background, ThemeChoice};
use crate::tui::ui::Ui;

mod background;
mod effects;
mod exports;
mod files;
mod foreground;
mod frames;
mod jobs;
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
    events: UnboundedReceiver<Event>,
    options: LoopOptions,
    reload: Reload,
    fork: ForkTurn,
) -> io::Result<Exit> {
    let mut event_loop = EventLoop::new(app, ui, events, options, reload, fork)?;
    let Err(end) = event_loop.run().await;
    match end {
        LoopEnd::Exit(exit) => Ok(exit),
        LoopEnd::Failed(error) => Err(error),
    }
}

/// Saves the drafts that have changed; returns the last of the writes.
pub fn save_drafts(app: &mut App) -> Saving {
    let changed = app.take_dirty_drafts().into_iter();
    let writes = changed.map(|(id, draft)| app.store().save_draft(id, &draft));
    writes.last().unwrap_or_default()
}

/// What the loop waits for.
enum LoopEvent {
    /// Keys and other input that came together, empty if the terminal has answered a query; or the
    /// error if the terminal is gone.
    Input(io::Result<Vec<event::Event>>),
    /// The server or a model has something for the inbox.
    Inbox(Event),
    /// A signal that ends the program.
    Signal(Signal),
    /// Something in the state changes with time.
    Tick,
    /// The worker has finished colours of code or pictures.
    WorkFinished,
    /// The journal's health has changed: the alert for it, if it needs one.
    Health(Option<String>),
    JobFinished(FinishedJob),
    SearchFinished(FinishedSearch),
    /// An update of an export, and whether that is a dry run.
    Export(bool, ExportUpdate),
    /// The notice about a picture that was saved or opened.
    File(FileNotice),
    Reloaded(Box<ReloadResult>),
    /// A frame is due, or drafts are to be saved.
    Due,
}

/// Why the loop ended.
enum LoopEnd {
    Exit(Exit),
    /// The terminal could not be cleared, or taken back from another program.
    Failed(io::Error),
}

impl LoopEnd {
    fn of_signal(signal: Signal) -> Self {
        // A number for the exit code.
        let number = u8::try_from(signal.as_raw()).unwrap_or(0);
        Self::Exit(Exit::Signal(number))
    }

    /// For writes to the terminal, which fail only if it is gone.
    fn terminal_gone(_: io::Error) -> Self {
        Self::Exit(Exit::TerminalGone)
    }
}

impl From<io::Error> for LoopEnd {
    fn from(error: io::Error) -> Self {
        Self::Failed(error)
    }
}

/// The loop, and all that it waits for.
struct EventLoop<'a> {
    app: &'a mut App,
    ui: &'a mut Ui,
    options: LoopOptions,
    background: BackgroundTracker,
    frames: Frames,
    /// When changed drafts are saved at the latest; `None` if there are none.
    save_at: Option<Instant>,
    reloads: Reloads,
    exports: ExportRunner,
    files: TemporaryFiles,
    searches: Searches,
    jobs: Jobs,
    /// `None` without a journal.
    health: Option<watch::Receiver<Health>>,
    worker_changes: watch::Receiver<()>,
    events: UnboundedReceiver<Event>,
    keys: KeyInput,
    screen: Screen,
    signals: EndSignals,
}

impl<'a> EventLoop<'a> {
    /// Takes the terminal over.
    fn new(
        app: &'a mut App,
        ui: &'a mut Ui,
        events: UnboundedReceiver<Event>,
        options: LoopOptions,
        reload: Reload,
        fork: ForkTurn,
    ) -> io::Result<Self> {
        let signals = EndSignals::new()?;
        let screen = Screen::enter(options.mouse)?;
        let keys = KeyInput::new()?;
        ui.pictures.measure();
        let store = app.store().clone();
        Ok(Self {
            background: BackgroundTracker::new(options.ground),
            frames: Frames::new(),
            save_at: None,
            reloads: Reloads::new(reload),
            exports: ExportRunner::new(store.clone()),
            files: TemporaryFiles::new(),
            searches: Searches::new(store.clone()),
            health: store.health(),
            jobs: Jobs::new(store, fork),
            worker_changes: ui.worker.changes(),
            app,
            ui,
            options,
            events,
            keys,
            screen,
            signals,
        })
    }

    async fn run(&mut self) -> Result<Infallible, LoopEnd> {
        self.query_background()?;
        loop {
            self.app.now = Timestamp::now();
            self.draw_if_due().await?;
            let event = self.next_event().await;
            self.app.now = Timestamp::now();
            self.on_event(event)?;
            for effect in self.app.take_effects() {
                self.run_effect(effect).await?;
            }
            self.save_drafts_if_due();
        }
    }

    async fn next_event(&mut self) -> LoopEvent {
        let tick_at = self.app.next_tick().map(|wait| Instant::now() + wait);
        tokio::select! {
            input = self.keys.next(self.app) => LoopEvent::Input(input),
            Some(event) = self.events.recv() => LoopEvent::Inbox(event),
            signal = self.signals.next() => LoopEvent::Signal(signal),
            () = sleep_until_some(tick_at) => LoopEvent::Tick,
            Ok(()) = self.worker_changes.changed() => LoopEvent::WorkFinished,
            Some(alert) = next_health_alert(&mut self.health) => LoopEvent::Health(alert),
            Some(result) = self.jobs.next() => LoopEvent::JobFinished(result),
            Some(search) = self.searches.next() => LoopEvent::SearchFinished(search),
            Some((is_dry, update)) = self.exports.next() => LoopEvent::Export(is_dry, update),
            Some(notice) = self.files.next() => LoopEvent::File(notice),
            Some(result) = self.reloads.next() => LoopEvent::Reloaded(Box::new(result)),
            () = sleep_until_some(self.frames.next()) => LoopEvent::Due,
            () = sleep_until_some(self.save_at) => LoopEvent::Due,
        }
    }

    /// Hands an event to the state, and says when to draw what it changes.
    fn on_event(&mut self, event: LoopEvent) -> Result<(), LoopEnd> {
        match event {
            LoopEvent::Input(input) => return self.on_input(input),
            LoopEvent::Inbox(event) => {
                self.app.on_event(event);
                // All that is there already is drawn once.
                let more = std::iter::from_fn(|| self.events.try_recv().ok());
                more.take(MAX_EVENTS)
                    .for_each(|event| self.app.on_event(event));
                self.frames.draw_soon();
            }
            LoopEvent::Signal(signal) => return Err(LoopEnd::of_signal(signal)),
            LoopEvent::Tick => {
                self.app.on_tick();
                if self.app.has_saving() {
                    self.frames.draw_after_delivery();
                } else {
                    self.frames.draw_soon();
                }
            }
            LoopEvent::WorkFinished => self.frames.draw_soon(),
            LoopEvent::Health(alert) => {
                self.app.set_alert(alert);
                self.frames.draw_now();
            }
            LoopEvent::JobFinished(result) => {
                self.on_finished_job(result);
                self.frames.draw_now();
            }
            LoopEvent::SearchFinished(search) => {
                self.on_finished_search(search);
                self.frames.draw_now();
            }
            LoopEvent::Export(is_dry, update) => {
                self.app.on_export(is_dry, update);
                self.frames.draw_now();
            }
            LoopEvent::File((level, notice)) => {
                self.app.say(level, notice);
                self.frames.draw_now();
            }
            LoopEvent::Reloaded(result) => {
                self.frames.draw_now();
                return self.on_reloaded(*result);
            }
            LoopEvent::Due => {}
        }
        Ok(())
    }

    fn on_input(&mut self, input: io::Result<Vec<event::Event>>) -> Result<(), LoopEnd> {
        let input = input.map_err(LoopEnd::terminal_gone)?;
        if let Some(keyboard) = self.keys.keyboard() {
            let enabled = self.screen.enable_keyboard(keyboard);
            enabled.map_err(LoopEnd::terminal_gone)?;
        }
        if input.iter().any(event::Event::is_resize) {
            self.ui.pictures.measure();
        }
        if let Some(colour) = self.keys.take_background() {
            self.background.on_answer(colour);
            self.ui.theme = self.background.theme(&self.options.theme);
            self.frames.draw_now();
        }
        if input.is_empty() {
            return Ok(());
        }
        self.app.on_input(input);
        if self.app.has_saving() {
            self.frames.draw_after_delivery();
        } else {
            self.frames.draw_now();
        }
        Ok(())
    }

    fn on_finished_job(&mut self, result: FinishedJob) {
        match result {
            FinishedJob::Loaded(id, loaded) => {
                self.app.on_loaded(id, loaded.map(|loaded| *loaded));
            }
            FinishedJob::Turns(id, purpose, outline) => self.app.on_turns(id, purpose, &outline),
            FinishedJob::Paths(found) => self.app.on_paths(found),
            FinishedJob::ForkFailed(why) => self.app.say(Level::Bad, why),
        }
    }

    fn on_finished_search(&mut self, search: FinishedSearch) {
        let is_shown = self.app.on_search_results(&search.query, search.found);
        if is_shown && search.is_behind {
            self.searches.repeat(search.query);
        }
    }

    fn on_reloaded(&mut self, result: ReloadResult) -> Result<(), LoopEnd> {
        let (reloaded, notice) = match result {
            Ok(reloaded) => reloaded,
            Err(error) => {
                self.app.say(Level::Bad, error);
                return Ok(());
            }
        };
        self.app.say(Level::Good, notice);
        let applied = reloaded.apply_to_screen(&self.options, &mut self.screen);
        applied.map_err(LoopEnd::terminal_gone)?;
        self.app.settings = reloaded.settings;
        self.options = reloaded.options;
        self.app.set_drafting(reloaded.drafting);
        self.ui.theme = self.background.theme(&self.options.theme);
        self.ui.pictures.show_as(self.options.graphics);
        self.query_background()
    }

    /// Asks the terminal for its background colour, if the theme depends on it.
    fn query_background(&mut self) -> Result<(), LoopEnd> {
        let theme = &self.options.theme;
        let asked = self.background.ask(theme, &mut self.screen);
        asked.map_err(LoopEnd::terminal_gone)
    }

    /// Draws a frame if one is due, and sets the title.
    async fn draw_if_due(&mut self) -> Result<(), LoopEnd> {
        if self.frames.take_due() {
            self.wait_for_saving().await;
            self.draw().map_err(LoopEnd::terminal_gone)?;
        }
        Ok(())
    }

    /// Waits until replies that the next frame shows as sent or delivered are saved, but not longer than
    /// [`SAVING_TIMEOUT`].
    async fn wait_for_saving(&mut self) {
        if let Some(saving) = self.app.take_saving() {
            let _ = timeout(SAVING_TIMEOUT, self.app.store().settled(saving)).await;
        }
    }

    fn draw(&mut self) -> io::Result<()> {
        if self.options.title {
            self.screen.set_title(&self.app.title())?;
        }
        self.screen.draw(|frame| {
            layout::draw(frame, self.ui, self.app);
            self.app.links()
        })
    }

    fn save_drafts_if_due(&mut self) {
        let now = Instant::now();
        self.save_at = self.app.save_drafts_within().map(|wait| {
            let latest = now + wait;
            self.save_at.map_or(latest, |at| at.min(latest))
        });
        if self.save_at.take_if(|at| *at <= now).is_some() {
            save_drafts(self.app);
        }
    }
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

/// Sleeps until a moment; for ever if there is none.
async fn sleep_until_some(moment: Option<Instant>) {
    match moment {
        Some(moment) => sleep_until(moment).await,
        None => std::future::pending().await,
    }
}
