//! Paginated lists of items, in the format of OpenAI.

use std::collections::HashSet;
use std::sync::Arc;

use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};
use serde_json::{Value, json};

use crate::api::fields::is_too_large_for_tree;
use crate::api::{ApiError, Body, Item, ItemBody};

/// Items per page if the client does not say.
const DEFAULT_LIMIT: usize = 20;
/// Most items per page.
const MAX_LIMIT: usize = 100;

/// The query of a page: `limit`, `order` and `after`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageQuery {
    limit: usize,
    ascending: bool,
    after: Option<String>,
}

impl PageQuery {
    /// Reads the query of a list: `limit` (1 to 100, 20 by default), `order` (`asc`, or `desc` by
    /// default) and `after` (the id of the last item of the page before). The rest is ignored.
    ///
    /// # Errors
    ///
    /// 400 naming the parameter at fault.
    pub fn read(query: &[(String, String)]) -> Result<Self, ApiError> {
        let mut page = Self {
            limit: DEFAULT_LIMIT,
            ascending: false,
            after: None,
        };
        for (key, value) in query {
            match key.as_str() {
                "limit" => {
                    let limit = value.parse().ok();
                    let limit = limit.filter(|limit| (1..=MAX_LIMIT).contains(limit));
                    page.limit = limit.ok_or_else(|| invalid_value("limit", value, "1 to 100"))?;
                }
                "order" => {
                    page.ascending = match value.as_str() {
                        "asc" => true,
                        "desc" => false,
                        other => return Err(invalid_value("order", other, "'asc' or 'desc'")),
                    }
                }
                "after" if !value.is_empty() => page.after = Some(value.clone()),
                _ => {}
            }
        }
        Ok(page)
    }

    /// Everything, oldest first.
    pub(crate) fn all() -> Self {
        Self {
            limit: usize::MAX,
            ascending: true,
            after: None,
        }
    }
}

fn invalid_value(param: &str, value: &str, expected: &str) -> ApiError {
    let message = format!("Invalid value for '{param}': expected {expected}, but got '{value}'.");
    ApiError::invalid(message)
        .code("invalid_value")
        .param(param)
}

/// The items of `owner`, oldest first, each with an id that is unique in the list, because pages
/// are found by id: its own, unless an earlier item has the same.
fn items_with_ids<'a>(items: &'a [Arc<Item>], owner: &str) -> Vec<(String, &'a Arc<Item>)> {
    let mut known = HashSet::new();
    let items = items.iter().enumerate();
    items
        .map(|(index, item)| {
            let own = item.id().filter(|id| !known.contains(id));
            let id = own.unwrap_or_else(|| derived_id(item, owner, index));
            known.insert(id.clone());
            (id, item)
        })
        .collect()
}

/// A page of a list, as OpenAI documents it.
#[derive(Serialize)]
struct ListPage {
    object: &'static str,
    data: Vec<Box<RawValue>>,
    first_id: Option<String>,
    last_id: Option<String>,
    has_more: bool,
}

/// A page of the items of `owner`, which come oldest first, as JSON.
///
/// # Errors
///
/// 400 for a page that does not exist.
pub(crate) fn page(
    items: &[Arc<Item>],
    owner: &str,
    wanted: &PageQuery,
) -> Result<String, ApiError> {
    page_of(items_with_ids(items, owner), wanted)
}

/// The items of `owner` from one on, as JSON.
///
/// # Errors
///
/// As [`page`].
pub(crate) fn conversation_items(
    items: &[Arc<Item>],
    owner: &str,
    first: usize,
) -> Result<String, ApiError> {
    page_of(
        items_with_ids(items, owner).split_off(first),
        &PageQuery::all(),
    )
}

