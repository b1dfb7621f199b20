//! The whole program: the server in the background, the terminal in front, and the order in which
//! they start and stop.

use std::error::Error;
use std::io::{self, IsTerminal};
use std::net::{SocketAddr, TcpListener};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use tokio::sync::{mpsc, watch};

use crate::config::{self, Config, DEFAULT_LISTEN, Flags};
use crate::control::{self, ControlSocket, ControlState};
use crate::descriptors;
use crate::environment::Environment;
use crate::fork;
use crate::inbox::{self, Drafting, DraftingOrder};
use crate::journal::Journal;
use crate::model::{Catalog, Models};
use crate::recording;
use crate::rules::Rules;
use crate::server::{self, Server};
use crate::setup::rule;
use crate::state_dir::StateDir;
use crate::store::Store;
use crate::tui::app::{App, AppSettings, Level, NewRule};
use crate::tui::export;
use crate::tui::pictures::Graphics;
use crate::tui::run::{Exit, ForkTurn, LoopOptions, Reload, Reloaded};
use crate::tui::terminal::editor::LeftBehind;
use crate::tui::theme::{Background, ThemeBase, ThemeChoice};

/// How long each part of the program has for an orderly end.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(2);

/// Why the program did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Standard input or output is no terminal.
    #[error("this needs a terminal: run it without redirecting input or output")]
    NoTerminal,
    /// According to `TERM`, the terminal cannot move its cursor, or its type is unknown.
    #[error(
        "{}; run it in another terminal, or set TERM to what this one is, such as \
         TERM=xterm-256color",
        unusable_terminal(.0)
    )]
    NoScreen(String),
    /// The address is in use.
    #[error(
        "{0} is in use: another humanllm may be running; stop it or choose another port with \
         --listen"
    )]
    InUse(SocketAddr),
    /// The address cannot be used.
    #[error("cannot listen on {address}: {error}; choose another address with --listen")]
    Listen {
        /// The address of `--listen` or the configuration.
        address: SocketAddr,
        /// The error of the system.
        error: io::Error,
    },
    /// The caller's `listening` failed.
    #[error("{0}")]
    Listening(Box<dyn Error>),
    /// The system refuses threads, sockets or signals.
    #[error("cannot start: {0}")]
    System(#[from] io::Error),
}

