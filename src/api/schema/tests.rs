use serde_json::json;

use super::*;

fn read(schema: &Value) -> SchemaReading<&Value> {
    Schema::new(schema).read()
}

/// The kind somewhere inside of a document, where an object may have any names.
fn kind_of(schema: Value) -> (SchemaType, bool) {
    let reading = Schema::new(&schema).read();
    let below = reading.schema.below(vec![String::new()]).read();
    (below.kind, below.nullable)
}

fn labels(schema: &Value) -> Vec<String> {
    let all = read(schema).alternatives().into_iter();
    all.map(|one| one.label).collect()
}

fn fields(reading: &SchemaReading<&Value>) -> Vec<(String, bool)> {
    let all = reading.properties().into_iter();
    all.map(|one| (one.name, one.required)).collect()
}

#[test]
fn null_beside_one_type_makes_it_nullable() {
    for schema in [
        json!({"type": ["string", "null"]}),
        json!({"anyOf": [{"type": "string"}, {"type": "null"}]}),
        json!({"oneOf": [{"const": null}, {"$ref": "#/$defs/a b"}], "$defs": {"a b": {"type": "string"}}}),
        json!({"anyOf": [{"type": "null"}, {"$ref": "#/$defs/a%20b"}], "$defs": {"a b": {"type": "string"}}}),
        json!({"anyOf": [{"$ref": "#/$defs/none"}, {"type": "string"}], "$defs": {"none": {"type": "null"}}}),
    ] {
        assert_eq!(kind_of(schema), (SchemaType::Text, true));
    }
    let only = SchemaType::Choice(vec![Value::Null]);
    assert_eq!(kind_of(json!({"type": "null"})), (only, false));
    let strict = json!({"type": ["string", "null"], "enum": ["a"]});
    assert_eq!(
        kind_of(strict),
        (SchemaType::Choice(vec![json!("a")]), false)
    );
}

#[test]
fn values_to_choose_from_are_found() {
    let merged = json!({"oneOf": [{"const": "a"}, {"enum": ["b", "c", "a"]}]});
    let all = vec![json!("a"), json!("b"), json!("c")];
    assert_eq!(kind_of(merged).0, SchemaType::Choice(all));
    let optional = json!({"anyOf": [{"enum": ["a", "b"]}, {"type": "null"}]});
    let all = vec![json!("a"), json!("b"), Value::Null];
    assert_eq!(kind_of(optional), (SchemaType::Choice(all), true));
    let both = json!({"allOf": [{"enum": [1, 2, 3]}, {"enum": [3, 2]}]});
    assert_eq!(
        kind_of(both).0,
        SchemaType::Choice(vec![json!(3), json!(2)])
    );
    assert_eq!(kind_of(json!({"enum": []})).0, SchemaType::Anything);
}

#[test]
fn what_is_not_understood_is_anything() {
    for schema in [
        json!({}),
        json!(true),
        json!(7),
        json!({"type": ["string", "integer"]}),
        json!({"type": "strnig"}),
        json!({"type": 3}),
        json!({"$ref": "https://example.com/schema"}),
        json!({"$ref": "#/nowhere"}),
        json!({"$ref": "#"}),
        json!({"$ref": "#%f"}),
    ] {
        assert_eq!(
            kind_of(schema.clone()),
            (SchemaType::Anything, false),
            "{schema}"
        );
    }
    let tuple = json!({"type": "array", "prefixItems": [{"type": "string"}]});
    assert_eq!(kind_of(tuple).0, SchemaType::Tuple);
    let map = json!({"type": "object", "additionalProperties": {"type": "string"}});
    assert_eq!(read(&map).values().read().kind, SchemaType::Text);
    assert_eq!(kind_of(map).0, SchemaType::Map);
    let several = json!({"type": ["string", "integer", "null"]});
    assert_eq!(read(&several).words(), "text or whole number or null");
}

#[test]
fn all_that_holds_at_once_is_one_schema() {
    let schema = json!({
        "description": "what to deploy",
        "allOf": [
            {"$ref": "#/$defs/named"},
            {"properties": {"replicas": {"type": "number", "minimum": 1}}, "required": ["replicas"]},
        ],
        "properties": {"image": {"type": "string"}, "replicas": {"type": "integer"}},
        "$defs": {"named": {"type": "object", "description": "something named",
            "properties": {"name": {"type": "string", "default": "web"}}, "required": ["name"]}},
    });
    let reading = read(&schema);
    assert_eq!(reading.kind, SchemaType::Object);
    assert_eq!(reading.description(), "what to deploy");
    let expected = [("name", true), ("replicas", true), ("image", false)];
    let expected = expected.map(|(name, required)| (name.to_owned(), required));
    assert_eq!(fields(&reading), expected);
    let replicas = reading.property("replicas").expect("a property");
    assert_eq!(replicas.words(), "whole number from 1");
    let name = reading.property("name").expect("a property");
    assert_eq!(name.default(), Some(&json!("web")));
    assert!(reading.property("nothing").is_none());
}

