//! Filling a form in with keys.

use super::*;

#[test]
fn two_arguments_cost_two_keys() {
    let mut form = Form::new(&shell());
    assert_eq!(keys(&mut form, "ls<Enter>"), FormOutcome::Consumed);
    assert_eq!(keys(&mut form, "to see<Enter>"), FormOutcome::Submit);
    assert_eq!(form.to_json(), r#"{"cmd":"ls","why":"to see"}"#);
    assert!(form.check());
}

#[test]
fn enter_goes_back_to_what_is_missing() {
    let mut form = Form::new(&shell());
    keys(&mut form, "<Down>to see");
    assert_eq!(key(&mut form, "Enter"), FormOutcome::Consumed);
    assert_eq!(
        keys(&mut form, "ls<Down><Down><Enter>"),
        FormOutcome::Submit
    );
    let mut form = Form::new(&shell());
    assert_eq!(keys(&mut form, "<Enter>x<Enter>"), FormOutcome::Consumed);
    assert_eq!(
        key(&mut form, "Enter"),
        FormOutcome::Submit,
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
        assert_eq!(key(&mut form, "Enter"), FormOutcome::Submit);
        assert_eq!(form.value(), json!({}));
    }
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
    assert_eq!(key(&mut form, "Enter"), FormOutcome::Submit);
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
    assert_eq!(key(&mut form, "Enter"), FormOutcome::Submit);
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
    assert_eq!(keys(&mut form, "x<Enter>"), FormOutcome::Consumed);
    assert_eq!(keys(&mut form, "3<Enter>"), FormOutcome::Submit);
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
    assert_eq!(keys(&mut form, "<Down>1.50"), FormOutcome::Consumed);
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
        assert_eq!(key(&mut form, name), FormOutcome::Ignored, "{name}");
    }
    assert_eq!(key(&mut form, "Shift+Tab"), FormOutcome::Consumed);
    assert_eq!(key(&mut form, "Down"), FormOutcome::Ignored);
}
