//! Drafts: what a composer holds comes back as what it was, whatever was half done.

use crate::support::tui::*;
use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use humanllm::draft::Draft;
use humanllm::tui::composer::Composer;
use humanllm::tui::form::Form;
use proptest::prelude::*;
use serde_json::{Value, json};
use tempfile::TempDir;

/// The draft that would be kept now, by way of the disk.
fn kept(tui: &mut TestTui) -> Draft {
    let mut drafts = tui.app.take_dirty_drafts();
    let draft = drafts.pop().expect("a draft that has changed").1;
    assert!(drafts.is_empty(), "one conversation, one draft");
    Draft::from_json(&draft.to_json())
}

/// Another program, in which a client asks the same and the draft is found.
fn restarted(draft: Draft, body: &Value) -> (TestTui, Client, TempDir) {
    let state = tempfile::tempdir().unwrap();
    let mut tui = TestTui::with_state_dir(NORMAL, state.path());
    let client = tui.ask(body);
    tui.type_text("x");
    let (id, _) = tui.app.take_dirty_drafts().pop().unwrap();
    tui.app.store().save_draft(id, &draft);
    drop((tui, client));
    let mut tui = TestTui::with_state_dir(NORMAL, state.path());
    let client = tui.ask(body);
    (tui, client, state)
}

fn body() -> Value {
    let mut body = codex_request("a", "What now?", &[]);
    body["tools"] = json!([exec_command(), weather(), apply_patch()]);
    body
}

#[test]
fn a_command_comes_back_as_a_command_with_its_options() {
    let mut tui = TestTui::new(NORMAL);
    let _client = tui.ask(&body());
    tui.type_text("!ls");
    tui.press("Alt+O");
    tui.type_text("/srv");
    // The form of the options is still open.
    let half = kept(&mut tui);
    tui.press("Alt+O");
    tui.app
        .on_key(KeyEvent::new(KeyCode::Left, KeyModifiers::NONE));
    let done = {
        tui.type_text("-");
        kept(&mut tui)
    };
    for (draft, command) in [(half, "ls"), (done, "l-s")] {
        let (mut tui, mut client, _state) = restarted(draft, &body());
        tui.sees("[Run command]");
        tui.press("Enter");
        let call = json!({"cmd": command, "workdir": "/srv"}).to_string();
        assert_eq!(items_of(&tui.receive(&mut client)), one_item(&call, "call"));
    }
}

#[test]
fn a_form_comes_back_half_filled_and_wrong_as_it_is() {
    let mut tui = TestTui::new(NORMAL);
    let _client = tui.ask(&body());
    tui.press("Ctrl+T");
    tui.type_text("weather");
    tui.press("Enter");
    tui.type_text("Kyoto");
    tui.press("Enter");
    tui.type_text("soon");
    let (mut tui, mut client, _state) = restarted(kept(&mut tui), &body());
    tui.sees("[Call tool]");
    tui.sees("Kyoto");
    tui.sees("soon");
    // The cursor is where it was.
    tui.press("Backspace Backspace Backspace Backspace");
    tui.type_text("3");
    tui.press("Enter");
    let call = r#"{"city":"Kyoto","days":3}"#;
    assert_eq!(items_of(&tui.receive(&mut client)), one_item(call, "call"));
}

