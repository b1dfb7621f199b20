//! The terminal interface without a terminal: its state, a screen that is drawn after every step as the
//! event loop does, and the way in for clients.

use std::path::Path;
use std::time::{Duration, Instant};

use crossterm::event::{
    Event as Input, KeyCode, KeyEvent, KeyModifiers, MouseEvent, MouseEventKind,
};
use futures_util::FutureExt;
use humanllm::agents::Housekeeping;
use humanllm::api::{Body, Ending, Interner, Phase, Reply, Request, responses};
use humanllm::draft::Draft;
use humanllm::inbox::{self, Event, Intake, PendingRequest};
use humanllm::journal::Journal;
use humanllm::store::Store;
use humanllm::tui::app::{App, AppSettings, Effect};
use humanllm::tui::keys::chord::KeyChord;
use humanllm::tui::keys::keymap::Keymap;
use humanllm::tui::layout;
use humanllm::tui::pictures::Graphics;
use humanllm::tui::theme::Theme;
use humanllm::tui::ui::Ui;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use ratatui::Terminal;
use ratatui::backend::{Backend, TestBackend};
use ratatui::layout::Position;
use ratatui::style::Style;
use serde_json::{Value, json};
use tokio::sync::mpsc::UnboundedReceiver;
use unicode_width::UnicodeWidthStr;

use super::DEADLINE;

/// Sizes of the screen: columns and rows.
pub const NORMAL: (u16, u16) = (80, 24);
pub const SMALL: (u16, u16) = (40, 12);
pub const MIDDLE: (u16, u16) = (120, 40);
pub const WIDE: (u16, u16) = (200, 60);

/// The terminal interface, used like a person would, and the way in for clients.
pub struct TestTui {
    pub app: App,
    pub ui: Ui,
    pub intake: Intake,
    pub events: UnboundedReceiver<Event>,
    pub terminal: Terminal<TestBackend>,
    pub effects: Vec<Effect>,
}

impl TestTui {
    pub fn new(size: (u16, u16)) -> Self {
        Self::with_store(size, Store::new(10))
    }

    /// One whose answers can be taken back for some seconds.
    pub fn with_unsend(size: (u16, u16), seconds: u64) -> Self {
        let mut tui = Self::new(size);
        tui.app.settings.unsend = Duration::from_secs(seconds);
        tui
    }

    /// One with the journal in a state folder.
    pub fn with_state_dir(size: (u16, u16), state_dir: &Path) -> Self {
        let journal = Journal::open(state_dir, Default::default()).unwrap();
        let mut tui = Self::with_store(size, Store::with_journal(10, journal).unwrap());
        tui.app.restore();
        tui.step();
        tui
    }

    fn with_store((columns, rows): (u16, u16), store: Store) -> Self {
        let settings = AppSettings {
            keymap: Keymap::default(),
            zone: TimeZone::UTC,
            bell: true,
            remind_after: None,
            auto_advance: false,
            base_url: "http://127.0.0.1:3000/v1".into(),
            setup: "humanllm setup codex".into(),
            snippets: Vec::new(),
            unsend: Duration::ZERO,
            export: Default::default(),
        };
        let now = Timestamp::from_second(1_753_170_000).unwrap();
        let (intake, events) = inbox::channel(1_000, store.clone());
        let mut tui = Self {
            ui: Ui::new(Theme::dark(), Graphics::HalfBlocks).expect("a thread"),
            app: App::new(settings, store, now),
            intake,
            events,
            terminal: Terminal::new(TestBackend::new(columns, rows)).unwrap(),
            effects: Vec::new(),
        };
        tui.draw();
        tui
    }

    /// A client asks and goes on listening.
    pub fn ask(&mut self, body: &Value) -> Client {
        self.ask_as(body, None)
    }

    pub fn ask_as(&mut self, body: &Value, housekeeping: Option<Housekeeping>) -> Client {
        let request = responses::parse(body.to_string().as_bytes(), &Interner::default()).unwrap();
        self.open(request, housekeeping)
    }

