//! Writes the answer to a request for a summary.

use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};
use serde_json::{Value, json};

use super::list::{id_or_made, input_item};
use super::object::usage_object;
use crate::api::{
    ApiError, Body, Frame, Ids, Item, ItemBody, Reply, Request, ResponseWriter, Usage, commands_of,
    compaction,
};

/// Turns the person's words into the object of a compaction: what the user said, word for word,
/// and one item that stands for all the rest.
pub struct CompactionWriter {
    ids: Ids,
    id: String,
    created_at: u64,
    kept: Vec<Box<RawValue>>,
    summary: Vec<String>,
    usage: Usage,
    failure: Option<ApiError>,
}

impl CompactionWriter {
    /// A summary for `request`, created at `created_at` (Unix seconds).
    pub fn new(request: &Request, created_at: u64, mut ids: Ids) -> Self {
        let id = ids("resp");
        let items = request.items[request.preamble..].iter();
        let prompts = items
            .enumerate()
            .filter(|(_, item)| item.role() == Some("user"));
        let kept =
            prompts.filter_map(|(index, item)| input_item(item, &id_or_made(item, &id, index)));
        Self {
            kept: kept.collect(),
            ids,
            id,
            created_at,
            summary: Vec::new(),
            usage: Usage::default(),
            failure: None,
        }
    }
}

impl ResponseWriter for CompactionWriter {
    fn id(&self) -> &str {
        &self.id
    }

    fn start(&mut self) -> Vec<Frame> {
        Vec::new()
    }

    fn heartbeat(&mut self) -> Frame {
        // There is no stream of this; an empty event would be ignored.
        Frame::data("{}")
    }

    fn reply(&mut self, reply: &Reply, _now: u64, usage: Option<Usage>) -> Vec<Frame> {
        let texts = reply.items().iter().filter_map(|item| match item {
            Body::Message { .. } => Some(item.words().into_owned()),
            _ => None,
        });
        self.summary.extend(texts);
        match reply {
            Reply::Live { delta, .. } => match self.summary.last_mut() {
                Some(text) => text.push_str(delta),
                None => self.summary.push(delta.clone()),
            },
            Reply::End { ending, .. } => {
                self.usage = usage.unwrap_or_default();
                self.failure = ending.error();
                if self.failure.is_none() {
                    let content = compaction::write(&self.summary.join("\n\n"));
                    let item = json!({"type": "compaction", "id": (self.ids)("cmp"),
                        "status": "completed", "encrypted_content": content});
                    self.kept.extend(to_raw_value(&item));
                }
            }
            Reply::Items(_) => {}
        }
        Vec::new()
    }

    fn document(&self) -> Result<String, ApiError> {
        /// The object of a compaction.
        #[derive(Serialize)]
        struct Compaction<'a> {
            id: &'a str,
            object: &'static str,
            created_at: u64,
            output: &'a [Box<RawValue>],
            usage: Value,
        }
        if let Some(failure) = &self.failure {
            return Err(failure.clone());
        }
        let compaction = Compaction {
            id: &self.id,
            object: "response.compaction",
            created_at: self.created_at,
            output: &self.kept,
            usage: usage_object(self.usage),
        };
        Ok(serde_json::to_string(&compaction).unwrap_or_default())
    }
}

/// A first version of the summary that a request asks for, made of what it holds: what the user
/// wanted, what was called, and what was said last.
pub fn draft(request: &Request) -> String {
    const MOST: usize = 400;
    let cut = |text: &str| {
        let text = text.trim();
        match text.char_indices().nth(MOST) {
            Some((end, _)) => format!("{}…", text[..end].trim_end()),
            None => text.to_owned(),
        }
    };
    let mut lines = Vec::new();
    let prompts: Vec<_> = request
        .items
        .iter()
        .filter(|item| item.is_prompt())
        .collect();
    if !prompts.is_empty() {
        lines.push("The user asked:".to_owned());
        lines.extend(
            prompts
                .iter()
                .map(|item| format!("- {}", cut(&item.text()))),
        );
    }
    let earlier = request.items.iter().filter_map(|item| match item.body() {
        ItemBody::Compaction { summary } => summary.as_deref(),
        _ => None,
    });
    for summary in earlier {
        lines.extend(["Before that:".to_owned(), summary.to_owned()]);
    }
    let calls: Vec<String> = request.items.iter().filter_map(|item| call(item)).collect();
    if !calls.is_empty() {
        lines.push("Done so far:".to_owned());
        lines.extend(calls.iter().map(|call| format!("- {}", cut(call))));
    }
    let said = request.items.iter().rev();
    if let Some(last) = said
        .into_iter()
        .find(|item| item.role() == Some("assistant"))
    {
        lines.extend(["Last answer:".to_owned(), cut(&last.text())]);
    }
    lines.join("\n")
}

/// A call in one line.
fn call(item: &Item) -> Option<String> {
    let call = item.said()?;
    let name = call.full_tool_name()?;
    Some(match call {
        Body::FunctionCall { arguments, .. } => match commands_of(arguments) {
            Some((commands, _)) => commands.join("; "),
            None => format!("{name} {arguments}"),
        },
        Body::CustomToolCall { input, .. } => format!("{name} {input}"),
        _ => call.words().into_owned(),
    })
}
