//! Objects that follow one of several schemas.

use super::*;

/// An editor as MCP servers offer it: edits of several kinds, told apart by one property.
fn editor() -> Value {
    json!({
        "type": "object",
        "additionalProperties": false,
        "properties": {
            "path": {"type": "string"},
            "edit": {"anyOf": [{"$ref": "#/$defs/Insert"}, {"$ref": "#/$defs/Replace"}, {"type": "null"}]},
        },
        "required": ["path", "edit"],
        "$defs": {
            "Insert": {"type": "object", "additionalProperties": false, "properties": {
                "op": {"const": "insert", "default": "insert"},
                "line": {"type": "integer"},
                "text": {"type": "string", "description": "What to put there"}},
                "required": ["line", "text"]},
            "Replace": {"type": "object", "additionalProperties": false, "properties": {
                "op": {"const": "replace", "default": "replace"},
                "text": {"type": "string"},
                "all": {"type": "boolean"},
                "line": {"type": "string"}},
                "required": ["text", "all"]},
        },
    })
}

/// A question that is asked by mail or by telephone, as a whole.
fn question() -> Value {
    json!({
        "type": "object",
        "properties": {"words": {"type": "string"}},
        "required": ["words"],
        "oneOf": [
            {"title": "By mail", "properties": {"to": {"type": "string"}}, "required": ["to"]},
            {"title": "By telephone", "required": ["number"],
                "properties": {"number": {"type": "string"}, "hours": {"type": "integer", "minimum": 1}}},
        ],
    })
}

#[test]
fn choosing_an_alternative_shows_its_fields() {
    let mut form = Form::new(&editor());
    keys(&mut form, "a.rs<Down>");
    let lines = screen(&form, 60, 6);
    assert!(lines[1].starts_with("› edit"), "{lines:?}");
    assert!(lines[1].contains("(insert, replace)"), "{lines:?}");
    keys(&mut form, "r");
    let lines = screen(&form, 60, 6);
    assert!(lines[1].contains("replace"), "{lines:?}");
    assert!(lines.iter().any(|line| line.contains("all*")), "{lines:?}");
    assert_eq!(
        keys(&mut form, "<Enter>new<Enter>f<Enter>"),
        FormOutcome::Submit
    );
    assert_eq!(
        form.value(),
        json!({"path": "a.rs", "edit": {"op": "replace", "text": "new", "all": false}})
    );
    assert!(form.check());
}

#[test]
fn what_was_typed_survives_another_choice() {
    let mut form = Form::new(&editor());
    keys(&mut form, "a.rs<Down>i<Enter>7<Enter>some text");
    let insert = json!({"path": "a.rs", "edit": {"op": "insert", "line": 7, "text": "some text"}});
    assert_eq!(form.value(), insert);
    // Up to the choice: the other alternative has `text`, and a `line` of another kind.
    keys(&mut form, "<Up><Up>");
    let before = form.clone();
    keys(&mut form, "<Right>");
    let edit = &form.value()["edit"];
    assert_eq!(
        (&edit["op"], &edit["text"]),
        (&json!("replace"), &json!("some text"))
    );
    // What has no field there is written down with the rest.
    let mut form = Form::from_saved(&editor(), &form.save());
    keys(&mut form, "<Left>");
    assert_eq!(form.value(), insert);
    // So does taking the choice back.
    let mut form = before;
    keys(&mut form, "<Right>");
    assert!(form.undo());
    assert_eq!(form.value(), insert);
}

#[test]
fn nothing_chosen_is_named_and_enter_chooses() {
    let schema = question();
    let mut form = Form::new(&schema);
    let lines = screen(&form, 70, 5);
    assert!(lines[0].contains("one of"), "{lines:?}");
    assert!(lines[0].contains("(By mail, By telephone)"), "{lines:?}");
    assert!(lines[4].starts_with("Enter choose first"), "{lines:?}");
    assert_eq!(form.validate()[0].message, "needs a choice");
    keys(&mut form, "<Enter>");
    assert!(screen(&form, 70, 5)[0].contains("By mail"));
    assert_eq!(
        keys(&mut form, "<Enter>Why?<Enter>me<Enter>"),
        FormOutcome::Submit
    );
    assert_eq!(form.to_json(), r#"{"words":"Why?","to":"me"}"#);
    assert!(form.check());
}

#[test]
fn errors_are_those_of_what_was_chosen() {
    let mut form = Form::new(&question());
    keys(&mut form, "by t<Enter>Why?<Enter>123<Down>0");
    let messages: Vec<String> = form.validate().iter().map(ToString::to_string).collect();
    assert_eq!(messages, ["hours must be at least 1"]);
    // Where `null` is the only other one, the object is what is meant.
    let optional = json!({"type": "object", "properties": {"a": {"anyOf": [
        {"type": "object", "properties": {"n": {"type": "integer"}}}, {"type": "null"}]}}});
    let form = Form::with_value(&optional, &json!({"a": {"n": "x"}}));
    assert_eq!(form.validate()[0].to_string(), "a.n must be a whole number");
}

#[test]
fn a_value_is_shown_as_the_alternative_that_it_follows() {
    let edits = json!({"type": "array", "items": {"anyOf": [
        {"$ref": "#/$defs/Insert"}, {"$ref": "#/$defs/Replace"}]}, "$defs": editor()["$defs"]});
    let value = json!([
        {"op": "replace", "text": "x", "all": true},
        {"line": 1, "text": "y"},
        {"op": "insert", "line": 2, "text": "z", "odd": [1]},
    ]);
    let form = Form::with_value(&edits, &value);
    let lines = screen(&form, 60, 20);
    let chosen: Vec<&str> = lines
        .iter()
        .filter(|line| line.contains("[0] ") || line.contains("[1] ") || line.contains("[2] "))
        .filter_map(|line| line.trim_start_matches('›').split_whitespace().nth(1))
        .collect();
    assert_eq!(chosen, ["replace", "insert", "insert"], "{lines:?}");
    assert_eq!(form.value()[0], value[0]);
    assert_eq!(form.value()[2], value[2]);
}

#[test]
fn an_optional_object_of_several_kinds_is_sent_once_chosen() {
    let mut schema = editor();
    schema["required"] = json!(["path"]);
    let mut form = Form::new(&schema);
    keys(&mut form, "a<Down>");
    assert_eq!(form.value(), json!({"path": "a"}));
    keys(&mut form, "<Enter>");
    assert_eq!(form.value()["edit"]["op"], "insert");
    keys(&mut form, "<Ctrl+d>");
    assert_eq!(form.value(), json!({"path": "a"}));
    assert!(form.undo());
    assert_eq!(form.value()["edit"]["op"], "insert");
}

#[test]
fn the_last_line_says_what_enter_does() {
    let help = |form: &Form| screen(form, 60, 12)[11].clone();
    let mut form = Form::new(&shell());
    assert!(help(&form).starts_with("Enter next field · required"));
    keys(&mut form, "ls<Enter>");
    assert!(help(&form).starts_with("Enter send · "));
    let options = Form::new(&json!({"properties": {"cwd": {"type": "string"}}})).with_verb("set");
    assert!(help(&options).starts_with("Enter set · "));
    let mut form = Form::new(&lists());
    assert!(help(&form).starts_with("Enter add element · "));
    keys(&mut form, "p<Tab><Tab><Tab>");
    assert!(
        help(&form).starts_with("Enter open · → open"),
        "{}",
        help(&form)
    );
}