    /// A client asks in any wire format and goes on listening.
    pub fn open(&mut self, request: Request, housekeeping: Option<Housekeeping>) -> Client {
        let agent = "codex_exec/0.169.0 (Linux)".to_owned();
        let pending = self.intake.open(request, agent, housekeeping).unwrap();
        self.step();
        Client(pending)
    }

    /// Returns what was sent to a client, which is delivered with that.
    pub fn receive(&mut self, client: &mut Client) -> Vec<Reply> {
        let mut received = Vec::new();
        while let Some(Some((ticket, reply))) = client.0.next().now_or_never() {
            client.0.delivered(ticket, 1, reply.ends());
            received.push(reply);
        }
        self.step();
        received
    }

    /// A client goes away.
    pub fn hang_up(&mut self, client: Client) {
        drop(client);
        self.step();
    }

    /// Presses keys by the names that the config file has for them, or types a character.
    pub fn press(&mut self, keys: &str) {
        for key in keys.split(' ') {
            let event = key_named(key);
            self.app.on_key(event);
            self.step();
        }
    }

    /// Presses keys that no action is bound to, such as those that edit text.
    pub fn press_unbound(&mut self, keys: &[&str]) {
        for name in keys {
            let (rest, last) = name.rsplit_once('+').unwrap_or(("", name));
            let code = match last {
                "Left" => KeyCode::Left,
                "Right" => KeyCode::Right,
                "Home" => KeyCode::Home,
                "Delete" => KeyCode::Delete,
                "Backspace" => KeyCode::Backspace,
                letter => KeyCode::Char(letter.to_lowercase().chars().next().unwrap()),
            };
            let modifiers = match rest {
                "Ctrl" => KeyModifiers::CONTROL,
                "Alt" => KeyModifiers::ALT,
                _ => KeyModifiers::NONE,
            };
            self.app.on_key(KeyEvent::new(code, modifiers));
        }
        self.step();
    }

    /// Types text, one key at a time; a line break is Alt+Enter.
    pub fn type_text(&mut self, text: &str) {
        for c in text.chars() {
            let key = match c {
                '\n' => KeyEvent::new(KeyCode::Enter, KeyModifiers::ALT),
                c => KeyEvent::new(KeyCode::Char(c), KeyModifiers::NONE),
            };
            self.app.on_input(vec![Input::Key(key)]);
        }
        self.step();
    }

    /// Types text as a terminal without bracketed paste hands over what was pasted.
    pub fn paste_unbracketed(&mut self, text: &str) {
        let key = |c| match c {
            '\n' => KeyEvent::new(KeyCode::Enter, KeyModifiers::NONE),
            c => KeyEvent::new(KeyCode::Char(c), KeyModifiers::NONE),
        };
        let keys = text.chars().map(|c| Input::Key(key(c)));
        self.app.on_input(keys.collect());
        self.step();
    }

    /// Lets time pass.
    pub fn advance(&mut self, seconds: i64) {
        let now = self.app.now.as_second() + seconds;
        self.app.now = Timestamp::from_second(now).unwrap();
        self.app.on_tick();
        self.step();
    }

    pub fn resize(&mut self, columns: u16, rows: u16) {
        self.terminal.backend_mut().resize(columns, rows);
        self.step();
    }

    /// Handles the events of clients, collects the effects, and draws.
    pub fn step(&mut self) {
        while let Ok(event) = self.events.try_recv() {
            self.app.on_event(event);
        }
        self.effects.extend(self.app.take_effects());
        self.draw();
    }

    pub fn draw(&mut self) {
        let (ui, app) = (&self.ui, &mut self.app);
        self.terminal
            .draw(|frame| layout::draw(frame, ui, app))
            .unwrap();
    }

    /// Draws until the screen shows a text that a background task makes.
    pub fn draw_until(&mut self, text: &str) {
        let end = Instant::now() + DEADLINE;
        while !self.screen().contains(text) {
            assert!(Instant::now() < end, "no {text:?} on\n{}", self.screen());
            std::thread::sleep(Duration::from_millis(2));
            self.step();
        }
    }

