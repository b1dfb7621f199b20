//! Wizard-of-Oz studies: assigns requests to participants and conditions, and delays replies so that the
//! person is as slow as a model.
//!
//! - `delay` splits a text into tokens and computes the pause before each
//!
//! It uses neither clock nor sockets: the sender waits for the computed pauses.

mod delay;

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Deserialize;

pub use self::delay::{Delay, DelayPlan, DelayedText};
use crate::api::Assignment;

/// The maximum length of a participant's or condition's name, in characters: clients may send anything.
const LONGEST_NAME: usize = 200;

/// The `[study]` table of the configuration.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default, expecting = "a table")]
pub struct Study {
    /// Whether a study is running.
    pub enabled: bool,
    /// Whether it is paused until somebody starts it.
    pub starts_paused: bool,
    /// The header that names the participant.
    pub participant_header: String,
    /// The header that names the condition.
    pub condition_header: String,
    /// The pattern by which the model name gives both if the headers do not, such as
    /// `human/{condition}/{participant}`.
    pub model_names: String,
    /// The delay of replies, by condition.
    pub conditions: BTreeMap<String, Delay>,
    /// Its phases, in order. It begins with the first.
    #[serde(rename = "phase")]
    pub phases: Vec<StudyPhase>,
}

/// A phase of a study, such as a greeting.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(deny_unknown_fields, default, expecting = "a table")]
pub struct StudyPhase {
    /// Its name in the record.
    pub name: String,
    /// Snippets that can be inserted into replies during this phase, by name.
    pub snippets: BTreeMap<String, String>,
}

impl Default for Study {
    fn default() -> Self {
        Self {
            enabled: false,
            starts_paused: false,
            participant_header: "x-participant".into(),
            condition_header: "x-condition".into(),
            model_names: "human/{condition}/{participant}".into(),
            conditions: BTreeMap::new(),
            phases: Vec::new(),
        }
    }
}

impl Study {
    /// Participant and condition of a request, from its headers and the name of its model; `None` if neither
    /// gives any, or there is no study.
    pub fn assigned<'a>(
        &self,
        header: impl Fn(&str) -> Option<&'a str>,
        model: &str,
    ) -> Option<Arc<Assignment>> {
        if !self.enabled {
            return None;
        }
        let by_name = self.by_name(model);
        let given = |name: &str| header(name).and_then(named);
        let assigned = Assignment {
            participant: given(&self.participant_header).or(by_name.participant),
            condition: given(&self.condition_header).or(by_name.condition),
        };
        (assigned != Assignment::default()).then(|| Arc::new(assigned))
    }

    /// The delay for the condition of a request.
    pub fn delay(&self, assigned: Option<&Assignment>) -> Option<&Delay> {
        let condition = assigned.filter(|_| self.enabled)?.condition.as_ref()?;
        self.conditions.get(condition)
    }

    /// Matches the name of a model with the pattern, part by part.
    fn by_name(&self, model: &str) -> Assignment {
        let mut assigned = Assignment::default();
        let (pattern, parts) = (self.model_names.split('/'), model.split('/'));
        if pattern.clone().count() != parts.clone().count() {
            return assigned;
        }
        for (expected, part) in pattern.zip(parts) {
            match expected {
                "{participant}" => assigned.participant = named(part),
                "{condition}" => assigned.condition = named(part),
                _ if expected == part => {}
                _ => return Assignment::default(),
            }
        }
        assigned
    }
}

/// A name without control characters and of limited length; `None` if nothing is left.
fn named(text: &str) -> Option<String> {
    let name = text.trim().chars().filter(|c| !c.is_control());
    let name: String = name.take(LONGEST_NAME).collect();
    (!name.is_empty()).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn study() -> Study {
        Study {
            enabled: true,
            ..Study::default()
        }
    }

    fn assigned(study: &Study, headers: &[(&str, &'static str)], model: &str) -> [String; 2] {
        let header = |name: &str| {
            headers
                .iter()
                .find(|(own, _)| *own == name)
                .map(|(_, it)| *it)
        };
        let found = study.assigned(header, model);
        let found = found.as_deref().cloned().unwrap_or_default();
        [found.condition, found.participant].map(Option::unwrap_or_default)
    }

    #[test]
    fn headers_and_names_of_models_tell_whose_a_request_is() {
        let study = study();
        assert_eq!(assigned(&study, &[], "human/cond-a/p07"), ["cond-a", "p07"]);
        assert_eq!(assigned(&study, &[], "human"), ["", ""]);
        assert_eq!(assigned(&study, &[], "gpt/cond-a/p07"), ["", ""]);
        let headers = [("x-participant", "p08")];
        assert_eq!(
            assigned(&study, &headers, "human/cond-a/p07"),
            ["cond-a", "p08"]
        );
        let headers = [("x-participant", " p\u{7}9 "), ("x-condition", "b")];
        assert_eq!(assigned(&study, &headers, "gpt-5"), ["b", "p9"]);
        assert!(
            Study::default()
                .assigned(|_| Some("x"), "human/a/b")
                .is_none()
        );
    }
}
