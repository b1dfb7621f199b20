//! The form as the person meets it: keys in, JSON and a screen out.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use serde_json::json;

use super::*;

fn key(form: &mut Form, name: &str) -> Outcome {
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
fn keys(form: &mut Form, script: &str) -> Outcome {
    let mut outcome = Outcome::Ignored;
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
    form.draw(&mut buffer, area, true);
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

#[test]
fn two_arguments_cost_two_keys() {
    let mut form = Form::new(&shell());
    assert_eq!(keys(&mut form, "ls<Enter>"), Outcome::Consumed);
    assert_eq!(keys(&mut form, "to see<Enter>"), Outcome::Submit);
    assert_eq!(form.to_json(), r#"{"cmd":"ls","why":"to see"}"#);
    assert!(form.check());
}

#[test]
fn enter_goes_back_to_what_is_missing() {
    let mut form = Form::new(&shell());
    keys(&mut form, "<Down>to see");
    assert_eq!(key(&mut form, "Enter"), Outcome::Consumed);
    assert_eq!(keys(&mut form, "ls<Down><Down><Enter>"), Outcome::Submit);
    let mut form = Form::new(&shell());
    assert_eq!(keys(&mut form, "<Enter>x<Enter>"), Outcome::Consumed);
    assert_eq!(
        key(&mut form, "Enter"),
        Outcome::Submit,
        "the person insists"
    );
    assert_eq!(form.to_json(), r#"{"cmd":"","why":"x"}"#);
    assert_eq!(form.validate()[0].to_string(), "cmd needs a value");
}

#[test]
fn a_tool_without_arguments_is_one_enter() {
    for schema in [
        json!({"type": "object"}),
        json!({"type": "object", "properties": {}}),
    ] {
        let mut form = Form::new(&schema);
        assert_eq!(key(&mut form, "Enter"), Outcome::Submit);
        assert_eq!(form.value(), json!({}));
    }
}

#[test]
fn without_a_schema_there_is_json() {
    let mut form = Form::new(&json!({}));
    assert_eq!(form.to_json(), "{}");
    keys(&mut form, r#"{"a": 1e3}"#);
    assert_eq!(form.to_json(), r#"{"a":1e3}"#);
    assert_eq!(keys(&mut form, "<Back>"), Outcome::Consumed);
    assert!(form.validate()[0].message.starts_with("no JSON: EOF"));
    assert_eq!(form.value(), json!(r#"{"a": 1e3"#));
}

#[test]
fn optional_fields_are_sent_once_touched() {
    let mut form = Form::new(&shell());
    keys(&mut form, "ls<Down>x<Down>");
    keys(&mut form, "a<Back>");
    assert_eq!(
        form.value(),
        json!({"cmd": "ls", "why": "x", "workdir": ""})
    );
    keys(&mut form, "<Back>");
    assert_eq!(form.value(), json!({"cmd": "ls", "why": "x"}));
}

#[test]
fn defaults_are_accepted_or_not_sent() {
    let mut form = Form::new(&shell());
    keys(&mut form, "ls<Down>x<Down><Down>");
    assert!(
        screen(&form, 60, 10)
            .iter()
            .any(|line| line.contains("(default: 1000)"))
    );
    assert_eq!(form.value().get("timeout"), None);
    key(&mut form, "Right");
    assert_eq!(form.value()["timeout"], 1000);
    keys(&mut form, "<Ctrl+u>1e3");
    assert!(form.to_json().contains(r#""timeout":1e3"#));
    let asked = json!({"type": "object", "properties": {"n": {"type": "integer", "default": 7}}, "required": ["n"]});
    let mut form = Form::new(&asked);
    assert_eq!(key(&mut form, "Enter"), Outcome::Submit);
    assert_eq!(form.to_json(), r#"{"n":7}"#);
}

#[test]
fn choices_are_typed_or_stepped_through() {
    let mut form = Form::new(&shell());
    keys(&mut form, "ls<Down>x<Down><Down><Down>");
    keys(&mut form, "read-w");
    assert_eq!(form.value()["mode"], "read-write");
    keys(&mut form, "<Down>f");
    assert_eq!(form.value()["tty"], false);
    keys(&mut form, "<Space>");
    assert_eq!(form.value()["tty"], true);
    keys(&mut form, "<Up><Right>");
    assert_eq!(form.value()["mode"], "danger");
    keys(&mut form, "<Ctrl+d>");
    assert_eq!(form.value().get("mode"), None);
}

#[test]
fn lists_grow_by_typing_and_end_with_an_empty_enter() {
    let mut form = Form::new(&lists());
    keys(&mut form, "a b<Down>c<Alt+Enter>d<Down><Enter>");
    assert_eq!(form.value(), json!({"paths": ["a b", "c\nd", ""]}));
    assert_eq!(key(&mut form, "Enter"), Outcome::Submit);
    assert_eq!(form.value(), json!({"paths": ["a b", "c\nd"]}));
    keys(&mut form, "<Up><Ctrl+d>");
    assert_eq!(form.value(), json!({"paths": ["a b"]}));
    keys(&mut form, "<Up><Ctrl+u><Back>");
    assert_eq!(form.value(), json!({"paths": []}));
    assert!(form.undo());
    assert_eq!(form.value(), json!({"paths": [""]}));
    assert!(form.undo() && form.undo());
    assert_eq!(form.value(), json!({"paths": ["a b", "c\nd"]}));
    assert!(form.redo());
    assert_eq!(form.value(), json!({"paths": ["a b"]}));
}

#[test]
fn lists_of_objects_ask_for_each_field() {
    let mut form = Form::new(&lists());
    keys(&mut form, "p<Down><Down><Enter>");
    assert_eq!(keys(&mut form, "x<Enter>"), Outcome::Consumed);
    assert_eq!(keys(&mut form, "3<Enter>"), Outcome::Submit);
    assert_eq!(
        form.to_json(),
        r#"{"paths":["p"],"edits":[{"from":"x","line":3}]}"#
    );
    assert!(form.check());
}

#[test]
fn optional_objects_are_opened_and_sent_with_an_answer() {
    let mut form = Form::new(&lists());
    keys(&mut form, "p<Tab><Tab><Tab>");
    assert!(
        screen(&form, 50, 9)
            .iter()
            .any(|line| line.contains("options  ▸ (not sent)"))
    );
    key(&mut form, "Enter");
    assert_eq!(form.value(), json!({"paths": ["p"]}));
    keys(&mut form, "<Right>");
    assert_eq!(keys(&mut form, "<Down>1.50"), Outcome::Consumed);
    assert_eq!(
        form.to_json(),
        r#"{"paths":["p"],"options":{"deep":{"n":1.50},"name":null}}"#
    );
    keys(&mut form, "<Up><Ctrl+d>");
    assert_eq!(form.value(), json!({"paths": ["p"]}));
    keys(&mut form, "<Up><Space>");
    assert_eq!(
        form.value(),
        json!({"paths": ["p"], "options": {"name": null}})
    );
}

#[test]
fn null_is_an_answer_where_it_is_allowed() {
    let schema = json!({"type": "object", "properties": {
        "a": {"type": ["string", "null"]},
        "b": {"anyOf": [{"type": "array", "items": {"type": "integer"}}, {"type": "null"}]},
    }});
    let mut form = Form::with_value(&schema, &json!({"a": null, "b": null}));
    assert_eq!(form.value(), json!({"a": null, "b": null}));
    keys(&mut form, "x<Down>1");
    assert_eq!(form.value(), json!({"a": "x", "b": [1]}));
    keys(&mut form, "<Up><Ctrl+d>");
    assert_eq!(form.value(), json!({"b": [1]}));
    keys(&mut form, "<Del>");
    assert_eq!(form.value(), json!({"a": null, "b": [1]}));
    keys(&mut form, "<Back>");
    assert_eq!(form.value(), json!({"b": [1]}));
}

#[test]
fn what_does_not_fit_stands_as_json() {
    let value = json!({"cmd": ["ls", "-l"], "why": null, "timeout": "soon", "extra": {"a": [1]}});
    let mut form = Form::with_value(&shell(), &value);
    assert_eq!(form.value(), value);
    let errors: Vec<String> = form.validate().iter().map(ToString::to_string).collect();
    assert_eq!(
        errors,
        [
            "cmd must be text",
            "why must be text",
            "timeout must be a whole number",
            "extra is not a property that is known here",
        ]
    );
    assert!(!form.check());
    keys(&mut form, "<Ctrl+d>ls<Down><Ctrl+d>y");
    assert_eq!(
        form.value(),
        json!({"cmd": "ls", "why": "y", "timeout": "soon", "extra": {"a": [1]}})
    );
    keys(&mut form, "<Shift+Tab><Shift+Tab><Ctrl+d>");
    assert_eq!(
        form.value(),
        json!({"cmd": "ls", "why": "y", "timeout": "soon"})
    );
}

#[test]
fn json_text_goes_in_and_comes_out() {
    let mut form = Form::new(&lists());
    let text = r#"{"paths":["x"],"edits":[{"from":"","line":12345678901234567890123}],"n":1.0,"t":{"a":1,"a":2}}"#;
    form.set_json(text).expect("JSON");
    assert_eq!(form.to_json(), text);
    let pretty = form.to_pretty_json();
    form.set_json(&pretty).expect("JSON");
    assert_eq!(form.to_json(), text);
    let error = form.set_json("{\n x}").expect_err("no JSON").to_string();
    assert_eq!(
        error,
        "this is no JSON: key must be a string at line 2 column 2"
    );
    assert_eq!(form.to_json(), text);
    form.set_json(" ").expect("an empty form");
    assert!(form.is_empty());
    // A number that is none leaves as text, and comes back as what it was typed as.
    let mut form = Form::new(&shell());
    keys(&mut form, "<Tab><Tab><Tab>12x");
    let out = form.to_json();
    form.set_json(&out).expect("JSON");
    assert_eq!(form.value()["timeout"], "12x");
    let messages: Vec<String> = form
        .validate()
        .into_iter()
        .map(|error| error.message)
        .collect();
    assert_eq!(
        messages,
        ["needs a value", "needs a value", "is not a number"]
    );
}

#[test]
fn errors_stand_at_their_rows_and_go_when_mended() {
    let mut form = Form::new(&lists());
    form.set_value(&json!({"paths": ["x"], "edits": [{"line": 1.5, "from": "a"}]}));
    assert!(!form.check());
    assert_eq!(
        form.validate()[0].to_string(),
        "edits[0].line must be a whole number"
    );
    let lines = screen(&form, 40, 10);
    let at = lines
        .iter()
        .position(|line| line.contains("1.5"))
        .expect("the row");
    assert!(lines[at].starts_with('›') && lines[at + 1].contains("✗ must be a whole number"));
    keys(&mut form, "<Back><Back>");
    assert!(!screen(&form, 40, 10).iter().any(|line| line.contains('✗')));
}

#[test]
fn schemas_without_end_are_opened_level_by_level() {
    let schema = json!({
        "$defs": {"node": {
            "type": "object",
            "properties": {"left": {"$ref": "#/$defs/node"}, "right": {"$ref": "#/$defs/node"}},
            "required": ["left", "right"],
        }},
        "$ref": "#/$defs/node",
    });
    let form = Form::new(&schema);
    assert!(form.lines() <= BUDGET * 2 + 1);
    assert!(!form.validate().is_empty());
    for schema in [json!({"$ref": "#"}), json!({"allOf": [{"$ref": "#"}]})] {
        let form = Form::with_value(&schema, &json!({"a": 1}));
        assert_eq!(form.value(), json!({"a": 1}));
        form.validate();
    }
}

#[test]
fn a_schema_that_is_none_is_reported_and_the_form_works() {
    let schema = json!({"type": "object", "properties": {"a": {"type": "strnig"}, "b": {"type": "string", "pattern": "("}}});
    let mut form = Form::new(&schema);
    assert!(form.schema_problem().is_some());
    keys(&mut form, "1<Down>x");
    assert_eq!(form.value(), json!({"a": 1, "b": "x"}));
    assert!(form.check());
}

#[test]
fn pasting_is_text() {
    let mut form = Form::new(&shell());
    form.paste("a\r\nb\rc");
    assert_eq!(form.value()["cmd"], "a\nb\nc");
    assert!(screen(&form, 40, 9)[0].contains("a⏎b⏎c"));
    keys(&mut form, "<Tab>x<Tab><Tab>");
    form.paste(" 1 000\n");
    assert_eq!(form.value()["timeout"], 1000);
    keys(&mut form, "<Tab>");
    form.paste("danger");
    assert_eq!(form.value()["mode"], "danger");
    assert!(form.undo());
    assert_eq!(form.value().get("mode"), None);
}

#[test]
fn keys_of_others_are_left_to_them() {
    let mut form = Form::new(&shell());
    for name in ["Esc", "Up", "Ctrl+p", "Alt+x", "Ctrl+Up"] {
        assert_eq!(key(&mut form, name), Outcome::Ignored, "{name}");
    }
    assert_eq!(key(&mut form, "Shift+Tab"), Outcome::Consumed);
    assert_eq!(key(&mut form, "Down"), Outcome::Ignored);
}

#[test]
fn it_fits_into_a_corner() {
    let mut form = Form::new(&shell());
    keys(&mut form, "ls -la");
    assert_eq!(
        screen(&form, 38, 4),
        [
            "› cmd*    ls -la",
            "  why*    (text)",
            "  workdir (text)",
            "required · text · The command to…  1/6",
        ]
        .map(str::to_owned)
    );
}

#[test]
fn it_scrolls_with_the_focus_and_the_cursor() {
    let mut form = Form::new(&shell());
    keys(&mut form, "<Shift+Tab>");
    let lines = screen(&form, 40, 3);
    assert!(lines[1].starts_with("› tty"), "{lines:?}");
    let mut form = Form::new(&shell());
    keys(&mut form, &"日本".repeat(40));
    let area = Rect::new(3, 2, 38, 4);
    let mut buffer = Buffer::empty(Rect::new(0, 0, 60, 9));
    let at = form.draw(&mut buffer, area, true).expect("a cursor");
    assert!(
        area.contains(at) && at.y == 2 && at.x >= area.right() - 3,
        "{at:?}"
    );
    assert_eq!(form.draw(&mut buffer, area, false), None);
}
