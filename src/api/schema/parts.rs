//! Collects all schemas that apply at one place, through `$ref`, `allOf` and single alternatives,
//! and the type they amount to.

use std::collections::HashSet;

use serde_json::{Map, Value};

use super::SchemaType;
use super::reference::{child, local_pointer, resolve_chain};

/// Schemas that may apply at one place, from references, `allOf` and alternatives.
const MAX_PARTS: usize = 256;
/// Alternatives that are offered to a person.
const MAX_ALTERNATIVES: usize = 64;

/// An `anyOf` or `oneOf` with at least two alternatives besides `null`.
#[derive(Debug, Clone)]
pub(super) struct Alternatives {
    pub(super) pointer: String,
    /// Length of the list, `null` included.
    pub(super) count: usize,
    /// Indices of the alternatives that are not `null`.
    pub(super) non_null: Vec<usize>,
}

/// Collects the schemas that apply at one place.
pub(super) struct SchemaParts<'a> {
    root: &'a Value,
    chosen_union: Option<&'a str>,
    /// Schemas that may still be added.
    steps_left: usize,
    visited: HashSet<String>,
    /// Pointers to the schemas; one that is referred to comes before the one that refers to it.
    pub(super) pointers: Vec<String>,
    schemas: Vec<&'a Map<String, Value>>,
    /// Unions with more than one alternative besides `null`.
    groups: Vec<Alternatives>,
    /// Whether `null` is one of the alternatives, or of the types.
    pub(super) has_null: bool,
    pub(super) has_null_type: bool,
}

impl<'a> SchemaParts<'a> {
    /// An empty collection. The union at `chosen_union` is skipped: one of its alternatives was
    /// chosen.
    pub(super) fn new(root: &'a Value, chosen_union: Option<&'a str>) -> Self {
        Self {
            root,
            chosen_union,
            steps_left: MAX_PARTS,
            visited: HashSet::new(),
            pointers: Vec::new(),
            schemas: Vec::new(),
            groups: Vec::new(),
            has_null: false,
            has_null_type: false,
        }
    }

    /// Adds the schemas at these pointers, and those they refer to.
    pub(super) fn extend(&mut self, places: &[String]) {
        for at in places {
            self.add(at.clone());
        }
    }

    fn add(&mut self, at: String) {
        if self.steps_left == 0 || self.visited.contains(&at) {
            return;
        }
        self.steps_left -= 1;
        self.visited.insert(at.clone());
        let Some(found) = self.root.pointer(&at).and_then(Value::as_object) else {
            return;
        };
        if let Some(target) = found
            .get("$ref")
            .and_then(Value::as_str)
            .and_then(local_pointer)
        {
            self.add(target);
        }
        let list = |keyword| found.get(keyword).and_then(Value::as_array);
        for part in 0..list("allOf").map_or(0, Vec::len).min(self.steps_left) {
            self.add(child(&at, &["allOf", &part.to_string()]));
        }
        for keyword in ["anyOf", "oneOf"] {
            let place = child(&at, &[keyword]);
            if let Some(all) = list(keyword)
                && self.chosen_union != Some(place.as_str())
            {
                self.add_group(place, all);
            }
        }
        let types = names(found.get("type"));
        self.has_null_type |= types.len() > 1 && types.contains(&"null");
        self.pointers.push(at);
        self.schemas.push(found);
    }

    fn add_group(&mut self, at: String, all: &[Value]) {
        self.steps_left = self.steps_left.saturating_sub(all.len() / MAX_ALTERNATIVES);
        let is_null = |one: &Value| is_null(resolve_chain(self.root, one));
        let rest: Vec<usize> = (0..all.len()).filter(|one| !is_null(&all[*one])).collect();
        self.has_null |= rest.len() < all.len() && !rest.is_empty();
        match rest.as_slice() {
            [] => {}
            [one] => self.add(child(&at, &[&one.to_string()])),
            _ => self.groups.push(Alternatives {
                pointer: at,
                count: all.len(),
                non_null: rest,
            }),
        }
    }

    /// The type, and the alternatives of a union. The document itself has depth 0.
    pub(super) fn kind(&self, depth: u8) -> (SchemaType, Option<Alternatives>) {
        if let Some(options) = self.options() {
            return (self.choice(options), None);
        }
        let by_type = self.kind_of_type(depth);
        let [group] = self.groups.as_slice() else {
            return (by_type, None);
        };
        if let Some(options) = self.options_of(group) {
            return (self.choice(options), None);
        }
        let is_some_object = matches!(by_type, SchemaType::Object | SchemaType::Map);
        let may_be_any = by_type == SchemaType::Anything && !self.has("type");
        let is_open = may_be_any || is_some_object && self.adds_properties(group);
        if is_open && group.non_null.len() <= MAX_ALTERNATIVES {
            (SchemaType::Union, Some(group.clone()))
        } else {
            (by_type, None)
        }
    }

