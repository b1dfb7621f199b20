//! The alternatives of `anyOf` and `oneOf`, with labels to choose them by.

use std::collections::HashSet;
use std::ops::Deref;

use serde_json::{Map, Value};

use super::parts::{names, options};
use super::reference::{child, resolve_chain};
use super::{Schema, SchemaReading, SchemaType};

/// Properties of an alternative that are examined for its label.
const MAX_SCANNED_PROPERTIES: usize = 64;
/// Properties that a label is made of.
const MAX_LABEL_PROPERTIES: usize = 3;

/// One alternative of a union.
#[derive(Debug, Clone)]
pub(crate) struct Alternative<R = std::sync::Arc<Value>> {
    /// Its label, unique among the alternatives.
    pub label: String,
    /// Its schema, together with what applies to all alternatives.
    pub schema: Schema<R>,
    /// The discriminator: a property with a different constant in each alternative.
    pub tag: Option<String>,
    /// Index in the list, counting `null`.
    pub index: usize,
    /// Length of the list.
    pub count: usize,
}

impl<R: Deref<Target = Value> + Clone> SchemaReading<R> {
    /// The alternatives, if the kind is [`SchemaType::Union`].
    pub(crate) fn alternatives(&self) -> Vec<Alternative<R>> {
        let Some(group) = &self.group else {
            return Vec::new();
        };
        let own: Vec<AlternativeFacts> = group
            .non_null
            .iter()
            .map(|one| self.facts_of(child(&group.pointer, &[&one.to_string()])))
            .collect();
        let tag = tag(&own);
        let labels = labels(&own, tag);
        let each = group.non_null.iter().zip(&own).zip(labels);
        each.map(|((index, own), label)| Alternative {
            label,
            schema: Schema {
                pointers: self
                    .schema
                    .pointers
                    .iter()
                    .cloned()
                    .chain([own.at.clone()])
                    .collect(),
                chosen_union: Some(group.pointer.clone()),
                ..self.schema.clone()
            },
            tag: tag.map(str::to_owned),
            index: *index,
            count: group.count,
        })
        .collect()
    }

    /// The alternatives if all of them are objects with fields.
    pub(crate) fn objects(&self) -> Option<Vec<Alternative<R>>> {
        let all = self.alternatives();
        let mut kinds = all.iter().map(|one| one.schema.read().kind);
        let fit = !all.is_empty() && kinds.all(|kind| kind == SchemaType::Object);
        fit.then_some(all)
    }

    /// Reads an alternative by itself, without what applies to all of them.
    fn facts_of(&self, at: String) -> AlternativeFacts<'_> {
        let root: &Value = &self.schema.root;
        let alone = Schema {
            root: self.schema.root.clone(),
            pointers: vec![at.clone()],
            depth: self.schema.depth,
            chosen_union: None,
        };
        let reading = alone.read();
        let found: Vec<&Map<String, Value>> = reading
            .schema
            .pointers
            .iter()
            .filter_map(|at| root.pointer(at)?.as_object())
            .collect();
        let properties = found
            .iter()
            .filter_map(|part| part.get("properties")?.as_object());
        let properties = properties.flatten().take(MAX_SCANNED_PROPERTIES);
        let here = root.pointer(&at);
        AlternativeFacts {
            title: found
                .iter()
                .rev()
                .find_map(|part| part.get("title")?.as_str()),
            definition: here.and_then(|here| here.get("$ref")?.as_str()?.rsplit(['/', '#']).next()),
            required: found
                .iter()
                .flat_map(|part| names(part.get("required")))
                .collect(),
            properties: properties
                .map(|(name, schema)| (name.as_str(), only_value(resolve_chain(root, schema))))
                .collect(),
            // Nested alternatives may be recursive.
            words: match reading.kind {
                SchemaType::Union => reading.short().to_owned(),
                _ => reading.words(),
            },
            at,
        }
    }
}

/// What is known of one alternative, to make its label.
struct AlternativeFacts<'a> {
    at: String,
    title: Option<&'a str>,
    /// Its name in `$defs`.
    definition: Option<&'a str>,
    required: HashSet<&'a str>,
    /// Names of the properties, with the value of those that are constant.
    properties: Vec<(&'a str, Option<String>)>,
    words: String,
}

impl AlternativeFacts<'_> {
    fn only_value(&self, name: &str) -> Option<&String> {
        let mut all = self.properties.iter();
        all.find(|(known, _)| *known == name)?.1.as_ref()
    }
}

fn only_value(schema: &Value) -> Option<String> {
    match options(schema.as_object()?)?.as_slice() {
        [Value::String(only)] => Some(only.clone()),
        [only] => Some(only.to_string()),
        _ => None,
    }
}

/// The discriminator: a property with a different constant in each alternative.
fn tag<'a>(all: &[AlternativeFacts<'a>]) -> Option<&'a str> {
    let mut names = all.first()?.properties.iter().map(|(name, _)| *name);
    names.find(|name| {
        let values: Option<Vec<&String>> = all.iter().map(|one| one.only_value(name)).collect();
        values.is_some_and(|values| are_distinct(&values))
    })
}

fn are_distinct<T: std::hash::Hash + Eq>(all: &[T]) -> bool {
    let distinct: HashSet<&T> = all.iter().collect();
    distinct.len() == all.len()
}

/// A label for each: its title or definition name, or what distinguishes it.
fn labels(all: &[AlternativeFacts<'_>], tag: Option<&str>) -> Vec<String> {
    let titles = || all.iter().map(|one| one.title.map(str::to_owned)).collect();
    let tags = || {
        all.iter()
            .map(|one| one.only_value(tag?).cloned())
            .collect()
    };
    let definitions = || {
        all.iter()
            .map(|one| one.definition.map(str::to_owned))
            .collect()
    };
    let ways: [&dyn Fn() -> Option<Vec<String>>; 3] = [&titles, &tags, &definitions];
    let is_fit = |labels: &Vec<String>| {
        are_distinct(labels) && labels.iter().all(|label| !label.trim().is_empty())
    };
    let found = ways.iter().find_map(|way| way().filter(is_fit));
    let mut labels =
        found.unwrap_or_else(|| (0..all.len()).map(|at| property_label(all, at)).collect());
    let mut known = HashSet::new();
    for label in &mut labels {
        let name = label.clone();
        let mut count = 1;
        while !known.insert(label.clone()) {
            count += 1;
            *label = format!("{name} {count}");
        }
    }
    labels
}

/// A label of the properties that only this alternative has, required ones first; or of all its
/// properties.
fn property_label(all: &[AlternativeFacts<'_>], at: usize) -> String {
    let own = &all[at];
    let is_known = |name: &str| {
        let mut others = all.iter().enumerate().filter(|(other, _)| *other != at);
        others.any(|(_, other)| other.properties.iter().any(|(known, _)| *known == name))
    };
    let names = own.properties.iter().map(|(name, _)| *name);
    let (mut named, rest): (Vec<&str>, Vec<&str>) = names.partition(|name| !is_known(name));
    if named.is_empty() {
        named = rest;
    }
    named.sort_by_key(|name| !own.required.contains(name));
    named.truncate(MAX_LABEL_PROPERTIES);
    if named.is_empty() {
        own.words.clone()
    } else {
        named.join(", ")
    }
}
