//! The turns of a conversation in a list: what was asked in each, and to which of them an item belongs.

use super::{ConversationId, PastTurns, RequestId, Store, failed};
use crate::api::{Item, Request};
use crate::journal::ReadError;

/// Characters of what was asked.
const LONGEST: usize = 200;

/// The turns of a conversation, the oldest first; their numbers count from 1.
#[derive(Debug, Clone, Default)]
pub struct Outline {
    /// The turns.
    pub turns: Vec<OutlinedTurn>,
}

/// A turn, in short.
#[derive(Debug, Clone)]
pub struct OutlinedTurn {
    /// Its request.
    pub request: RequestId,
    /// When that came, in milliseconds since 1970.
    pub arrived: i64,
    /// What it asked last, in short.
    pub asked: String,
    /// How many items, from the first on, it has from the turn before it.
    pub kept: usize,
}

impl Store {
    /// The turns of a conversation, none where nothing is kept. Reads all of its requests.
    pub fn outline(&self, conversation: ConversationId) -> Outline {
        let reader = self.reader();
        let read = reader.map(|reader| {
            let turns = PastTurns::of(&reader, conversation.0)?.map(|turn| {
                let turn = turn?;
                Ok(OutlinedTurn {
                    request: RequestId(turn.id),
                    arrived: turn.arrived,
                    asked: asked(turn.request.as_ref(), turn.kept),
                    kept: turn.kept,
                })
            });
            let turns: Result<Vec<OutlinedTurn>, ReadError> = turns.collect();
            turns
        });
        Outline {
            turns: read.transpose().unwrap_or_else(failed).unwrap_or_default(),
        }
    }
}

impl Outline {
    /// The place of the turn that an item of the newest request belongs to, by the place of the item: the
    /// one whose request had it first, or before that, where a model said it, the one that it answered.
    pub(crate) fn turn_of_item(&self, index: usize, item: &Item) -> Option<usize> {
        let came = self.turns.iter().rposition(|turn| turn.kept <= index)?;
        Some(match item.is_from_model() {
            true => came.saturating_sub(1),
            false => came,
        })
    }

    /// The place of the turn of a request.
    pub(crate) fn turn_of(&self, request: RequestId) -> Option<usize> {
        self.turns.iter().position(|turn| turn.request == request)
    }
}

/// The last that is new in a request and that no model said.
fn asked(request: Option<&Request>, kept: usize) -> String {
    let items = request.map_or(&[][..], |request| &request.items);
    let new = items.iter().skip(kept).rev();
    let last = new.into_iter().find(|item| !item.is_from_model());
    let text = last.map(|item| item.text()).unwrap_or_default();
    let words = text.split_whitespace().flat_map(|word| [word, " "]);
    let text: String = words.flat_map(str::chars).take(LONGEST).collect();
    text.trim_end().to_owned()
}
