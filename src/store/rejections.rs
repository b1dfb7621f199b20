//! The requests that the person has rejected: for a while, the same request is refused with the same
//! message. Clients that retry whatever they are told would otherwise ask the person again and again.
//!
//! Rejections are in memory alone: after a restart, the person is asked again.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::{ConversationId, RequestKey};
use crate::api::{Format, Item, OutputFormat, Request, ToolChoice};
use crate::hash::Hash;

/// For how long the same request is refused.
pub const REJECTED_FOR: Duration = Duration::from_secs(10 * 60);
/// How many rejections are remembered; the oldest go first.
const MAX_REJECTIONS: usize = 1_000;

/// The rejections that are remembered, the oldest first.
#[derive(Debug, Default)]
pub(super) struct Rejections {
    all: VecDeque<Rejection>,
}

#[derive(Debug)]
struct Rejection {
    key: RequestKey,
    fingerprint: RequestFingerprint,
    words: String,
    at: Instant,
}

/// What makes a request the same as another. Whether the client streams makes no difference. Within a
/// thread, nor does the boilerplate that agents put before the last other item: they count their retries
/// there.
#[derive(Debug, PartialEq)]
struct RequestFingerprint {
    format: Format,
    thread: Option<String>,
    output_format: OutputFormat,
    tool_choice: ToolChoice,
    /// The hash of the tools, for requests that name no thread. Within a thread, an agent that was rejected
    /// may retry with other tools.
    tools: Option<Hash>,
    /// The hash of the last item.
    last: Option<Hash>,
    /// The hash of all items that count.
    items: Hash,
}

impl RequestFingerprint {
    fn of(request: &Request) -> Self {
        Self {
            format: request.format,
            thread: request.thread.clone(),
            output_format: request.output_format.clone(),
            tool_choice: request.tool_choice.clone(),
            tools: tools_hash(request),
            last: last_item_hash(request),
            items: items_hash(request),
        }
    }

    /// Whether everything but the items is that of a request. This reads no item.
    fn has_parameters_of(&self, request: &Request) -> bool {
        self.format == request.format
            && self.thread == request.thread
            && self.output_format == request.output_format
            && self.tool_choice == request.tool_choice
            && self.tools == tools_hash(request)
    }
}

impl Rejections {
    /// Remembers that a request was rejected with these words.
    pub(super) fn add(&mut self, key: RequestKey, request: &Request, words: &str, now: Instant) {
        let fingerprint = RequestFingerprint::of(request);
        self.all.retain(|old| old.fingerprint != fingerprint);
        if self.all.len() >= MAX_REJECTIONS {
            self.all.pop_front();
        }
        self.all.push_back(Rejection {
            key,
            fingerprint,
            words: words.to_owned(),
            at: now,
        });
    }

    /// The conversation in which the same request was rejected, and the words for it.
    pub(super) fn find(
        &mut self,
        request: &Request,
        now: Instant,
    ) -> Option<(ConversationId, String)> {
        let is_over = |old: &Rejection| now.duration_since(old.at) >= REJECTED_FOR;
        while self.all.front().is_some_and(is_over) {
            self.all.pop_front();
        }
        let all = self.all.iter();
        let mut alike = all
            .filter(|old| old.fingerprint.has_parameters_of(request))
            .peekable();
        // Hashing items means reading them, which most requests are spared.
        alike.peek()?;
        let last = last_item_hash(request);
        let mut alike = alike.filter(|old| old.fingerprint.last == last).peekable();
        alike.peek()?;
        let items = items_hash(request);
        let same = alike.find(|old| old.fingerprint.items == items)?;
        Some((same.key.conversation, same.words.clone()))
    }

    /// Forgets the rejections of a conversation. Returns whether there were any.
    pub(super) fn lift(&mut self, conversation: ConversationId) -> bool {
        let before = self.all.len();
        self.all.retain(|old| old.key.conversation != conversation);
        self.all.len() < before
    }

    /// Forgets the rejection of a request whose client did not get it. Returns whether no other request
    /// of the conversation is rejected.
    pub(crate) fn withdraw(&mut self, key: RequestKey) -> bool {
        self.all.retain(|old| old.key != key);
        let mut others = self.all.iter().map(|old| old.key.conversation);
        !others.any(|conversation| conversation == key.conversation)
    }

    /// Forgets the rejection of a conversation that goes on. Returns whether there was one. Where
    /// several of its requests were rejected, nothing is forgotten: they waited at the same time, and
    /// one client that tries again would undo what the others were told.
    pub(crate) fn lift_if_single(&mut self, conversation: ConversationId) -> bool {
        let is_in = |old: &&Rejection| old.key.conversation == conversation;
        self.all.iter().filter(is_in).nth(1).is_none() && self.lift(conversation)
    }
}

fn tools_hash(request: &Request) -> Option<Hash> {
    let names_thread = request.thread.is_some();
    (!names_thread).then(|| request.tools.hash())
}

fn last_item_hash(request: &Request) -> Option<Hash> {
    request.items.last().map(|item| item.likeness())
}

