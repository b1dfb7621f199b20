//! Responses and conversations of the Responses API that only the journal has any more.

use std::sync::Arc;

use serde_json::Value;

use super::{failed, turn};
use crate::api::responses::ResponseObject;
use crate::api::{Frame, Interner, Item, Previous, Request};
use crate::journal::{self, Journal, JournalReader};

/// Reads from the journal what has no room in memory.
#[derive(Debug, Clone)]
pub(super) struct Archive {
    pub journal: Arc<Journal>,
    interner: Arc<Interner>,
}

/// An entry that was found in the journal.
pub(super) enum ArchivedEntry {
    Response(Box<FoundResponse>),
    Conversation(Value, Vec<Arc<Item>>),
    /// An output item of a response, and its id.
    Item(String, Arc<Item>),
}

/// A response, and what it takes to go on with it.
pub(super) struct FoundResponse {
    pub request: Request,
    pub response: ResponseObject,
    pub open: bool,
    pub turn: Option<i64>,
    /// The events so far; only of a background response.
    pub log: Option<Vec<Frame>>,
}

impl Archive {
    pub fn new(journal: Arc<Journal>, interner: Arc<Interner>) -> Self {
        Self { journal, interner }
    }

    /// Finds the responses, conversations and output items with these ids. For threads that may wait
    /// for the disk.
    pub fn find(&self, ids: &[String]) -> Vec<ArchivedEntry> {
        let reader = self.journal.reader();
        let mut found = Vec::new();
        for id in ids {
            if let Some(response) = self.response(&reader, id) {
                // What is said in it becomes part of the conversation when it has ended.
                if let (true, Some(Previous::Conversation(id))) =
                    (response.open, &response.request.previous)
                {
                    found.extend(conversation(&reader, id));
                }
                found.push(ArchivedEntry::Response(Box::new(response)));
            } else {
                found.extend(conversation(&reader, id).or_else(|| item(&reader, id)));
            }
        }
        found
    }

    fn response(&self, reader: &JournalReader, id: &str) -> Option<FoundResponse> {
        let row = reader.response(id).unwrap_or_else(failed)?;
        let turn = reader.turn(row.turn?).unwrap_or_else(failed)?;
        let request = turn::request(&turn, &self.interner)?;
        let response = ResponseObject::from_checkpoint(&request, &row.state)?;
        let log = row.background.then(|| {
            let events = reader.events(id, -1, u32::MAX).unwrap_or_else(failed);
            let frame = |event: journal::EventRow| Frame::of_event(event.name, event.data);
            events.into_iter().map(frame).collect()
        });
        Some(FoundResponse {
            request,
            response,
            open: row.open,
            turn: row.turn,
            log,
        })
    }
}

fn conversation(reader: &JournalReader, id: &str) -> Option<ArchivedEntry> {
    let (row, items) = reader.api_conversation(id).unwrap_or_else(failed)?;
    let items = items
        .into_iter()
        .map(|item| Arc::new(Item::of_text(item.text)));
    let object = serde_json::from_str(&row.object).unwrap_or_default();
    Some(ArchivedEntry::Conversation(object, items.collect()))
}

fn item(reader: &JournalReader, id: &str) -> Option<ArchivedEntry> {
    let found = reader.response_item(id).unwrap_or_else(failed)?;
    let item = Arc::new(Item::of_text(found.text));
    Some(ArchivedEntry::Item(id.to_owned(), item))
}
