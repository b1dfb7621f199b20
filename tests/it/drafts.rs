//! Drafts: what a composer holds comes back as what it was, whatever was half done.

use crate::support::screen::*;
use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use humanllm::draft::Draft;
use humanllm::tui::composer::Composer;
use humanllm::tui::form::Form;
use proptest::prelude::*;
use serde_json::{Value, json};
use tempfile::TempDir;

/// The draft that would be kept now, by way of the disk.
fn kept(desk: &mut Desk) -> Draft {
    let mut drafts = desk.app.take_dirty_drafts();
    let draft = drafts.pop().expect("a draft that has changed").1;
    assert!(drafts.is_empty(), "one conversation, one draft");
    Draft::from_json(&draft.to_json())
}

/// Another program, in which a client asks the same and the draft is found.
fn restarted(draft: Draft, body: &Value) -> (Desk, Client, TempDir) {
    let state = tempfile::tempdir().unwrap();
    let mut desk = Desk::at(NORMAL, state.path());
    let client = desk.ask(body);
    desk.write("x");
    let (id, _) = desk.app.take_dirty_drafts().pop().unwrap();
    desk.app.store().keep_draft(id, &draft);
    drop((desk, client));
    let mut desk = Desk::at(NORMAL, state.path());
    let client = desk.ask(body);
    (desk, client, state)
}

fn body() -> Value {
    let mut body = codex("a", "What now?", &[]);
    body["tools"] = json!([exec_command(), weather(), apply_patch()]);
    body
}

#[test]
fn a_command_comes_back_as_a_command_with_its_options() {
    let mut desk = Desk::new(NORMAL);
    let _client = desk.ask(&body());
    desk.write("!ls");
    desk.press("Alt+O");
    desk.write("/srv");
    // The form of the options is still open.
    let half = kept(&mut desk);
    desk.press("Alt+O");
    desk.app
        .on_key(KeyEvent::new(KeyCode::Left, KeyModifiers::NONE));
    let done = {
        desk.write("-");
        kept(&mut desk)
    };
    for (draft, command) in [(half, "ls"), (done, "l-s")] {
        let (mut desk, mut client, _state) = restarted(draft, &body());
        desk.sees("[Run command]");
        desk.press("Enter");
        let call = json!({"cmd": command, "workdir": "/srv"}).to_string();
        assert_eq!(said(&desk.hear(&mut client)), one(&call, "call"));
    }
}

#[test]
fn a_form_comes_back_half_filled_and_wrong_as_it_is() {
    let mut desk = Desk::new(NORMAL);
    let _client = desk.ask(&body());
    desk.press("Ctrl+T");
    desk.write("weather");
    desk.press("Enter");
    desk.write("Kyoto");
    desk.press("Enter");
    desk.write("soon");
    let (mut desk, mut client, _state) = restarted(kept(&mut desk), &body());
    desk.sees("[Call tool]");
    desk.sees("Kyoto");
    desk.sees("soon");
    // The cursor is where it was.
    desk.press("Backspace Backspace Backspace Backspace");
    desk.write("3");
    desk.press("Enter");
    let call = r#"{"city":"Kyoto","days":3}"#;
    assert_eq!(said(&desk.hear(&mut client)), one(call, "call"));
}