    /// Has the journal searched for what is typed in a list of conversations.
    pub fn search(&mut self) {
        let wanted = self.effects.iter().rev().find_map(|effect| match effect {
            Effect::FindConversations(query) => Some(query.clone()),
            _ => None,
        });
        let Some(query) = wanted else {
            return;
        };
        while self.app.store().index_is_behind() {
            std::thread::sleep(Duration::from_millis(5));
        }
        let found = self.app.store().find(&query, 500);
        self.app.on_search_results(&query, found);
        self.step();
    }

    /// Runs the jobs that the event loop would run in the background, once the journal has all that came
    /// before.
    pub fn run_jobs(&mut self) {
        let store = self.app.store().clone();
        let written = store.save_draft(None, &Draft::default());
        assert!(
            store.settled_blocking(written),
            "the journal is not written"
        );
        for effect in std::mem::take(&mut self.effects) {
            match effect {
                Effect::Load(id) => self.app.on_loaded(id, store.load(id)),
                Effect::ReadTurns(id, purpose) => {
                    self.app.on_turns(id, purpose, &store.outline(id));
                }
                Effect::Export(job) => {
                    let is_dry = job.options.dry_run;
                    let mut updates = Vec::new();
                    job.run(&store, |update| {
                        updates.push(update);
                        true
                    });
                    updates
                        .into_iter()
                        .for_each(|update| self.app.on_export(is_dry, update));
                }
                other => self.effects.push(other),
            }
        }
        self.step();
    }

    pub fn bells(&self) -> usize {
        let bells = self.effects.iter().filter(|e| **e == Effect::Bell);
        bells.count()
    }

    pub fn quits(&self) -> bool {
        self.effects.contains(&Effect::Quit)
    }

    pub fn text(&self) -> String {
        self.app.composer().text()
    }

    pub fn title(&self) -> &str {
        self.app.conversation().map_or("", |c| c.title())
    }

    /// The rows as a person sees them: wide characters once, no trailing blanks.
    pub fn screen(&self) -> String {
        let buffer = self.terminal.backend().buffer();
        let mut screen = String::new();
        for y in 0..buffer.area.height {
            let (mut row, mut x) = (String::new(), 0);
            while x < buffer.area.width {
                let symbol = buffer[(x, y)].symbol();
                row.push_str(symbol);
                x += u16::try_from(symbol.width().max(1)).unwrap();
            }
            screen.push_str(row.trim_end());
            screen.push('\n');
        }
        screen
    }

    pub fn sees(&self, text: &str) {
        let screen = self.screen();
        assert!(screen.contains(text), "no {text:?} on\n{screen}");
    }

    pub fn misses(&self, text: &str) {
        let screen = self.screen();
        assert!(!screen.contains(text), "{text:?} is on\n{screen}");
    }

    /// The row and column at which a text begins on the screen.
    pub fn find(&self, text: &str) -> (u16, u16) {
        let rows = self.screen();
        let found = rows.lines().zip(0..).find_map(|(row, y)| {
            let before = row.split_once(text)?.0;
            Some((u16::try_from(before.width()).unwrap(), y))
        });
        found.unwrap_or_else(|| panic!("no {text:?} on\n{rows}"))
    }

    /// How the first character of a text looks.
    pub fn style_of(&self, text: &str) -> Style {
        let at = self.find(text);
        self.terminal.backend().buffer()[at].style()
    }

    /// Does something with the mouse where a text is.
    pub fn mouse(&mut self, kind: MouseEventKind, text: &str) {
        let (column, row) = self.find(text);
        let modifiers = KeyModifiers::NONE;
        self.app.on_input(vec![Input::Mouse(MouseEvent {
            kind,
            column,
            row,
            modifiers,
        })]);
        self.step();
    }

    /// What was copied.
    pub fn copied(&self) -> Vec<&str> {
        let effects = self.effects.iter();
        let copied = effects.filter_map(|effect| match effect {
            Effect::Copy(text) => Some(text.as_str()),
            _ => None,
        });
        copied.collect()
    }

