//! What the person has rejected: for a while, the same request gets the same words again. Clients
//! that retry whatever they are told would otherwise ask the person again and again.
//!
//! It is in memory alone: after a restart, the person is asked again.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::ConversationId;
use crate::api::{Format, Item, Request};
use crate::hash::Hash;

/// For how long a rejection holds.
pub const REJECTED_FOR: Duration = Duration::from_secs(10 * 60);
/// How many are known; the oldest go first.
const MOST: usize = 1_000;

/// The rejections that hold, the oldest first.
#[derive(Debug, Default)]
pub(super) struct Rejections {
    all: VecDeque<Rejection>,
}

#[derive(Debug)]
struct Rejection {
    conversation: ConversationId,
    format: Format,
    thread: Option<String>,
    /// The last item that says something, and all of them.
    last: Option<Hash>,
    items: Hash,
    words: String,
    at: Instant,
}

impl Rejections {
    /// A request was rejected with these words.
    pub fn add(
        &mut self,
        conversation: ConversationId,
        request: &Request,
        words: &str,
        now: Instant,
    ) {
        self.lift(conversation);
        if self.all.len() >= MOST {
            self.all.pop_front();
        }
        self.all.push_back(Rejection {
            conversation,
            format: request.format,
            thread: request.thread.clone(),
            last: last(request),
            items: items(request),
            words: words.to_owned(),
            at: now,
        });
    }

    /// The conversation in which the same request was rejected, and the words for it. Whether the
    /// client streams makes no difference, nor does what agents add by themselves: they count
    /// retries in it.
    pub fn of(&mut self, request: &Request, now: Instant) -> Option<(ConversationId, String)> {
        let is_over = |old: &Rejection| now.duration_since(old.at) >= REJECTED_FOR;
        while self.all.front().is_some_and(is_over) {
            self.all.pop_front();
        }
        let may_be_same =
            |old: &&Rejection| old.format == request.format && old.thread == request.thread;
        let mut alike = self.all.iter().filter(may_be_same).peekable();
        // What no rejection can be about is not even read.
        alike.peek()?;
        let last = last(request);
        let mut alike = alike.filter(|old| old.last == last).peekable();
        alike.peek()?;
        let items = items(request);
        let same = alike.find(|old| old.items == items)?;
        Some((same.conversation, same.words.clone()))
    }

    /// What was rejected in a conversation is not any more; says whether something was.
    pub fn lift(&mut self, conversation: ConversationId) -> bool {
        let before = self.all.len();
        self.all.retain(|old| old.conversation != conversation);
        self.all.len() < before
    }
}

fn last(request: &Request) -> Option<Hash> {
    let mut back = request.items.iter().rev();
    let last = back.find(|item| !item.is_boilerplate());
    last.map(|item| item.likeness())
}

/// The hash of the items that say something, or of all where agents have added all of them.
fn items(request: &Request) -> Hash {
    let hash = |hash: Hash, item: &Item| hash.then(item.likeness());
    let all = || request.items.iter().map(|item| &**item);
    let mut said = all().filter(|item| !item.is_boilerplate()).peekable();
    match said.peek() {
        Some(_) => said.fold(Hash::of(b""), hash),
        None => all().fold(Hash::of(b""), hash),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::api::{Interner, chat, messages};

    const NOW: ConversationId = ConversationId(7);

    fn asked(body: Value) -> Request {
        chat::parse(body.to_string().as_bytes(), &Interner::default()).unwrap()
    }

    fn hello() -> Value {
        json!({"model": "human", "stream": true, "messages": [
            {"role": "system", "content": "You are an agent. Attempt 1."},
            {"role": "user", "content": "hello"}]})
    }

    #[test]
    fn the_same_request_is_known_for_a_while() {
        let (mut rejections, start) = (Rejections::default(), Instant::now());
        rejections.add(NOW, &asked(hello()), "no", start);
        let mut again = |body: Value, after: Duration| {
            let found = rejections.of(&asked(body), start + after);
            found.map(|(conversation, words)| (conversation.0, words))
        };
        let known = Some((7, "no".to_owned()));
        assert_eq!(again(hello(), Duration::ZERO), known);
        // Without streaming, and with other words of the agent's own.
        let mut other = hello();
        other["stream"] = json!(false);
        other["messages"][0]["content"] = json!("You are an agent. Attempt 2.");
        assert_eq!(again(other, Duration::from_secs(1)), known);
        let mut other = hello();
        other["messages"][1]["content"] = json!("good morning");
        assert_eq!(again(other, Duration::ZERO), None);
        let mut other = hello();
        other["messages"][1]["content"] = json!("before that");
        let messages = other["messages"].as_array_mut().unwrap();
        messages.push(json!({"role": "user", "content": "hello"}));
        assert_eq!(again(other, Duration::ZERO), None);
        let mut other = hello();
        other["prompt_cache_key"] = json!("another thread");
        assert_eq!(again(other, Duration::ZERO), None);
        let almost = REJECTED_FOR - Duration::from_secs(1);
        assert_eq!(again(hello(), almost), known);
        assert_eq!(again(hello(), REJECTED_FOR), None);
    }

    #[test]
    fn another_format_is_another_request() {
        let mut rejections = Rejections::default();
        rejections.add(NOW, &asked(hello()), "no", Instant::now());
        let mut body = hello();
        body["max_tokens"] = json!(1);
        let body = body.to_string();
        let other = messages::parse(body.as_bytes(), &Interner::default()).unwrap();
        assert_eq!(rejections.of(&other, Instant::now()), None);
    }

    #[test]
    fn what_is_lifted_is_asked_again() {
        let (mut rejections, now) = (Rejections::default(), Instant::now());
        rejections.add(NOW, &asked(hello()), "no", now);
        assert!(!rejections.lift(ConversationId(8)));
        assert!(rejections.lift(NOW) && !rejections.lift(NOW));
        assert_eq!(rejections.of(&asked(hello()), now), None);
    }

    #[test]
    fn only_so_many_are_known() {
        let (mut rejections, now) = (Rejections::default(), Instant::now());
        for id in 0..=MOST {
            let mut body = hello();
            body["messages"][1]["content"] = json!(id.to_string());
            let id = i64::try_from(id).unwrap();
            rejections.add(ConversationId(id), &asked(body), "no", now);
        }
        assert_eq!(rejections.all.len(), MOST);
        assert_eq!(rejections.all[0].conversation, ConversationId(1));
    }
}
