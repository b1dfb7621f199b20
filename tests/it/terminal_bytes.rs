//! Whatever a request says, and wherever it says it: what is written to the terminal is text, and
//! the sequences that draw it. Checked on the bytes themselves, with a parser of such sequences.

use std::cell::RefCell;
use std::io::{self, Write};
use std::rc::Rc;

use crate::support::screen::*;
use anstyle_parse::{DefaultCharAccumulator, Params, Parser, Perform};
use humanllm::api::{Interner, responses};
use humanllm::tui::layout;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use ratatui::backend::CrosstermBackend;
use ratatui::layout::Rect;
use ratatui::{Terminal, TerminalOptions, Viewport};
use serde_json::{Value, json};

/// What somebody would try who wants more than to be read.
const ATTEMPTS: &[&str] = &[
    "\x1b",
    "\x1b[",
    "\x1b[2J",
    "\x1b[31m",
    "\x1b[38;5;208mcolour\x1b[0m",
    "\x1b[8mhidden",
    "\x1b[6n",
    "\x1b[c",
    "\x1b[?1049l",
    "\x1b[?1000h",
    "\x1b[5i",
    "\x1b]0;title\x07",
    "\x1b]2;title\x1b\\",
    "\x1b]52;c;aGVsbG8=\x07",
    "\x1b]8;;https://example.org\x07link\x1b]8;;\x07",
    "\x1b]1337;File=:\x07",
    "\x1bP+q544e\x1b\\",
    "\x1b_Gf=100;AAAA\x1b\\",
    "\x1b^private\x1b\\",
    "\x1bXstring\x1b\\",
    "\x1bc",
    "\x1b#8",
    "\x1b(0",
    "\u{9b}31m",
    "\u{9d}0;title\u{9c}",
    "\u{90}q\u{9c}",
    "\u{85}",
    "\u{84}",
    "\x00",
    "\x05",
    "\x07",
    "\x08\x08\x08",
    "\x0b\x0c",
    "\x0e\x0f",
    "\x18\x1a",
    "\x7f",
    "\r",
    "\r\n",
    "\n",
    "\t",
    "\u{202e}flipped\u{202c}",
    "\u{2066}isolated\u{2069}",
    "\u{200e}\u{200f}\u{61c}",
    "\u{200b}\u{feff}\u{2060}",
    "\u{2028}\u{2029}",
    "\u{e0001}\u{e0068}\u{e0069}",
    "\u{fff9}\u{fffa}\u{fffb}",
    "\u{ad}",
    "👩\u{200d}👩\u{200d}👧",
    "日本語",
    "e\u{301}\u{301}\u{301}",
    "```python\nprint('x')\n```\n",
    "# Heading\n",
    "**bold** `code` [link](http://x)",
    "*** Begin Patch\n*** Add File: a\n+x\n*** End Patch",
    "Process exited with code 0\nOutput:\n",
];

fn text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        4 => select(ATTEMPTS).prop_map(str::to_owned),
        1 => any::<char>().prop_map(String::from),
        1 => (0u32..0xa0).prop_filter_map("a character", |c| char::from_u32(c).map(String::from)),
        1 => "[a-z ]{1,6}",
    ];
    vec(piece, 1..7).prop_map(|pieces| pieces.concat())
}

/// Hands out texts for all the places of a request, over and over.
struct Texts<'a>(std::iter::Cycle<std::slice::Iter<'a, String>>);

impl Texts<'_> {
    fn next(&mut self) -> String {
        self.0.next().cloned().unwrap_or_default()
    }
}

