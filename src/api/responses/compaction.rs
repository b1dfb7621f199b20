//! Writes the response to `POST /v1/responses/compact`.

use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};
use serde_json::{Value, json};

use super::list::{id_or_derived, input_item};
use super::object::usage_object;
use crate::api::{ApiError, Body, Frame, Ids, Reply, Request, ResponseWriter, Usage, compaction};

/// Writes a compaction object: the user's messages unchanged, and one compaction item with the
/// summary.
pub struct CompactionWriter {
    ids: Ids,
    id: String,
    created_at: u64,
    user_messages: Vec<Box<RawValue>>,
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
            prompts.filter_map(|(index, item)| input_item(item, &id_or_derived(item, &id, index)));
        Self {
            user_messages: kept.collect(),
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
        // Compactions are not streamed; an empty event would be ignored.
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
                    self.user_messages.extend(to_raw_value(&item));
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
            output: &self.user_messages,
            usage: usage_object(self.usage),
        };
        Ok(serde_json::to_string(&compaction).unwrap_or_default())
    }
}
