//! Finds out what a schema asks for.

use std::collections::HashSet;

use serde_json::{Map, Value};

use super::json::Json;
use super::spec::{Kind, Schema};
use crate::api::percent_decoded;

/// What one level of a schema says.
pub(super) enum Read {
    /// What the schema asks for, and whether `null` does as well.
    Kind(Kind, bool),
    /// The schema says to look there; `null` is allowed besides.
    At(String, bool),
}

const RAW: Read = Read::Kind(Kind::Raw, false);

/// Reads one level of a schema.
pub(super) fn read(found: &Map<String, Value>, schema: &Schema) -> Read {
    if let Some(reference) = found.get("$ref") {
        return match reference.as_str().and_then(local) {
            Some(at) => Read::At(at, false),
            None => RAW,
        };
    }
    if let Some(options) = options(found) {
        return Read::Kind(Kind::Choice(options), false);
    }
    match found.get("type") {
        Some(Value::String(name)) => Read::Kind(kind(name, found, schema), false),
        Some(Value::Array(names)) => {
            let named: Vec<&str> = names.iter().filter_map(Value::as_str).collect();
            let rest: Vec<&str> = named
                .iter()
                .copied()
                .filter(|name| *name != "null")
                .collect();
            match rest.as_slice() {
                [] if !named.is_empty() => Read::Kind(Kind::Choice(vec![Json::Null]), false),
                [one] => Read::Kind(kind(one, found, schema), named.len() > 1),
                _ => RAW,
            }
        }
        Some(_) => RAW,
        None if found.contains_key("properties") => {
            Read::Kind(kind("object", found, schema), false)
        }
        None if found.contains_key("items") => Read::Kind(kind("array", found, schema), false),
        None => union(found, schema),
    }
}

/// The only values that a schema allows.
fn options(found: &Map<String, Value>) -> Option<Vec<Json>> {
    if let Some(only) = found.get("const") {
        return Some(vec![Json::from(only)]);
    }
    let mut known = HashSet::new();
    let options = found.get("enum")?.as_array()?.iter().map(Json::from);
    let options: Vec<Json> = options
        .filter(|option| known.insert(option.to_string()))
        .collect();
    (!options.is_empty()).then_some(options)
}

fn kind(name: &str, found: &Map<String, Value>, schema: &Schema) -> Kind {
    match name {
        "string" => Kind::Text,
        "integer" => Kind::Number { whole: true },
        "number" => Kind::Number { whole: false },
        "boolean" => Kind::Choice(vec![Json::Bool(true), Json::Bool(false)]),
        "null" => Kind::Choice(vec![Json::Null]),
        "object" if is_map(found, schema) => Kind::Raw,
        "object" => Kind::Object,
        // Elements of which each has a schema of its own.
        "array" if found.contains_key("prefixItems") => Kind::Raw,
        "array" if matches!(found.get("items"), Some(Value::Array(_))) => Kind::Raw,
        "array" => Kind::List,
        _ => Kind::Raw,
    }
}

/// Whether an object has no properties that could be asked for by name. A tool without any
/// parameters is not such an object.
fn is_map(found: &Map<String, Value>, schema: &Schema) -> bool {
    let named = |keyword| found.get(keyword).and_then(Value::as_object);
    let required = found.get("required").and_then(Value::as_array);
    if named("properties").is_some_and(|all| !all.is_empty())
        || required.is_some_and(|all| !all.is_empty())
    {
        return false;
    }
    match found.get("additionalProperties") {
        Some(Value::Bool(false)) => false,
        Some(_) => true,
        None => schema.depth > 0 || named("patternProperties").is_some(),
    }
}

/// `anyOf`, `oneOf` and `allOf` where they stand for something simpler.
fn union(found: &Map<String, Value>, schema: &Schema) -> Read {
    let mut present = ["anyOf", "oneOf", "allOf"]
        .into_iter()
        .filter_map(|keyword| Some((keyword, found.get(keyword)?.as_array()?)));
    let (Some((keyword, branches)), None) = (present.next(), present.next()) else {
        return RAW;
    };
    let is_null = |branch: &Value| {
        branch.get("type").is_some_and(|name| name == "null")
            || branch.get("const").is_some_and(Value::is_null)
    };
    let any = keyword != "allOf";
    let rest: Vec<usize> = (0..branches.len())
        .filter(|at| !(any && is_null(&branches[*at])))
        .collect();
    let nullable = rest.len() < branches.len();
    match rest.as_slice() {
        [] => RAW,
        [one] => {
            let at = schema.child(&[keyword, &one.to_string()]).at;
            Read::At(at, nullable)
        }
        _ if any => {
            let all: Option<Vec<Vec<Json>>> = rest
                .iter()
                .map(|at| options(branches[*at].as_object()?))
                .collect();
            match all {
                Some(all) => Read::Kind(Kind::Choice(all.concat()), nullable),
                None => RAW,
            }
        }
        _ => RAW,
    }
}

/// The pointer of a reference into the same document.
fn local(reference: &str) -> Option<String> {
    let pointer = percent_decoded(reference.strip_prefix('#')?)?;
    (pointer.is_empty() || pointer.starts_with('/')).then_some(pointer)
}
