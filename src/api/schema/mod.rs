//! Reads JSON Schemas: the one place that knows what their keywords mean for a person.
//!
//! Used by forms, skeletons and the list of tools; the validator resolves references here. Schemas
//! come from clients: one may refer to itself, and a few kilobytes may describe more values than
//! there is memory for. So it is read one level at a time, each level in a bounded number of steps,
//! and recursion stops where it [is deep](Schema::is_deep).

mod alternatives;
mod parts;
mod reference;
#[cfg(test)]
mod tests;

use std::collections::{HashMap, HashSet};
use std::ops::Deref;
use std::sync::Arc;

use serde_json::{Map, Value};

pub(crate) use self::alternatives::Alternative;
use self::parts::{Alternatives, SchemaParts, names};
use self::reference::child;
pub(crate) use self::reference::resolve;

/// Levels of nesting that are read.
const MAX_DEPTH: u8 = 12;
/// A subschema. `R` holds the document: an `Arc`, or a reference.
#[derive(Debug, Clone)]
pub(crate) struct Schema<R = Arc<Value>> {
    root: R,
    /// JSON pointers to all schemas that apply here together, rather than copies of subtrees. If
    /// empty, everything is allowed.
    pointers: Vec<String>,
    depth: u8,
    /// Pointer to the `anyOf` or `oneOf` of which one alternative was chosen.
    chosen_union: Option<String>,
}

/// The meaning of a subschema.
#[derive(Debug, Clone)]
pub(crate) struct SchemaReading<R = Arc<Value>> {
    pub kind: SchemaType,
    /// Whether `null` is allowed besides what the kind allows.
    pub(crate) nullable: bool,
    /// All schemas that apply here, references followed; the most specific comes last.
    schema: Schema<R>,
    group: Option<Alternatives>,
}

/// A type of value.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum SchemaType {
    Text,
    Number {
        whole: bool,
    },
    Boolean,
    /// One of these values; never empty.
    Choice(Vec<Value>),
    /// An object with named properties, or without any.
    Object,
    /// An object with arbitrary keys.
    Map,
    List,
    /// An array whose elements have schemas by position.
    Tuple,
    /// One of several schemas: see [`SchemaReading::alternatives`].
    Union,
    /// Any value.
    Anything,
}

/// A property of an object.
#[derive(Debug)]
pub(crate) struct Property<R = Arc<Value>> {
    pub name: String,
    pub required: bool,
    pub schema: Schema<R>,
}

impl<R> Property<R> {
    /// Whether the schema describes it, rather than only requires it.
    pub(crate) fn is_described(&self) -> bool {
        !self.schema.pointers.is_empty()
    }
}

impl<R: Deref<Target = Value> + Clone> Schema<R> {
    /// The schema of a whole document.
    pub(crate) fn new(root: R) -> Self {
        Self {
            root,
            pointers: vec![String::new()],
            depth: 0,
            chosen_union: None,
        }
    }

    /// A schema that allows everything, below this one.
    pub(crate) fn anything(&self) -> Self {
        self.below(Vec::new())
    }

    /// Whether it is nested too deeply to be read further.
    pub(crate) fn is_deep(&self) -> bool {
        self.depth > MAX_DEPTH
    }

    fn below(&self, at: Vec<String>) -> Self {
        Self {
            root: self.root.clone(),
            pointers: at,
            depth: self.depth.saturating_add(1),
            chosen_union: None,
        }
    }

    /// Reads this level.
    pub(crate) fn read(&self) -> SchemaReading<R> {
        let mut parts = SchemaParts::new(&self.root, self.chosen_union.as_deref());
        parts.extend(&self.pointers);
        let (kind, group) = parts.kind(self.depth);
        let by_type = !matches!(kind, SchemaType::Choice(_)) && parts.has_null_type;
        SchemaReading {
            nullable: parts.has_null || by_type,
            kind,
            schema: Self {
                pointers: parts.pointers,
                ..self.clone()
            },
            group,
        }
    }
}

impl<R: Deref<Target = Value> + Clone> SchemaReading<R> {
    /// The value of a keyword in the most specific schema that has it.
    pub(crate) fn keyword(&self, name: &str) -> Option<&Value> {
        let found = |at: &String| self.schema.root.pointer(at)?.get(name);
        self.schema.pointers.iter().rev().find_map(found)
    }

    /// The description; empty if there is none.
    pub(crate) fn description(&self) -> &str {
        let root = &self.schema.root;
        let words = |at: &String| {
            let words = |key| root.pointer(at)?.get(key)?.as_str();
            words("description").or_else(|| words("title"))
        };
        self.schema
            .pointers
            .iter()
            .rev()
            .find_map(words)
            .unwrap_or("")
    }

    /// The default value.
    pub(crate) fn default(&self) -> Option<&Value> {
        self.keyword("default")
    }

    /// The properties of an object, as the author ordered them; a base comes before what adds to it.
    pub(crate) fn properties(&self) -> Vec<Property<R>> {
        let mut all: Vec<(&str, Vec<String>)> = Vec::new();
        let mut known: HashMap<&str, usize> = HashMap::new();
        let mut required = Vec::new();
        for at in &self.schema.pointers {
            let Some(part) = self.schema.root.pointer(at).and_then(Value::as_object) else {
                continue;
            };
            let properties = part.get("properties").and_then(Value::as_object);
            for name in properties.into_iter().flat_map(Map::keys) {
                let place = child(at, &["properties", name]);
                match known.get(name.as_str()) {
                    Some(known) => all[*known].1.push(place),
                    None => {
                        known.insert(name, all.len());
                        all.push((name, vec![place]));
                    }
                }
            }
            required.extend(names(part.get("required")));
        }
        // Properties may be required without being described.
        for name in &required {
            if !known.contains_key(name) {
                known.insert(name, all.len());
                all.push((name, Vec::new()));
            }
        }
        let required: HashSet<&str> = required.into_iter().collect();
        let property = |(name, at): (&str, Vec<String>)| Property {
            name: name.to_owned(),
            required: required.contains(name),
            schema: self.schema.below(at),
        };
        all.into_iter().map(property).collect()
    }