/// Runs server and terminal until something ends them, and returns the exit code: 0 after a quit,
/// 128 and the signal's number after a signal. `listening` is called once clients can connect and
/// before the terminal is touched.
///
/// # Errors
///
/// Whatever keeps the program from starting; the terminal has not been touched then.
pub fn run(
    config: Config,
    flags: Flags,
    environment: Environment,
    state_dir: &StateDir,
    listening: impl FnOnce() -> Result<(), Box<dyn Error>>,
) -> Result<ExitCode, StartError> {
    if !io::stdin().is_terminal() || !io::stdout().is_terminal() {
        return Err(StartError::NoTerminal);
    }
    let term = environment.get("TERM").unwrap_or_default();
    if term.is_empty() || term == "dumb" || term == "unknown" {
        return Err(StartError::NoScreen(term.to_string_lossy().into_owned()));
    }
    let listener = listen(config.listen)?;
    let address = listener.local_addr()?;
    listening().map_err(StartError::Listening)?;
    let descriptors = descriptors::raise_limit();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    let (store, alert) = open_store(&config);
    let (intake, events) = inbox::channel(config.server.max_waiting, store.clone());
    let (mut socket, no_control_socket) = match ControlSocket::bind(state_dir) {
        Ok(socket) => (Some(socket), None),
        Err(error) => {
            tracing::warn!(%error, "no control socket");
            (None, Some(error.to_string()))
        }
    };
    let control_state = ControlState {
        scripts: intake.scripts(),
        store: store.clone(),
        address: format!("http://{address}/v1"),
    };
    let (orders, order_receiver) = mpsc::unbounded_channel();
    let catalog = Catalog::new(config.upstreams.clone());
    let drafts = intake.draft_events();
    let models = Models::start(runtime.handle(), catalog.clone(), order_receiver, drafts);
    let router = server::router(intake, config.server_settings(address, descriptors));
    let (stop, stopped) = watch::channel(false);
    let control_listener = socket.as_mut().and_then(ControlSocket::take_listener);
    let control_server = control_listener
        .map(|listener| runtime.spawn(control::serve(listener, control_state, stopped.clone())));
    let (server, closed) = Server::new(listener, router, stopped);
    let server = runtime.spawn(server.serve());
    tracing::info!(%address, "listening");

    let settings = app_settings(&config, address, &environment);
    let fork = fork_turn(&config, address, &store);
    let options = loop_options(&config, &environment);
    let mut ui = options.ui()?;
    let drafting = drafting(&config, &orders);
    let study = config.study.clone();
    let reload = reload(config, address, flags, environment, (catalog, orders));
    let mut app = App::new(settings, store.clone(), Timestamp::now());
    app.set_drafting(drafting);
    app.set_study(study);
    app.restore();
    app.set_alert(alert);
    if let Some(why) = no_control_socket {
        app.say(Level::Bad, why);
    }
    take_left_behind(&mut app, state_dir.path());
    // After a panic the program ends in the same order, so that responses are ended and drafts are
    // saved. The state may be inconsistent then, but it is only dropped.
    let exit = catch_unwind(AssertUnwindSafe(|| {
        // A runtime of its own, so that a key press wakes this thread and no other.
        let foreground = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let exit = foreground.block_on(crate::tui::run::run(
            &mut app, &mut ui, events, options, reload, fork,
        ));
        // Do not wait for a search that is running.
        foreground.shutdown_background();
        exit
    }));
    // Even after a panic, save what can be saved.
    let saved = catch_unwind(AssertUnwindSafe(|| {
        crate::tui::run::save_drafts(&mut app);
    }));
    tracing::info!(?exit, is_kept = saved.is_ok(), "stopping");

    // The port is closed before the responses are ended: Codex tries again at once, and must not
    // find a server that is about to go.
    stop.send_replace(true);
    runtime.block_on(async {
        // Nobody handles their output any more.
        models.stop().await;
        // A timeout or an error here changes nothing of what follows.
        let _ = tokio::time::timeout(SHUTDOWN_TIMEOUT, closed).await;
        drop(app);
        let _ = tokio::time::timeout(SHUTDOWN_TIMEOUT, server).await;
        if let Some(control_server) = control_server {
            let _ = tokio::time::timeout(SHUTDOWN_TIMEOUT, control_server).await;
        }
    });
    drop(socket);
    runtime.shutdown_background();
    // What still runs in the background has the store too, and nobody waits for that.
    store.close_journal();
    let exit = exit.unwrap_or_else(|panic| resume_unwind(panic))?;
    Ok(match exit {
        Exit::Quit => ExitCode::SUCCESS,
        Exit::Signal(number) => ExitCode::from(128 + number),
        Exit::TerminalGone => ExitCode::FAILURE,
    })
}

/// Binds the address.
pub(crate) fn listen(address: SocketAddr) -> Result<TcpListener, StartError> {
    TcpListener::bind(address).map_err(|error| match error.kind() {
        io::ErrorKind::AddrInUse => StartError::InUse(address),
        _ => StartError::Listen { address, error },
    })
}

/// The store, and an alert if it cannot save to disk although it should.
fn open_store(config: &Config) -> (Store, Option<String>) {
    let most = config.server.max_stored;
    if !config.journal.enabled {
        return (Store::new(most), None);
    }
    let options = config.journal.options();
    let opened = Journal::open(&config.state_dir, options).map_err(|error| error.to_string());
    let opened = opened.and_then(|journal| {
        let alert = journal.health().borrow().alert();
        let store = Store::with_journal(most, journal).map_err(|error| error.to_string());
        store.map(|store| (store, alert))
    });
    opened.unwrap_or_else(|error| {
        tracing::error!(error, "no journal");
        (Store::new(most), Some(format!("nothing is saved: {error}")))
    })
}

/// Restores texts that an editor had saved when an earlier run ended, and removes their files once they
/// are saved as a draft.
fn take_left_behind(app: &mut App, state_dir: &Path) {
    let found = LeftBehind::find(state_dir);
    if found.is_empty() {
        return;
    }
    for left in &found {
        app.on_left_behind(&left.text);
    }
    let saving = crate::tui::run::save_drafts(app);
    if app.store().settled_blocking(saving) {
        found.into_iter().for_each(LeftBehind::remove);
    }
}

