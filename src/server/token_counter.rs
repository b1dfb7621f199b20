//! Counts the tokens of a request and of what is said to it, beside the threads that serve.

use std::sync::Arc;

use tokio::task::{JoinHandle, spawn_blocking};

use crate::api::{Body, Item, Reply, ToolList, Usage};
use crate::tokens::{count, count_body, count_request, uncounted};

/// Bytes that are counted at once: going to another thread takes longer than that.
const SHORT: usize = 2048;

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
    /// They are being counted; the person has hardly begun to read by the time it is done.
    Counting(JoinHandle<u64>),
}

impl TokenCounter {
    /// Begins to count a request that has these items and tools. What was counted for another one
    /// is not counted again.
    pub(super) fn start(items: Vec<Arc<Item>>, tools: Arc<ToolList>) -> Self {
        let input = if uncounted(&items, &tools) <= SHORT {
            InputTokens::Counted(count_request(&items, &tools))
        } else {
            InputTokens::Counting(spawn_blocking(move || count_request(&items, &tools)))
        };
        Self {
            input,
            usage: Usage::default(),
        }
    }

    /// Counts a reply: its own tokens, and those of the whole response if it ends there.
    pub(super) async fn add(&mut self, reply: &Reply) -> (u64, Option<Usage>) {
        let (tokens, reasoning) = if bytes(reply) <= SHORT {
            count_reply(reply)
        } else {
            let reply = reply.clone();
            // A count that failed is no reason not to answer.
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

/// About how many bytes a reply has to count.
fn bytes(reply: &Reply) -> usize {
    match reply {
        Reply::Live { delta, .. } => delta.len(),
        reply => reply.items().iter().map(|item| item.text().len()).sum(),
    }
}

/// All tokens of a reply, and those of its reasoning.
fn count_reply(reply: &Reply) -> (u64, u64) {
    if let Reply::Live { delta, .. } = reply {
        return (count(delta), 0);
    }
    let is_reasoning = |item: &&Body| matches!(item, Body::Reasoning { .. });
    let items = reply.items().iter();
    let reasoning = items.clone().filter(is_reasoning).map(count_body).sum();
    (items.map(count_body).sum(), reasoning)
}