    /// The schema of one property, if it is described.
    pub(crate) fn property(&self, name: &str) -> Option<Self> {
        let at: Vec<String> = self.places(&["properties", name]);
        (!at.is_empty()).then(|| self.schema.below(at).read())
    }

    /// The schema of the elements of an array.
    pub(crate) fn items(&self) -> Schema<R> {
        self.schema.below(self.places(&["items"]))
    }

    /// The schemas of the first elements of a tuple, by position.
    pub(crate) fn first_items(&self) -> Vec<Schema<R>> {
        let lists = ["prefixItems", "items"].map(|keyword| (keyword, self.keyword(keyword)));
        let is_list = |(_, list): &(&str, Option<&Value>)| list.is_some_and(Value::is_array);
        let Some((keyword, Some(Value::Array(all)))) = lists.into_iter().find(is_list) else {
            return Vec::new();
        };
        let each = 0..all.len();
        each.map(|at| self.schema.below(self.places(&[keyword, &at.to_string()])))
            .collect()
    }

    /// The schema of the values of a map.
    pub(crate) fn values(&self) -> Schema<R> {
        self.schema.below(self.places(&["additionalProperties"]))
    }

    /// A schema that allows everything, below this place.
    pub(crate) fn anything(&self) -> Schema<R> {
        self.schema.anything()
    }

    /// Whether both are the same subschema, as in a recursive schema.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        self.defining_parts().eq(other.defining_parts())
    }

    /// The schemas that have more than a reference.
    fn defining_parts(&self) -> impl Iterator<Item = &String> {
        self.schema.pointers.iter().filter(|at| {
            let part = self.schema.root.pointer(at).and_then(Value::as_object);
            part.is_some_and(|part| {
                let mut keys = part.keys().map(String::as_str);
                keys.any(|key| !matches!(key, "$ref" | "title" | "description" | "default"))
            })
        })
    }

    /// The expected value, in a few words.
    pub(crate) fn words(&self) -> String {
        let mut words = match &self.kind {
            SchemaType::Choice(options) if options.len() == 1 => "always the same".to_owned(),
            SchemaType::Choice(options) => format!("one of {}", options.len()),
            SchemaType::Boolean => "true or false".to_owned(),
            SchemaType::List => format!("list of {}", self.items().read().short()),
            SchemaType::Map => format!("object of {}", self.values().read().short()),
            SchemaType::Union => {
                let all = self.alternatives();
                let mut kinds: Vec<_> = all.iter().map(|one| one.schema.read().short()).collect();
                kinds.dedup();
                match kinds.as_slice() {
                    [one] => format!("{one}, one of {}", all.len()),
                    all => all.join(" or "),
                }
            }
            SchemaType::Anything => match self.types() {
                types if types.is_empty() => "JSON".to_owned(),
                types => types.join(" or "),
            },
            _ => self.short().to_owned(),
        };
        let limit = |keyword| self.keyword(keyword).filter(|limit| limit.is_number());
        match (limit("minimum"), limit("maximum")) {
            (Some(least), Some(most)) => words.push_str(&format!(" from {least} to {most}")),
            (Some(least), None) => words.push_str(&format!(" from {least}")),
            (None, Some(most)) => words.push_str(&format!(" up to {most}")),
            (None, None) => {}
        }
        let says_null = matches!(&self.kind, SchemaType::Choice(all) if all.contains(&Value::Null));
        if self.nullable && !says_null {
            words.push_str(" or null");
        }
        words
    }

    /// The expected type, in a word.
    pub(crate) fn short(&self) -> &'static str {
        match &self.kind {
            SchemaType::Text => "text",
            SchemaType::Number { whole: true } => "whole number",
            SchemaType::Number { whole: false } => "number",
            SchemaType::Boolean | SchemaType::Choice(_) => "choice",
            SchemaType::Object | SchemaType::Map | SchemaType::Union => "object",
            SchemaType::List | SchemaType::Tuple => "list",
            SchemaType::Anything => "JSON",
        }
    }

    /// The first of several types, as JSON Schema names it.
    pub(crate) fn first_type(&self) -> Option<&str> {
        let named = names(self.keyword("type"));
        named.into_iter().find(|name| *name != "null")
    }

    /// All types, as JSON Schema names them.
    fn types(&self) -> Vec<&'static str> {
        let named = names(self.keyword("type"));
        named.into_iter().filter_map(type_words).collect()
    }

    /// Pointers to what is found below these keywords in all schemas that apply.
    fn places(&self, steps: &[&str]) -> Vec<String> {
        let places = self.schema.pointers.iter().map(|at| child(at, steps));
        places
            .filter(|at| self.schema.root.pointer(at).is_some())
            .collect()
    }
}

/// The name of a JSON Schema type for a person; `None` for `null`, which is shown in another way.
fn type_words(name: &str) -> Option<&'static str> {
    Some(match name {
        "string" => "text",
        "integer" => "whole number",
        "number" => "number",
        "boolean" => "true or false",
        "object" => "object",
        "array" => "list",
        _ => return None,
    })
}
