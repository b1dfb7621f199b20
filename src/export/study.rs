//! The participant, condition and study phase of turns.

use std::collections::HashMap;

use serde::Serialize;
use serde_json::{Map, Value};

use crate::api::Assignment;
use crate::journal::{JournalReader, ReadError};
use crate::store;

/// The participant, condition and phase of a turn; all absent outside of a study.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub(super) struct StudyFacts {
    #[serde(flatten)]
    pub assigned: Assignment,
    /// The phase in which the turn was answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phase: Option<String>,
}

/// The study facts of the turns of a conversation.
#[derive(Debug, Default)]
pub(super) struct ConversationStudy {
    /// Participant and condition of the newest turn that has any.
    pub assigned: Assignment,
    turns: HashMap<i64, StudyFacts>,
}

impl StudyFacts {
    /// Whether nothing is known.
    pub(super) fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The known values as JSON fields.
    pub(super) fn facts(&self) -> Map<String, Value> {
        match serde_json::to_value(self) {
            Ok(Value::Object(facts)) => facts,
            _ => Map::new(),
        }
    }
}

impl ConversationStudy {
    /// Reads those of a conversation.
    pub(super) fn of(reader: &JournalReader, conversation: i64) -> Result<Self, ReadError> {
        let mut study = Self::default();
        for timed in reader.timed_turns(conversation)? {
            let assigned = store::assignment(&timed.detail);
            let known = StudyFacts {
                assigned: assigned.as_deref().cloned().unwrap_or_default(),
                phase: timed.times.phase,
            };
            if assigned.is_some() {
                study.assigned = known.assigned.clone();
            }
            if !known.is_empty() {
                study.turns.insert(timed.times.turn, known);
            }
        }
        Ok(study)
    }

    /// Removes and returns the facts of a turn.
    pub(super) fn take(&mut self, turn: i64) -> StudyFacts {
        self.turns.remove(&turn).unwrap_or_default()
    }
}
