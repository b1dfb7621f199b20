use proptest::prelude::*;
use serde_json::json;

use super::*;

/// A text that is nowhere else in what it is part of.
fn marked(mark: &str) -> impl Strategy<Value = String> + use<> {
    let mark = mark.to_owned();
    "[a-z\n\"{é]{0,6}".prop_map(move |text| format!("«{mark}»{text}"))
}

fn kind() -> impl Strategy<Value = ReplyKind> {
    use ReplyKind::{Command, Progress, Reject, Send, Think, Tool};
    prop::sample::select(vec![Send, Progress, Command, Tool, Think, Reject])
}

fn call(mark: &str) -> impl Strategy<Value = Call> + use<> {
    (marked(mark), any::<bool>()).prop_map(|(text, is_form)| Call {
        target: CallTarget::Function {
            namespace: None,
            name: "f".into(),
            schema: json!({"type": "object", "properties": {"a": {"type": "string"}}}),
        },
        editor: if is_form {
            Editor::Form(json!({"root": {"line": {"text": text}}}))
        } else {
            Editor::Text { text, cursor: None }
        },
        drafted: None,
    })
}

fn options(is_set: bool, mark: &str) -> Map<String, Value> {
    let options = json!({"workdir": format!("«{mark}»")});
    match options {
        Value::Object(options) if is_set => options,
        _ => Map::new(),
    }
}

fn part(mark: String) -> impl Strategy<Value = Part> {
    let kinds = (kind(), any::<bool>());
    (
        kinds,
        marked(&format!("{mark}t")),
        call(&format!("{mark}c")),
    )
        .prop_map(move |((kind, has_options), text, call)| match kind {
            ReplyKind::Tool => Part {
                kind,
                call: Some(call),
                ..Part::default()
            },
            kind => Part {
                kind,
                text,
                options: options(has_options, &format!("{mark}o")),
                call: None,
                origin: Origin::of("two words", Source::Pasted),
                cut: true,
            },
        })
}

/// A draft whose texts all have `mark` in them.
fn draft(mark: &str) -> impl Strategy<Value = Draft> + use<> {
    let name = mark.to_owned();
    let parts = (0..3usize).prop_flat_map({
        let name = name.clone();
        move |count: usize| {
            let parts: Vec<_> = (0..count).map(|at| part(format!("{name}{at}"))).collect();
            parts
        }
    });
    let text = prop_oneof![Just(String::new()), marked(&format!("{mark}t"))];
    let call = prop::option::of(call(&format!("{mark}c")));
    let flags = (any::<bool>(), any::<bool>());
    (kind(), text, flags, call, parts).prop_map(move |(kind, text, flags, call, parts)| Draft {
        kind,
        text,
        cursor: None,
        options: options(flags.0, &format!("{name}o")),
        call,
        parts,
        live: flags.1,
        origin: Origin::of("words", Source::Recalled),
        cut: false,
        sender: Sender::Person,
    })
}

/// The marks in a text, in any order.
fn marks(json: &str) -> Vec<String> {
    let mut marks: Vec<String> = json
        .split('«')
        .skip(1)
        .filter_map(|rest| Some(rest.split_once('»')?.0.to_owned()))
        .collect();
    marks.sort();
    marks
}

/// Replaces one value somewhere in a draft that was written by something else, but for words.
fn spoil(value: &mut Value, at: &mut usize, by: &Value) {
    let is_word = |value: &Value| value.as_str().is_some_and(|text| text.contains('«'));
    let has_words = |value: &Value| value.to_string().contains('«');
    match value {
        value if *at == 0 && !has_words(value) => *value = by.clone(),
        value if is_word(value) => {}
        Value::Array(items) => {
            for item in items {
                *at = at.wrapping_sub(1);
                spoil(item, at, by);
            }
        }
        Value::Object(fields) => {
            for (name, field) in fields {
                if name != "draft" {
                    *at = at.wrapping_sub(1);
                    spoil(field, at, by);
                }
            }
        }
        _ => {}
    }
}

proptest! {
    #[test]
    fn what_is_written_is_read(draft in draft("a")) {
        prop_assert_eq!(Draft::from_json(&draft.to_json()), draft);
    }

    #[test]
    fn words_survive_whatever_else_is_not_understood(
        draft in draft("a"),
        at in 1..40usize,
        by in prop::sample::select(vec![json!(null), json!(7), json!("hologram"), json!([{}]), json!({"x": 1})]),
    ) {
        let json = draft.to_json();
        let mut value: Value = serde_json::from_str(&json).unwrap();
        spoil(&mut value, &mut { at }, &by);
        let read = Draft::from_json(&value.to_string());
        prop_assert_eq!(marks(&read.to_json()), marks(&json), "{}", value);
    }

    #[test]
    fn nothing_is_lost_on_its_way_back(
        mut typed in draft("a"),
        returned in prop::collection::vec(any::<bool>(), 0..3),
        (b, c, d) in (draft("b"), draft("c"), draft("d")),
    ) {
        let returned: Vec<Draft> = [b, c, d].into_iter().take(returned.len()).collect();
        let all = std::iter::once(&typed).chain(&returned).map(Draft::to_json);
        let before = marks(&all.collect::<String>());
        typed.restore(returned);
        prop_assert_eq!(marks(&typed.to_json()), before);
    }
}

#[test]
fn what_is_no_draft_is_a_text() {
    for text in [
        "",
        "words",
        "{\"a\": 1}",
        "[1]",
        "{\"draft\": \"x\"}",
        "{\"draft\": 1",
    ] {
        assert_eq!(Draft::from_json(text), text.into());
    }
}

#[test]
fn a_command_that_nobody_took_is_a_command_again() {
    let command = Draft {
        kind: ReplyKind::Command,
        options: options(true, "o"),
        ..Draft::from("ls")
    };
    let note = |text| Draft {
        kind: ReplyKind::Progress,
        ..Draft::from(text)
    };
    let mut draft = Draft::default();
    draft.restore(vec![note("one"), note("two"), command.clone()]);
    assert_eq!(
        (draft.kind, draft.text.as_str()),
        (ReplyKind::Command, "ls")
    );
    assert_eq!(draft.options, command.options);
    let parts: Vec<_> = draft
        .parts
        .iter()
        .map(|part| (part.kind, part.text.as_str()))
        .collect();
    assert_eq!(
        parts,
        [(ReplyKind::Progress, "one"), (ReplyKind::Progress, "two")]
    );

    // Beside what was typed since it is a part; words of the same kind are one text.
    let mut draft = Draft::from("since");
    draft.restore(vec![command]);
    assert_eq!((draft.text.as_str(), draft.parts.len()), ("since", 1));
    let mut draft = Draft::from("since");
    draft.restore(vec!["before".into()]);
    assert_eq!(draft.text, "before\nsince");
}
