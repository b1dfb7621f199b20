//! How long the person waits for the screen: the state takes something in and is drawn.

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use humanllm::api::{Interner, responses};
use humanllm::inbox::{self, Event, Intake, PendingRequest};
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
use serde_json::json;
use tokio::sync::mpsc::UnboundedReceiver;

const WIDE: (u16, u16) = (200, 60);
const PAGE_DOWN: KeyEvent = KeyEvent::new(KeyCode::PageDown, KeyModifiers::NONE);
const PAGE_UP: KeyEvent = KeyEvent::new(KeyCode::PageUp, KeyModifiers::NONE);
const LETTER: KeyEvent = KeyEvent::new(KeyCode::Char('x'), KeyModifiers::NONE);
const RUB_OUT: KeyEvent = KeyEvent::new(KeyCode::Backspace, KeyModifiers::NONE);

/// A person at a wide screen. The clients are there so that none of them has hung up.
struct Desk {
    app: App,
    ui: Ui,
    terminal: Terminal<TestBackend>,
    intake: Intake,
    events: UnboundedReceiver<Event>,
    clients: Vec<PendingRequest>,
}

impl Desk {
    fn new() -> Self {
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
        let store = Store::new(10);
        let (intake, events) = inbox::channel(1_000, store.clone());
        let now = Timestamp::from_second(1_753_170_000).expect("a time");
        Self {
            ui: Ui::new(Theme::dark(), Graphics::HalfBlocks).expect("a thread"),
            app: App::new(settings, store, now),
            terminal: Terminal::new(TestBackend::new(WIDE.0, WIDE.1)).expect("a terminal"),
            intake,
            events,
            clients: Vec::new(),
        }
    }

    /// One with a prompt open and drawn.
    fn with(prompt: &str) -> Self {
        let mut desk = Self::new();
        let event = desk.ask("thread", prompt);
        desk.app.on_event(event);
        desk.draw();
        desk
    }

    /// What arrives when a client asks in the way of Codex.
    fn ask(&mut self, thread: &str, prompt: &str) -> Event {
        let message = |role: &str, text: &str| {
            json!({"type": "message", "role": role,
                "content": [{"type": "input_text", "text": text}]})
        };
        let body = json!({"model": "human", "prompt_cache_key": thread, "input": [
            message("developer", &"You are a coding agent.\n".repeat(1_600)),
            message("user", prompt)]});
        let request =
            responses::parse(body.to_string().as_bytes(), &Interner::default()).expect("a request");
        let pending = self.intake.open(request, "bench".into(), None);
        self.clients.push(pending.expect("room"));
        self.events.try_recv().expect("the arrival")
    }

    fn draw(&mut self) {
        let (ui, app) = (&self.ui, &mut self.app);
        let drawn = self.terminal.draw(|frame| layout::draw(frame, ui, app));
        drawn.expect("a frame");
    }

    fn press(&mut self, key: KeyEvent) {
        self.app.on_key(key);
        self.draw();
    }

    fn resize(&mut self, (columns, rows): (u16, u16)) {
        self.terminal.backend_mut().resize(columns, rows);
        self.draw();
    }
}

fn frames(c: &mut Criterion) {
    let mut group = c.benchmark_group("frames");
    group.sample_size(20);
    group.warm_up_time(std::time::Duration::from_millis(300));
    group.measurement_time(std::time::Duration::from_secs(1));
    let long = "let answer = some(call, of, a, function); // and a few words\n".repeat(82_000);

    for (name, prompt) in [
        ("a first request of 40 KB opens", "hi"),
        ("5 MB open", &long),
    ] {
        group.bench_function(name, |b| {
            let before = || {
                let mut desk = Desk::new();
                desk.draw();
                let event = desk.ask("thread", prompt);
                (desk, event)
            };
            let opens = |(mut desk, event): (Desk, Event)| {
                desk.app.on_event(event);
                desk.draw();
                desk
            };
            b.iter_batched(before, opens, BatchSize::PerIteration);
        });
    }
    let mut desk = Desk::with(&long);
    group.bench_function("a page of 5 MB, down and up", |b| {
        b.iter(|| {
            desk.press(PAGE_DOWN);
            desk.press(PAGE_UP);
        });
    });
    group.bench_function("5 MB in another size, and back", |b| {
        b.iter(|| {
            desk.resize((80, 24));
            desk.resize(WIDE);
        });
    });
    group.bench_function("a letter under 5 MB, and rubbed out", |b| {
        b.iter(|| {
            desk.press(LETTER);
            desk.press(RUB_OUT);
        });
    });

    let mut desk = Desk::new();
    for n in 0..500 {
        let event = desk.ask(&n.to_string(), &format!("question {n}"));
        desk.app.on_event(event);
    }
    group.bench_function("a letter beside 500 conversations", |b| {
        b.iter(|| {
            desk.press(LETTER);
            desk.press(RUB_OUT);
        });
    });
    group.finish();
}

criterion_group!(benches, frames);
criterion_main!(benches);
