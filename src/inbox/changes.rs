//! What an agent changed from one request of a conversation to the next, apart from the new items:
//! instructions, tools, parameters.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::api::{Item, Request, Tool, ToolList};
use crate::hash::Hash;

/// Fields of a request that are not compared, because they differ with every request and tell the person
/// nothing, or are compared in another way.
const IGNORED_FIELDS: [&str; 13] = [
    // These become items and tools, which are compared as such.
    "instructions",
    "tools",
    "functions",
    "input",
    "messages",
    "system",
    "client_metadata",
    // These are new with every request.
    "previous_response_id",
    "generate",
    "metadata",
    // These say how the response is sent.
    "stream",
    "stream_options",
    "background",
];

/// How many characters of a value are shown.
const MAX_VALUE_CHARS: usize = 40;

/// The differences, each in a few words: instructions, tools, and any other parameter.
pub(super) fn changes(old: &Request, new: &Request) -> Vec<String> {
    let mut found = Vec::new();
    found.extend(boilerplate_change(
        "instructions",
        &old.items,
        &new.items,
        |item| item.role() != Some("user"),
    ));
    // What agents say in the user's name: the environment, an interruption.
    found.extend(boilerplate_change(
        "context",
        &old.items,
        &new.items,
        |item| item.role() == Some("user"),
    ));
    if !Arc::ptr_eq(&old.tools, &new.tools) {
        found.extend(tools(&old.tools, &new.tools));
    }
    found.extend(params(old, new));
    found
}

/// The difference between the boilerplate items of two requests for which `is_such` holds. They are
/// compared as sets, because agents append new instructions after the old ones, and leave out those that
/// do not apply any more.
fn boilerplate_change(
    name: &str,
    old: &[Arc<Item>],
    new: &[Arc<Item>],
    is_such: fn(&Item) -> bool,
) -> Option<String> {
    let hashes = |items: &[Arc<Item>]| -> BTreeSet<Hash> {
        let compared = items
            .iter()
            .filter(|item| item.is_boilerplate() && is_such(item));
        compared.map(|item| item.likeness()).collect()
    };
    // Nearly always there is none, which is found out without the items that both begin with.
    let pairs = old.iter().zip(new);
    let common = pairs.take_while(|(a, b)| Arc::ptr_eq(a, b)).count();
    if hashes(&old[common..]) == hashes(&new[common..]) {
        return None;
    }
    let (old, new) = (hashes(old), hashes(new));
    let removed = old.difference(&new).count();
    let added = new.difference(&old).count();
    match (removed, added) {
        (0, 0) => None,
        (0, added) => Some(format!("{name}: {added} added")),
        (removed, 0) => Some(format!("{name}: {removed} removed")),
        _ => Some(format!("{name}: {removed} replaced by {added}")),
    }
}

fn tools(old: &ToolList, new: &ToolList) -> Option<String> {
    let (old, new) = (old.tools(), new.tools());
    let find = |tools: &[Tool], title: &str| tools.iter().find(|t| t.title() == title).cloned();
    let mut parts = Vec::new();
    for tool in new {
        match find(old, &tool.title()) {
            None => parts.push(format!("+{}", tool.title())),
            Some(before) if before.raw != tool.raw => parts.push(format!("~{}", tool.title())),
            Some(_) => {}
        }
    }
    let gone = old
        .iter()
        .map(Tool::title)
        .filter(|title| find(new, title).is_none());
    parts.extend(gone.map(|title| format!("-{title}")));
    (!parts.is_empty()).then(|| format!("tools: {}", parts.join(" ")))
}

fn params(old: &Request, new: &Request) -> Vec<String> {
    let fields = |request: &Request| -> BTreeMap<String, String> {
        let fields = request.fields().into_iter();
        fields
            .filter(|(name, _)| !IGNORED_FIELDS.contains(&name.as_str()))
            .collect()
    };
    let (old, new) = (fields(old), fields(new));
    let names: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    let differ = names
        .into_iter()
        .filter(|name| old.get(*name) != new.get(*name));
    let change = |name: &String| {
        format!(
            "{name}: {} → {}",
            short(old.get(name)),
            short(new.get(name))
        )
    };
    differ.map(change).collect()
}

fn short(json: Option<&String>) -> String {
    let Some(json) = json else {
        return "absent".into();
    };
    let mut cut: String = json.chars().take(MAX_VALUE_CHARS).collect();
    if cut.len() < json.len() {
        cut.push('…');
    }
    cut
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::api::Interner;
    use crate::api::responses::parse;

    fn request(extra: Value, items: &[(&str, &str)]) -> Request {
        let items: Vec<Value> = items
            .iter()
            .map(|(role, text)| json!({"role": role, "content": text}))
            .collect();
        let mut body = json!({"model": "m", "input": items});
        body.as_object_mut()
            .unwrap()
            .extend(extra.as_object().unwrap().clone());
        parse(body.to_string().as_bytes(), &Interner::default()).unwrap()
    }

    fn tool(name: &str, about: &str) -> Value {
        json!({"type": "function", "name": name, "description": about})
    }

    #[test]
    fn what_changed_is_pointed_out() {
        let old = request(
            json!({"tools": [tool("a", "1"), tool("b", "1")], "temperature": 1,
                "client_metadata": {"turn_id": "1"}}),
            &[("developer", "be kind"), ("user", "hi")],
        );
        let new = request(
            json!({"tools": [tool("b", "2"), tool("c", "1")], "model": "n",
                "client_metadata": {"turn_id": "2"}}),
            &[
                ("developer", "be brief"),
                ("user", "hi"),
                ("assistant", "x"),
                ("user", "more"),
            ],
        );
        assert_eq!(
            changes(&old, &new),
            [
                "instructions: 1 replaced by 1",
                "tools: ~b +c -a",
                "model: \"m\" → \"n\"",
                "temperature: 1 → absent"
            ]
        );
        assert!(changes(&old, &old).is_empty());
    }

    #[test]
    fn going_on_is_no_change() {
        let old = request(json!({}), &[("developer", "be kind"), ("user", "hi")]);
        let new = request(
            json!({}),
            &[
                ("developer", "be kind"),
                ("user", "hi"),
                ("assistant", "x"),
                ("user", "more"),
            ],
        );
        assert!(changes(&old, &new).is_empty());
    }
}
