//! Training data: conversations in the shape of Chat Completions, and pairs of a reply that the person
//! chose and a draft that they did not.

use std::sync::Arc;

use serde::Serialize;
use serde_json::{Value, json};

use super::conversation::{ExportedConversation, ExportedTurn, ReplyAuthor, ReplyPart};
use super::study::StudyFacts;
use super::{ExportError, ExportOptions, ExportRun, Train};
use crate::api::upstream::Functions;
use crate::api::{Body, Request, ToolList};
use crate::journal::{ModelDraftRow, ModelDraftState};

/// The tools of the latest request as functions. Most requests have the same tools as the one before, so
/// they are converted once.
#[derive(Debug, Default)]
pub(super) struct FunctionCache {
    known: Option<(Arc<ToolList>, Functions)>,
}

impl FunctionCache {
    /// The functions of a request.
    pub(super) fn of(&mut self, request: &Request) -> &Functions {
        let list = &request.tools;
        let is_same = |(known, _): &(Arc<ToolList>, Functions)| {
            Arc::ptr_eq(known, list) || known.hash() == list.hash()
        };
        let known = self.known.take().filter(is_same);
        let known = known.unwrap_or_else(|| (Arc::clone(list), Functions::of(list)));
        &self.known.insert(known).1
    }

    /// The functions of the latest request.
    pub(super) fn last(&self) -> Option<&Functions> {
        self.known.as_ref().map(|(_, functions)| functions)
    }
}

/// A line of [`ExportFormat::Messages`](super::ExportFormat::Messages).
#[derive(Debug, Serialize)]
struct ChatConversation {
    messages: Vec<Value>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tools: Vec<Value>,
    /// The study facts of the last reply.
    #[serde(skip_serializing_if = "StudyFacts::is_empty")]
    metadata: StudyFacts,
}

/// A line of [`ExportFormat::Preferences`](super::ExportFormat::Preferences).
#[derive(Debug, Serialize)]
struct Preference {
    prompt: Vec<Value>,
    chosen: Vec<Value>,
    rejected: Vec<Value>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tools: Vec<Value>,
    /// The study facts of the reply.
    #[serde(skip_serializing_if = "StudyFacts::is_empty")]
    metadata: StudyFacts,
}

/// Requests each of which continues the one before. The last has the items of all others, so that one
/// line holds them all.
#[derive(Debug, Default)]
struct RequestChain {
    /// The replies to the requests before the last one.
    replies: Vec<ChatReply>,
    last: Option<(Request, ChatReply)>,
    /// The study facts of the last reply.
    study: StudyFacts,
}

#[derive(Debug)]
struct ChatReply {
    bodies: Vec<Body>,
    is_trained: bool,
}

