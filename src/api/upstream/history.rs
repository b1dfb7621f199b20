//! A conversation in a form that every server accepts: system prompts, then alternating turns, with
//! each call followed by its output. All formats are written from it.
//!
//! The chat templates of local servers are strict: one system message at the beginning, alternating
//! turns that begin with the user, outputs right after their calls, call ids of nine letters and
//! digits. A history that keeps to all of that is accepted everywhere.

use std::collections::HashMap;

use super::arguments::as_object;
use super::tools::Toolbox;
use super::{Continuing, DraftContext};
use crate::api::blocks::is_header;
use crate::api::{Body, ContentPart, Format, Item, ItemBody};

/// Most characters of an unknown item or part that the model gets as text.
const MAX_UNKNOWN: usize = 4_000;

/// User message for a conversation that begins with a message of the model.
const BEGINNING: &str = "(The conversation begins with what you say.)";

/// User message after a message of the model, to ask for the next one.
const GO_ON: &str =
    "(What you said last is already sent. Go on from there, without saying it again.)";

/// User message after an unfinished message of the model, to have it continued.
const GO_ON_WITHIN: &str = "(Your last message is not finished. Go on exactly where it ends, in the \
     middle of a word if need be. Write only what comes next: repeat nothing of it, and say nothing \
     about it.)";

/// Output of a call whose output is missing.
const NO_OUTPUT: &str = "(There is no output of this call.)";

/// Instruction for a request whose path asks for a summary.
const SUMMARY: &str = "Sum up the conversation so far for somebody who goes on with it and knows \
     nothing else of it: what is wanted, what was decided and why, what was done, with names of \
     files, commands and results that matter, and what is left to do. Answer with the summary alone.";

/// The history of a conversation.
#[derive(Debug, Default)]
pub(super) struct ModelHistory {
    /// The system prompts.
    pub system: Vec<String>,
    pub turns: Vec<ModelTurn>,
    /// Whether the history ends with the beginning of the answer (prefill).
    pub(crate) is_prefilled: bool,
}

/// A message of the user and the answer of the model. The user part is empty where the model goes
/// on after the outputs of its calls; the answer is empty in the last turn.
#[derive(Debug, Default)]
pub(super) struct ModelTurn {
    pub user: Vec<HistoryPart>,
    pub assistant: AssistantTurn,
}

/// The output of the model in one turn, with the outputs of its calls.
#[derive(Debug, Default)]
pub(super) struct AssistantTurn {
    pub thoughts: Vec<String>,
    pub texts: Vec<String>,
    pub calls: Vec<ModelCall>,
}

/// A call of a function.
#[derive(Debug)]
pub(super) struct ModelCall {
    pub id: String,
    pub name: String,
    /// An object as JSON.
    pub arguments: String,
    /// The output; `None` as long as it is unknown.
    pub output: Option<Vec<HistoryPart>>,
}

/// A part of a message or an output.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum HistoryPart {
    Text(String),
    /// The URL of an image, often a `data:` URL.
    Image(String),
}

impl HistoryPart {
    /// Text in a tagged block that says what it is.
    fn block(tag: &str, words: &str) -> Self {
        Self::Text(format!("<{tag}>\n{words}\n</{tag}>"))
    }
}

impl AssistantTurn {
    /// Whether the model has neither written text nor made calls.
    pub(super) fn is_empty(&self) -> bool {
        self.texts.is_empty() && self.calls.is_empty()
    }

    fn is_answered(&self) -> bool {
        self.calls.iter().any(|call| call.output.is_some())
    }
}

/// Builds a history from items.
struct HistoryBuilder<'a> {
    tools: &'a Toolbox,
    takes_images: bool,
    system: Vec<String>,
    turns: Vec<ModelTurn>,
    /// The turn that is being built.
    current: ModelTurn,
    /// Calls without output by call id, each as index of the turn and of the call in it.
    waiting: HashMap<String, Vec<(usize, usize)>>,
    calls: usize,
}

impl ModelHistory {
    /// The history of a request, the replies so far, the person's hint, and the beginning of the
    /// answer.
    pub(super) fn of(ask: &DraftContext<'_>, tools: &Toolbox) -> Self {
        let mut builder = HistoryBuilder {
            tools,
            takes_images: ask.takes_images,
            system: Vec::new(),
            turns: Vec::new(),
            current: ModelTurn::default(),
            waiting: HashMap::new(),
            calls: 0,
        };
        for item in &ask.request.items {
            builder.item(item);
        }
        for body in ask.said {
            builder.said("assistant", None, body);
        }
        if ask.request.format == Format::Compaction {
            builder.user(vec![HistoryPart::Text(SUMMARY.into())]);
        }
        if let Some(hint) = ask.hint.filter(|hint| !hint.trim().is_empty()) {
            let hint = format!(
                "Instructions for your next reply alone, which the user neither sees nor knows:\n\
                 {hint}"
            );
            builder.user(vec![HistoryPart::block("reply_instructions", &hint)]);
        }
        builder.finish(ask)
    }

