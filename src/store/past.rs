//! Reads the turns of a conversation from the journal one after the other. What a turn has in common
//! with the one before it is read and parsed once.

use std::sync::Arc;
use std::vec;

use super::turn::{self, PreviousTurn};
use crate::api::{Interner, Item, Request};
use crate::journal::{JournalReader, ReadError, TurnState};

/// The turns of a conversation, the oldest first.
#[derive(Debug)]
pub struct PastTurns {
    reader: JournalReader,
    interner: Interner,
    /// The ids of the turns that are not read yet, each with its index in the conversation.
    left: std::iter::Enumerate<vec::IntoIter<i64>>,
    /// The parsed parts of the turn that was read last.
    previous: PreviousTurn,
    /// The items of the turn that was read last.
    previous_items: Vec<Arc<Item>>,
}

/// A turn that was read from the journal.
#[derive(Debug)]
pub struct PastTurn {
    /// The id of its row in the journal.
    pub id: i64,
    /// Its number in its conversation, from 1.
    pub number: usize,
    /// When its request came, in milliseconds since 1970.
    pub arrived: i64,
    /// Whether its request waits, was answered, or lost its client.
    pub state: TurnState,
    /// Its request; `None` if it cannot be read any more.
    pub request: Option<Request>,
    /// How many items, from the first on, say the same as those of the turn before it.
    pub unchanged_items: usize,
    /// How many items the turn before it had.
    pub previous_items: usize,
}

impl PastTurn {
    /// Whether the agent has changed items that it sent before, and not only added some.
    pub(crate) fn is_rewritten(&self) -> bool {
        self.unchanged_items < self.previous_items
    }
}

impl PastTurns {
    /// The turns of the conversation with this id.
    ///
    /// # Errors
    ///
    /// If the journal cannot be read.
    pub fn of(reader: &JournalReader, conversation: i64) -> Result<Self, ReadError> {
        Ok(Self {
            left: reader.turns(conversation)?.into_iter().enumerate(),
            reader: reader.clone(),
            interner: Interner::default(),
            previous: PreviousTurn::default(),
            previous_items: Vec::new(),
        })
    }

    fn read(&mut self, number: usize, id: i64) -> Result<Option<PastTurn>, ReadError> {
        let Some(mut parts) = self.reader.parts(id, |key| self.previous.has(key))? else {
            return Ok(None);
        };
        if !self.previous.covers(&parts) {
            // The same text means something else in another format.
            self.previous = PreviousTurn::default();
            match self.reader.parts(id, |_| false)? {
                Some(complete) => parts = complete,
                None => return Ok(None),
            }
        }
        let previous_items = self.previous_items.len();
        let mut read = PastTurn {
            id,
            number,
            arrived: parts.arrived,
            state: parts.state,
            request: None,
            unchanged_items: previous_items,
            previous_items,
        };
        match turn::request_of_parts(&parts, &self.previous, &self.interner) {
            Some((request, parts)) => {
                self.previous = parts;
                let pairs = self.previous_items.iter().zip(&request.items);
                let same = |(old, new): &(&Arc<Item>, &Arc<Item>)| {
                    Arc::ptr_eq(old, new) || old.says_the_same(new)
                };
                read.unchanged_items = pairs.take_while(same).count();
                self.previous_items.clone_from(&request.items);
                read.request = Some(request);
            }
            None => tracing::warn!(turn = id, "a turn cannot be read"),
        }
        Ok(Some(read))
    }
}

