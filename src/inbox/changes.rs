//! What an agent changed from one request of a conversation to the next, besides going on.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::api::{Item, Request, Tool, ToolList};
use crate::hash::Hash;

/// Parameters that are not compared: they differ with every request and say nothing to a reader, or
/// are compared in another way.
const NOISE: [&str; 13] = [
    // These are items too, and compared as such.
    "instructions",
    "tools",
    "functions",
    "input",
    "messages",
    "system",
    "client_metadata",
    // How a request goes on differs from one to the next, and says nothing new.
    "previous_response_id",
    "generate",
    "metadata",
    // How the response travels.
    "stream",
    "stream_options",
    "background",
];

/// Characters of a value that are worth showing.
const LONGEST_VALUE: usize = 40;

/// The differences, each in a few words: instructions, tools, and any other parameter.
pub(super) fn changes(old: &Request, new: &Request) -> Vec<String> {
    let mut found = Vec::new();
    found.extend(added("instructions", &old.items, &new.items, |item| {
        item.role() != Some("user")
    }));
    // What agents say in the user's name: the environment, an interruption.
    found.extend(added("context", &old.items, &new.items, |item| {
        item.role() == Some("user")
    }));
    if !Arc::ptr_eq(&old.tools, &new.tools) {
        found.extend(tools(&old.tools, &new.tools));
    }
    found.extend(params(old, new));
    found
}

/// What agents add by themselves is compared by what it says, wherever it stands: they put new
/// instructions behind the old, and leave those that hold no longer out.
fn added(
    what: &str,
    old: &[Arc<Item>],
    new: &[Arc<Item>],
    is_such: fn(&Item) -> bool,
) -> Option<String> {
    let prints = |items: &[Arc<Item>]| -> BTreeSet<Hash> {
        let items = items.iter().filter(|item| item.is_boilerplate());
        let items = items.filter(|item| is_such(item));
        items.map(|item| item.likeness()).collect()
    };
    // Nearly always there is nothing, which is known without what both begin with.
    let same = old.iter().zip(new).take_while(|(a, b)| Arc::ptr_eq(a, b));
    let same = same.count();
    if prints(&old[same..]) == prints(&new[same..]) {
        return None;
    }
    let (old, new) = (prints(old), prints(new));
    let (gone, come) = (old.difference(&new).count(), new.difference(&old).count());
    match (gone, come) {
        (0, 0) => None,
        (0, n) => Some(format!("{what}: {n} added")),
        (n, 0) => Some(format!("{what}: {n} removed")),
        (gone, come) => Some(format!("{what}: {gone} replaced by {come}")),
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
            .filter(|(name, _)| !NOISE.contains(&name.as_str()))
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
    let mut cut: String = json.chars().take(LONGEST_VALUE).collect();
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