/// The settings of the terminal's state.
fn app_settings(config: &Config, address: SocketAddr, environment: &Environment) -> AppSettings {
    AppSettings {
        keymap: config.keys.clone(),
        zone: TimeZone::system(),
        bell: config.tui.bell,
        remind_after: config.tui.remind_after(),
        auto_advance: config.tui.auto_advance,
        base_url: format!("http://{address}/v1"),
        setup: if address == DEFAULT_LISTEN {
            "humanllm setup codex".into()
        } else {
            format!("humanllm setup codex --listen {address}")
        },
        snippets: config.snippets.clone().into_iter().collect(),
        unsend: Duration::from_secs(config.tui.unsend_seconds.into()),
        export: export::ExportSettings {
            // Without one, paths are relative to the current folder.
            folder: environment.folder().map(Path::to_owned).unwrap_or_default(),
            redaction: config.export.redaction(environment.home()),
        },
    }
}

/// The function that asks a turn of the journal again, as a client of the server at this address.
fn fork_turn(config: &Config, address: SocketAddr, store: &Store) -> ForkTurn {
    let (mut config, store) = (config.clone(), store.clone());
    config.listen = address;
    Arc::new(move |id, number| {
        let reader = store.journal_reader().ok_or("nothing is kept")?;
        let recording = recording::of_journal(&reader, id.number());
        let recording = recording.map_err(|error| error.to_string())?;
        let turns = recording.as_ref().map_or(&[][..], |found| &found.turns);
        // Turns that cannot be read are left out of the recording, so numbers may differ from indexes.
        let at = turns.iter().position(|turn| turn.number == number);
        let (Some(recording), Some(at)) = (&recording, at) else {
            return Err(format!("turn {number} cannot be asked again"));
        };
        let answer = fork::run(recording, Some(at + 1), &config);
        answer.map(|_| ()).map_err(|error| error.to_string())
    })
}

/// The settings of the terminal's event loop.
fn loop_options(config: &Config, environment: &Environment) -> LoopOptions {
    // Whoever sets this wants no colours anywhere (<https://no-color.org>).
    let theme = match environment.get_filled("NO_COLOR") {
        Some(_) => ThemeChoice::of(ThemeBase::None),
        None => config.theme.clone(),
    };
    let ground = environment
        .get("COLORFGBG")
        .and_then(|value| value.to_str());
    LoopOptions {
        title: config.tui.title,
        mouse: config.tui.mouse,
        notifications: config.tui.notify.resolve(environment),
        state_dir: config.state_dir.clone(),
        ground: ground.and_then(Background::of_colorfgbg),
        graphics: match theme.base {
            ThemeBase::None => Graphics::Words,
            _ => Graphics::of(environment),
        },
        theme,
    }
}

/// The settings of the inbox for models that draft.
fn drafting(config: &Config, orders: &mpsc::UnboundedSender<DraftingOrder>) -> Drafting {
    let names = config
        .upstreams
        .iter()
        .map(|upstream| upstream.name.clone());
    let mut models: Vec<String> = names.collect();
    // The first model is the default.
    models.sort_by_key(|name| config.drafting.model.as_ref() != Some(name));
    Drafting {
        orders: Some(orders.clone()),
        models,
        mode: config.drafting.mode,
        rules: Arc::new(config.rules.clone()),
    }
}

/// The functions that reload the configuration while the program runs. Reloading also updates the
/// catalog of models.
fn reload(
    started: Config,
    address: SocketAddr,
    flags: Flags,
    environment: Environment,
    (catalog, orders): (Catalog, mpsc::UnboundedSender<DraftingOrder>),
) -> Reload {
    let (rule_flags, rule_environment) = (flags.clone(), environment.clone());
    let add_rule = move |new: &NewRule| {
        let decides = |rules: &Rules| new.decided_by(rules);
        let saved = rule::save(&new.rule, decides, &rule_flags, &rule_environment);
        let saved = saved.map_err(|error| error.to_string())?;
        Ok(saved.to_string())
    };
    let read = move || {
        let read = config::load(&flags, &environment).map_err(|error| error.to_string())?;
        catalog.set(read.upstreams.clone());
        Ok(Reloaded {
            settings: app_settings(&read, address, &environment),
            drafting: drafting(&read, &orders),
            options: LoopOptions {
                state_dir: started.state_dir.clone(),
                ..loop_options(&read, &environment)
            },
            restarts: started.restarts_for(&read),
        })
    };
    Reload {
        read: Arc::new(read),
        add_rule: Arc::new(add_rule),
    }
}

/// What is wrong with a terminal of this type.
fn unusable_terminal(term: &str) -> String {
    match term {
        "" => "TERM is not set, so it is unknown whether this terminal can show a screen".into(),
        term => format!("this terminal (TERM={term}) cannot show a screen"),
    }
}
