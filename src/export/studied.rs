//! What a study knows of turns: whose they are, under which condition, and in which phase.

use std::collections::HashMap;

use serde::Serialize;
use serde_json::{Map, Value};

use crate::api::Assignment;
use crate::journal::{JournalReader, ReadError};
use crate::store;

/// What a study knows of a turn.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub(super) struct Studied {
    #[serde(flatten)]
    pub assigned: Assignment,
    /// The phase in which it was answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phase: Option<String>,
}

/// What a study knows of a conversation.
#[derive(Debug, Default)]
pub(super) struct StudiedTurns {
    /// Whose its newest turn is of which that is known.
    pub assigned: Assignment,
    turns: HashMap<i64, Studied>,
}

impl Studied {
    /// Whether it knows nothing.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// What it knows, by name.
    pub fn facts(&self) -> Map<String, Value> {
        match serde_json::to_value(self) {
            Ok(Value::Object(facts)) => facts,
            _ => Map::new(),
        }
    }
}

impl StudiedTurns {
    /// Those of a conversation.
    pub fn of(reader: &JournalReader, conversation: i64) -> Result<Self, ReadError> {
        let mut studied = Self::default();
        for timed in reader.timed_turns(conversation)? {
            let assigned = store::assigned(&timed.detail);
            let known = Studied {
                assigned: assigned.as_deref().cloned().unwrap_or_default(),
                phase: timed.times.phase,
            };
            if assigned.is_some() {
                studied.assigned = known.assigned.clone();
            }
            if !known.is_empty() {
                studied.turns.insert(timed.times.turn, known);
            }
        }
        Ok(studied)
    }

    /// What is known of a turn.
    pub fn take(&mut self, turn: i64) -> Studied {
        self.turns.remove(&turn).unwrap_or_default()
    }
}
