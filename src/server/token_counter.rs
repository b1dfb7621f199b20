//! Counts the tokens of requests and replies, large ones on blocking threads.

use std::sync::Arc;

use tokio::task::{JoinHandle, spawn_blocking};

use crate::api::{Body, Item, Reply, ToolList, Usage};
use crate::tokens::{count, count_body, count_request, uncounted_bytes};

/// Bytes that are counted in place: going to another thread takes longer.
const SHORT_BYTES: usize = 2048;

/// The tokens of one response.
#[derive(Debug)]
pub(super) struct TokenCounter {
    input: InputTokens,
    usage: Usage,
}

/// The tokens of a request.
#[derive(Debug)]
enum InputTokens {
    Counted(u64),
    /// Being counted; done before the person has hardly begun to read.
    Counting(JoinHandle<u64>),
}

impl TokenCounter {
    /// Starts to count the items and tools of a request. Shared ones that were counted before are
    /// not counted again.
    pub(super) fn start(items: Vec<Arc<Item>>, tools: Arc<ToolList>) -> Self {
        let input = if uncounted_bytes(&items, &tools) <= SHORT_BYTES {
            InputTokens::Counted(count_request(&items, &tools))
        } else {
            InputTokens::Counting(spawn_blocking(move || count_request(&items, &tools)))
        };
        Self {
            input,
            usage: Usage::default(),
        }
    }

    /// Counts a reply: returns its tokens, and the usage of the whole response if it ends.
    pub(super) async fn add(&mut self, reply: &Reply) -> (u64, Option<Usage>) {
        let (tokens, reasoning) = if countable_bytes(reply) <= SHORT_BYTES {
            count_reply(reply)
        } else {
            let reply = reply.clone();
            // A failed count does not stop the response.
            let counted = spawn_blocking(move || count_reply(&reply)).await;
            counted.unwrap_or_default()
        };
        self.usage.output += tokens;
        self.usage.reasoning += reasoning;
        if !reply.ends() {
            return (tokens, None);
        }
        if let InputTokens::Counting(counting) = &mut self.input {
            self.input = InputTokens::Counted(counting.await.unwrap_or_default());
        }
        if let InputTokens::Counted(input) = self.input {
            self.usage.input = input;
        }
        (tokens, Some(self.usage))
    }
}

/// Approximate bytes of text in a reply.
fn countable_bytes(reply: &Reply) -> usize {
    match reply {
        Reply::Live { delta, .. } => delta.len(),
        reply => reply.items().iter().map(|item| item.text().len()).sum(),
    }
}

/// Tokens of a reply, and those of its reasoning among them.
fn count_reply(reply: &Reply) -> (u64, u64) {
    if let Reply::Live { delta, .. } = reply {
        return (count(delta), 0);
    }
    let is_reasoning = |item: &&Body| matches!(item, Body::Reasoning { .. });
    let items = reply.items().iter();
    let reasoning = items.clone().filter(is_reasoning).map(count_body).sum();
    (items.map(count_body).sum(), reasoning)
}
