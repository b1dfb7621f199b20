//! Finds responses and conversations of the Responses API in the journal that are not in memory any more.

use std::sync::Arc;

use serde_json::Value;

use super::{log_and_default, turn};
use crate::api::responses::ResponseObject;
use crate::api::{Frame, Interner, Item, Previous, Request};
use crate::journal::{self, Journal, JournalReader};

/// Reads stored responses, conversations and their items from the journal.
#[derive(Debug, Clone)]
pub(super) struct Archive {
    pub journal: Arc<Journal>,
    interner: Arc<Interner>,
}

/// An entry that was found in the journal.
pub(super) enum ArchivedEntry {
    Response(Box<ArchivedResponse>),
    /// The object of a conversation, and its items.
    Conversation(Value, Vec<Arc<Item>>),
    /// An output item of a response, and its id.
    Item(String, Arc<Item>),
}

/// A response, and what it takes to go on with it.
pub(super) struct ArchivedResponse {
    pub request: Request,
    pub response: ResponseObject,
    /// Whether it had not ended when it was written.
    pub open: bool,
    /// The id of its request in the journal.
    pub turn: Option<i64>,
    /// The events so far, of a background response.
    pub log: Option<Vec<Frame>>,
}

impl Archive {
    pub(super) fn new(journal: Arc<Journal>, interner: Arc<Interner>) -> Self {
        Self { journal, interner }
    }

    /// Finds the responses, conversations and output items with these ids. Blocks on the disk.
    pub(super) fn find(&self, ids: &[String]) -> Vec<ArchivedEntry> {
        let reader = self.journal.reader();
        let mut found = Vec::new();
        for id in ids {
            if let Some(response) = self.response(&reader, id) {
                // When it ends, its output is added to its conversation, which must be in memory then.
                if response.open
                    && let Some(Previous::Conversation(id)) = &response.request.previous
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

    fn response(&self, reader: &JournalReader, id: &str) -> Option<ArchivedResponse> {
        let row = reader.response(id).unwrap_or_else(log_and_default)?;
        let turn = reader.turn(row.turn?).unwrap_or_else(log_and_default)?;
        let request = turn::request(&turn, &self.interner)?;
        let response = ResponseObject::from_checkpoint(&request, &row.state)?;
        let log = row.background.then(|| {
            let events = reader
                .events(id, -1, u32::MAX)
                .unwrap_or_else(log_and_default);
            let frame = |event: journal::EventRow| Frame::of_event(event.name, event.data);
            events.into_iter().map(frame).collect()
        });
        Some(ArchivedResponse {
            request,
            response,
            open: row.open,
            turn: row.turn,
            log,
        })
    }
}

fn conversation(reader: &JournalReader, id: &str) -> Option<ArchivedEntry> {
    let (row, items) = reader
        .api_conversation(id)
        .unwrap_or_else(log_and_default)?;
    let items = items
        .into_iter()
        .map(|item| Arc::new(Item::of_text(item.text)));
    let object = serde_json::from_str(&row.object).unwrap_or_default();
    Some(ArchivedEntry::Conversation(object, items.collect()))
}

fn item(reader: &JournalReader, id: &str) -> Option<ArchivedEntry> {
    let found = reader.response_item(id).unwrap_or_else(log_and_default)?;
    let item = Arc::new(Item::of_text(found.text));
    Some(ArchivedEntry::Item(id.to_owned(), item))
}
