//! A study in which the person plays the model: who takes part under which condition, and how slowly
//! what the person sends reaches them.
//!
//! - `delay` turns a text into tokens that leave one after the other, and says when
//!
//! It knows neither a clock nor sockets: whoever sends waits as long as it is told to.

mod delay;

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Deserialize;

pub use self::delay::{Delay, DelayedWords, Plan};
use crate::api::Assignment;

/// Characters of a name that are kept: a client may send anything.
const LONGEST_NAME: usize = 200;

/// The `[study]` table: what a study goes by.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default, expecting = "a table")]
pub struct Study {
    /// Whether there is one.
    pub enabled: bool,
    /// Whether it stands still until somebody starts it.
    pub starts_paused: bool,
    /// The header that names the participant.
    pub participant_header: String,
    /// The header that names the condition.
    pub condition_header: String,
    /// How a model's name tells both where no header does, such as `human/{condition}/{participant}`.
    pub model_names: String,
    /// How slowly words leave, by condition.
    pub conditions: BTreeMap<String, Delay>,
    /// What it goes through, in order. It begins with the first.
    #[serde(rename = "phase")]
    pub phases: Vec<StudyPhase>,
}

/// A part of a study, such as its greeting.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(deny_unknown_fields, default, expecting = "a table")]
pub struct StudyPhase {
    /// What it is called in the record.
    pub name: String,
    /// Texts to insert into a reply while it is on, by name.
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
    /// Whose a request is, by what its headers and the name of its model say; `None` where nothing
    /// does, or there is no study.
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

    /// How slowly words leave for whom a request is assigned to.
    pub fn delay(&self, assigned: Option<&Assignment>) -> Option<&Delay> {
        let condition = assigned.filter(|_| self.enabled)?.condition.as_ref()?;
        self.conditions.get(condition)
    }

    /// What the name of a model says, part by part.
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

/// A name that can be shown and written down.
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