/// Writes the training lines of a conversation: one for each chain of requests, or one for each reply.
pub(super) fn messages(
    conversation: &mut ExportedConversation,
    run: &mut ExportRun<'_>,
    mut write: impl FnMut(&mut ExportRun<'_>, String) -> Result<(), ExportError>,
) -> Result<(), ExportError> {
    let mut tools = FunctionCache::default();
    let mut chain = RequestChain::default();
    while let Some(turn) = run.next(conversation)? {
        if turn.past.is_rewritten() && !run.options.per_turn {
            let line = std::mem::take(&mut chain).line(&mut tools, run.options);
            write_line(line, run, &mut write)?;
        }
        let bodies = turn.bodies();
        let is_trained = is_trained(&turn, conversation, run);
        let Some(request) = turn.past.request.filter(|_| !bodies.is_empty()) else {
            continue;
        };
        if run.options.per_turn {
            chain = RequestChain::default();
        }
        chain.study = turn.study;
        let reply = ChatReply { bodies, is_trained };
        if let Some((_, before)) = chain.last.replace((request, reply)) {
            chain.replies.push(before);
        }
        if run.options.per_turn {
            let line = std::mem::take(&mut chain).line(&mut tools, run.options);
            write_line(line, run, &mut write)?;
        }
    }
    let line = chain.line(&mut tools, run.options);
    write_line(line, run, &mut write)
}

fn write_line(
    line: Option<ChatConversation>,
    run: &mut ExportRun<'_>,
    write: &mut impl FnMut(&mut ExportRun<'_>, String) -> Result<(), ExportError>,
) -> Result<(), ExportError> {
    let Some(line) = line else { return Ok(()) };
    if !line.messages.iter().any(|message| message["weight"] == 1) {
        run.report.lines_without_person += 1;
        return Ok(());
    }
    write(run, to_json(&line))
}

impl RequestChain {
    /// The line of this chain; `None` without a reply.
    fn line(self, tools: &mut FunctionCache, options: &ExportOptions) -> Option<ChatConversation> {
        let (request, reply) = self.last?;
        let functions = tools.of(&request);
        let mut messages = functions.prompt(&request, options.thoughts);
        for message in &mut messages {
            if message["role"] == "assistant" {
                message["weight"] = json!(0);
            }
        }
        let calls = calls_in(&messages);
        self.replies.iter().rev().fold(messages.len(), |end, said| {
            set_weights(&mut messages[..end], said, functions)
        });
        let mut said = functions.reply(&reply.bodies, calls, options.thoughts);
        for message in &mut said {
            message["weight"] = json!(i32::from(reply.is_trained));
        }
        if said.is_empty() {
            return None;
        }
        messages.extend(said);
        Some(ChatConversation {
            messages,
            tools: functions.definitions(),
            metadata: self.study,
        })
    }
}

/// Finds the messages that an earlier reply has become, searching from the end, and sets their weight.
/// Returns the index of the first of them.
fn set_weights(messages: &mut [Value], reply: &ChatReply, functions: &Functions) -> usize {
    let said = functions.reply(&reply.bodies, 0, false);
    let mut end = messages.len();
    for said in said.iter().rev() {
        let says = normalized(said);
        let found = messages[..end].iter().rposition(|message| {
            message["role"] == "assistant" && self::normalized(message) == says
        });
        // The agent has changed this message or left it out: it keeps weight 0.
        let Some(found) = found else { continue };
        messages[found]["weight"] = json!(i32::from(reply.is_trained));
        end = found;
    }
    end
}

/// Content and calls of an assistant message for comparison, without call ids and differences in space.
fn normalized(message: &Value) -> (String, Vec<(String, Value)>) {
    let words = message["content"].as_str().unwrap_or_default();
    let words = words.split_whitespace().collect::<Vec<_>>().join(" ");
    let calls = message["tool_calls"].as_array().into_iter().flatten();
    let calls = calls.map(|call| {
        let function = &call["function"];
        let name = function["name"].as_str().unwrap_or_default().to_owned();
        let arguments = function["arguments"].as_str().unwrap_or_default();
        let arguments = serde_json::from_str(arguments).unwrap_or_else(|_| json!(arguments));
        (name, arguments)
    });
    (words, calls.collect())
}

fn calls_in(messages: &[Value]) -> usize {
    let calls = messages
        .iter()
        .filter_map(|message| message["tool_calls"].as_array());
    calls.map(Vec::len).sum()
}

/// Whether the reply to this turn gets weight 1.
fn is_trained(
    turn: &ExportedTurn,
    conversation: &ExportedConversation,
    run: &ExportRun<'_>,
) -> bool {
    if turn.mark.excluded || !run.is_selected(conversation, &turn.mark) {
        return false;
    }
    let mut said = turn.parts.iter().filter(|part| part.body().is_some());
    match run.options.train {
        Train::Person => {
            said.any(|part| matches!(part.author, ReplyAuthor::Person | ReplyAuthor::Edited(_)))
        }
        Train::Approved => said.any(|part| part.sender.is_person()),
        Train::All => said.next().is_some(),
    }
}

/// Writes the preference pairs of a conversation: one for each complete draft in whose place the person
/// sent something else.
pub(super) fn preferences(
    conversation: &mut ExportedConversation,
    run: &mut ExportRun<'_>,
    mut write: impl FnMut(&mut ExportRun<'_>, String) -> Result<(), ExportError>,
) -> Result<(), ExportError> {
    let mut tools = FunctionCache::default();
    while let Some(turn) = run.next(conversation)? {
        let is_chosen = turn.parts.iter().any(|part| part.sender.is_person());
        if turn.mark.excluded || !run.is_selected(conversation, &turn.mark) || !is_chosen {
            continue;
        }
        let Some(request) = turn.request() else {
            continue;
        };
        if turn.drafts.is_empty() {
            continue;
        }
        let functions = tools.of(request);
        for pair in pairs(&turn, request, functions, run.options.thoughts) {
            write(run, to_json(&pair))?;
        }
    }
    Ok(())
}

fn pairs(
    turn: &ExportedTurn,
    request: &Request,
    functions: &Functions,
    thoughts: bool,
) -> Vec<Preference> {
    let bodies = turn.bodies();
    let said: Vec<_> = functions
        .reply(&bodies, 0, false)
        .iter()
        .map(normalized)
        .collect();
    if said.is_empty() {
        return Vec::new();
    }
    let mut prompt = None;
    let mut known = vec![said];
    let mut pairs = Vec::new();
    for draft in turn
        .drafts
        .iter()
        .filter(|draft| draft.state == ModelDraftState::Complete)
    {
        let Some(drafted) = drafted(draft, &turn.parts) else {
            continue;
        };
        let says: Vec<_> = functions
            .reply(&drafted, 0, false)
            .iter()
            .map(normalized)
            .collect();
        // A draft that was sent unchanged, or equals an earlier one, makes no pair.
        if says.is_empty() || known.contains(&says) {
            continue;
        }
        known.push(says);
        let prompt = prompt.get_or_insert_with(|| functions.prompt(request, thoughts));
        let calls = calls_in(prompt);
        pairs.push(Preference {
            prompt: prompt.clone(),
            chosen: functions.reply(&bodies, calls, thoughts),
            rejected: functions.reply(&drafted, calls, thoughts),
            tools: functions.definitions(),
            metadata: turn.study.clone(),
        });
    }
    pairs
}

/// The reply as it would be if a draft had been sent: the parts sent before it, and its items.
fn drafted(draft: &ModelDraftRow, said: &[ReplyPart]) -> Option<Vec<Body>> {
    let items: Vec<Body> = serde_json::from_str(&draft.items).ok()?;
    let before = said.iter().filter(|part| part.at < draft.begun);
    let before = before.filter_map(ReplyPart::body);
    (!items.is_empty()).then(|| before.chain(items).collect())
}

/// Serializes a line. Strings, numbers and JSON values always serialize.
fn to_json(line: &impl Serialize) -> String {
    serde_json::to_string(line).unwrap_or_default()
}
