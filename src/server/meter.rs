//! Counts the tokens of a request and of what is said to it, beside the threads that serve.

use std::sync::Arc;

use tokio::task::{JoinHandle, spawn_blocking};

use crate::api::{OutputItem, Reply, Request, Usage};
use crate::tokens::{count, count_request};

/// The tokens of one response.
#[derive(Debug)]
pub(super) struct Meter {
    input: JoinHandle<u64>,
    usage: Usage,
}

impl Meter {
    /// Begins to count the request; the person has hardly begun to read by the time it is done.
    pub(super) fn start(request: &Request) -> Self {
        let (items, tools) = (request.items.clone(), Arc::clone(&request.tools));
        Self {
            input: spawn_blocking(move || count_request(&items, &tools)),
            usage: Usage::default(),
        }
    }

    /// Counts a reply: its own tokens, and those of the whole response if it ends there.
    pub(super) async fn add(&mut self, reply: &Reply) -> (u64, Option<Usage>) {
        let reply = reply.clone();
        let ends = reply.ends();
        // A count that failed is no reason not to answer.
        let (tokens, reasoning) = spawn_blocking(move || count_reply(&reply))
            .await
            .unwrap_or_default();
        self.usage.output += tokens;
        self.usage.reasoning += reasoning;
        if !ends {
            return (tokens, None);
        }
        self.usage.input = (&mut self.input).await.unwrap_or_default();
        (tokens, Some(self.usage))
    }
}

/// All tokens of a reply, and those of its reasoning.
fn count_reply(reply: &Reply) -> (u64, u64) {
    if let Reply::Live { delta, .. } = reply {
        return (count(delta), 0);
    }
    let tokens = |item: &OutputItem| count(&item.text());
    let is_reasoning = |item: &&OutputItem| matches!(item, OutputItem::Reasoning { .. });
    let reasoning = reply.items().iter().filter(is_reasoning).map(tokens).sum();
    (reply.items().iter().map(tokens).sum(), reasoning)
}
