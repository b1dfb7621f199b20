//! Counts tokens with the o200k vocabulary, which is part of the program.

use std::sync::Arc;

use crate::api::{Body, ContentPart, Item, ItemBody, ToolList};
use crate::o200k;

/// Tokens that stand around an item, for its role and its ends.
const PER_ITEM: u64 = 4;
/// Tokens of a picture. What a model would count depends on its size in pixels.
const PER_IMAGE: u64 = 85;

/// The tokens of a text. The first call loads the vocabulary, which takes a moment.
pub fn count(text: &str) -> u64 {
    o200k::count(text) as u64
}

/// The beginning of a text that is at most so many tokens long.
pub fn fit(text: &str, most: u64) -> String {
    let most = usize::try_from(most).unwrap_or(usize::MAX);
    o200k::fit(text, most).to_owned()
}

/// A text in its tokens, one after the other; those that end within a character stand together.
pub fn split(text: &str) -> Vec<&str> {
    o200k::split(text)
}

/// The tokens of a request. Each item, and each list of tools, is counted once for all requests that
/// have it. That takes long for a large one: keep it off the draw loop and off the threads that
/// serve.
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

/// How many bytes of that nobody has counted yet.
pub(crate) fn uncounted(items: &[Arc<Item>], tools: &ToolList) -> usize {
    let is_new = tools.tokens().get().is_none() && tools.is_given();
    let items = items.iter().filter(|item| item.tokens().get().is_none());
    let items: usize = items.map(|item| item.raw().len()).sum();
    items + if is_new { tools.raw().len() } else { 0 }
}

fn count_item(item: &Item) -> u64 {
    *item.tokens().get_or_init(|| PER_ITEM + count_input(item))
}

fn count_input(item: &Item) -> u64 {
    match item.body() {
        ItemBody::Said { body, .. } => count_body(body),
        ItemBody::ToolOutput { content, .. } => count_parts(content),
        ItemBody::Compaction {
            summary: Some(summary),
        } => count(summary),
        ItemBody::Compaction { .. } | ItemBody::Other { .. } => count(item.raw()),
    }
}

/// The tokens of what an item says.
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
        assert_eq!(fit("hello world", 1), "hello");
        assert_eq!(fit("hello world", 2), "hello world");
        assert_eq!(fit("hello world", 9), "hello world");
        assert_eq!(fit("hello world", 0), "");
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
