//! Rules: what happens to a request, or to what a model drafted for it, without the person.
//!
//! A rule says when it applies and what happens then ([`Action`]). They are asked in their order, and
//! the first that applies is the only one.
//!
//! - [`Written`] is a rule as it stands in the configuration
//! - `rule` is the same, checked and ready to be asked
//! - `pattern` is what its conditions look for
//! - [`proposals`] makes rules of something that was decided once
//!
//! Nothing here does I/O or reads a clock.

mod pattern;
mod proposal;
mod rule;
#[cfg(test)]
mod tests;
mod written;

use std::time::Duration;

use serde::{Deserialize, Serialize};

pub use pattern::{Case, Pattern};
pub(crate) use proposal::free_name;
pub use proposal::{Proposal, proposals};
pub use written::{DraftKind, RuleError, RuleTable};

use crate::api::{Body, Request};
use rule::{DraftedItem, Rule};

/// Bytes before what is new of a message in which [`Rules::of_text`] looks for the beginning of what it
/// finds.
pub(crate) const LOOKED_BACK: usize = 8 * 1024;

/// What rules are asked about.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'a> {
    /// The program that asks, as the inbox names it.
    pub agent: &'a str,
    /// The title of the conversation.
    pub title: &'a str,
    /// The folder that the agent works in, where it says so.
    pub directory: Option<&'a str>,
    /// The request that the rules are asked about.
    pub request: &'a Request,
}

/// What happens. It is written to disk in this form.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RuleAction {
    /// It waits for the person, whatever the mode of the conversation.
    Hold,
    /// What the model drafted is sent.
    Send,
    /// The turn ends with these words as its error.
    Reject(String),
    /// These words are the answer.
    Answer(String),
    /// The model of this name drafts.
    Draft(String),
}

impl RuleAction {
    /// What happens, in words for the person.
    pub fn words(&self) -> String {
        match self {
            Self::Hold => "hold".into(),
            Self::Send => "send".into(),
            Self::Reject(words) => format!("reject with {words:?}"),
            Self::Answer(words) => format!("answer {words:?}"),
            Self::Draft(model) => format!("draft with {model}"),
        }
    }
}

/// What a rule decides, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// The rule's name.
    pub rule: String,
    /// What it matched, in a few words: `tool shell, argument "rm -rf /"`.
    pub matched: String,
    /// What happens.
    pub action: RuleAction,
    /// What happens where nobody does anything for that long; nothing, if this is absent.
    pub timeout: Option<(Duration, RuleAction)>,
    /// Whether that is what happens, because nobody did anything for that long.
    pub waited: bool,
}

/// Rules, in their order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rules(Vec<Rule>);

impl Rules {
    /// Checks rules as they are written.
    ///
    /// # Errors
    ///
    /// What is wrong, with the place of the rule and the key in it.
    pub fn new(written: &[RuleTable]) -> Result<Self, (usize, &'static str, RuleError)> {
        let mut rules: Vec<Rule> = Vec::with_capacity(written.len());
        for (place, written) in written.iter().enumerate() {
            let rule = Rule::new(written).map_err(|(key, error)| (place, key, error))?;
            if rules.iter().any(|known| known.name() == rule.name()) {
                return Err((place, "name", RuleError::NameTwice(rule.name().to_owned())));
            }
            rules.push(rule);
        }
        Ok(Self(rules))
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether any is asked about requests.
    pub(crate) fn ask_of_requests(&self) -> bool {
        !self.0.iter().all(Rule::asks_of_draft)
    }

    /// The names, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(Rule::name)
    }

    /// The rules in words for the person: of each its name, its conditions, what happens, and what
    /// happens where nobody does anything.
    pub fn told(&self) -> impl Iterator<Item = RuleText<'_>> {
        self.0.iter().map(Rule::told)
    }

    /// The models that rules have draft, each with the place of the rule and the key that names it, so
    /// that whoever knows the models can check that there are such.
    pub fn models(&self) -> impl Iterator<Item = (usize, &'static str, &str)> {
        let rules = self.0.iter().enumerate();
        rules.flat_map(|(place, rule)| rule.models().map(move |(key, model)| (place, key, model)))
    }

    /// What is decided of a request when it arrives, by the rules that ask for nothing of a draft.
    pub(crate) fn of_request(&self, subject: &Subject<'_>) -> Option<Decision> {
        let mut rules = self.0.iter().filter(|rule| !rule.asks_of_draft());
        rules.find_map(|rule| rule.of_request(subject))
    }

    /// What is decided of an item that a model drafted, before it is sent: by the rules that ask for
    /// something of it.
    pub(crate) fn of_item(&self, subject: &Subject<'_>, item: &Body) -> Option<Decision> {
        let mut rules = self.0.iter().filter(|rule| rule.asks_of_draft()).peekable();
        // What a command would be need not be known where nobody asks.
        rules.peek()?;
        let drafted = DraftedItem::new(subject, item);
        rules.find_map(|rule| rule.of_item(subject, &drafted))
    }

    /// Whether [`Rules::of_text`] ever decides anything.
    pub(crate) fn watch_text(&self) -> bool {
        self.0.iter().any(Rule::watches_text)
    }

    /// What the rules decide about a message as far as it is written, where `new` bytes at its end were not there
    /// when this was asked last: nothing of it may leave that a rule holds.
    ///
    /// What a rule looks for is found as soon as its end is there, if its beginning is no more than
    /// [`LOOKED_BACK`] bytes before what is new. The end of what is written so far counts as the end
    /// of a word and of the message. A rule that sends decides nothing here: whether it applies is
    /// known when the message is whole, and [`Rules::of_item`] is asked.
    pub(crate) fn of_text(
        &self,
        subject: &Subject<'_>,
        text: &str,
        new: usize,
    ) -> Option<Decision> {
        let mut rules = self.0.iter().filter(|rule| rule.watches_text());
        rules.find_map(|rule| rule.of_text(subject, text, new))
    }
}

/// A rule in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleText<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its conditions, each with its key.
    pub conditions: Vec<(&'static str, String)>,
    /// Whether it is asked about what models draft, and not about requests.
    pub(crate) asks_of_draft: bool,
    /// What happens.
    pub action: &'a RuleAction,
    /// What happens where nobody does anything for that long.
    pub timeout: Option<(Duration, &'a RuleAction)>,
}