/// A request with such texts in every place.
fn request(texts: &[String], thread: &str) -> Value {
    let mut texts = Texts(texts.iter().cycle());
    let mut t = || texts.next();
    let say = |role: &str, kind: &str, text: String| json!({"type": "message", "role": role, "content": [{"type": kind, "text": text}]});
    let schema = json!({"type": "object", "required": [t()], "properties": {
        t(): {"type": "string", "description": t(), "default": t()},
        t(): {"enum": [t(), t()], "description": t()},
        t(): {"type": "object", "properties": {t(): {"type": "integer"}}},
        t(): {"anyOf": [{"const": t()}, {"type": "null"}]}}});
    let input = json!([
        say("system", "input_text", t()),
        say("developer", "input_text", t()),
        say("user", "input_text", t()),
        {"type": "message", "role": "user", "content": [
            {"type": "input_image", "image_url": t(), "file_id": t()},
            {"type": "input_file", "filename": t(), "file_data": t()},
            {"type": t(), "text": t()}]},
        say("assistant", "output_text", t()),
        {"type": "reasoning", "summary": [{"type": "summary_text", "text": t()}]},
        {"type": "function_call", "name": t(), "namespace": t(), "call_id": t(),
            "arguments": json!({t(): t()}).to_string()},
        {"type": "function_call", "name": "exec_command", "call_id": "c",
            "arguments": json!({"cmd": t(), t(): t()}).to_string()},
        {"type": "function_call_output", "call_id": "c", "output": t()},
        {"type": "function_call", "name": t(), "call_id": t(), "arguments": t()},
        {"type": "function_call_output", "call_id": t(), "output": json!({t(): t()}).to_string()},
        {"type": "custom_tool_call", "name": "apply_patch", "call_id": t(), "input": t()},
        {"type": "custom_tool_call", "name": t(), "call_id": t(), "input": t()},
        {"type": "custom_tool_call_output", "call_id": t(), "output": t()},
        {"type": "local_shell_call", "call_id": t(), "status": t(),
            "action": {"type": "exec", "command": [t(), t()], "working_directory": t()}},
        {"type": "shell_call", "call_id": "s", "action": {"commands": [t(), t()]}},
        {"type": "shell_call_output", "call_id": "s", "output": [{"stdout": t(), "stderr": t(),
            "outcome": {"type": "exit", "exit_code": 1}}]},
        {"type": "function_call", "name": "run_commands", "call_id": "r",
            "arguments": json!({"commands": [t(), t()]}).to_string()},
        {"type": "function_call_output", "call_id": "r", "output": json!([
            {"query": t(), "result": t(), "success": true},
            {"query": t(), "result": t(), "error": t(), "success": false}]).to_string()},
        {"type": "web_search_call", "status": t(), "action": {"type": "search", "query": t()}},
        {"type": t(), "id": t(), t(): {t(): [t()]}},
        say("user", "input_text", t()),
    ]);
    json!({"model": t(), "instructions": t(), "prompt_cache_key": thread, "input": input,
        "tools": [exec_command(),
            function(&t(), &t(), schema.clone()),
            {"type": "namespace", "name": t(), "tools": [function(&t(), &t(), schema.clone())]},
            {"type": "custom", "name": t(), "description": t()},
            {"type": t(), t(): t()}],
        "tool_choice": {"type": "function", "name": t()},
        "text": {"format": {"type": "json_schema", "name": t(), "schema": schema}},
        "stop": [t()], "metadata": {t(): t()}, t(): t()})
}

/// Bytes that were written, where the test finds them.
#[derive(Clone, Default)]
struct Written(Rc<RefCell<Vec<u8>>>);

impl Write for Written {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.borrow_mut().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Takes down what does not belong on a terminal that shows text.
#[derive(Default)]
struct Judge {
    found: Vec<String>,
    letters: usize,
}

impl Perform for Judge {
    fn print(&mut self, c: char) {
        self.letters += 1;
        let turns = matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}'
            | '\u{2066}'..='\u{2069}');
        let is_tag = matches!(c, '\u{e0000}'..='\u{e007f}');
        if c.is_control() || turns || is_tag || matches!(c, '\u{2028}' | '\u{2029}') {
            self.found.push(format!("character {c:?}"));
        }
    }

    fn execute(&mut self, byte: u8) {
        self.found.push(format!("control {byte:#04x}"));
    }

    fn csi_dispatch(&mut self, params: &Params, intermediates: &[u8], ignore: bool, action: u8) {
        let numbers: Vec<u16> = params.iter().flatten().copied().collect();
        let draws = match (intermediates, action) {
            // Where the cursor goes, and how letters look: but hidden ones.
            ([], b'H') => true,
            ([], b'm') => numbers != [8],
            (b"?", b'h' | b'l') => numbers == [25],
            _ => false,
        };
        if !draws || ignore {
            let action = char::from(action);
            self.found
                .push(format!("CSI {intermediates:?} {numbers:?} {action}"));
        }
    }

    fn esc_dispatch(&mut self, _: &[u8], _: bool, byte: u8) {
        self.found.push(format!("ESC {byte:#04x}"));
    }

    fn osc_dispatch(&mut self, params: &[&[u8]], _: bool) {
        self.found.push(format!("OSC {params:?}"));
    }

    fn hook(&mut self, _: &Params, _: &[u8], _: bool, action: u8) {
        self.found.push(format!("DCS {action:#04x}"));
    }
}

