//! JSON Schemas, and values that are to fit them.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use humanllm::api::{OutputFormat, check_answer, skeleton};
use humanllm::tui::form::Form;
use humanllm::tui::theme::Theme;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use serde_json::{Deserializer, Value};

/// Keys that lead through a form and change it.
const KEYS: &[(KeyCode, KeyModifiers)] = &[
    (KeyCode::Enter, KeyModifiers::NONE),
    (KeyCode::Char('1'), KeyModifiers::NONE),
    (KeyCode::Enter, KeyModifiers::NONE),
    (KeyCode::Right, KeyModifiers::NONE),
    (KeyCode::Down, KeyModifiers::NONE),
    (KeyCode::Char('t'), KeyModifiers::NONE),
    (KeyCode::Tab, KeyModifiers::NONE),
    (KeyCode::Char('"'), KeyModifiers::NONE),
    (KeyCode::Backspace, KeyModifiers::NONE),
    (KeyCode::Enter, KeyModifiers::NONE),
    (KeyCode::Delete, KeyModifiers::NONE),
    (KeyCode::Up, KeyModifiers::NONE),
    (KeyCode::BackTab, KeyModifiers::SHIFT),
    (KeyCode::Char(' '), KeyModifiers::NONE),
    (KeyCode::Char('y'), KeyModifiers::CONTROL),
    (KeyCode::Esc, KeyModifiers::NONE),
];

/// A schema, and after it perhaps values, one after the other.
pub fn schema(data: &[u8]) {
    let mut all = Deserializer::from_slice(data).into_iter::<Value>();
    let Some(Ok(schema)) = all.next() else {
        return;
    };
    let begun = skeleton(&schema);
    fill(&mut Form::new(&schema));
    answer(&schema, &begun);
    for value in all.map_while(Result::ok).take(4) {
        answer(&schema, &value);
    }
}

/// A value as an answer, and as the arguments of a call.
fn answer(schema: &Value, value: &Value) {
    let format = OutputFormat::JsonSchema {
        name: String::new(),
        schema: schema.clone(),
    };
    if let Err(error) = check_answer(&format, &value.to_string()) {
        assert!(!error.is_empty());
    }
    let mut form = Form::with_value(schema, value);
    let text = form.to_json();
    assert!(serde_json::from_str::<Value>(&text).is_ok(), "{text}");
    assert!(form.set_json(&text).is_ok());
    assert_eq!(form.to_json(), text);
    fill(&mut form);
}

/// Presses keys in a form, and takes all of it back.
fn fill(form: &mut Form) {
    let before = form.to_json();
    form.check();
    for (at, (code, modifiers)) in KEYS.iter().enumerate() {
        form.on_key(KeyEvent::new(*code, *modifiers));
        let width = [40, 9, 1][at % 3];
        let area = Rect::new(0, 0, width, 5);
        let mut buffer = Buffer::empty(area);
        let cursor = form.draw(&mut buffer, &Theme::dark(), area, true);
        assert!(cursor.is_some_and(|at| area.contains(at)));
        let mut cells = buffer.content().iter();
        assert!(!cells.any(|cell| cell.symbol().contains(char::is_control)));
    }
    form.paste("{\"a\": [1e400,\n\u{1b}[2J]}");
    form.validate();
    while form.undo() {}
    assert_eq!(form.to_json(), before);
}
