//! What the person has rejected: for a while, the same request gets the same words again. Clients
//! that retry whatever they are told would otherwise ask the person again and again.
//!
//! It is in memory alone: after a restart, the person is asked again.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::{ConversationId, RequestKey};
use crate::api::{Format, Item, OutputFormat, Request, ToolChoice};
use crate::hash::Hash;

/// For how long a rejection holds.
pub const REJECTED_FOR: Duration = Duration::from_secs(10 * 60);
/// How many are known; the oldest go first.
const MAX: usize = 1_000;

/// The rejections that hold, the oldest first.
#[derive(Debug, Default)]
pub(super) struct Rejections {
    all: VecDeque<Rejection>,
}

#[derive(Debug)]
struct Rejection {
    place: RequestKey,
    asked: RequestFingerprint,
    words: String,
    at: Instant,
}

/// What makes a request the same as another. Whether the client streams makes no difference, nor,
/// within a thread, what agents add in front by themselves, in which they count retries.
#[derive(Debug, PartialEq)]
struct RequestFingerprint {
    format: Format,
    thread: Option<String>,
    output_format: OutputFormat,
    tool_choice: ToolChoice,
    /// What tools there are, where no thread says who asks: within one, an agent that was refused
    /// offers others with the same words.
    tools: Option<Hash>,
    last: Option<Hash>,
    items: Hash,
}

impl RequestFingerprint {
    fn of(request: &Request) -> Self {
        Self {
            format: request.format,
            thread: request.thread.clone(),
            output_format: request.output_format.clone(),
            tool_choice: request.tool_choice.clone(),
            tools: tools(request),
            last: last(request),
            items: items(request),
        }
    }

    /// Whether a request asks in the same way. Its items are not read for that.
    fn is_way_of(&self, request: &Request) -> bool {
        self.format == request.format
            && self.thread == request.thread
            && self.output_format == request.output_format
            && self.tool_choice == request.tool_choice
            && self.tools == tools(request)
    }
}

impl Rejections {
    /// A request was rejected with these words.
    pub fn add(&mut self, place: RequestKey, request: &Request, words: &str, now: Instant) {
        let asked = RequestFingerprint::of(request);
        self.all.retain(|old| old.asked != asked);
        if self.all.len() >= MAX {
            self.all.pop_front();
        }
        self.all.push_back(Rejection {
            place,
            asked,
            words: words.to_owned(),
            at: now,
        });
    }

    /// The conversation in which the same request was rejected, and the words for it.
    pub fn of(&mut self, request: &Request, now: Instant) -> Option<(ConversationId, String)> {
        let is_over = |old: &Rejection| now.duration_since(old.at) >= REJECTED_FOR;
        while self.all.front().is_some_and(is_over) {
            self.all.pop_front();
        }
        let all = self.all.iter();
        let mut alike = all.filter(|old| old.asked.is_way_of(request)).peekable();
        // What no rejection can be about is not even read.
        alike.peek()?;
        let last = last(request);
        let mut alike = alike.filter(|old| old.asked.last == last).peekable();
        alike.peek()?;
        let items = items(request);
        let same = alike.find(|old| old.asked.items == items)?;
        Some((same.place.conversation, same.words.clone()))
    }

    /// What was rejected in a conversation is not any more; says whether something was.
    pub fn lift(&mut self, conversation: ConversationId) -> bool {
        let before = self.all.len();
        self.all
            .retain(|old| old.place.conversation != conversation);
        self.all.len() < before
    }

    /// A client did not get its rejection, which is none then; says whether nothing else was rejected
    /// in that conversation.
    pub(crate) fn withdraw(&mut self, place: RequestKey) -> bool {
        self.all.retain(|old| old.place != place);
        let mut others = self.all.iter().map(|old| old.place.conversation);
        !others.any(|conversation| conversation == place.conversation)
    }

    /// A conversation goes on, which lifts what was rejected in it; says whether it does. It does not
    /// where several requests were: they waited beside each other, and each of their clients that
    /// tries again would lift what the others were told.
    pub(crate) fn go_on(&mut self, conversation: ConversationId) -> bool {
        let in_it = |old: &&Rejection| old.place.conversation == conversation;
        self.all.iter().filter(in_it).nth(1).is_none() && self.lift(conversation)
    }
}

fn tools(request: &Request) -> Option<Hash> {
    let is_known = request.thread.is_some();
    (!is_known).then(|| request.tools.hash())
}

fn last(request: &Request) -> Option<Hash> {
    request.items.last().map(|item| item.likeness())
}

/// The hash of all items; within a thread, of those that say something and all that stands behind
/// the last of them, which may be all that there is to answer.
fn items(request: &Request) -> Hash {
    let items = &request.items;
    let says_something = |item: &Arc<Item>| !item.is_boilerplate();
    let thread = request.thread.as_ref();
    let last_said = thread.and_then(|_| items.iter().rposition(says_something));
    let behind = last_said.map_or(0, |place| place + 1);
    let (before, behind) = items.split_at(behind);
    let said = before.iter().filter(|item| says_something(item));
    said.chain(behind)
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

    /// Whether a request counts as the same after another one was rejected.
    fn is_same(rejected: &Value, change: impl FnOnce(&mut Value)) -> bool {
        let (mut rejections, now) = (Rejections::default(), Instant::now());
        rejections.add(HERE, &asked(rejected.clone()), "no", now);
        let mut other = rejected.clone();
        change(&mut other);
        rejections.of(&asked(other), now).is_some()
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
        assert_eq!(rejections.of(&other, Instant::now()), None);
    }

    #[test]
    fn what_is_lifted_is_asked_again() {
        let (mut rejections, now) = (Rejections::default(), Instant::now());
        rejections.add(HERE, &asked(hello()), "no", now);
        assert!(!rejections.lift(ConversationId(8)));
        assert!(rejections.lift(NOW) && !rejections.lift(NOW));
        assert_eq!(rejections.of(&asked(hello()), now), None);
    }

    #[test]
    fn a_conversation_that_goes_on_lifts_one_rejection_and_not_several() {
        let (mut rejections, now) = (Rejections::default(), Instant::now());
        let mut other = hello();
        other["messages"][1]["content"] = json!("good morning");
        rejections.add(HERE, &asked(hello()), "no", now);
        // Whoever rejects the same once more has rejected one request.
        rejections.add(HERE, &asked(hello()), "never", now);
        assert!(rejections.go_on(NOW) && rejections.all.is_empty());
        rejections.add(HERE, &asked(hello()), "no", now);
        rejections.add(HERE, &asked(other.clone()), "nor this", now);
        assert!(!rejections.go_on(NOW));
        for (body, words) in [(hello(), "no"), (other, "nor this")] {
            let known = rejections.of(&asked(body), now);
            assert_eq!(known, Some((NOW, words.to_owned())));
        }
    }

    #[test]
    fn only_so_many_are_known() {
        let (mut rejections, now) = (Rejections::default(), Instant::now());
        for id in 0..=MAX {
            let mut body = hello();
            body["messages"][1]["content"] = json!(id.to_string());
            let conversation = ConversationId(i64::try_from(id).unwrap());
            let place = RequestKey {
                conversation,
                ..HERE
            };
            rejections.add(place, &asked(body), "no", now);
        }
        assert_eq!(rejections.all.len(), MAX);
        assert_eq!(rejections.all[0].place.conversation, ConversationId(1));
    }
}