#[test]
fn alternatives_are_called_what_tells_them_apart() {
    let titled = json!({"anyOf": [
        {"title": "By line", "type": "object", "properties": {"line": {"type": "integer"}}},
        {"title": "By text", "type": "object", "properties": {"text": {"type": "string"}}}]});
    assert_eq!(labels(&titled), ["By line", "By text"]);
    let tagged = json!({"oneOf": [{"$ref": "#/$defs/A"}, {"$ref": "#/$defs/B"}, {"type": "null"}],
        "$defs": {
            "A": {"type": "object", "properties": {"op": {"const": "insert"}, "at": {"type": "integer"}}},
            "B": {"type": "object", "properties": {"op": {"enum": ["delete"]}}}}});
    assert_eq!(labels(&tagged), ["insert", "delete"]);
    assert!(read(&tagged).nullable);
    let named = json!({"oneOf": [{"$ref": "#/$defs/Page"}, {"$ref": "#/$defs/Database"}], "$defs": {
        "Page": {"type": "object", "properties": {"id": {"type": "string"}}},
        "Database": {"type": "object", "properties": {"id": {"type": "string"}}}}});
    assert_eq!(labels(&named), ["Page", "Database"]);
    let bare = json!({"anyOf": [
        {"properties": {"id": {"type": "string"}, "why": {}, "url": {"type": "string"}}, "required": ["url"]},
        {"properties": {"id": {"type": "string"}, "path": {"type": "string"}}},
        {"properties": {"id": {"type": "string"}}},
        {"properties": {"id": {"type": "string"}}}]});
    assert_eq!(labels(&bare), ["url, why", "path", "id", "id 2"]);
}

#[test]
fn a_chosen_alternative_has_what_holds_for_all_and_its_own() {
    let schema = json!({"type": "object", "properties": {"id": {"type": "string"}}, "required": ["id"],
        "oneOf": [
            {"properties": {"kind": {"const": "mail"}, "to": {"type": "string"}}, "required": ["to"]},
            {"properties": {"kind": {"const": "call"}, "number": {"type": "string"}}}]});
    let reading = read(&schema);
    assert_eq!(reading.kind, SchemaType::Union);
    assert_eq!(fields(&reading), [("id".to_owned(), true)]);
    let all = reading.objects().expect("objects");
    let call = all[1].schema.read();
    assert_eq!(
        (call.kind.clone(), all[1].index, all[1].count),
        (SchemaType::Object, 1, 2)
    );
    assert_eq!(all[1].tag.as_deref(), Some("kind"));
    let expected = [("id", true), ("kind", false), ("number", false)];
    let expected = expected.map(|(name, required)| (name.to_owned(), required));
    assert_eq!(fields(&call), expected);
}

#[test]
fn alternatives_that_only_require_are_none() {
    let schema = json!({"type": "object",
        "properties": {"url": {"type": "string"}, "path": {"type": "string"}},
        "anyOf": [{"required": ["url"]}, {"type": "object", "required": ["path"]}]});
    assert_eq!(read(&schema).kind, SchemaType::Object);
    let text = json!({"type": "string", "anyOf": [{"format": "email"}, {"format": "uri"}]});
    assert_eq!(kind_of(text).0, SchemaType::Text);
    let mixed =
        json!({"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]});
    assert!(read(&mixed).objects().is_none());
    assert_eq!(read(&mixed).words(), "text or list");
}

#[test]
fn what_goes_on_for_ever_is_read_in_no_time() {
    let again: Vec<Value> = (0..1000).map(|_| json!({"$ref": "#"})).collect();
    let chain: Map<String, Value> = (0..5000)
        .map(|at| {
            let next = json!({"$ref": format!("#/$defs/d{}", at + 1)});
            (
                format!("d{at}"),
                json!({"allOf": [next, next], "anyOf": [next, next, next]}),
            )
        })
        .collect();
    for schema in [
        json!({"$ref": "#"}),
        json!({"allOf": again}),
        json!({"anyOf": again}),
        json!({"anyOf": [{"$ref": "#"}, {"type": "null"}], "oneOf": again}),
        json!({"type": "object", "properties": {"a": {"$ref": "#"}}, "anyOf": again}),
        json!({"$ref": "#/$defs/d0", "$defs": chain}),
    ] {
        let mut schema = Schema::new(&schema);
        for _ in 0..50 {
            let reading = schema.read();
            reading.words();
            reading.objects();
            let property = reading.properties().into_iter().next();
            schema = property.map_or_else(|| reading.items(), |one| one.schema);
        }
        assert!(schema.is_deep());
    }
}