/// Draws the whole screen and reads what was written.
fn judge(desk: &mut Desk, columns: u16, rows: u16) -> Judge {
    let written = Written::default();
    let backend = CrosstermBackend::new(written.clone());
    let viewport = Viewport::Fixed(Rect::new(0, 0, columns, rows));
    let mut terminal = Terminal::with_options(backend, TerminalOptions { viewport }).unwrap();
    let (ui, app) = (&desk.ui, &mut desk.app);
    terminal.draw(|frame| layout::draw(frame, ui, app)).unwrap();
    let mut judge = Judge::default();
    let mut parser = Parser::<DefaultCharAccumulator>::new();
    for byte in written.0.borrow().iter() {
        parser.advance(&mut judge, *byte);
    }
    judge
}

const SIZES: [(u16, u16); 4] = [(80, 24), (200, 60), (40, 12), (20, 6)];

/// Keys that lead through all views.
const WALK: &[&str] = &[
    "Ctrl+Home",
    "Ctrl+O",
    "PageDown",
    "PageDown",
    "PageDown",
    "Ctrl+End",
    "Alt+K",
    "Alt+K",
    "F4",
    "PageDown",
    "Esc",
    "F4",
    "Esc",
    "F3",
    "PageDown",
    "Esc",
    "F2",
    "Esc",
    "F5",
    "F1",
    "Esc",
    "Ctrl+T",
    "Down",
    "Enter",
    "Down",
    "Enter",
    "Alt+E",
    "Alt+E",
    "Esc",
    "Ctrl+T",
    "Down",
    "Down",
    "Enter",
    "Enter",
    "Alt+A",
    "Alt+P",
    "Esc",
    "Alt+I",
    "Ctrl+R",
    "Esc",
    "Tab",
    "Alt+O",
    "Esc",
    "Ctrl+F",
    "a",
    "Enter",
    "Esc",
    "Enter",
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, max_shrink_iters: 100, failure_persistence: None, ..ProptestConfig::default() })]

    /// No byte sequence in a prompt reaches the terminal as a control sequence.
    #[test]
    fn nothing_in_a_request_controls_the_terminal(
        texts in vec(text(), 8..40),
        agent in text(),
        thread in text(),
        pasted in text(),
    ) {
        let mut desk = Desk::new(NORMAL);
        let body = request(&texts, &thread);
        let parsed = responses::parse(body.to_string().as_bytes(), &Interner::default()).expect("every item is accepted");
        let _pending = desk.intake.open(parsed, agent, None).unwrap();
        let mut other = texts.clone();
        other.rotate_left(1);
        let _other = desk.ask(&request(&other, "another"));
        let _next = desk.ask(&request(&other, &thread));
        desk.app.settings.snippets = vec![(pasted.clone(), pasted.clone())];
        desk.app.on_paste(&pasted);
        for (key, size) in WALK.iter().zip(SIZES.iter().cycle()) {
            desk.press(key);
            let judged = judge(&mut desk, size.0, size.1);
            prop_assert!(judged.letters > 0, "nothing was drawn after {key}");
            prop_assert!(judged.found.is_empty(), "after {key} at {size:?}: {:?}", judged.found);
            prop_assert!(!desk.app.title().contains(char::is_control));
        }
    }
}

#[test]
fn the_judge_sees_what_is_there() {
    for attempt in ATTEMPTS
        .iter()
        .filter(|text| text.contains(['\x1b', '\u{9b}', '\x07']))
    {
        let mut judge = Judge::default();
        let mut parser = Parser::<DefaultCharAccumulator>::new();
        for byte in format!("{attempt}text\x1b\\").bytes() {
            parser.advance(&mut judge, byte);
        }
        let draws = attempt.starts_with("\x1b[3");
        assert!(!judge.found.is_empty() || draws, "{attempt:?}");
    }
}