    fn choice(&self, mut options: Vec<Value>) -> SchemaType {
        if self.has_null && !options.contains(&Value::Null) {
            options.push(Value::Null);
        }
        SchemaType::Choice(options)
    }

    /// The values that all schemas allow, if they are enumerated.
    fn options(&self) -> Option<Vec<Value>> {
        let mut all = self.schemas.iter().rev().filter_map(|part| options(part));
        let mut allowed = all.next()?;
        for others in all {
            let others: HashSet<String> = others.iter().map(Value::to_string).collect();
            allowed.retain(|option| others.contains(&option.to_string()));
        }
        (!allowed.is_empty()).then_some(allowed)
    }

    /// The values of alternatives that are all constants or enumerations.
    fn options_of(&self, group: &Alternatives) -> Option<Vec<Value>> {
        let each = group.non_null.iter().map(|one| {
            let found = self
                .root
                .pointer(&child(&group.pointer, &[&one.to_string()]))?;
            options(resolve_chain(self.root, found).as_object()?)
        });
        let all: Option<Vec<Vec<Value>>> = each.collect();
        Some(distinct(all?.into_iter().flatten()))
    }

    /// Whether alternatives add properties, rather than require some of the existing ones.
    fn adds_properties(&self, group: &Alternatives) -> bool {
        let mut parts = SchemaParts::new(self.root, None);
        parts.steps_left = self.steps_left;
        for one in &group.non_null {
            parts.add(child(&group.pointer, &[&one.to_string()]));
        }
        parts.has("properties")
    }

    fn has(&self, keyword: &str) -> bool {
        self.schemas.iter().any(|part| part.contains_key(keyword))
    }

    fn kind_of_type(&self, depth: u8) -> SchemaType {
        let mut typed = self.schemas.iter().filter_map(|part| part.get("type"));
        let Some(first) = typed.next() else {
            return match () {
                () if self.has("properties") => self.object(depth),
                () if self.has("prefixItems") => SchemaType::Tuple,
                () if self.has("items") => self.list(),
                () => SchemaType::Anything,
            };
        };
        let mut allowed = names(Some(first));
        for others in typed {
            let others = names(Some(others));
            // Every integer is a number.
            let fits = |one: &&str| {
                others.contains(one) || *one == "integer" && others.contains(&"number")
            };
            allowed.retain(|one| fits(one));
        }
        let rest: Vec<&str> = allowed
            .iter()
            .copied()
            .filter(|one| *one != "null")
            .collect();
        match rest.as_slice() {
            [] if allowed.contains(&"null") => SchemaType::Choice(vec![Value::Null]),
            ["string"] => SchemaType::Text,
            ["integer"] => SchemaType::Number { whole: true },
            ["number"] => SchemaType::Number { whole: false },
            ["boolean"] => SchemaType::Boolean,
            ["object"] => self.object(depth),
            ["array"] => self.list(),
            _ => SchemaType::Anything,
        }
    }

    fn list(&self) -> SchemaType {
        let is_tuple = |part: &&Map<String, Value>| {
            part.contains_key("prefixItems") || part.get("items").is_some_and(Value::is_array)
        };
        if self.schemas.iter().any(is_tuple) {
            SchemaType::Tuple
        } else {
            SchemaType::List
        }
    }

    /// An object without named properties is a map, unless it allows no others; at depth 0, where
    /// it is the arguments of a tool, it must allow others explicitly.
    fn object(&self, depth: u8) -> SchemaType {
        let is_named = self.schemas.iter().any(|part| {
            let properties = part.get("properties").and_then(Value::as_object);
            properties.is_some_and(|all| !all.is_empty()) || !names(part.get("required")).is_empty()
        });
        let others = self
            .schemas
            .iter()
            .find_map(|part| part.get("additionalProperties"));
        let is_map = match others {
            _ if is_named => false,
            Some(Value::Bool(false)) => false,
            Some(_) => true,
            None => depth > 0 || self.has("patternProperties"),
        };
        if is_map {
            SchemaType::Map
        } else {
            SchemaType::Object
        }
    }
}

/// The values that one schema allows, if they are enumerated.
pub(super) fn options(found: &Map<String, Value>) -> Option<Vec<Value>> {
    if let Some(only) = found.get("const") {
        return Some(vec![only.clone()]);
    }
    let options = distinct(found.get("enum")?.as_array()?.iter().cloned());
    (!options.is_empty()).then_some(options)
}

fn distinct(values: impl Iterator<Item = Value>) -> Vec<Value> {
    let mut known = HashSet::new();
    values
        .filter(|value| known.insert(value.to_string()))
        .collect()
}

/// The strings of an array, or a single string.
pub(super) fn names(value: Option<&Value>) -> Vec<&str> {
    match value {
        Some(Value::String(name)) => vec![name],
        Some(Value::Array(names)) => names.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    }
}

fn is_null(schema: &Value) -> bool {
    schema.get("type").is_some_and(|name| name == "null")
        || schema.get("const").is_some_and(Value::is_null)
}
