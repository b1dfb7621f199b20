//! A request on its whole way: to the person's screen, through their keys, and back to the client.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use futures_util::FutureExt;
use humanllm::agents::{AutoAnswered, Caller, Housekeeping};
use humanllm::api::{Interner, ResponseWriter, Usage};
use humanllm::inbox::{self, Event, PendingRequest};
use humanllm::store::Store;
use humanllm::tui::app::{App, AppSettings};
use humanllm::tui::keys::keymap::Keymap;
use humanllm::tui::layout;
use humanllm::tui::pictures::Graphics;
use humanllm::tui::theme::Theme;
use humanllm::tui::ui::Ui;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use tokio::sync::mpsc::UnboundedReceiver;

use super::requests::{FORMATS, depth, ids, is_one_event};

const SIZES: [(u16, u16); 3] = [(80, 24), (40, 12), (12, 5)];

const NONE: KeyModifiers = KeyModifiers::NONE;
const ALT: KeyModifiers = KeyModifiers::ALT;
const CONTROL: KeyModifiers = KeyModifiers::CONTROL;

/// Keys that lead through all views of a request and then answer it.
const WALK: &[(KeyCode, KeyModifiers)] = &[
    (KeyCode::Home, CONTROL),
    (KeyCode::Char('o'), CONTROL),
    (KeyCode::PageDown, NONE),
    (KeyCode::End, CONTROL),
    (KeyCode::Char('k'), ALT),
    (KeyCode::F(4), NONE),
    (KeyCode::PageDown, NONE),
    (KeyCode::Esc, NONE),
    (KeyCode::Char('c'), ALT),
    (KeyCode::Char('x'), ALT),
    (KeyCode::F(3), NONE),
    (KeyCode::Esc, NONE),
    (KeyCode::F(2), NONE),
    (KeyCode::F(2), NONE),
    (KeyCode::Char('f'), CONTROL),
    (KeyCode::Char('e'), NONE),
    (KeyCode::Enter, NONE),
    (KeyCode::Esc, NONE),
    // A call, with its form and without, as a part of the reply.
    (KeyCode::Char('t'), CONTROL),
    (KeyCode::Enter, NONE),
    (KeyCode::Char('1'), NONE),
    (KeyCode::Down, NONE),
    (KeyCode::Char('e'), ALT),
    (KeyCode::Char('e'), ALT),
    (KeyCode::Char('a'), ALT),
    (KeyCode::Char('a'), ALT),
    (KeyCode::Esc, NONE),
    // A command with options, and a process that goes on.
    (KeyCode::Char('!'), NONE),
    (KeyCode::Char('o'), ALT),
    (KeyCode::Char('o'), ALT),
    (KeyCode::Char('l'), NONE),
    (KeyCode::Char('a'), ALT),
    (KeyCode::Char('s'), ALT),
    (KeyCode::Esc, NONE),
    // A note, and then what was asked for, sent even if it is wrong.
    (KeyCode::Tab, NONE),
    (KeyCode::Char('n'), NONE),
    (KeyCode::Enter, NONE),
    (KeyCode::BackTab, KeyModifiers::SHIFT),
    (KeyCode::Char('i'), ALT),
    (KeyCode::Enter, NONE),
    (KeyCode::Enter, NONE),
];

/// The body of a request in any of the formats.
pub fn screen(body: &[u8]) {
    let is_deep = depth(body) > 100;
    for format in &FORMATS {
        let Ok(request) = (format.parse)(body, &Interner::default()) else {
            continue;
        };
        let store = Store::new(10);
        let (intake, events) = inbox::channel(10, store.clone());
        let mut tui = FuzzedTui::new(store, events);
        // The second one goes on with the first.
        for _ in 0..2 {
            let mut writer = (format.write)(&request, ids());
            for frame in writer.start() {
                is_one_event(&frame, is_deep);
            }
            let mut request = request.clone();
            let agent = Caller::default().identify(&mut request);
            let housekeeping = Housekeeping::of(&request, &AutoAnswered::default());
            let pending = intake.open(request, agent, housekeeping);
            let mut pending = pending.expect("there is room");
            tui.step();
            tui.app
                .on_paste(&String::from_utf8_lossy(&body[..body.len().min(200)]));
            for (code, modifiers) in WALK {
                tui.app.on_key(KeyEvent::new(*code, *modifiers));
                tui.step();
            }
            hear(&mut pending, &mut *writer, is_deep);
            drop(pending);
            tui.step();
        }
    }
}

/// A person at a screen that is drawn after every key.
struct FuzzedTui {
    app: App,
    ui: Ui,
    events: UnboundedReceiver<Event>,
    terminals: Vec<Terminal<TestBackend>>,
    steps: usize,
}

impl FuzzedTui {
    fn new(store: Store, events: UnboundedReceiver<Event>) -> Self {
        let settings = AppSettings {
            keymap: Keymap::default(),
            zone: TimeZone::UTC,
            bell: true,
            remind_after: None,
            auto_advance: false,
            base_url: "http://127.0.0.1:3000/v1".into(),
            setup: "humanllm setup codex".into(),
            snippets: Vec::new(),
            unsend: std::time::Duration::ZERO,
            export: Default::default(),
        };
        let terminal = |(columns, rows)| {
            let backend = TestBackend::new(columns, rows);
            Terminal::new(backend).expect("a terminal in memory")
        };
        Self {
            ui: Ui::new(Theme::dark(), Graphics::HalfBlocks).expect("a thread"),
            app: App::new(settings, store, Timestamp::UNIX_EPOCH),
            events,
            terminals: SIZES.map(terminal).into(),
            steps: 0,
        }
    }

    /// Takes in what happened, and draws it at one of the sizes.
    fn step(&mut self) {
        while let Ok(event) = self.events.try_recv() {
            self.app.on_event(event);
        }
        self.app.take_effects();
        self.app.on_tick();
        assert!(!self.app.title().contains(char::is_control));
        let at = self.steps % self.terminals.len();
        self.steps += 1;
        let (ui, app, terminal) = (&self.ui, &mut self.app, &mut self.terminals[at]);
        terminal
            .draw(|frame| layout::draw(frame, ui, app))
            .expect("drawn in memory");
        let cells = terminal.backend().buffer().content().iter();
        for cell in cells {
            assert!(!cell.symbol().contains(char::is_control), "{cell:?}");
        }
    }
}

/// Writes what the person said.
fn hear(pending: &mut PendingRequest, writer: &mut dyn ResponseWriter, is_deep: bool) {
    while let Some(Some((ticket, reply))) = pending.next().now_or_never() {
        is_one_event(&writer.heartbeat(), is_deep);
        let usage = reply.ends().then(Usage::default);
        for frame in writer.reply(&reply, 1, usage) {
            is_one_event(&frame, is_deep);
        }
        pending.delivered(ticket, 1, reply.ends());
        if reply.ends() {
            let _ = writer.document();
        }
    }
}