    pub fn cursor(&mut self) -> Position {
        self.terminal.backend_mut().get_cursor_position().unwrap()
    }
}

/// A client that waits for its response.
pub struct Client(pub PendingRequest);

pub fn key_named(name: &str) -> KeyEvent {
    if let [c] = name.chars().collect::<Vec<_>>()[..] {
        return KeyEvent::new(KeyCode::Char(c), KeyModifiers::NONE);
    }
    if name == "Backspace" {
        return KeyEvent::new(KeyCode::Backspace, KeyModifiers::NONE);
    }
    let chord: KeyChord = name.parse().unwrap();
    let (mut code, mut modifiers) = (None, KeyModifiers::NONE);
    for part in name.split('+') {
        match part {
            "Ctrl" => modifiers |= KeyModifiers::CONTROL,
            "Alt" => modifiers |= KeyModifiers::ALT,
            "Shift" => modifiers |= KeyModifiers::SHIFT,
            "Enter" => code = Some(KeyCode::Enter),
            "Tab" if modifiers == KeyModifiers::SHIFT => code = Some(KeyCode::BackTab),
            "Tab" => code = Some(KeyCode::Tab),
            "Esc" => code = Some(KeyCode::Esc),
            "Up" => code = Some(KeyCode::Up),
            "Down" => code = Some(KeyCode::Down),
            "Home" => code = Some(KeyCode::Home),
            "End" => code = Some(KeyCode::End),
            "Left" => code = Some(KeyCode::Left),
            "Right" => code = Some(KeyCode::Right),
            "PageUp" => code = Some(KeyCode::PageUp),
            "PageDown" => code = Some(KeyCode::PageDown),
            part if part.len() > 1 => code = Some(KeyCode::F(part[1..].parse().unwrap())),
            part => code = part.to_lowercase().chars().next().map(KeyCode::Char),
        }
    }
    let event = KeyEvent::new(code.unwrap(), modifiers);
    assert_eq!(KeyChord::from_event(&event), Some(chord));
    event
}

pub fn message(role: &str, text: &str) -> Value {
    let kind = if role == "assistant" {
        "output_text"
    } else {
        "input_text"
    };
    json!({"type": "message", "role": role, "content": [{"type": kind, "text": text}]})
}

/// The shell of Codex: all that it takes, by the alphabet.
pub fn exec_command() -> Value {
    let parameters = json!({"type": "object", "required": ["cmd"], "properties": {
        "cmd": {"type": "string", "description": "Shell command to execute."},
        "justification": {"type": "string", "description": "Why it is needed."},
        "login": {"type": "boolean", "description": "Whether the shell is a login shell."},
        "max_output_tokens": {"type": "number", "description": "The most that is returned."},
        "prefix_rule": {"type": "array", "items": {"type": "string"},
            "description": "What may run without asking from now on."},
        "sandbox_permissions": {"type": "string", "enum": ["use_default", "require_escalated"],
            "description": "Whether the sandbox holds."},
        "shell": {"type": "string", "description": "The shell."},
        "tty": {"type": "boolean", "description": "Whether it gets a terminal."},
        "workdir": {"type": "string", "description": "Working directory."},
        "yield_time_ms": {"type": "number", "description": "How long to wait for output."}},
        "additionalProperties": false});
    json!({"type": "function", "name": "exec_command", "strict": false,
        "description": "Runs a command in a PTY.", "parameters": parameters})
}

/// A request as Codex sends it: its own instructions, then the prompt and what came after it.
pub fn codex_request(thread: &str, prompt: &str, more: &[Value]) -> Value {
    let mut input = vec![
        message("developer", &"You are a coding agent.\n".repeat(800)),
        message(
            "developer",
            "<skills_instructions>\nnone\n</skills_instructions>",
        ),
        message(
            "user",
            "<environment_context>\n  <cwd>/tmp</cwd>\n</environment_context>",
        ),
        message("user", prompt),
    ];
    input.extend(more.iter().cloned());
    json!({"model": "human", "stream": true, "prompt_cache_key": thread, "input": input,
        "tools": [exec_command(), {"type": "web_search"}]})
}