#[test]
fn raw_json_and_patches_come_back_as_text() {
    let mut desk = Desk::new(NORMAL);
    let _client = desk.ask(&body());
    desk.press("Ctrl+T");
    desk.write("weather");
    desk.press("Enter Alt+E");
    desk.app.on_edited(r#"{"city": "Ky"#);
    let (desk, _client, _state) = restarted(kept(&mut desk), &body());
    desk.sees("[Call tool]");
    desk.sees(r#"{"city": "Ky"#);

    let patch = "*** Begin Patch\n*** Delete File: a.txt\n*** End Patch";
    for (tools, name) in [
        (json!([exec_command(), apply_patch()]), "custom call"),
        (json!([exec_command()]), "call"),
    ] {
        let mut body = body();
        body["tools"] = tools;
        let mut desk = Desk::new(NORMAL);
        let mut client = desk.ask(&body);
        desk.press("Ctrl+T");
        desk.write("patch");
        desk.press("Enter");
        desk.app.on_edited(patch);
        let draft = kept(&mut desk);
        desk.press("Enter");
        let expected = said(&desk.hear(&mut client));
        let (mut desk, mut client, _state) = restarted(draft, &body);
        desk.press("Enter");
        let heard = said(&desk.hear(&mut client));
        assert_eq!(heard, expected);
        assert_eq!(heard[0].1, name);
    }
}

#[test]
fn parts_of_all_kinds_come_back() {
    let mut desk = Desk::new(NORMAL);
    let _client = desk.ask(&body());
    desk.press("Shift+Tab Shift+Tab");
    desk.write("Hm.");
    desk.press("Alt+A Tab");
    desk.write("One moment");
    desk.press("Alt+A");
    desk.write("!pwd");
    desk.press("Alt+A Ctrl+T");
    desk.write("weather");
    desk.press("Enter");
    desk.write("Kyoto");
    desk.press("Enter");
    desk.write("3");
    desk.press("Alt+A");
    desk.write("and a");
    let (mut desk, mut client, _state) = restarted(kept(&mut desk), &body());
    desk.write(" word");
    desk.press("Enter");
    let expected = [
        ("Hm.", "thought"),
        ("One moment", "commentary"),
        (r#"{"cmd":"pwd"}"#, "call"),
        (r#"{"city":"Kyoto","days":3}"#, "call"),
        ("and a word", "final_answer"),
    ];
    let heard = said(&desk.hear(&mut client));
    assert_eq!(heard, expected.map(|(text, how)| (text.to_owned(), how)));
}

#[test]
fn what_was_sent_is_no_draft_any_more() {
    let mut desk = Desk::new(NORMAL);
    let mut client = desk.ask(&body());
    desk.press("Tab");
    desk.write("One moment");
    desk.press("Enter");
    desk.press("Shift+Tab");
    desk.write("!ls");
    desk.press("Enter");
    assert!(kept(&mut desk).is_empty());
    desk.write("since");
    assert_eq!(
        kept(&mut desk),
        Composer::from_draft("since".into()).to_draft()
    );
    assert_eq!(desk.hear(&mut client).len(), 2);
}

#[test]
fn all_lines_of_a_live_message_come_back_until_it_is_whole() {
    let mut desk = Desk::new(NORMAL);
    let mut client = desk.ask(&body());
    desk.press("Alt+L");
    desk.write("one\ntwo\nthr");
    desk.hear(&mut client);
    assert_eq!(kept(&mut desk).text, "thr");
    desk.write("ee");
    desk.press("Enter");
    // The client goes when it has the words and not the end.
    desk.hang_up(client);
    assert_eq!(desk.text(), "one\ntwo\nthree");
    let mut client = desk.ask(&body());
    desk.press("Enter");
    assert_eq!(
        said(&desk.hear(&mut client)),
        one("one\ntwo\nthree", "final_answer")
    );
    assert!(kept(&mut desk).is_empty());
}

#[test]
fn a_live_message_comes_back_in_order_after_a_restart() {
    let state = tempfile::tempdir().unwrap();
    let mut desk = Desk::at(NORMAL, state.path());
    let mut client = desk.ask(&body());
    desk.press("Alt+L");
    desk.write("one\ntwo\nthr");
    desk.hear(&mut client);
    humanllm::tui::run::keep(&mut desk.app);
    drop((desk, client));
    let mut desk = Desk::at(NORMAL, state.path());
    let _client = desk.ask(&body());
    assert_eq!(desk.text(), "one\ntwo\nthr");
}

#[test]
fn parts_that_stand_beside_a_live_message_come_back_once() {
    let mut desk = Desk::new(NORMAL);
    let mut client = desk.ask(&body());
    desk.write("!pwd");
    desk.press("Alt+A Alt+L");
    desk.write("one\ntwo\n");
    desk.hear(&mut client);
    desk.hang_up(client);
    let kept = kept(&mut desk);
    let parts: Vec<&str> = kept.parts.iter().map(|part| part.text.as_str()).collect();
    assert_eq!(parts, ["one\ntwo\n", "pwd"]);
}

#[test]
fn notes_that_a_client_did_not_get_come_back_when_an_answer_finds_it_gone() {
    let mut desk = Desk::new(NORMAL);
    let client = desk.ask(&body());
    desk.press("Tab");
    desk.write("One moment");
    desk.press("Enter Shift+Tab");
    drop(client);
    for c in "done".chars() {
        let key = KeyEvent::new(KeyCode::Char(c), KeyModifiers::NONE);
        desk.app.on_key(key);
    }
    desk.app
        .on_key(KeyEvent::new(KeyCode::Enter, KeyModifiers::NONE));
    desk.step();
    desk.sees("1. ");
    desk.sees("One moment");
    assert_eq!(desk.text(), "done");
}

#[test]
fn what_was_typed_before_anybody_asked_waits_where_there_is_a_draft() {
    let state = tempfile::tempdir().unwrap();
    let first = codex("a", "first", &[]);
    let mut desk = Desk::at(NORMAL, state.path());
    desk.write("early words");
    let a = desk.ask(&first);
    humanllm::tui::run::keep(&mut desk.app);
    desk.press("Alt+N");
    assert_eq!(desk.text(), "early words");
    desk.press("Ctrl+U");
    desk.write("an own draft");
    humanllm::tui::run::keep(&mut desk.app);
    desk.app.store().keep_draft(None, &"early words".into());
    drop((desk, a));

    let mut desk = Desk::at(NORMAL, state.path());
    desk.sees("early words");
    let _a = desk.ask(&first);
    desk.press("Alt+N");
    assert_eq!(desk.text(), "an own draft");
    desk.write(" of mine");
    let drafts = desk.app.take_dirty_drafts();
    let mut texts: Vec<_> = drafts
        .iter()
        .map(|(id, draft)| (id.is_some(), draft.text.as_str()))
        .collect();
    texts.sort_unstable();
    assert_eq!(texts, [(true, "an own draft of mine")]);
    let _b = desk.ask(&codex("b", "second", &[]));
    desk.press("Alt+N");
    assert_eq!(desk.text(), "early words");
}

/// A schema of every kind of field.
fn schema() -> Value {
    json!({"type": "object", "required": ["text", "whole", "deep"], "properties": {
        "text": {"type": "string"},
        "whole": {"type": "integer"},
        "choice": {"enum": ["one", "two", 3, null]},
        "maybe": {"type": ["string", "null"]},
        "any": {},
        "list": {"type": "array", "items": {"type": "number"}},
        "deep": {"type": "object", "required": ["a"], "properties": {
            "a": {"type": "string"}, "b": {"type": "object", "properties": {"c": {"type": "boolean"}}}}},
    }})
}

fn key() -> impl Strategy<Value = KeyEvent> {
    use KeyCode::*;
    let plain = prop::sample::select(vec![
        Tab,
        BackTab,
        Enter,
        Left,
        Right,
        Up,
        Down,
        Home,
        End,
        Backspace,
        Delete,
        Char(' '),
        Char('1'),
        Char('"'),
        Char('{'),
        Char('t'),
        Char('é'),
    ]);
    let ctrl = prop::sample::select(vec!['d', 'u', 'w', 'e']);
    prop_oneof![
        4 => plain.prop_map(|code| KeyEvent::new(code, KeyModifiers::NONE)),
        1 => ctrl.prop_map(|c| KeyEvent::new(Char(c), KeyModifiers::CONTROL)),
    ]
}

proptest! {
    #[test]
    fn a_form_is_saved_at_any_moment(
        keys in prop::collection::vec(key(), 0..60),
        start in prop::option::of(prop::sample::select(vec![
            json!({"text": "x", "extra": [1, {"a": null}], "list": [1, "two", 3.5]}),
            json!({"whole": 1e3, "deep": {"a": "b", "b": {"c": true}}, "choice": 3, "maybe": null}),
            json!([1, 2]),
        ])),
        more in prop::collection::vec(key(), 0..20),
    ) {
        let schema = schema();
        let mut form = match &start {
            Some(value) => Form::with_value(&schema, value),
            None => Form::new(&schema),
        };
        for key in keys {
            form.on_key(key);
        }
        let saved = form.save();
        let mut back = Form::from_saved(&schema, &saved);
        let again = back.save();
        prop_assert_eq!(&again["root"], &saved["root"]);
        prop_assert_eq!(back.to_json(), form.to_json());
        prop_assert_eq!(back.validate(), form.validate());
        // It goes on as it would have, but for a form that had lost the focus.
        let more = if again == saved { more } else { Vec::new() };
        for key in more {
            if key.modifiers != KeyModifiers::NONE {
                // What was cut is not kept.
                continue;
            }
            prop_assert_eq!(form.on_key(key), back.on_key(key));
            prop_assert_eq!(back.to_json(), form.to_json());
        }
    }
}