impl Iterator for PastTurns {
    type Item = Result<PastTurn, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let (place, id) = self.left.next()?;
            // A turn that was deleted since its id was read is skipped.
            if let Some(read) = self.read(place + 1, id).transpose() {
                return Some(read);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::api::Format;
    use crate::journal::{Journal, JournalOptions};

    /// Requests of each format as agents send them: what one has, the next one has too, with marks that
    /// move and a history that is put together anew at the end.
    fn conversations() -> Vec<(Format, Vec<Value>)> {
        let tools = json!([{"type": "function", "name": "f", "parameters": {"type": "object"}}]);
        let responses = |input: Value| {
            json!({"model": "m", "instructions": "Be kind.",
            "tools": tools, "input": input})
        };
        let user = json!({"role": "user", "content": "one"});
        let call = json!({"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"});
        let output = json!({"type": "function_call_output", "call_id": "c", "output": "x"});
        let messages = |messages: Value| {
            json!({"model": "m", "max_tokens": 9, "messages": messages,
            "system": [{"type": "text", "text": "Be kind."}, {"type": "text", "text": "Be brief."}],
            "tools": [{"name": "f", "input_schema": {"type": "object"}}]})
        };
        let block = |text: &str, marked: bool| {
            let mut block = json!({"type": "text", "text": text});
            if marked {
                block["cache_control"] = json!({"type": "ephemeral"});
            }
            block
        };
        let used = json!({"role": "assistant", "content": [block("so", false),
            {"type": "tool_use", "id": "t", "name": "f", "input": {}}]});
        let result = json!({"role": "user", "content": [
            {"type": "tool_result", "tool_use_id": "t", "content": "x"}, block("and", true)]});
        let chat = |messages: Value| json!({"model": "m", "messages": messages});
        let asked = json!({"role": "user", "content": "one"});
        let called = json!({"role": "assistant", "content": "so", "tool_calls": [{"id": "c",
            "type": "function", "function": {"name": "f", "arguments": "{}"}}]});
        vec![
            (
                Format::Responses,
                vec![
                    responses(json!("one")),
                    responses(json!([user])),
                    responses(json!([user, call, output])),
                    // A client asks the same again.
                    responses(json!([user, call, output])),
                    json!({"model": "m", "input": [user, call, output, call]}),
                    responses(json!([output])),
                ],
            ),
            (
                Format::Messages,
                vec![
                    messages(json!([{"role": "user", "content": [block("one", true)]}])),
                    messages(
                        json!([{"role": "user", "content": [block("one", false)]}, used, result]),
                    ),
                    messages(json!([{"role": "user", "content": "all new"}])),
                ],
            ),
            (
                Format::Chat,
                vec![
                    chat(json!([asked])),
                    chat(
                        json!([asked, called, {"role": "tool", "tool_call_id": "c", "content": "x"}]),
                    ),
                    chat(json!([called])),
                ],
            ),
        ]
    }

    #[test]
    fn turns_are_read_as_they_came_and_what_they_share_once() {
        for (format, bodies) in conversations() {
            let folder = tempfile::tempdir().unwrap();
            let journal = Journal::open(folder.path(), JournalOptions::default()).unwrap();
            let mut rows = Vec::new();
            for (id, body) in (1..).zip(&bodies) {
                let body = body.to_string();
                let request = format.parse(body.as_bytes(), &Interner::default()).unwrap();
                let place = super::super::RequestKey {
                    conversation: super::super::ConversationId(1),
                    request: super::super::RequestId(id),
                };
                rows.push(turn::row(place, &request, 1000 + id));
            }
            let records = rows
                .iter()
                .cloned()
                .map(Box::new)
                .map(crate::journal::Record::Turn);
            assert!(journal.settled_blocking(journal.write(records.collect())));
            let reader = journal.reader();
            let read = PastTurns::of(&reader, 1).unwrap();
            let read: Vec<PastTurn> = read.collect::<Result<_, _>>().unwrap();
            assert_eq!(read.len(), bodies.len());
            for ((past, row), body) in read.iter().zip(&rows).zip(&bodies) {
                let request = past.request.as_ref().expect("readable");
                let whole = turn::request(row, &Interner::default()).unwrap();
                let raw = |request: &Request| -> Vec<String> {
                    request
                        .items
                        .iter()
                        .map(|item| format!("{:?} {}", item.body(), item.raw()))
                        .collect()
                };
                assert_eq!(raw(request), raw(&whole), "{format:?} {body}");
                assert_eq!(request.tools.raw(), whole.tools.raw());
                assert_eq!(
                    (request.preamble, request.earlier),
                    (whole.preamble, whole.earlier)
                );
                assert_eq!(request.raw_body(), body.to_string());
                assert_eq!(turn::body_and_context(row).unwrap().0, body.to_string());
            }
            assert!(read.last().unwrap().is_rewritten());
            for pair in read.windows(2) {
                let (before, after) = (&pair[0].request, &pair[1].request);
                let (before, after) = (before.as_ref().unwrap(), after.as_ref().unwrap());
                let kept = pair[1].unchanged_items.min(1);
                for (old, new) in before.items.iter().zip(&after.items).take(kept) {
                    assert!(old.says_the_same(new));
                }
            }
            if format == Format::Messages {
                // The mark has moved, and nothing was said anew for that.
                assert_eq!((read[1].unchanged_items, read[1].previous_items), (2, 2));
            }
        }
    }
}
