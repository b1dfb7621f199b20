//! The form as the person meets it: keys in, JSON and a screen out.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use serde_json::json;

use super::*;
use crate::tui::theme::Theme;

mod alternatives;
mod filling;
mod values;

fn key(form: &mut Form, name: &str) -> FormOutcome {
    let (modifiers, name) = match name.split_once('+') {
        Some(("Ctrl", rest)) => (KeyModifiers::CONTROL, rest),
        Some(("Alt", rest)) => (KeyModifiers::ALT, rest),
        Some(("Shift", rest)) => (KeyModifiers::SHIFT, rest),
        _ => (KeyModifiers::NONE, name),
    };
    let code = match name {
        "Enter" => KeyCode::Enter,
        "Tab" => KeyCode::Tab,
        "Up" => KeyCode::Up,
        "Down" => KeyCode::Down,
        "Left" => KeyCode::Left,
        "Right" => KeyCode::Right,
        "Space" => KeyCode::Char(' '),
        "Back" => KeyCode::Backspace,
        "Del" => KeyCode::Delete,
        "Esc" => KeyCode::Esc,
        other => KeyCode::Char(other.chars().next().unwrap_or('?')),
    };
    form.on_key(KeyEvent::new(code, modifiers))
}

/// Presses keys: `<Name>` for a named one, and what is outside of brackets is typed.
fn keys(form: &mut Form, script: &str) -> FormOutcome {
    let mut outcome = FormOutcome::Ignored;
    let mut rest = script;
    while let Some(c) = rest.chars().next() {
        if let Some((name, after)) = rest.strip_prefix('<').and_then(|r| r.split_once('>')) {
            outcome = key(form, name);
            rest = after;
        } else {
            outcome = form.on_key(KeyEvent::new(KeyCode::Char(c), KeyModifiers::NONE));
            rest = &rest[c.len_utf8()..];
        }
    }
    outcome
}

fn screen(form: &Form, width: u16, height: u16) -> Vec<String> {
    let area = Rect::new(0, 0, width, height);
    let mut buffer = Buffer::empty(area);
    form.draw(&mut buffer, &Theme::dark(), area, true);
    let line = |y| {
        let mut line = String::new();
        let mut x = 0;
        while x < width {
            let symbol = buffer[(x, y)].symbol();
            line.push_str(symbol);
            x += u16::try_from(crate::tui::text::columns(symbol))
                .unwrap_or(1)
                .max(1);
        }
        line.trim_end().to_owned()
    };
    (0..height).map(line).collect()
}

fn shell() -> Value {
    json!({
        "type": "object",
        "properties": {
            "workdir": {"type": "string", "description": "Where to run"},
            "cmd": {"type": "string", "description": "The command to run"},
            "timeout": {"type": "integer", "minimum": 1, "default": 1000},
            "why": {"type": "string"},
            "mode": {"enum": ["read-only", "read-write", "danger"]},
            "tty": {"type": "boolean"},
        },
        "required": ["cmd", "why"],
        "additionalProperties": false,
    })
}

fn lists() -> Value {
    json!({
        "type": "object",
        "properties": {
            "paths": {"type": "array", "items": {"type": "string"}},
            "edits": {"type": "array", "items": {
                "type": "object",
                "properties": {"from": {"type": "string"}, "line": {"type": "integer"}},
                "required": ["from", "line"],
            }},
            "options": {
                "type": "object",
                "properties": {
                    "deep": {"type": "object", "properties": {"n": {"type": "number"}}},
                    "name": {"type": ["string", "null"]},
                },
                "required": ["name"],
            },
        },
        "required": ["paths"],
    })
}
