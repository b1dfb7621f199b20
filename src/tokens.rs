//! Counts the tokens of requests and replies with the o200k vocabulary, which is part of the program.
//!
//! The numbers are those that the program reports as usage and holds against limits. What a model of an
//! upstream counts may differ.

use std::sync::Arc;

use crate::api::{Body, ContentPart, Item, ItemBody, ToolList};
use crate::o200k;

/// Tokens that are added for each item, for its role and its delimiters.
const PER_ITEM: u64 = 4;
/// Tokens that any picture counts as. What a model would count depends on its size in pixels.
const PER_IMAGE: u64 = 85;

/// How many tokens a text has. The first call loads the vocabulary, which takes some milliseconds.
pub fn count(text: &str) -> u64 {
    o200k::count(text) as u64
}

/// The longest beginning of a text that has at most `limit` tokens.
pub fn truncate(text: &str, limit: u64) -> String {
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    o200k::truncate(text, limit).to_owned()
}

/// Splits a text into its tokens. Tokens that end within a character are joined with those that follow,
/// up to the end of the character.
pub fn split(text: &str) -> Vec<&str> {
    o200k::split(text)
}

/// How many tokens a request has. Each item and each list of tools remembers its count, so that it is
/// counted once for all requests that share it. Counting a large request takes long: call this neither
/// from the draw loop nor from the threads that serve.
pub fn count_request(items: &[Arc<Item>], tools: &ToolList) -> u64 {
    let items: u64 = items.iter().map(|item| count_item(item)).sum();
    let tools = tools.tokens().get_or_init(|| {
        if tools.is_empty() {
            0
        } else {
            count(tools.raw())
        }
    });
    items + tools
}

/// How many bytes of JSON [`count_request`] would have to read, because their tokens are not counted yet.
pub(crate) fn uncounted_bytes(items: &[Arc<Item>], tools: &ToolList) -> usize {
    let new_items = items.iter().filter(|item| item.tokens().get().is_none());
    let item_bytes: usize = new_items.map(|item| item.raw().len()).sum();
    let has_new_tools = tools.is_given() && tools.tokens().get().is_none();
    let tool_bytes = if has_new_tools { tools.raw().len() } else { 0 };
    item_bytes + tool_bytes
}

fn count_item(item: &Item) -> u64 {
    let tokens = item.tokens();
    *tokens.get_or_init(|| PER_ITEM + count_item_content(item))
}

fn count_item_content(item: &Item) -> u64 {
    match item.body() {
        ItemBody::Said { body, .. } => count_body(body),
        ItemBody::ToolOutput { content, .. } => count_parts(content),
        ItemBody::Compaction {
            summary: Some(summary),
        } => count(summary),
        ItemBody::Compaction { .. } | ItemBody::Other { .. } => count(item.raw()),
    }
}

/// How many tokens the content of an output item has, without [`PER_ITEM`].
pub(crate) fn count_body(body: &Body) -> u64 {
    match body {
        Body::Message { content, .. } => count_parts(content),
        Body::Reasoning { summary } => summary.iter().map(|part| count(part)).sum(),
        call => count(&call.text()),
    }
}

fn count_parts(content: &[ContentPart]) -> u64 {
    let parts = content.iter().map(|part| match part {
        ContentPart::Text(text) | ContentPart::Refusal(text) => count(text),
        ContentPart::Image(_) => PER_IMAGE,
        ContentPart::File { name, .. } => count(name),
        ContentPart::Other(json) => count(json),
    });
    parts.sum()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::api::Phase;

    #[test]
    fn tokens_are_those_of_the_vocabulary() {
        assert_eq!(count(""), 0);
        assert_eq!(count("hello world"), 2);
        assert_eq!(count("こんにちは"), 1);
        assert_eq!(truncate("hello world", 1), "hello");
        assert_eq!(truncate("hello world", 2), "hello world");
        assert_eq!(truncate("hello world", 9), "hello world");
        assert_eq!(truncate("hello world", 0), "");
        let items = [Arc::new(Item::user_message("hello world"))];
        let none = ToolList::default();
        assert_eq!(count_request(&items, &none), 2 + PER_ITEM);
    }

    #[test]
    fn what_is_said_counts_the_same_when_it_comes_back() {
        let call = Body::FunctionCall {
            namespace: Some("files".into()),
            name: "read".into(),
            arguments: r#"{"path":"a"}"#.into(),
        };
        let command = Body::LocalShellCall {
            command: vec!["ls".into(), "-l".into()],
            working_directory: None,
        };
        let table = [
            (
                Body::message("hello world", Phase::FinalAnswer),
                json!({"role": "assistant", "content": "hello world"}),
            ),
            (
                call,
                json!({"type": "function_call", "namespace": "files", "name": "read",
                    "arguments": r#"{"path":"a"}"#, "call_id": "c"}),
            ),
            (
                command,
                json!({"type": "local_shell_call", "call_id": "c",
                    "action": {"type": "exec", "command": ["ls", "-l"]}}),
            ),
        ];
        for (said, raw) in table {
            let items = [Arc::new(Item::from_responses(&raw))];
            let sent = count_request(&items, &ToolList::default());
            assert!(count_body(&said) > 0);
            assert_eq!(count_body(&said), sent - PER_ITEM, "{raw}");
        }
    }
}