    /// Moves images from outputs into the user message after them, for formats whose outputs cannot
    /// hold images.
    pub(crate) fn pictures_to_user(&mut self) {
        let mut pictures = Vec::new();
        for turn in &mut self.turns {
            turn.user.splice(..0, pictures.drain(..));
            for call in &mut turn.assistant.calls {
                call.take_pictures(&mut pictures);
            }
        }
        if !pictures.is_empty() {
            self.turns.push(ModelTurn {
                user: pictures,
                assistant: AssistantTurn::default(),
            });
        }
    }
}

impl ModelCall {
    fn take_pictures(&mut self, pictures: &mut Vec<HistoryPart>) {
        let is_picture = |part: &HistoryPart| matches!(part, HistoryPart::Image(_));
        let Some(output) = &mut self.output else {
            return;
        };
        if !output.iter().any(is_picture) {
            return;
        }
        let (taken, mut kept): (Vec<HistoryPart>, Vec<HistoryPart>) =
            output.drain(..).partition(is_picture);
        kept.push(HistoryPart::Text("(The picture follows.)".into()));
        *output = kept;
        pictures.push(HistoryPart::Text(format!("(The output of {}:)", self.name)));
        pictures.extend(taken);
    }

    /// The text of the output.
    pub(crate) fn output_words(&self) -> String {
        match &self.output {
            Some(parts) => words_of(parts),
            None => NO_OUTPUT.into(),
        }
    }
}

/// The texts of the parts, joined with blank lines.
pub(super) fn words_of(parts: &[HistoryPart]) -> String {
    let texts = parts.iter().filter_map(|part| match part {
        HistoryPart::Text(text) => Some(text.as_str()),
        HistoryPart::Image(_) => None,
    });
    texts.collect::<Vec<_>>().join("\n\n")
}

