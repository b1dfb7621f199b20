//! A short list of the turns of a conversation: the prompt of each, and which of them an item belongs to.

use super::{ConversationId, PastTurns, RequestId, Store, log_and_default};
use crate::api::{Item, Request};
use crate::journal::ReadError;

/// How many characters of a prompt are kept.
const MAX_PROMPT_CHARS: usize = 200;

/// The turns of a conversation, the oldest first. Turn numbers count from 1.
#[derive(Debug, Clone, Default)]
pub struct Outline {
    /// The turns.
    pub turns: Vec<OutlinedTurn>,
}

/// What a list shows of a turn.
#[derive(Debug, Clone)]
pub struct OutlinedTurn {
    /// Its request.
    pub request: RequestId,
    /// When that came, in milliseconds since 1970.
    pub arrived: i64,
    /// The beginning of its prompt.
    pub prompt: String,
    /// How many items, from the first on, are those of the turn before it.
    pub unchanged_items: usize,
}

impl Store {
    /// The outline of a conversation; an empty one without a journal. Reads all of its requests.
    pub fn outline(&self, conversation: ConversationId) -> Outline {
        let reader = self.reader();
        let read = reader.map(|reader| {
            let turns = PastTurns::of(&reader, conversation.0)?.map(|turn| {
                let turn = turn?;
                Ok(OutlinedTurn {
                    request: RequestId(turn.id),
                    arrived: turn.arrived,
                    prompt: prompt(turn.request.as_ref(), turn.unchanged_items),
                    unchanged_items: turn.unchanged_items,
                })
            });
            let turns: Result<Vec<OutlinedTurn>, ReadError> = turns.collect();
            turns
        });
        Outline {
            turns: read
                .transpose()
                .unwrap_or_else(log_and_default)
                .unwrap_or_default(),
        }
    }
}

impl Outline {
    /// The index of the turn that an item of the newest request belongs to; `index` is that of the item.
    /// It is the turn whose request had the item first. An item from the model belongs to the turn
    /// before that, which it answered.
    pub(crate) fn turn_of_item(&self, index: usize, item: &Item) -> Option<usize> {
        let mut turns = self.turns.iter();
        let first_with_it = turns.rposition(|turn| turn.unchanged_items <= index)?;
        Some(if item.is_from_model() {
            first_with_it.saturating_sub(1)
        } else {
            first_with_it
        })
    }

    /// The index of the turn of a request.
    pub(crate) fn turn_of(&self, request: RequestId) -> Option<usize> {
        self.turns.iter().position(|turn| turn.request == request)
    }
}

/// The beginning of the last new item of a request that is not from the model, with single spaces.
fn prompt(request: Option<&Request>, unchanged_items: usize) -> String {
    let items = request.map_or(&[][..], |request| &request.items);
    let new = items.iter().skip(unchanged_items).rev();
    let last = new.into_iter().find(|item| !item.is_from_model());
    let text = last.map(|item| item.text()).unwrap_or_default();
    let words = text.split_whitespace().flat_map(|word| [word, " "]);
    let text: String = words.flat_map(str::chars).take(MAX_PROMPT_CHARS).collect();
    text.trim_end().to_owned()
}
