//! Counts tokens with the o200k vocabulary, which is part of the program.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::Value;

use crate::api::{Content, Item, ItemBody, Tool};
use crate::o200k;

/// Tokens that stand around an item, for its role and its ends.
const PER_ITEM: u64 = 4;
/// Tokens of a picture. What a model would count depends on its size in pixels.
const PER_IMAGE: u64 = 85;
/// Items that are remembered; a conversation comes whole with every request.
const MOST_REMEMBERED: usize = 20_000;

/// The tokens of a text. The first call loads the vocabulary, which takes a moment.
pub fn count(text: &str) -> u64 {
    o200k::count(text) as u64
}

/// The beginning of a text that is at most so many tokens long.
pub fn fit(text: &str, most: u64) -> String {
    let most = usize::try_from(most).unwrap_or(usize::MAX);
    o200k::fit(text, most).to_owned()
}

/// Counts requests, and each of their items only once.
#[derive(Debug, Clone, Default)]
pub struct Counter {
    known: Arc<Mutex<HashMap<u64, u64>>>,
}

impl Counter {
    /// The tokens of a request. Takes long for a large one: keep it off the draw loop and off the
    /// threads that serve.
    pub fn request(&self, items: &[Arc<Item>], tools: &[Tool]) -> u64 {
        let items: u64 = items.iter().map(|item| self.item(item)).sum();
        let tools: u64 = tools.iter().map(|tool| count(&tool.raw.to_string())).sum();
        items + tools
    }

    fn item(&self, item: &Item) -> u64 {
        let known = || self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(tokens) = known().get(&item.fingerprint) {
            return *tokens;
        }
        let tokens = PER_ITEM + body(item);
        let mut known = known();
        if known.len() >= MOST_REMEMBERED {
            known.clear();
        }
        known.insert(item.fingerprint, tokens);
        tokens
    }
}

fn body(item: &Item) -> u64 {
    match &item.body {
        ItemBody::Message { content, .. } | ItemBody::ToolOutput { content, .. } => {
            let parts = content.iter().map(|part| match part {
                Content::Text(text) | Content::Refusal(text) => count(text),
                Content::Image(_) => PER_IMAGE,
                Content::File { name, .. } => count(name),
                Content::Other(raw) => count(&raw.to_string()),
            });
            parts.sum()
        }
        ItemBody::FunctionCall {
            name, arguments, ..
        } => count(name) + count(arguments),
        ItemBody::CustomToolCall { name, input, .. } => count(name) + count(input),
        ItemBody::Reasoning { summary } => summary.iter().map(|part| count(part)).sum(),
        ItemBody::Compaction {
            summary: Some(summary),
        } => count(summary),
        ItemBody::LocalShellCall { .. } | ItemBody::Compaction { .. } | ItemBody::Other { .. } => {
            match &*item.raw {
                Value::Null => 0,
                raw => count(&raw.to_string()),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_those_of_the_vocabulary() {
        assert_eq!(count(""), 0);
        assert_eq!(count("hello world"), 2);
        assert_eq!(count("こんにちは"), 1);
        assert_eq!(fit("hello world", 1), "hello");
        assert_eq!(fit("hello world", 2), "hello world");
        assert_eq!(fit("hello world", 9), "hello world");
        assert_eq!(fit("hello world", 0), "");
        let counter = Counter::default();
        let items = [Arc::new(Item::user_message("hello world"))];
        assert_eq!(counter.request(&items, &[]), 2 + PER_ITEM);
        assert_eq!(counter.request(&items, &[]), 2 + PER_ITEM);
    }
}