impl HistoryBuilder<'_> {
    fn item(&mut self, item: &Item) {
        match item.body() {
            ItemBody::Said {
                role,
                call_id,
                body,
            } => self.said(role, call_id.as_deref(), body),
            ItemBody::ToolOutput { call_id, content } => {
                let output = self.parts(content);
                self.output(call_id, output);
            }
            ItemBody::Compaction { summary } => {
                let words = summary.as_deref().unwrap_or(
                    "An earlier part of the conversation was replaced by a summary that cannot be \
                     read here.",
                );
                self.user(vec![HistoryPart::block("conversation_summary", words)]);
            }
            ItemBody::Other {
                kind, fields: says, ..
            } => {
                let words = truncated(says);
                self.user(vec![HistoryPart::block(&tag(kind, "item"), &words)]);
            }
        }
    }

    fn said(&mut self, role: &str, call_id: Option<&str>, body: &Body) {
        match body {
            Body::Message { content, .. } => self.message(role, content),
            Body::Reasoning { summary } => {
                let thoughts = summary.iter().filter(|text| !text.trim().is_empty());
                let thoughts: Vec<String> = thoughts.cloned().collect();
                if !thoughts.is_empty() {
                    self.assistant(false).thoughts.extend(thoughts);
                }
            }
            call => self.call(call_id, call),
        }
    }

    fn message(&mut self, role: &str, content: &[ContentPart]) {
        if matches!(content, [header] if is_header(header)) {
            // Header lines mean nothing to a model and change with every request.
            return;
        }
        let parts = self.parts(content);
        match role {
            "user" => self.user(parts),
            "assistant" => {
                let words = parts.into_iter().map(|part| match part {
                    HistoryPart::Text(text) => text,
                    HistoryPart::Image(url) => no_picture(&url),
                });
                let words: Vec<String> = words.collect();
                if !words.is_empty() {
                    self.assistant(false).texts.extend(words);
                }
            }
            "system" | "developer" if self.is_beginning() => {
                self.system.push(words_of(&parts));
            }
            _ if parts.is_empty() => {}
            role => {
                let tag = tag(role, "message");
                let words = HistoryPart::block(&tag, &words_of(&parts));
                let pictures = parts.into_iter();
                let pictures = pictures.filter(|part| matches!(part, HistoryPart::Image(_)));
                self.user(std::iter::once(words).chain(pictures).collect());
            }
        }
    }

    fn call(&mut self, call_id: Option<&str>, call: &Body) {
        let Some((name, arguments)) = self.tools.function_of(call) else {
            return;
        };
        self.calls += 1;
        let call = ModelCall {
            id: numbered_call_id(self.calls),
            name,
            arguments: as_object(&arguments),
            output: None,
        };
        let said = self.assistant(true);
        said.calls.push(call);
        let place = said.calls.len() - 1;
        if let Some(id) = call_id {
            let waiting = self.waiting.entry(id.to_owned()).or_default();
            waiting.push((self.turns.len(), place));
        }
    }

    fn output(&mut self, call_id: &str, output: Vec<HistoryPart>) {
        // The first call that waits: some formats identify calls by function name only.
        let waiting = self.waiting.get_mut(call_id);
        let place = waiting.and_then(|waiting| (!waiting.is_empty()).then(|| waiting.remove(0)));
        let call = place.and_then(|(turn, call)| {
            let turn = self.turns.get_mut(turn).unwrap_or(&mut self.current);
            turn.assistant.calls.get_mut(call)
        });
        if let Some(call) = call {
            call.output = Some(output);
            return;
        }
        let pictures: Vec<HistoryPart> = output
            .iter()
            .filter(|part| matches!(part, HistoryPart::Image(_)))
            .cloned()
            .collect();
        let words = HistoryPart::block("tool_output", &words_of(&output));
        self.user(std::iter::once(words).chain(pictures).collect());
    }

    fn user(&mut self, parts: Vec<HistoryPart>) {
        if parts.is_empty() {
            return;
        }
        if self.current.assistant.is_empty() {
            // Reasoning without a message or call after it is dropped.
            self.current.assistant.thoughts.clear();
        } else {
            self.next();
        }
        self.current.user.extend(parts);
    }

    /// The output of the model in the current turn. A new turn begins after an output, and with
    /// text after calls.
    fn assistant(&mut self, is_call: bool) -> &mut AssistantTurn {
        let said = &self.current.assistant;
        if said.is_answered() || !is_call && !said.calls.is_empty() {
            self.next();
        }
        &mut self.current.assistant
    }

    fn next(&mut self) {
        self.turns.push(std::mem::take(&mut self.current));
    }

    /// Whether the history is still empty.
    fn is_beginning(&self) -> bool {
        self.turns.is_empty() && self.current.user.is_empty() && self.current.assistant.is_empty()
    }

    fn parts(&self, content: &[ContentPart]) -> Vec<HistoryPart> {
        let part = |content: &ContentPart| match content {
            ContentPart::Text(text) | ContentPart::Refusal(text) => HistoryPart::Text(text.clone()),
            ContentPart::Image(url) if self.takes_images && is_url(url) => {
                HistoryPart::Image(url.clone())
            }
            ContentPart::Image(url) => HistoryPart::Text(no_picture(url)),
            ContentPart::File { name, size } => HistoryPart::Text(match size {
                Some(size) => format!("(A file: {name}, {size} bytes.)"),
                None => format!("(A file: {name}.)"),
            }),
            ContentPart::Other(json) => HistoryPart::Text(truncated(json)),
        };
        let is_empty =
            |part: &HistoryPart| matches!(part, HistoryPart::Text(text) if text.trim().is_empty());
        let parts = content.iter().map(part);
        parts.filter(|part| !is_empty(part)).collect()
    }

    /// Finishes the history, which ends with a user message, outputs, or the beginning of the
    /// answer.
    fn finish(mut self, ask: &DraftContext<'_>) -> ModelHistory {
        let is_begun = self.end(ask);
        self.next();
        if let Some(first) = self.turns.first_mut().filter(|first| first.user.is_empty()) {
            first.user.push(HistoryPart::Text(BEGINNING.into()));
        }
        ModelHistory {
            system: self.system,
            turns: self.turns,
            is_prefilled: is_begun,
        }
    }

    /// Adds what the model is to answer; returns whether the history ends with a prefilled answer.
    fn end(&mut self, ask: &DraftContext<'_>) -> bool {
        let can_begin = ask.continuing == Continuing::Prefill
            && matches!(ask.format, Format::Chat | Format::Messages);
        if let Some(begun) = ask.continues.filter(|begun| !begun.trim().is_empty()) {
            self.assistant(false).texts.push(begun.to_owned());
            if !can_begin {
                self.user(vec![HistoryPart::Text(GO_ON_WITHIN.into())]);
            }
            return can_begin;
        }
        let said = &self.current.assistant;
        if said.is_empty() || !said.calls.is_empty() {
            return false;
        }
        // In this format agents prefill the answer.
        let is_begun = can_begin && ask.request.format == Format::Messages && ask.said.is_empty();
        if !is_begun {
            self.user(vec![HistoryPart::Text(GO_ON.into())]);
        }
        is_begun
    }
}

/// The id of the n-th call of the conversation.
pub(super) fn numbered_call_id(number: usize) -> String {
    format!("call{number:05}")
}

/// The tag of a block, which does not look like text of the user.
fn tag(kind: &str, what: &str) -> String {
    let is_letter = |c: &char| c.is_ascii_alphanumeric() || *c == '_';
    let kind: String = kind.chars().filter(is_letter).take(40).collect();
    format!("{kind}_{what}")
}

/// Truncates a text that was not written for a model.
fn truncated(text: &str) -> String {
    match text.char_indices().nth(MAX_UNKNOWN) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_owned(),
    }
}

/// Whether an image can be passed on: it is an `http` or a `data:` URL.
fn is_url(text: &str) -> bool {
    let is_at = |start: &str| text.starts_with(start);
    is_at("http://") || is_at("https://") || is_at("data:image/") && text.contains(";base64,")
}

fn no_picture(url: &str) -> String {
    if url.starts_with("data:") {
        "(A picture, which you cannot see.)".into()
    } else {
        format!("(A picture, which you cannot see: {url})")
    }
}
