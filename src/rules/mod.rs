//! Rules: what happens to a request, or to a draft of a model for it, without the person.
//!
//! A rule has conditions and an action ([`RuleAction`]). Rules are tried in order, and only the
//! first that applies counts.
//!
//! - [`RuleTable`] is a rule as it stands in the configuration
//! - `rule` is the same, checked and ready to be asked
//! - `pattern` is what its conditions look for
//! - [`proposals`] makes rules of something that was decided once
//!
//! Nothing here does I/O or reads a clock.

mod pattern;
mod proposal;
mod rule;
mod table;
#[cfg(test)]
mod tests;

use std::time::Duration;

use serde::{Deserialize, Serialize};

pub use pattern::{Case, Pattern};
pub(crate) use proposal::free_name;
pub use proposal::{Proposal, proposals};
pub use table::{DraftKind, RuleError, RuleTable};

use crate::api::{Body, Request};
use rule::{DraftedItem, Rule};

/// Bytes before the new part of a message in which a match of [`Rules::of_text`] may begin.
pub(crate) const LOOKBACK_BYTES: usize = 8 * 1024;

/// The request that rules are evaluated for.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'a> {
    /// The agent, as the inbox names it.
    pub agent: &'a str,
    /// The title of the conversation.
    pub title: &'a str,
    /// The working directory of the agent, if it says so.
    pub directory: Option<&'a str>,
    /// The request.
    pub request: &'a Request,
}

/// The action of a rule. This is also its form on disk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RuleAction {
    /// Wait for the person, whatever the mode of the conversation.
    Hold,
    /// Send what the model drafted.
    Send,
    /// Reject the request with this message.
    Reject(String),
    /// Answer with this text.
    Answer(String),
    /// Have the model with this name draft.
    Draft(String),
}

impl RuleAction {
    /// The action in words for the person.
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

/// The decision of a rule, and its reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// The rule's name.
    pub rule: String,
    /// What it matched, in a few words: `tool shell, argument "rm -rf /"`.
    pub matched: String,
    /// What happens.
    pub action: RuleAction,
    /// The action if nobody does anything for this long, if any.
    pub timeout: Option<(Duration, RuleAction)>,
    /// Whether this decision was made by the timeout.
    pub waited: bool,
}

/// Rules, in order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rules(Vec<Rule>);

impl Rules {
    /// Checks rules of the configuration.
    ///
    /// # Errors
    ///
    /// The error, with the index of the rule and the key at fault.
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

    /// Whether any rule applies to requests, rather than drafts.
    pub(crate) fn ask_of_requests(&self) -> bool {
        !self.0.iter().all(Rule::asks_of_draft)
    }

    /// The names, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(Rule::name)
    }

    /// The rules in words for the person.
    pub fn descriptions(&self) -> impl Iterator<Item = RuleText<'_>> {
        self.0.iter().map(Rule::description)
    }

    /// The models that rules name, each with the index of the rule and the key that names it, so
    /// that their existence can be checked.
    pub fn models(&self) -> impl Iterator<Item = (usize, &'static str, &str)> {
        let rules = self.0.iter().enumerate();
        rules.flat_map(|(place, rule)| rule.models().map(move |(key, model)| (place, key, model)))
    }

    /// Decides about a request when it arrives, by the rules without conditions on drafts.
    pub(crate) fn of_request(&self, subject: &Subject<'_>) -> Option<Decision> {
        let mut rules = self.0.iter().filter(|rule| !rule.asks_of_draft());
        rules.find_map(|rule| rule.of_request(subject))
    }

    /// Decides about an item that a model drafted, before it is sent, by the rules with conditions
    /// on drafts.
    pub(crate) fn of_item(&self, subject: &Subject<'_>, item: &Body) -> Option<Decision> {
        let mut rules = self.0.iter().filter(|rule| rule.asks_of_draft()).peekable();
        // The command is not looked up unless there are rules.
        rules.peek()?;
        let drafted = DraftedItem::new(subject, item);
        rules.find_map(|rule| rule.of_item(subject, &drafted))
    }

    /// Whether [`Rules::of_text`] ever decides anything.
    pub(crate) fn watch_text(&self) -> bool {
        self.0.iter().any(Rule::watches_text)
    }

    /// Decides about a message that is being streamed, of which the last `new` bytes are new:
    /// nothing that a rule holds may be sent.
    ///
    /// A match is found as soon as its end is there, if it begins at most [`LOOKBACK_BYTES`] before
    /// the new part. The end of the text so far counts as the end of a word and of the message.
    /// Rules that send decide nothing here: whether they apply is known when the message is
    /// complete, by [`Rules::of_item`].
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

/// A description of a rule for the person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleText<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its conditions in words, each with its key.
    pub conditions: Vec<(&'static str, String)>,
    /// Whether it applies to drafts, rather than requests.
    pub(crate) asks_of_draft: bool,
    /// What happens.
    pub action: &'a RuleAction,
    /// The action if nobody does anything for this long.
    pub timeout: Option<(Duration, &'a RuleAction)>,
}
