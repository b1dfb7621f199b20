//! Pictures on the person's screen.

use std::io::Cursor;
use std::time::{Duration, Instant};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
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
use image::{DynamicImage, ImageFormat, Rgb, RgbImage};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::style::Color;
use serde_json::{Value, json};
use tokio::sync::mpsc::UnboundedReceiver;

/// A person at a screen, and a client that waits.
struct Desk {
    app: App,
    ui: Ui,
    events: UnboundedReceiver<Event>,
    terminal: Terminal<TestBackend>,
    _waiting: (Intake, PendingRequest),
}

/// The colours of the upper and the lower half of a character.
type Halves = ([u8; 3], [u8; 3]);

impl Desk {
    fn asked(body: &Value) -> Self {
        let settings = AppSettings {
            keymap: Keymap::default(),
            zone: TimeZone::UTC,
            bell: false,
            remind_after: None,
            auto_advance: false,
            base_url: "http://127.0.0.1:3000/v1".into(),
            setup: "humanllm setup codex".into(),
            snippets: Vec::new(),
            unsend: std::time::Duration::ZERO,
            export: Default::default(),
        };
        let now = Timestamp::from_second(1_753_170_000).unwrap();
        let store = Store::new(10);
        let (intake, events) = inbox::channel(10, store.clone());
        let request = responses::parse(body.to_string().as_bytes(), &Interner::default()).unwrap();
        let pending = intake.open(request, "codex".into(), None).unwrap();
        let mut desk = Self {
            ui: Ui::new(Theme::dark(), Graphics::HalfBlocks).expect("a thread"),
            app: App::new(settings, store, now),
            events,
            terminal: Terminal::new(TestBackend::new(80, 24)).unwrap(),
            _waiting: (intake, pending),
        };
        while let Ok(event) = desk.events.try_recv() {
            desk.app.on_event(event);
        }
        desk.draw();
        desk
    }

    fn press(&mut self, code: KeyCode, modifiers: KeyModifiers) {
        self.app.on_key(KeyEvent::new(code, modifiers));
        self.draw();
    }

    fn draw(&mut self) {
        let (ui, app) = (&self.ui, &mut self.app);
        self.terminal
            .draw(|frame| layout::draw(frame, ui, app))
            .unwrap();
    }

    /// Draws until the screen is as it is wanted.
    fn until(&mut self, what: &str, is_there: impl Fn(&Self) -> bool) {
        let deadline = Instant::now() + Duration::from_secs(60);
        while !is_there(self) {
            assert!(Instant::now() < deadline, "no {what} on\n{}", self.screen());
            std::thread::sleep(Duration::from_millis(5));
            self.draw();
        }
    }

    fn rows(&self) -> Vec<String> {
        let buffer = self.terminal.backend().buffer();
        let row = |y| (0..80).map(move |x| buffer[(x, y)].symbol());
        (0..buffer.area.height).map(|y| row(y).collect()).collect()
    }

    fn screen(&self) -> String {
        self.rows().join("\n")
    }

    fn row_of(&self, text: &str) -> Option<usize> {
        self.rows().iter().position(|row| row.contains(text))
    }

    /// What a character shows of a picture.
    fn halves(&self, x: u16, y: u16) -> Option<Halves> {
        let cell = &self.terminal.backend().buffer()[(x, y)];
        let (upper, lower) = match cell.symbol() {
            "▀" => (cell.fg, cell.bg),
            "▄" => (cell.bg, cell.fg),
            _ => (cell.bg, cell.bg),
        };
        match (upper, lower) {
            (Color::Rgb(a, b, c), Color::Rgb(d, e, f)) => Some(([a, b, c], [d, e, f])),
            _ => None,
        }
    }

    /// What there is of pictures in the first column of the text, from top to bottom.
    fn column(&self) -> Vec<Halves> {
        let rows = 0..self.terminal.backend().buffer().area.height;
        rows.filter_map(|y| self.halves(3, y)).collect()
    }
}

fn png(picture: RgbImage) -> String {
    let mut bytes = Cursor::new(Vec::new());
    let picture = DynamicImage::from(picture);
    picture.write_to(&mut bytes, ImageFormat::Png).unwrap();
    BASE64_STANDARD.encode(bytes.into_inner())
}