/// The hash of all items. Within a thread, boilerplate of the agent counts only after the last other
/// item: there it may be what the request wants an answer to.
fn items_hash(request: &Request) -> Hash {
    let items = &request.items;
    let has_content = |item: &Arc<Item>| !item.is_boilerplate();
    let thread = request.thread.as_ref();
    let last = thread.and_then(|_| items.iter().rposition(has_content));
    let end = last.map_or(0, |index| index + 1);
    let (before, after) = items.split_at(end);
    let counted = before.iter().filter(|item| has_content(item));
    counted
        .chain(after)
        .fold(Hash::of(b""), |hash, item| hash.then(item.likeness()))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::api::{Interner, chat, messages};
    use crate::store::RequestId;

    const NOW: ConversationId = ConversationId(7);
    const HERE: RequestKey = RequestKey {
        conversation: NOW,
        request: RequestId(1),
    };

    fn asked(body: Value) -> Request {
        chat::parse(body.to_string().as_bytes(), &Interner::default()).unwrap()
    }

    fn hello() -> Value {
        json!({"model": "human", "stream": true, "prompt_cache_key": "thread", "messages": [
            {"role": "system", "content": "You are an agent. Attempt 1."},
            {"role": "user", "content": "hello"}]})
    }

    #[test]
    fn the_same_request_is_known_for_a_while() {
        let (mut rejections, start) = (Rejections::default(), Instant::now());
        rejections.add(HERE, &asked(hello()), "no", start);
        let mut again = |body: Value, after: Duration| {
            let found = rejections.find(&asked(body), start + after);
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

    /// Whether a request counts as the same after another one was rejected.
    fn is_same(rejected: &Value, change: impl FnOnce(&mut Value)) -> bool {
        let (mut rejections, now) = (Rejections::default(), Instant::now());
        rejections.add(HERE, &asked(rejected.clone()), "no", now);
        let mut other = rejected.clone();
        change(&mut other);
        rejections.find(&asked(other), now).is_some()
    }

    #[test]
    fn what_is_asked_in_another_way_is_another_request() {
        let mut alone = hello();
        alone.as_object_mut().unwrap().remove("prompt_cache_key");
        let tool = json!([{"type": "function", "function": {"name": "ls"}}]);
        for body in [hello(), alone.clone()] {
            assert!(is_same(&body, |_| ()));
            assert!(!is_same(&body, |other| {
                other["response_format"] = json!({"type": "json_object"});
            }));
            assert!(!is_same(&body, |other| other["tool_choice"] = json!("none")));
        }
        // Nobody knows whether it is the same agent that asks with other instructions.
        let set_tools = |other: &mut Value| other["tools"] = tool.clone();
        let instruct = |other: &mut Value| other["messages"][0]["content"] = json!("Be brief.");
        assert!(!is_same(&alone, set_tools) && !is_same(&alone, instruct));
        assert!(is_same(&hello(), set_tools) && is_same(&hello(), instruct));
    }

    #[test]
    fn what_an_agent_adds_behind_is_to_be_answered() {
        let ended = "<system-reminder>\nA task has ended:\nthree words\n</system-reminder>";
        for (role, text) in [("user", ended), ("system", "Tool result:\n2 passed")] {
            let add = |body: &mut Value| {
                let messages = body["messages"].as_array_mut().unwrap();
                messages.push(json!({"role": role, "content": text}));
            };
            assert!(!is_same(&hello(), add), "{role}");
            let mut added = hello();
            add(&mut added);
            assert!(is_same(&added, |other| other["stream"] = json!(false)));
            assert!(!is_same(&added, |other| other["messages"][2]["content"] =
                json!("<system-reminder>\nanother\n</system-reminder>")));
        }
    }

    #[test]
    fn another_format_is_another_request() {
        let mut rejections = Rejections::default();
        rejections.add(HERE, &asked(hello()), "no", Instant::now());
        let mut body = hello();
        body["max_tokens"] = json!(1);
        let body = body.to_string();
        let mut other = messages::parse(body.as_bytes(), &Interner::default()).unwrap();
        other.thread = Some("thread".to_owned());
        assert_eq!(rejections.find(&other, Instant::now()), None);
    }

    #[test]
    fn what_is_lifted_is_asked_again() {
        let (mut rejections, now) = (Rejections::default(), Instant::now());
        rejections.add(HERE, &asked(hello()), "no", now);
        assert!(!rejections.lift(ConversationId(8)));
        assert!(rejections.lift(NOW) && !rejections.lift(NOW));
        assert_eq!(rejections.find(&asked(hello()), now), None);
    }

    #[test]
    fn a_conversation_that_goes_on_lifts_one_rejection_and_not_several() {
        let (mut rejections, now) = (Rejections::default(), Instant::now());
        let mut other = hello();
        other["messages"][1]["content"] = json!("good morning");
        rejections.add(HERE, &asked(hello()), "no", now);
        // Whoever rejects the same once more has rejected one request.
        rejections.add(HERE, &asked(hello()), "never", now);
        assert!(rejections.lift_if_single(NOW) && rejections.all.is_empty());
        rejections.add(HERE, &asked(hello()), "no", now);
        rejections.add(HERE, &asked(other.clone()), "nor this", now);
        assert!(!rejections.lift_if_single(NOW));
        for (body, words) in [(hello(), "no"), (other, "nor this")] {
            let known = rejections.find(&asked(body), now);
            assert_eq!(known, Some((NOW, words.to_owned())));
        }
    }

    #[test]
    fn only_so_many_are_known() {
        let (mut rejections, now) = (Rejections::default(), Instant::now());
        for id in 0..=MAX_REJECTIONS {
            let mut body = hello();
            body["messages"][1]["content"] = json!(id.to_string());
            let conversation = ConversationId(i64::try_from(id).unwrap());
            let key = RequestKey {
                conversation,
                ..HERE
            };
            rejections.add(key, &asked(body), "no", now);
        }
        assert_eq!(rejections.all.len(), MAX_REJECTIONS);
        assert_eq!(rejections.all[0].key.conversation, ConversationId(1));
    }
}