/// Only items on the page are parsed.
fn page_of(mut items: Vec<(String, &Arc<Item>)>, wanted: &PageQuery) -> Result<String, ApiError> {
    if !wanted.ascending {
        items.reverse();
    }
    let from = match &wanted.after {
        None => 0,
        Some(after) => {
            let at = items.iter().position(|(id, _)| id == after);
            let at =
                at.ok_or_else(|| invalid_value("after", after, "the id of an item of this list"))?;
            at + 1
        }
    };
    let mut rest = items.split_off(from);
    let has_more = rest.len() > wanted.limit;
    rest.truncate(wanted.limit);
    let list = ListPage {
        object: "list",
        data: rest
            .iter()
            .filter_map(|(id, item)| input_item(item, id))
            .collect(),
        first_id: rest.first().map(|(id, _)| id.clone()),
        last_id: rest.last().map(|(id, _)| id.clone()),
        has_more,
    };
    Ok(serde_json::to_string(&list).unwrap_or_default())
}

/// A stable id for an item without one, derived from its owner and index.
fn derived_id(item: &Item, owner: &str, index: usize) -> String {
    let prefix = match item.body() {
        ItemBody::Said { body, .. } => match body {
            Body::Message { .. } => "msg",
            Body::FunctionCall { .. } => "fc",
            Body::Reasoning { .. } => "rs",
            Body::CustomToolCall { .. } | Body::LocalShellCall { .. } | Body::ShellCall { .. } => {
                "item"
            }
        },
        ItemBody::ToolOutput { .. } => "fco",
        ItemBody::Compaction { .. } => "cmp",
        ItemBody::Other { .. } => "item",
    };
    let (_, owner) = owner.split_once('_').unwrap_or(("", owner));
    format!("{prefix}_{owner}_{index}")
}

/// The item's own id, or one derived from its owner and index.
pub(super) fn id_or_derived(item: &Item, owner: &str, index: usize) -> String {
    item.id().unwrap_or_else(|| derived_id(item, owner, index))
}

/// An input item as the schema of lists wants it: with an id, and with the fields that a request
/// may omit.
pub(super) fn input_item(item: &Item, id: &str) -> Option<Box<RawValue>> {
    if is_too_large_for_tree(item.raw()) {
        // Kept raw: its tree would take too much memory.
        return RawValue::from_string(item.raw().to_owned()).ok();
    }
    to_raw_value(&with_defaults(item.to_value(), id)).ok()
}

/// The type of an item.
fn kind(raw: &Value) -> &str {
    let kind = raw.get("type").and_then(Value::as_str);
    kind.unwrap_or("message")
}

fn with_defaults(mut item: Value, id: &str) -> Value {
    let kind = kind(&item).to_owned();
    let Some(fields) = item.as_object_mut() else {
        return item;
    };
    fields.insert("type".into(), json!(kind));
    fields.insert("id".into(), json!(id));
    if matches!(
        kind.as_str(),
        "message" | "function_call" | "function_call_output"
    ) {
        fields.entry("status").or_insert_with(|| json!("completed"));
    }
    if kind == "message" {
        let is_model = fields.get("role").and_then(Value::as_str) == Some("assistant");
        let content = fields.entry("content").or_insert_with(|| json!([]));
        if let Value::String(text) = content {
            let kind = if is_model {
                "output_text"
            } else {
                "input_text"
            };
            *content = json!([{"type": kind, "text": text}]);
        }
        for part in content.as_array_mut().into_iter().flatten() {
            add_part_defaults(part);
        }
    }
    item
}

/// Fills in what a content part may leave out in a request and not in a list.
fn add_part_defaults(part: &mut Value) {
    let defaults = match part.get("type").and_then(Value::as_str) {
        Some("output_text") => json!({"annotations": [], "logprobs": []}),
        Some("input_image") => json!({"image_url": null, "detail": "auto"}),
        _ => return,
    };
    let (Some(part), Value::Object(defaults)) = (part.as_object_mut(), defaults) else {
        return;
    };
    for (key, value) in defaults {
        part.entry(key).or_insert(value);
    }
}
