//! Reads saved drafts of any version of the program, and damaged ones.

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::{Draft, Origin, Part, ReplyKind};

impl Draft {
    /// Reads a draft. Fields that are not understood are dropped, but their text is kept in the text of the
    /// draft. Anything that is not marked as a draft is read as a text.
    pub fn from_json(json: &str) -> Self {
        let Some(fields) = fields(json) else {
            return json.into();
        };
        // All at once if nothing is wrong, because a draft may be large.
        let value = Value::Object(fields);
        if let Some(draft) = read(&value) {
            return draft;
        }
        match value {
            Value::Object(fields) => salvage(fields),
            _ => json.into(),
        }
    }
}

/// The fields of a JSON object that is marked as a draft.
fn fields(json: &str) -> Option<Map<String, Value>> {
    let Ok(Value::Object(fields)) = serde_json::from_str(json) else {
        return None;
    };
    fields
        .get("draft")
        .is_some_and(Value::is_u64)
        .then_some(fields)
}

fn read<T: DeserializeOwned>(value: &Value) -> Option<T> {
    T::deserialize(value).ok()
}

/// Reads the fields one by one, and collects the text of those that cannot be read.
fn salvage(mut fields: Map<String, Value>) -> Draft {
    let mut lost = Vec::new();
    let mut draft = Draft::default();
    let mut take = |name: &str| fields.remove(name).unwrap_or(Value::Null);
    draft.live = read(&take("live")).unwrap_or_default();
    draft.cursor = read(&take("cursor"));
    draft.origin = read(&take("origin")).unwrap_or_default();
    draft.cut = read(&take("cut")).unwrap_or_default();
    draft.sender = read(&take("sender")).unwrap_or_default();
    match take("kind") {
        // Of all kinds, a thought does the least harm if the kind is not known.
        Value::Null => {}
        kind => draft.kind = read(&kind).unwrap_or(ReplyKind::Think),
    }
    match take("text") {
        Value::String(text) => draft.text = text,
        other => collect_text(&other, &mut lost),
    }
    match take("options") {
        Value::Object(options) => draft.options = options,
        other => collect_text(&other, &mut lost),
    }
    match take("parts") {
        Value::Array(parts) => {
            for part in parts {
                match (read::<Part>(&part), part) {
                    (Some(part), _) => draft.parts.push(part),
                    // A part has the same fields as a draft.
                    (None, Value::Object(fields)) => {
                        draft.parts.extend(salvage(fields).into_parts());
                    }
                    (None, other) => collect_text(&other, &mut lost),
                }
            }
        }
        other => collect_text(&other, &mut lost),
    }
    match take("call") {
        Value::Null => {}
        call => match read(&call) {
            Some(call) => draft.call = Some(call),
            None => collect_text(&call, &mut lost),
        },
    }
    if draft.kind == ReplyKind::Tool && draft.call.is_none() {
        draft.kind = ReplyKind::Think;
    }
    if !lost.is_empty() {
        lost.insert(0, std::mem::take(&mut draft.text));
        lost.retain(|text| !text.is_empty());
        draft.text = lost.join("\n");
        draft.cursor = None;
        draft.origin = Origin::default();
    }
    draft
}

/// Collects the strings that a person may have typed: those in fields `text` and in arrays.
fn collect_text(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::String(text) => found.push(text.clone()),
        Value::Array(items) => items.iter().for_each(|item| collect_text(item, found)),
        Value::Object(fields) => {
            for (name, value) in fields {
                match value {
                    Value::String(_) if name != "text" => {}
                    value => collect_text(value, found),
                }
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}