#[test]
fn raw_json_and_patches_come_back_as_text() {
    let mut tui = TestTui::new(NORMAL);
    let _client = tui.ask(&body());
    tui.press("Ctrl+T");
    tui.type_text("weather");
    tui.press("Enter Alt+E");
    tui.app.on_edited(r#"{"city": "Ky"#);
    let (tui, _client, _state) = restarted(kept(&mut tui), &body());
    tui.sees("[Call tool]");
    tui.sees(r#"{"city": "Ky"#);

    let patch = "*** Begin Patch\n*** Delete File: a.txt\n*** End Patch";
    for (tools, name) in [
        (json!([exec_command(), apply_patch()]), "custom call"),
        (json!([exec_command()]), "call"),
    ] {
        let mut body = body();
        body["tools"] = tools;
        let mut tui = TestTui::new(NORMAL);
        let mut client = tui.ask(&body);
        tui.press("Ctrl+T");
        tui.type_text("patch");
        tui.press("Enter");
        tui.app.on_edited(patch);
        let draft = kept(&mut tui);
        tui.press("Enter");
        let expected = items_of(&tui.receive(&mut client));
        let (mut tui, mut client, _state) = restarted(draft, &body);
        tui.press("Enter");
        let heard = items_of(&tui.receive(&mut client));
        assert_eq!(heard, expected);
        assert_eq!(heard[0].1, name);
    }
}

#[test]
fn parts_of_all_kinds_come_back() {
    let mut tui = TestTui::new(NORMAL);
    let _client = tui.ask(&body());
    tui.press("Shift+Tab Shift+Tab");
    tui.type_text("Hm.");
    tui.press("Alt+A Tab");
    tui.type_text("One moment");
    tui.press("Alt+A");
    tui.type_text("!pwd");
    tui.press("Alt+A Ctrl+T");
    tui.type_text("weather");
    tui.press("Enter");
    tui.type_text("Kyoto");
    tui.press("Enter");
    tui.type_text("3");
    tui.press("Alt+A");
    tui.type_text("and a");
    let (mut tui, mut client, _state) = restarted(kept(&mut tui), &body());
    tui.type_text(" word");
    tui.press("Enter");
    let expected = [
        ("Hm.", "thought"),
        ("One moment", "commentary"),
        (r#"{"cmd":"pwd"}"#, "call"),
        (r#"{"city":"Kyoto","days":3}"#, "call"),
        ("and a word", "final_answer"),
    ];
    let heard = items_of(&tui.receive(&mut client));
    assert_eq!(heard, expected.map(|(text, how)| (text.to_owned(), how)));
}

#[test]
fn what_was_sent_is_no_draft_any_more() {
    let mut tui = TestTui::new(NORMAL);
    let mut client = tui.ask(&body());
    tui.press("Tab");
    tui.type_text("One moment");
    tui.press("Enter");
    tui.press("Shift+Tab");
    tui.type_text("!ls");
    tui.press("Enter");
    assert!(kept(&mut tui).is_empty());
    tui.type_text("since");
    assert_eq!(
        kept(&mut tui),
        Composer::from_draft("since".into()).to_draft()
    );
    assert_eq!(tui.receive(&mut client).len(), 2);
}

#[test]
fn all_lines_of_a_live_message_come_back_until_it_is_whole() {
    let mut tui = TestTui::new(NORMAL);
    let mut client = tui.ask(&body());
    tui.press("Alt+L");
    tui.type_text("one\ntwo\nthr");
    tui.receive(&mut client);
    assert_eq!(kept(&mut tui).text, "thr");
    tui.type_text("ee");
    tui.press("Enter");
    // The client goes when it has the words and not the end.
    tui.hang_up(client);
    assert_eq!(tui.text(), "one\ntwo\nthree");
    let mut client = tui.ask(&body());
    tui.press("Enter");
    assert_eq!(
        items_of(&tui.receive(&mut client)),
        one_item("one\ntwo\nthree", "final_answer")
    );
    assert!(kept(&mut tui).is_empty());
}

#[test]
fn a_live_message_comes_back_in_order_after_a_restart() {
    let state = tempfile::tempdir().unwrap();
    let mut tui = TestTui::with_state_dir(NORMAL, state.path());
    let mut client = tui.ask(&body());
    tui.press("Alt+L");
    tui.type_text("one\ntwo\nthr");
    tui.receive(&mut client);
    humanllm::tui::run::save_drafts(&mut tui.app);
    drop((tui, client));
    let mut tui = TestTui::with_state_dir(NORMAL, state.path());
    let _client = tui.ask(&body());
    assert_eq!(tui.text(), "one\ntwo\nthr");
}

#[test]
fn parts_that_stand_beside_a_live_message_come_back_once() {
    let mut tui = TestTui::new(NORMAL);
    let mut client = tui.ask(&body());
    tui.type_text("!pwd");
    tui.press("Alt+A Alt+L");
    tui.type_text("one\ntwo\n");
    tui.receive(&mut client);
    tui.hang_up(client);
    let kept = kept(&mut tui);
    let parts: Vec<&str> = kept.parts.iter().map(|part| part.text.as_str()).collect();
    assert_eq!(parts, ["one\ntwo\n", "pwd"]);
}

#[test]
fn notes_that_a_client_did_not_get_come_back_when_an_answer_finds_it_gone() {
    let mut tui = TestTui::new(NORMAL);
    let client = tui.ask(&body());
    tui.press("Tab");
    tui.type_text("One moment");
    tui.press("Enter Shift+Tab");
    drop(client);
    for c in "done".chars() {
        let key = KeyEvent::new(KeyCode::Char(c), KeyModifiers::NONE);
        tui.app.on_key(key);
    }
    tui.app
        .on_key(KeyEvent::new(KeyCode::Enter, KeyModifiers::NONE));
    tui.step();
    tui.sees("1. ");
    tui.sees("One moment");
    assert_eq!(tui.text(), "done");
}

#[test]
fn what_was_typed_before_anybody_asked_waits_where_there_is_a_draft() {
    let state = tempfile::tempdir().unwrap();
    let first = codex_request("a", "first", &[]);
    let mut tui = TestTui::with_state_dir(NORMAL, state.path());
    tui.type_text("early words");
    let a = tui.ask(&first);
    humanllm::tui::run::save_drafts(&mut tui.app);
    tui.press("Alt+N");
    assert_eq!(tui.text(), "early words");
    tui.press("Ctrl+U");
    tui.type_text("an own draft");
    humanllm::tui::run::save_drafts(&mut tui.app);
    tui.app.store().save_draft(None, &"early words".into());
    drop((tui, a));

    let mut tui = TestTui::with_state_dir(NORMAL, state.path());
    tui.sees("early words");
    let _a = tui.ask(&first);
    tui.press("Alt+N");
    assert_eq!(tui.text(), "an own draft");
    tui.type_text(" of mine");
    let drafts = tui.app.take_dirty_drafts();
    let mut texts: Vec<_> = drafts
        .iter()
        .map(|(id, draft)| (id.is_some(), draft.text.as_str()))
        .collect();
    texts.sort_unstable();
    assert_eq!(texts, [(true, "an own draft of mine")]);
    let _b = tui.ask(&codex_request("b", "second", &[]));
    tui.press("Alt+N");
    assert_eq!(tui.text(), "early words");
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
