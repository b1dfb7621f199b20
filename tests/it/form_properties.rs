//! What must hold for any schema, any value and any keys: words are never lost, and nothing that a
//! schema or a value says reaches the terminal as anything but text.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use humanllm::tui::form::{Form, FormOutcome};
use humanllm::tui::theme::Theme;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use serde_json::{Map, Value, json};

/// Values that a generated schema allows, so that a list has several to hold.
const SAMPLES: usize = 3;

/// A schema with values that are valid against it.
type Sample = (Value, Vec<Value>);

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z]{0,8}",
        any::<String>(),
        select(vec![
            "",
            "null",
            "\n",
            "\t\r\n",
            "\u{1b}[2J",
            "\u{9b}1m\u{202e}",
            "日本語 👩‍🚀",
            "e\u{301}\u{301}",
            "\u{200b}\u{e0041}",
            "{\"a\":",
            "~1/%41",
        ])
        .prop_map(str::to_owned),
    ]
}

fn scalar() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        text().prop_map(Value::from),
    ]
}

fn anything() -> impl Strategy<Value = Value> {
    scalar().prop_recursive(4, 24, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::vec((text(), inner), 0..5)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

fn samples<V: Strategy<Value = Value> + 'static>(
    schema: Value,
    values: V,
) -> impl Strategy<Value = Sample> {
    prop::collection::vec(values, SAMPLES).prop_map(move |values| (schema.clone(), values))
}

fn leaf() -> impl Strategy<Value = Sample> {
    let words = || text().prop_map(Value::from);
    let whole = || any::<i64>().prop_map(Value::from);
    prop_oneof![
        samples(json!({"type": "string"}), words()),
        samples(json!({"type": "string", "minLength": 0}), words()),
        samples(json!({"type": "integer", "default": 7}), whole()),
        samples(
            json!({"type": "number"}),
            any::<f64>().prop_map(Value::from)
        ),
        samples(
            json!({"type": "boolean", "default": true}),
            any::<bool>().prop_map(Value::from)
        ),
        samples(json!({"type": "null"}), Just(Value::Null)),
        samples(
            json!({"type": ["string", "null"]}),
            prop_oneof![words(), Just(Value::Null)]
        ),
        samples(
            json!({"type": ["string", "integer"]}),
            prop_oneof![words(), whole()]
        ),
        samples(
            json!({"anyOf": [{"type": "integer"}, {"type": "null"}]}),
            prop_oneof![whole(), Just(Value::Null)]
        ),
        samples(
            json!({"oneOf": [{"type": "string"}, {"type": "object"}]}),
            prop_oneof![words(), Just(json!({"a": [1]}))]
        ),
        samples(json!({"$ref": "#/$defs/word"}), words()),
        samples(
            json!({"type": "object", "additionalProperties": {"type": "string"}}),
            Just(json!({"k": "v"}))
        ),
        samples(json!({}), anything()),
        (
            prop::collection::vec(anything(), 1..5),
            prop::collection::vec(any::<Index>(), SAMPLES)
        )
            .prop_map(|(options, picks)| {
                let values = picks
                    .iter()
                    .map(|pick| pick.get(&options).clone())
                    .collect();
                (json!({"enum": options}), values)
            }),
        anything().prop_map(|only| (json!({"const": only}), vec![only; SAMPLES])),
    ]
}

#[derive(Debug, Clone)]
struct Property {
    name: String,
    required: bool,
    present: Vec<bool>,
    sample: Sample,
}

fn object(inner: impl Strategy<Value = Sample>) -> impl Strategy<Value = Sample> {
    let property = (
        text(),
        any::<bool>(),
        prop::collection::vec(any::<bool>(), SAMPLES),
        inner,
    )
        .prop_map(|(name, required, present, sample)| Property {
            name,
            required,
            present,
            sample,
        });
    (prop::collection::vec(property, 0..6), any::<bool>()).prop_map(|(mut properties, closed)| {
        properties.sort_by(|a, b| a.name.cmp(&b.name));
        properties.dedup_by(|a, b| a.name == b.name);
        let schemas: Map<String, Value> = properties
            .iter()
            .map(|one| (one.name.clone(), one.sample.0.clone()))
            .collect();
        let required: Vec<&String> = properties
            .iter()
            .filter(|one| one.required)
            .map(|one| &one.name)
            .collect();
        let mut schema = json!({"type": "object", "properties": schemas, "required": required});
        if closed {
            schema["additionalProperties"] = false.into();
        }
        let values = (0..SAMPLES).map(|at| {
            let present = properties
                .iter()
                .filter(|one| one.required || one.present[at]);
            let mut members: Map<String, Value> = present
                .map(|one| (one.name.clone(), one.sample.1[at].clone()))
                .collect();
            if !closed && !schemas.contains_key("unforeseen") && at == 1 {
                members.insert("unforeseen".into(), json!([{"deep": null}]));
            }
            Value::Object(members)
        });
        let values = values.collect();
        (schema, values)
    })
}

fn list(inner: impl Strategy<Value = Sample>) -> impl Strategy<Value = Sample> {
    let picks = prop::collection::vec(prop::collection::vec(0..SAMPLES, 0..4), SAMPLES);
    (inner, picks).prop_map(|((schema, items), picks)| {
        let pick = |at: &Vec<usize>| at.iter().map(|at| items[*at].clone()).collect();
        (
            json!({"type": "array", "items": schema}),
            picks.iter().map(pick).collect(),
        )
    })
}

fn nested() -> impl Strategy<Value = Sample> {
    leaf().prop_recursive(3, 24, 4, |inner| {
        prop_oneof![
            object(inner.clone()),
            list(inner.clone()),
            union(inner.clone()),
            object(inner).prop_map(|(schema, mut values)| {
                values[0] = Value::Null;
                (json!({"anyOf": [schema, {"type": "null"}]}), values)
            }),
        ]
    })
}

/// One of two objects, told apart or not.
fn union(inner: impl Strategy<Value = Sample> + Clone) -> impl Strategy<Value = Sample> {
    let keyword = select(vec!["anyOf", "oneOf"]);
    let each = (object(inner.clone()), object(inner), keyword, any::<bool>());
    each.prop_map(|(one, other, keyword, tagged)| {
        let mut all = [one, other];
        // More than one may be valid where nothing tells them apart.
        let keyword = if tagged { keyword } else { "anyOf" };
        for (at, (schema, values)) in all.iter_mut().enumerate().filter(|_| tagged) {
            let name = format!("kind {at}");
            schema["properties"]["\u{1}tag"] = json!({"const": name});
            if let Some(required) = schema["required"].as_array_mut() {
                required.push("\u{1}tag".into());
            }
            for value in values {
                value["\u{1}tag"] = name.clone().into();
            }
        }
        let [(one, mut values), (other, others)] = all;
        values[1] = others[1].clone();
        (json!({keyword: [one, other]}), values)
    })
}

/// What tools have, and anything else.
fn sample() -> impl Strategy<Value = Sample> {
    prop_oneof![4 => object(nested()).boxed(), 1 => union(nested().boxed()).boxed(), 1 => nested().boxed()]
        .prop_map(|(mut schema, values)| {
            schema["$defs"] = json!({"word": {"type": "string", "description": "a \u{1b}[1mword"}});
            (schema, values)
        })
}

/// Schemas that make sense, and others.
fn any_schema() -> impl Strategy<Value = Value> {
    let keyword = select(vec![
        "type",
        "properties",
        "required",
        "items",
        "enum",
        "const",
        "anyOf",
        "oneOf",
        "allOf",
        "$ref",
        "default",
        "description",
        "additionalProperties",
    ]);
    let word = select(vec![
        "string", "integer", "object", "array", "null", "#", "#/items",
    ]);
    let inner = prop_oneof![scalar(), word.prop_map(Value::from)];
    let odd = inner.prop_recursive(4, 32, 4, move |inner| {
        let members = prop::collection::vec((keyword.clone(), inner.clone()), 0..5);
        prop_oneof![
            prop::collection::vec(inner, 0..4).prop_map(Value::from),
            members.prop_map(|all| {
                Value::Object(
                    all.into_iter()
                        .map(|(key, value)| (key.into(), value))
                        .collect(),
                )
            }),
        ]
    });
    prop_oneof![sample().prop_map(|(schema, _)| schema), odd]
}

/// Whether everything in `part` is in `whole`, where there may be more.
fn contains(whole: &Value, part: &Value) -> bool {
    match (whole, part) {
        (Value::Object(whole), Value::Object(part)) => part
            .iter()
            .all(|(name, part)| whole.get(name).is_some_and(|whole| contains(whole, part))),
        (Value::Array(whole), Value::Array(part)) => {
            whole.len() == part.len()
                && whole
                    .iter()
                    .zip(part)
                    .all(|(whole, part)| contains(whole, part))
        }
        (whole, part) => whole == part,
    }
}

fn key() -> impl Strategy<Value = KeyEvent> {
    let code = prop_oneof![
        3 => prop_oneof![any::<char>(), select(vec!['a', 't', '1', ' ', '"', '\u{301}'])]
            .prop_map(KeyCode::Char),
        5 => select(vec![
            KeyCode::Enter,
            KeyCode::Tab,
            KeyCode::BackTab,
            KeyCode::Up,
            KeyCode::Down,
            KeyCode::Down,
            KeyCode::Left,
            KeyCode::Right,
            KeyCode::Home,
            KeyCode::End,
            KeyCode::Backspace,
            KeyCode::Delete,
            KeyCode::Esc,
        ]),
    ];
    let plain = prop_oneof![
        6 => Just(KeyModifiers::NONE),
        1 => Just(KeyModifiers::SHIFT),
        1 => Just(KeyModifiers::ALT),
    ];
    let control = select("abdefhjkuwy".chars().collect::<Vec<_>>())
        .prop_map(|c| KeyEvent::new(KeyCode::Char(c), KeyModifiers::CONTROL));
    prop_oneof![
        5 => (code, plain).prop_map(|(code, modifiers)| KeyEvent::new(code, modifiers)),
        1 => control,
    ]
}

#[derive(Debug, Clone)]
enum Input {
    Key(KeyEvent),
    Paste(String),
    Check,
}

fn input() -> impl Strategy<Value = Input> {
    prop_oneof![
        20 => key().prop_map(Input::Key),
        1 => text().prop_map(Input::Paste),
        1 => Just(Input::Check),
    ]
}

fn feed(form: &mut Form, input: &Input) {
    match input {
        Input::Key(key) => {
            form.on_key(*key);
        }
        Input::Paste(text) => {
            form.paste(text);
        }
        Input::Check => {
            form.check();
        }
    }
}

fn draws_only_text(form: &Form, width: u16, height: u16) {
    let whole = Rect::new(0, 0, width + 4, height + 3);
    let area = Rect::new(2, 1, width, height);
    let mut buffer = Buffer::empty(whole);
    let cursor = form.draw(&mut buffer, &Theme::dark(), area, true);
    assert!(
        cursor.is_none_or(|at| area.contains(at)),
        "{cursor:?} in {area:?}"
    );
    assert!(cursor.is_some() || area.is_empty());
    for y in 0..whole.height {
        for x in 0..whole.width {
            let symbol = buffer[(x, y)].symbol();
            let acts = |c: char| {
                c.is_control() || matches!(c, '\u{200b}' | '\u{202a}'..='\u{202e}' | '\u{e0041}')
            };
            assert!(!symbol.contains(acts), "{symbol:?}");
            let inside = area.contains((x, y).into());
            assert!(inside || symbol == " ", "{symbol:?} at {x},{y}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn valid_values_are_given_back((schema, values) in sample()) {
        for value in values {
            prop_assert!(jsonschema::is_valid(&schema, &value));
            let form = Form::with_value(&schema, &value);
            prop_assert_eq!(&form.value(), &value);
            prop_assert_eq!(form.validate(), vec![]);
            let mut other = Form::new(&schema);
            other.set_value(&form.value());
            prop_assert_eq!(&other.value(), &value);
            for text in [form.to_json(), form.to_pretty_json()] {
                let mut other = Form::new(&schema);
                prop_assert!(other.set_json(&text).is_ok());
                prop_assert_eq!(other.to_json(), form.to_json());
            }
        }
    }

    #[test]
    fn nothing_is_lost(schema in any_schema(), value in anything()) {
        let mut form = Form::with_value(&schema, &value);
        prop_assert!(contains(&form.value(), &value), "{} became {}", value, form.value());
        form.set_value(&Value::Null);
        form.set_value(&value);
        let text = form.to_json();
        prop_assert!(contains(&form.value(), &value));
        prop_assert!(form.set_json(&text).is_ok());
        prop_assert_eq!(form.to_json(), text);
        form.validate();
    }

    #[test]
    fn any_keys_can_be_taken_back_and_drawn(
        (schema, values) in sample(),
        filled in any::<bool>(),
        inputs in prop::collection::vec(input(), 0..60),
        sizes in prop::collection::vec((0_u16..70, 0_u16..12), 1..6),
    ) {
        let mut form = match filled {
            true => Form::with_value(&schema, &values[0]),
            false => Form::new(&schema),
        };
        let before = form.to_json();
        for (input, (width, height)) in inputs.iter().zip(sizes.iter().cycle()) {
            feed(&mut form, input);
            draws_only_text(&form, *width, *height);
        }
        let after = form.to_json();
        let mut again = Form::new(&schema);
        prop_assert!(again.set_json(&after).is_ok());
        prop_assert!(contains(&again.value(), &form.value()));
        while form.undo() {}
        prop_assert_eq!(&form.to_json(), &before);
        while form.redo() {}
        prop_assert_eq!(&form.to_json(), &after);
    }

    #[test]
    fn odd_schemas_are_drawn(schema in any_schema(), width in 0_u16..70, height in 0_u16..12) {
        let mut form = Form::new(&schema);
        form.check();
        draws_only_text(&form, width, height);
    }

    #[test]
    fn enter_leads_to_the_end((schema, _) in sample()) {
        let mut form = Form::new(&schema);
        let enter = KeyEvent::new(KeyCode::Enter, KeyModifiers::NONE);
        let typed = KeyEvent::new(KeyCode::Char('1'), KeyModifiers::NONE);
        let mut submitted = false;
        for _ in 0..200 {
            form.on_key(typed);
            submitted |= form.on_key(enter) == FormOutcome::Submit;
        }
        prop_assert!(submitted || form.validate().iter().any(|error| error.message == "needs a value"));
    }
}
