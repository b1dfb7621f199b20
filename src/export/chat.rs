//! What models are trained on: conversations in the shape of Chat Completions, and pairs of a reply that
//! a person chose and a draft that they did not.

use std::sync::Arc;

use serde::Serialize;
use serde_json::{Value, json};

use super::conversation::{ExportedConversation, ExportedTurn, ReplyAuthor, ReplyPart};
use super::study::StudyFacts;
use super::{ExportError, ExportOptions, ExportRun, Train};
use crate::api::upstream::Functions;
use crate::api::{Body, Request, ToolList};
use crate::journal::{ModelDraftRow, ModelDraftState};

/// The tools of the newest request as functions: hardly any request has others than the one before it.
#[derive(Debug, Default)]
pub(super) struct FunctionCache {
    known: Option<(Arc<ToolList>, Functions)>,
}

impl FunctionCache {
    /// Those of a request.
    pub fn of(&mut self, request: &Request) -> &Functions {
        let list = &request.tools;
        let is_same = |(known, _): &(Arc<ToolList>, Functions)| {
            Arc::ptr_eq(known, list) || known.hash() == list.hash()
        };
        let known = self.known.take().filter(is_same);
        let known = known.unwrap_or_else(|| (Arc::clone(list), Functions::of(list)));
        &self.known.insert(known).1
    }

    /// The last ones that were asked for.
    pub fn last(&self) -> Option<&Functions> {
        self.known.as_ref().map(|(_, functions)| functions)
    }
}

/// A conversation, or as much of it as one request had.
#[derive(Debug, Serialize)]
struct ChatConversation {
    messages: Vec<Value>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tools: Vec<Value>,
    /// What a study knows of the last reply.
    #[serde(skip_serializing_if = "StudyFacts::is_empty")]
    metadata: StudyFacts,
}

/// A reply, and what it was better than.
#[derive(Debug, Serialize)]
struct Preference {
    prompt: Vec<Value>,
    chosen: Vec<Value>,
    rejected: Vec<Value>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tools: Vec<Value>,
    /// What a study knows of the reply.
    #[serde(skip_serializing_if = "StudyFacts::is_empty")]
    metadata: StudyFacts,
}

/// The replies to requests that go on from one another: all that the last of them has is in one line.
#[derive(Debug, Default)]
struct RequestChain {
    /// What was said to the requests before the last one.
    replies: Vec<ChatReply>,
    last: Option<(Request, ChatReply)>,
    /// What a study knows of that.
    study: StudyFacts,
}

#[derive(Debug)]
struct ChatReply {
    bodies: Vec<Body>,
    is_trained: bool,
}

/// Writes the lines of a conversation: one for each run of requests that go on from one another, or for
/// each reply.
pub(super) fn messages(
    conversation: &mut ExportedConversation,
    work: &mut ExportRun<'_>,
    mut write: impl FnMut(&mut ExportRun<'_>, String) -> Result<(), ExportError>,
) -> Result<(), ExportError> {
    let mut tools = FunctionCache::default();
    let mut run = RequestChain::default();
    while let Some(turn) = work.next(conversation)? {
        if turn.past.is_rewritten() && !work.options.per_turn {
            let line = std::mem::take(&mut run).line(&mut tools, work.options);
            write_line(line, work, &mut write)?;
        }
        let bodies = turn.bodies();
        let is_trained = is_trained(&turn, conversation, work);
        let Some(request) = turn.past.request.filter(|_| !bodies.is_empty()) else {
            continue;
        };
        if work.options.per_turn {
            run = RequestChain::default();
        }
        run.study = turn.study;
        let reply = ChatReply { bodies, is_trained };
        if let Some((_, before)) = run.last.replace((request, reply)) {
            run.replies.push(before);
        }
        if work.options.per_turn {
            let line = std::mem::take(&mut run).line(&mut tools, work.options);
            write_line(line, work, &mut write)?;
        }
    }
    let line = run.line(&mut tools, work.options);
    write_line(line, work, &mut write)
}

fn write_line(
    line: Option<ChatConversation>,
    work: &mut ExportRun<'_>,
    write: &mut impl FnMut(&mut ExportRun<'_>, String) -> Result<(), ExportError>,
) -> Result<(), ExportError> {
    let Some(line) = line else { return Ok(()) };
    if !line.messages.iter().any(|message| message["weight"] == 1) {
        work.report.lines_without_person += 1;
        return Ok(());
    }
    write(work, to_json(&line))
}

impl RequestChain {
    /// Its line; `None` if nobody said anything.
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

/// Says of the messages that an earlier reply has become, the last ones that could be it, whether they
/// are trained on; returns where they begin.
fn set_weights(messages: &mut [Value], reply: &ChatReply, functions: &Functions) -> usize {
    let said = functions.reply(&reply.bodies, 0, false);
    let mut end = messages.len();
    for said in said.iter().rev() {
        let says = normalized(said);
        let found = messages[..end].iter().rposition(|message| {
            message["role"] == "assistant" && self::normalized(message) == says
        });
        // One that the agent has changed or left out is not what anybody said.
        let Some(found) = found else { continue };
        messages[found]["weight"] = json!(i32::from(reply.is_trained));
        end = found;
    }
    end
}

/// What a message of the assistant says, whatever the ids of its calls and the spaces in it.
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

/// Whether a model is to learn to reply so.
fn is_trained(
    turn: &ExportedTurn,
    conversation: &ExportedConversation,
    work: &ExportRun<'_>,
) -> bool {
    if turn.mark.excluded || !work.is_selected(conversation, &turn.mark) {
        return false;
    }
    let mut said = turn.parts.iter().filter(|part| part.body().is_some());
    match work.options.train {
        Train::Person => {
            said.any(|part| matches!(part.author, ReplyAuthor::Person | ReplyAuthor::Edited(_)))
        }
        Train::Approved => said.any(|part| part.sender.is_person()),
        Train::All => said.next().is_some(),
    }
}

/// Writes the pairs of a conversation: each draft of a model in whose place the person said something
/// else.
pub(super) fn preferences(
    conversation: &mut ExportedConversation,
    work: &mut ExportRun<'_>,
    mut write: impl FnMut(&mut ExportRun<'_>, String) -> Result<(), ExportError>,
) -> Result<(), ExportError> {
    let mut tools = FunctionCache::default();
    while let Some(turn) = work.next(conversation)? {
        let is_chosen = turn.parts.iter().any(|part| part.sender.is_person());
        if turn.mark.excluded || !work.is_selected(conversation, &turn.mark) || !is_chosen {
            continue;
        }
        let Some(request) = turn.request() else {
            continue;
        };
        if turn.drafts.is_empty() {
            continue;
        }
        let functions = tools.of(request);
        for pair in pairs(&turn, request, functions, work.options.thoughts) {
            write(work, to_json(&pair))?;
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
        // What was sent as it was is no worse than itself, and the same twice teaches nothing.
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

/// What would have been said had a draft been sent: it goes on from what was said before it.
fn drafted(draft: &ModelDraftRow, said: &[ReplyPart]) -> Option<Vec<Body>> {
    let items: Vec<Body> = serde_json::from_str(&draft.items).ok()?;
    let before = said.iter().filter(|part| part.at < draft.begun);
    let before = before.filter_map(ReplyPart::body);
    (!items.is_empty()).then(|| before.chain(items).collect())
}

/// Texts, numbers and JSON that was read: nothing of it could fail.
fn to_json(line: &impl Serialize) -> String {
    serde_json::to_string(line).unwrap_or_default()
}
