use proptest::prelude::*;
use serde_json::json;

use super::*;

#[test]
fn every_kind_of_value_has_a_placeholder() {
    let schema = json!({
        "type": "object",
        "properties": {
            "title": {"type": "string"},
            "count": {"type": "integer"},
            "least": {"type": "integer", "minimum": 3},
            "score": {"type": ["null", "number"]},
            "done": {"type": "boolean"},
            "level": {"enum": ["low", "high"]},
            "kind": {"const": "fix"},
            "lang": {"type": "string", "default": "en"},
            "none": {"type": "null"},
            "tags": {"type": "array", "items": {"type": "string"}},
            "steps": {"type": "array", "minItems": 2, "items": {"$ref": "#/$defs/a~1b"}},
            "pair": {"type": "array", "prefixItems": [{"type": "string"}, {"type": "integer"}]},
            "maybe": {"anyOf": [{"type": "null"}, {"$ref": "#/$defs/a~1b"}]},
            "both": {"allOf": [{"properties": {"x": {"type": "integer"}}}], "properties": {"y": true}},
            "any": {},
        },
        "required": ["title"],
        "$defs": {"a/b": {"type": "object", "properties": {"say": {"type": "string"}}}}
    });
    let expected = json!({
        "title": "", "count": 0, "least": 3, "score": 0, "done": false, "level": "low", "kind": "fix",
        "lang": "en", "none": null, "tags": [], "steps": [{"say": ""}], "pair": ["", 0],
        "maybe": {"say": ""}, "both": {"x": 0, "y": ""}, "any": "",
    });
    // The order is that of the schema.
    assert_eq!(skeleton(&schema).to_string(), expected.to_string());
}

#[test]
fn schemas_that_go_on_forever_end() {
    let node = json!({
        "$ref": "#/$defs/node",
        "$defs": {"node": {"type": "object", "required": ["left"], "properties": {
            "left": {"$ref": "#/$defs/node"}, "right": {"$ref": "#/$defs/node"}}}}
    });
    assert!(skeleton(&node).to_string().len() < 20_000);
    let list = json!({"type": "array", "minItems": 1, "items": {"$ref": "#"}});
    assert!(skeleton(&list).to_string().len() < 100);
    for schema in [
        json!({"$ref": "#"}),
        json!({"anyOf": [{"$ref": "#"}]}),
        json!({"allOf": [{"$ref": "#"}, {"$ref": "#"}, {"$ref": "#"}]}),
        json!({"$ref": "https://example.com/schema"}),
        json!({"type": 5, "properties": [], "required": 1, "enum": {}}),
        json!(true),
    ] {
        skeleton(&schema);
    }
}

fn answer(schema: Value, text: &str) -> Result<(), String> {
    let name = "test".into();
    check_answer(&OutputFormat::JsonSchema { name, schema }, text)
}

#[test]
fn answers_are_checked_against_what_is_asked_for() {
    assert_eq!(check_answer(&OutputFormat::Text, "{"), Ok(()));
    assert_eq!(check_answer(&OutputFormat::JsonObject, " {} "), Ok(()));
    let error = |text| check_answer(&OutputFormat::JsonObject, text).unwrap_err();
    assert_eq!(error("[1]"), "expected a JSON object, not an array");
    assert!(error("{\"a\":}").starts_with("not valid JSON (expected value at line 1"));
    assert!(error("```json\n{}\n```").contains("remove the ```"));
    assert!(error(" ").contains("none yet"));

    let schema = json!({"type": "object", "properties": {
        "items": {"type": "array", "items": {"type": "object", "properties": {"n": {"type": "integer"}}}}},
        "required": ["items"], "additionalProperties": false});
    assert_eq!(answer(schema.clone(), r#"{"items": [{"n": 1}]}"#), Ok(()));
    let wrong = r#"{"items": [{"n": 1}, {"n": "two"}]}"#;
    assert_eq!(
        answer(schema.clone(), wrong).unwrap_err(),
        "at /items/1/n: this is not of type \"integer\""
    );
    assert_eq!(
        answer(schema.clone(), "{}").unwrap_err(),
        "at the answer: \"items\" is a required property"
    );
    let more = answer(schema, r#"{"items": [], "x": 1}"#).unwrap_err();
    assert!(more.contains("'x' was unexpected"), "{more}");
    let schema = json!({"enum": ["x".repeat(1000)]});
    assert!(answer(schema, "1").unwrap_err().chars().count() <= MAX_LENGTH + 1);
    let bad = answer(json!({"type": "nonesuch"}), "1").unwrap_err();
    assert!(bad.contains("cannot be checked"), "{bad}");
    let far = answer(json!({"$ref": "https://example.com/schema"}), "1").unwrap_err();
    assert!(far.contains("cannot be checked"), "{far}");
}

/// Schemas of the strict kind: all properties required, and no others allowed.
fn strict() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(json!({"type": "string"})),
        Just(json!({"type": ["string", "null"]})),
        Just(json!({"type": "integer"})),
        Just(json!({"type": "number"})),
        Just(json!({"type": "boolean"})),
        Just(json!({"enum": ["a", "b"]})),
        Just(json!({"const": 7})),
    ];
    let inner = leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            object(inner.clone()),
            (inner.clone(), 0..2).prop_map(|(items, least)| {
                json!({"type": "array", "items": items, "minItems": least})
            }),
            inner.prop_map(|some| json!({"anyOf": [{"type": "null"}, some]})),
        ]
    });
    object(inner)
}

fn object(inner: impl Strategy<Value = Value>) -> impl Strategy<Value = Value> {
    prop::collection::btree_map("\\PC{0,6}", inner, 0..4).prop_map(|properties| {
        let names: Vec<String> = properties.keys().cloned().collect();
        json!({"type": "object", "properties": properties, "required": names, "additionalProperties": false})
    })
}

proptest! {
    #[test]
    fn a_skeleton_of_a_strict_schema_is_an_answer(schema in strict()) {
        let skeleton = skeleton(&schema);
        let names = |value: &Value| -> Vec<String> {
            value.as_object().into_iter().flatten().map(|(name, _)| name.clone()).collect()
        };
        prop_assert_eq!(names(&skeleton), names(&schema["properties"]));
        let text = serde_json::to_string_pretty(&skeleton).unwrap();
        prop_assert_eq!(answer(schema, &text), Ok(()));
    }
}