/// What Codex sends when its `view_image` was called.
fn viewed(data: &str) -> Value {
    json!({"model": "human", "stream": true, "input": [
        {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Look!"}]},
        {"type": "function_call", "name": "view_image", "call_id": "call_1",
            "arguments": "{\"path\":\"a.png\"}"},
        {"type": "function_call_output", "call_id": "call_1", "output": [
            {"type": "input_image", "image_url": format!("data:image/png;base64,{data}")}]}]})
}

/// A picture of 40 by 40 pixels, with a colour to each of its rows.
fn striped() -> RgbImage {
    RgbImage::from_fn(40, 40, |_, y| Rgb(stripe(y as usize)))
}

fn stripe(y: usize) -> [u8; 3] {
    let part = u8::try_from(y * 6).unwrap();
    [part, 255 - part, 7]
}

/// All of the stripes, two to a character.
fn stripes() -> Vec<Halves> {
    (0..20)
        .map(|row| (stripe(row * 2), stripe(row * 2 + 1)))
        .collect()
}

#[test]
fn what_a_tool_gave_back_is_seen() {
    let colours = [[255, 0, 0], [0, 255, 0], [0, 0, 255], [1, 2, 3]];
    let picture = RgbImage::from_fn(2, 2, |x, y| Rgb(colours[(y * 2 + x) as usize]));
    let mut desk = Desk::asked(&viewed(&png(picture)));
    desk.until("picture", |desk| !desk.column().is_empty());
    let words = desk.row_of("[image: image/png, ").expect("its words");
    let y = u16::try_from(words).unwrap() + 1;
    assert_eq!(desk.halves(3, y), Some((colours[0], colours[2])));
    assert_eq!(desk.halves(4, y), Some((colours[1], colours[3])));
    assert_eq!(desk.halves(5, y), None);
    assert_eq!(desk.column().len(), 1);
    assert_eq!(desk.row_of("loading"), None);
}

#[test]
fn a_picture_is_scrolled_row_by_row() {
    let mut desk = Desk::asked(&viewed(&png(striped())));
    desk.terminal.backend_mut().resize(80, 16);
    desk.until("picture", |desk| !desk.column().is_empty());
    let all = stripes();
    desk.press(KeyCode::Home, KeyModifiers::CONTROL);
    let top = desk.column();
    assert!(top.len() < all.len(), "{}", desk.screen());
    assert_eq!(top, all[..top.len()], "{}", desk.screen());
    desk.press(KeyCode::End, KeyModifiers::CONTROL);
    let end = desk.column();
    assert!(
        !end.is_empty() && end.len() < all.len(),
        "{}",
        desk.screen()
    );
    assert_eq!(end, all[all.len() - end.len()..]);
    for _ in 0..3 {
        desk.press(KeyCode::Up, KeyModifiers::CONTROL);
    }
    let middle = desk.column();
    let start = all.iter().position(|halves| *halves == middle[0]).unwrap();
    assert!(start > 0 && start + middle.len() < all.len(), "{start}");
    assert_eq!(middle, all[start..start + middle.len()]);
}

#[test]
fn the_layout_is_the_same_before_and_after() {
    let mut desk = Desk::asked(&viewed(&png(striped())));
    let before = desk.row_of("[image: ").expect("its words");
    desk.until("picture", |desk| !desk.column().is_empty());
    assert_eq!(desk.row_of("[image: "), Some(before));
    desk.terminal.backend_mut().resize(30, 24);
    desk.draw();
    desk.terminal.backend_mut().resize(80, 24);
    desk.until("picture", |desk| desk.halves(42, 12).is_some());
}

#[test]
fn a_folded_block_shows_no_picture() {
    let mut desk = Desk::asked(&viewed(&png(striped())));
    desk.until("picture", |desk| !desk.column().is_empty());
    desk.press(KeyCode::Char('k'), KeyModifiers::ALT);
    desk.press(KeyCode::Char('o'), KeyModifiers::CONTROL);
    assert!(desk.column().is_empty(), "{}", desk.screen());
}

#[test]
fn what_cannot_be_shown_is_told() {
    for data in ["AAAA", "\u{1b}]0;x\u{7}", "", &png(striped())[..80]] {
        let mut desk = Desk::asked(&viewed(data));
        desk.until("word", |desk| desk.row_of("not shown: broken").is_some());
        assert!(desk.column().is_empty());
        assert!(!desk.screen().chars().any(|c| c.is_control() && c != '\n'));
    }
}
