//! Rules: what happens to a request, or to what a model drafted for it, without the person.
//!
//! A rule says when it applies ([`When`]) and what happens then ([`Action`]). The first that applies
//! is the only one. Nothing here does I/O or reads a clock.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::api::{Body, Request};

/// What rules are asked about.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'a> {
    /// The program that asks, as the inbox names it.
    pub agent: &'a str,
    /// The title of the conversation.
    pub title: &'a str,
    /// The folder that the agent works in, where it says so.
    pub directory: Option<&'a str>,
    /// What it asks.
    pub request: &'a Request,
    /// How many items of the request are not new.
    pub new_from: usize,
}

/// What happens. It is written to disk in this form.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
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

/// What a rule decides, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// The rule's name.
    pub rule: String,
    /// What it matched, in a few words: `tool shell, argument "rm -rf /"`.
    pub matched: String,
    /// What happens.
    pub action: Action,
    /// What happens where nobody does anything for that long; nothing, if this is absent.
    pub timeout: Option<(Duration, Action)>,
    /// Whether that is what happens, because nobody did anything for that long.
    pub waited: bool,
}

/// Rules, in their order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rules {}

impl Rules {
    /// What is decided of a request when it arrives, by the rules that ask for nothing of a draft.
    pub fn of_request(&self, _subject: &Subject<'_>) -> Option<Decision> {
        None
    }

    /// What is decided of an item that a model drafted, before it is sent: by the rules that ask for
    /// something of it.
    pub fn of_item(&self, _subject: &Subject<'_>, _item: &Body) -> Option<Decision> {
        None
    }

    /// The same for a message as far as it is written, where `new` bytes at its end were not there
    /// when this was asked last: nothing of it may leave that a rule holds.
    pub fn of_text(&self, _subject: &Subject<'_>, _text: &str, _new: usize) -> Option<Decision> {
        None
    }
}