/// A function that a request may offer.
pub fn function(name: &str, about: &str, parameters: Value) -> Value {
    json!({"type": "function", "name": name, "description": about, "parameters": parameters})
}

/// A function with two arguments that it needs and one that it does not.
pub fn weather() -> Value {
    let parameters = json!({"type": "object", "required": ["city", "days"], "properties": {
        "note": {"type": "string"},
        "city": {"type": "string", "description": "Where"},
        "days": {"type": "integer", "description": "How far ahead", "minimum": 1}}});
    function("get_weather", "Tells the weather.", parameters)
}

/// The free-form tool that takes patches.
pub fn apply_patch() -> Value {
    json!({"type": "custom", "name": "apply_patch", "description": "Edits files by a patch.",
        "format": {"type": "grammar", "syntax": "lark", "definition": "start: x"}})
}

/// A request with these tools, and with more fields.
pub fn request_with_tools(prompt: &str, tools: &[Value], more: Value) -> Value {
    let mut body = json!({"model": "human", "input": prompt, "tools": tools});
    let more = more.as_object().cloned().unwrap_or_default();
    body.as_object_mut().unwrap().extend(more);
    body
}

/// A bare request without tools.
pub fn plain_request(prompt: &str) -> Value {
    json!({"model": "human", "input": prompt})
}

pub fn call(command: &str) -> Value {
    json!({"type": "function_call", "name": "exec_command", "call_id": "call_1",
        "arguments": json!({"cmd": command}).to_string()})
}

pub fn output(text: &str, code: i32) -> Value {
    let head = "Chunk ID: 82b5f8\nWall time: 0.0412 seconds\nProcess exited with code";
    json!({"type": "function_call_output", "call_id": "call_1",
        "output": format!("{head} {code}\nOriginal token count: 3\nOutput:\n{text}")})
}

/// The texts of all items of replies, each with what kind of item it is; that of a failure is its code.
pub fn items_of(replies: &[Reply]) -> Vec<(String, &'static str)> {
    let item = |item: &Body| {
        let kind = match item {
            Body::Message { phase, .. } => phase.map_or("message", Phase::as_str),
            Body::FunctionCall { .. } => "call",
            Body::CustomToolCall { .. } => "custom call",
            Body::Reasoning { .. } => "thought",
            Body::LocalShellCall { .. } => "local shell",
            Body::ShellCall { .. } => "shell",
        };
        (item.words().into_owned(), kind)
    };
    let mut all = Vec::new();
    for reply in replies {
        all.extend(reply.items().iter().map(item));
        if let Reply::End {
            ending: Ending::Failed { message, code },
            ..
        } = reply
        {
            all.push((message.clone(), code.as_str()));
        }
    }
    all
}

/// What [`items_of`] returns for a single item.
pub fn one_item(text: &str, kind: &'static str) -> Vec<(String, &'static str)> {
    vec![(text.to_owned(), kind)]
}

/// Does the same at each size, and compares the last screens with the snapshot of that name.
pub fn assert_screens(name: &str, sizes: &[(u16, u16)], play: impl Fn(&mut TestTui)) {
    assert_screens_of(name, sizes, TestTui::new, play);
}

/// The same with an interface that has something already.
pub fn assert_screens_of(
    name: &str,
    sizes: &[(u16, u16)],
    new_tui: impl Fn((u16, u16)) -> TestTui,
    play: impl Fn(&mut TestTui),
) {
    let mut screens = String::new();
    for &(columns, rows) in sizes {
        let mut tui = new_tui((columns, rows));
        play(&mut tui);
        screens += &format!(
            "{:=^1$}\n",
            format!(" {columns}x{rows} "),
            usize::from(columns)
        );
        screens += &tui.screen();
    }
    insta::with_settings!({omit_expression => true, prepend_module_to_snapshot => false, snapshot_path => "../snapshots"}, {
        insta::assert_snapshot!(name, screens);
    });
}
