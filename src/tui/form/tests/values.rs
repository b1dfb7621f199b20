//! Values that come from elsewhere, what is wrong with them, and how it looks.

use super::*;

#[test]
fn without_a_schema_there_is_json() {
    let mut form = Form::new(&json!({}));
    assert_eq!(form.to_json(), "{}");
    keys(&mut form, r#"{"a": 1e3}"#);
    assert_eq!(form.to_json(), r#"{"a":1e3}"#);
    assert_eq!(keys(&mut form, "<Back>"), FormOutcome::Consumed);
    assert!(
        form.validate()[0]
            .message
            .starts_with("not valid JSON (EOF")
    );
    assert_eq!(form.value(), json!(r#"{"a": 1e3"#));
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
            "extra is not a known property",
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
        "not valid JSON (key must be a string at line 2 column 2)"
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
    assert!(form.lines() <= ROW_BUDGET * 2 + 1);
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
fn it_fits_into_a_corner() {
    let mut form = Form::new(&shell());
    keys(&mut form, "ls -la");
    assert_eq!(
        screen(&form, 38, 4),
        [
            "› cmd*    ls -la",
            "  why*    (text)",
            "  workdir (text)",
            "Enter next field · required · tex… 1/6",
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
    let at = form
        .draw(&mut buffer, &Theme::dark(), area, true)
        .expect("a cursor");
    assert!(
        area.contains(at) && at.y == 2 && at.x >= area.right() - 3,
        "{at:?}"
    );
    assert_eq!(form.draw(&mut buffer, &Theme::dark(), area, false), None);
}

#[test]
fn hostile_schemas_and_values_stay_quick() {
    let started = std::time::Instant::now();
    let wide: serde_json::Map<String, Value> = (0..2000)
        .map(|at| (format!("p{at}"), json!({"$ref": "#"})))
        .collect();
    let names: Vec<&String> = wide.keys().collect();
    let schema = json!({"type": "object", "required": names, "properties": wide});
    let mut form = Form::new(&schema);
    keys(&mut form, "<Down>x<Enter>");
    screen(&form, 80, 20);
    let mut form = Form::new(&shell());
    form.paste(&"lorem ipsum\n".repeat(400_000));
    keys(&mut form, "<Left><Ctrl+a>x");
    screen(&form, 80, 20);
    let schema = json!({"type": "object", "properties": {"a": {"type": "string", "pattern": "^(a+)+(?=b)$"}}});
    let form = Form::with_value(&schema, &json!({"a": "a".repeat(60)}));
    assert!(!form.validate().is_empty());
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let mut form = Form::new(&json!({"type": "array", "items": {"$ref": "#"}}));
    form.set_json(&deep).expect("JSON");
    assert_eq!(form.to_json(), deep);
    form.validate();
    assert!(started.elapsed().as_secs() < 60, "{:?}", started.elapsed());
}
