//! One block of the transcript: an item of the request, a reply that was sent, or a note.

use std::borrow::Cow;
use std::cell::OnceCell;
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::Value;

use crate::api::{Body, ContentPart, Item, ItemBody, Phase, command_line, commands_of};
use crate::draft::{Contribution, Draft};
use crate::inbox::{Delivery, ReplyContent, SentReply};
use crate::tui::form::pretty;
use crate::tui::markup::{Markup, Styled};
use crate::tui::pictures::Picture;
use crate::tui::text::format;
use crate::tui::text::{Text, one_line};
use crate::tui::transcript::output::{self, ExitStatus};

/// The first line of a patch.
const PATCH: &str = "*** Begin Patch";

/// Shown for reasoning and summaries that came encrypted.
const ENCRYPTED: &str = "(encrypted)";

/// Columns for the call in the header of an output.
const CALL_WIDTH: u16 = 40;

/// What a block is, which decides how it looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BlockKind {
    /// What a person asked.
    Prompt,
    /// A message that the agent inserted by itself.
    Boilerplate,
    /// A message or reasoning of the model.
    Assistant,
    /// A command or another call.
    Call,
    /// The output of a call.
    Output,
    /// Anything else.
    Other,
}

/// A block of the transcript.
#[derive(Debug)]
pub struct TranscriptBlock {
    /// What it is.
    pub kind: BlockKind,
    /// The name in the header: a role, a tool, `output`.
    pub label: String,
    /// What the header says besides, such as an exit code.
    pub detail: String,
    /// Whether the detail reports a failure.
    pub failed: bool,
    /// When it was first seen.
    pub at: Option<Timestamp>,
    /// The size of its text in bytes.
    pub size: usize,
    /// Whether only the header shows.
    pub folded: bool,
    /// Whether it came since the last reply.
    pub is_new: bool,
    /// The label of a line above it that separates it from what was before.
    pub divider: Option<&'static str>,
    /// What is shown below its text, if pictures are shown at all.
    pub pictures: Vec<Picture>,
    origin: BlockOrigin,
    /// The draft that it was composed as, where it is a reply of which that is known.
    composed: Option<Arc<Draft>>,
    text: OnceCell<Styled>,
}

#[derive(Debug)]
enum BlockOrigin {
    Item(Arc<Item>),
    Sent(SentReply),
    Note(String),
}

impl TranscriptBlock {
    /// The block of an item.
    pub fn of_item(item: &Arc<Item>, at: Option<Timestamp>) -> Self {
        let (kind, label) = item_kind(item);
        let mut block = Self::new(kind, label, BlockOrigin::Item(Arc::clone(item)));
        block.at = at;
        block.size = item_size(item);
        block.pictures = Picture::all_of(item);
        match item.body() {
            ItemBody::ToolOutput { content, .. } => {
                let texts = content.iter().map_while(|part| match part {
                    ContentPart::Text(text) => Some(text.as_str()),
                    _ => None,
                });
                let status = ExitStatus::of_all(texts);
                block.failed = status.has_failed();
                block.detail = status.to_string();
            }
            ItemBody::Said {
                body: Body::FunctionCall { arguments, .. },
                ..
            } => {
                if let Some((_, others)) = commands_of(arguments) {
                    block.detail = others.join(" · ");
                }
            }
            _ => {}
        }
        block
    }

    /// Marks the block as one that the agent inserted by itself, or not.
    pub fn with_boilerplate(mut self, is_put_in: bool) -> Self {
        self.folded = is_put_in;
        if is_put_in {
            self.kind = BlockKind::Boilerplate;
        }
        self
    }

    /// Adds the call that the block is the output of to its detail.
    pub fn with_call(mut self, call: Option<&Item>) -> Self {
        if let Some(call) = call {
            let is_command = match call.said() {
                Some(Body::FunctionCall { arguments, .. }) => commands_of(arguments).is_some(),
                said => matches!(
                    said,
                    Some(Body::LocalShellCall { .. } | Body::ShellCall { .. })
                ),
            };
            let text = if is_command {
                item_text(call)
            } else {
                item_kind(call).1
            };
            let call = one_line(text.lines().next().unwrap_or_default(), CALL_WIDTH);
            let between = if self.detail.is_empty() { "" } else { " · " };
            self.detail = format!("{}{between}{call}", self.detail);
        }
        self
    }

    /// The block of a reply that was sent.
    pub fn of_sent(said: &SentReply) -> Self {
        let ((kind, label), size) = match &said.content {
            ReplyContent::Item(body) => (body_kind("assistant", body), body_size(body)),
            ReplyContent::Live(text, phase) => {
                let label = with_phase("assistant", Some(*phase));
                ((BlockKind::Assistant, label), text.len())
            }
            ReplyContent::Rejection(text) => {
                ((BlockKind::Assistant, "rejected".into()), text.len())
            }
        };
        let mut block = Self::new(kind, label, BlockOrigin::Sent(said.clone()));
        block.at = Some(said.at);
        block.composed = Some(Arc::clone(&said.draft));
        block.failed = said.state == Delivery::Undelivered;
        block.detail = match said.state {
            Delivery::Sent => "sent",
            Delivery::Delivered => "delivered",
            Delivery::Undelivered => "not delivered: client gone",
        }
        .into();
        match said.refused_retries {
            0 => {}
            1 => block.detail.push_str(" · asked again, refused again"),
            n => block
                .detail
                .push_str(&format!(" · asked {n} times more, refused")),
        }
        block.size = size;
        block
    }

    /// The block of a reply that is not sent yet.
    pub fn of_output(body: &Body) -> Self {
        let (kind, label) = body_kind("assistant", body);
        Self::new(kind, label, BlockOrigin::Note(body_text(body)))
    }

    /// A note by this program.
    pub fn of_note(label: &str, text: String) -> Self {
        let mut block = Self::new(BlockKind::Other, label.into(), BlockOrigin::Note(text));
        block.size = block.body().len();
        block
    }

    /// The reply that was sent, if it is the block of one.
    pub fn sent(&self) -> Option<&SentReply> {
        match &self.origin {
            BlockOrigin::Sent(said) => Some(said),
            BlockOrigin::Item(_) | BlockOrigin::Note(_) => None,
        }
    }

    /// The item that it shows, if it is the block of one.
    pub fn item(&self) -> Option<&Arc<Item>> {
        match &self.origin {
            BlockOrigin::Item(item) => Some(item),
            BlockOrigin::Sent(_) | BlockOrigin::Note(_) => None,
        }
    }

    fn new(kind: BlockKind, label: String, origin: BlockOrigin) -> Self {
        Self {
            kind,
            label,
            detail: String::new(),
            failed: false,
            at: None,
            size: 0,
            folded: false,
            is_new: false,
            divider: None,
            pictures: Vec::new(),
            origin,
            composed: None,
            text: OnceCell::new(),
        }
    }

    /// Whether it is a note by this program.
    pub fn is_note(&self) -> bool {
        matches!(self.origin, BlockOrigin::Note(_))
    }

    /// The draft that it was composed as, where it is a reply of which that is known.
    pub fn composed(&self) -> Option<&Draft> {
        self.composed.as_deref()
    }

    /// Takes over how the reply was composed from the block that it had before the client sent it back.
    pub fn with_reply(mut self, reply: Option<&Self>) -> Self {
        self.composed = reply.and_then(|reply| reply.composed.clone());
        self
    }

    /// Whether it is a reply that was sent and that the client has not sent back yet.
    pub fn is_sent(&self) -> bool {
        matches!(self.origin, BlockOrigin::Sent(_))
    }

    /// Whether it is a reply that the client sends back as this item.
    pub fn comes_back_as(&self, item: &Item) -> bool {
        matches!(&self.origin, BlockOrigin::Sent(said) if said.content.matches(item))
    }

    /// What the header says besides the label: who had a hand in the reply, and the detail.
    pub fn header_detail(&self) -> String {
        let hand = self.composed().and_then(Contribution::of);
        let hand = hand.map(|hand| hand.to_string()).unwrap_or_default();
        let parts = [hand.as_str(), self.detail.as_str()].into_iter();
        let parts = parts.filter(|part| !part.is_empty());
        parts.collect::<Vec<_>>().join(" · ")
    }

    /// Whether it is the block of this item. If it is of another item with the same content, it becomes
    /// the block of this one.
    pub fn takes_item(&mut self, item: &Arc<Item>) -> bool {
        match &mut self.origin {
            BlockOrigin::Item(own) if Arc::ptr_eq(own, item) => true,
            BlockOrigin::Item(own) if own.says_the_same(item) => {
                *own = Arc::clone(item);
                true
            }
            _ => false,
        }
    }

    /// Whether it is the block of this reply, and its delivery has not changed.
    pub fn is_of_sent(&self, said: &SentReply) -> bool {
        match &self.origin {
            BlockOrigin::Sent(own) => {
                own.is_same(said)
                    && (own.state, own.refused_retries) == (said.state, said.refused_retries)
            }
            BlockOrigin::Item(_) | BlockOrigin::Note(_) => false,
        }
    }

    /// The JSON of the item as it arrived, if it is the block of one.
    pub fn raw(&self) -> Option<&str> {
        match &self.origin {
            BlockOrigin::Item(item) => Some(item.raw()),
            BlockOrigin::Sent(_) | BlockOrigin::Note(_) => None,
        }
    }

    /// The text under the header, indexed when it is first needed.
    pub fn text(&self) -> &Text {
        self.styled().text()
    }

    /// The text with its styles.
    pub fn styled(&self) -> &Styled {
        self.text.get_or_init(|| {
            let body = self.body();
            let markup = self.markup(&body);
            Styled::new(body, markup)
        })
    }

    /// How to find the styles of the text.
    fn markup(&self, body: &str) -> Markup {
        match self.kind {
            BlockKind::Prompt | BlockKind::Assistant | BlockKind::Boilerplate => Markup::Markdown,
            // What git prints when it is not asked for colours.
            BlockKind::Output if body.starts_with("diff --git ") && !body.contains('\x1b') => {
                Markup::Patch
            }
            BlockKind::Output if output::is_json(body) => Markup::Json,
            BlockKind::Output => Markup::Output,
            BlockKind::Call if body.contains(PATCH) => Markup::Patch,
            BlockKind::Call if body.starts_with("$ ") => Markup::Shell,
            BlockKind::Call | BlockKind::Other if body.starts_with(['{', '[']) => Markup::Json,
            BlockKind::Call | BlockKind::Other => Markup::Plain,
        }
    }

    /// The beginning of the text, for a folded block; the cost does not grow with the size of the text.
    pub fn preview(&self) -> &str {
        /// Outputs of more bytes are not laid out for it.
        const LARGEST: usize = 64 * 1024;
        match &self.origin {
            BlockOrigin::Item(_) if self.kind == BlockKind::Output && self.size <= LARGEST => {
                self.text().as_str()
            }
            BlockOrigin::Item(item) => {
                let first = item.content().iter().find_map(ContentPart::words);
                first.unwrap_or_else(|| self.text().line(0))
            }
            BlockOrigin::Sent(_) | BlockOrigin::Note(_) => self.text().line(0),
        }
    }

    /// The text under the header, as it is made into [`Self::text`].
    pub(crate) fn body(&self) -> String {
        match &self.origin {
            BlockOrigin::Item(item) => item_text(item),
            BlockOrigin::Sent(said) => match &said.content {
                ReplyContent::Item(body) => body_text(body),
                ReplyContent::Live(text, _) | ReplyContent::Rejection(text) => text.clone(),
            },
            BlockOrigin::Note(text) => text.clone(),
        }
    }
}

fn item_kind(item: &Item) -> (BlockKind, String) {
    match item.body() {
        ItemBody::Said { role, body, .. } => body_kind(role, body),
        ItemBody::Compaction { .. } => (BlockKind::Assistant, "summary of what came before".into()),
        ItemBody::ToolOutput { .. } => (BlockKind::Output, "output".into()),
        ItemBody::Other { kind, .. } => (BlockKind::Other, kind.clone()),
    }
}

fn body_kind(role: &str, body: &Body) -> (BlockKind, String) {
    match body {
        Body::Message { phase, .. } => {
            let kind = match role {
                "user" => BlockKind::Prompt,
                "assistant" => BlockKind::Assistant,
                _ => BlockKind::Other,
            };
            (kind, with_phase(role, *phase))
        }
        Body::Reasoning { .. } => (BlockKind::Assistant, "reasoning".into()),
        call => {
            let name = call.full_tool_name().unwrap_or_default();
            (BlockKind::Call, name.into_owned())
        }
    }
}

fn with_phase(role: &str, phase: Option<Phase>) -> String {
    match phase {
        Some(phase) => format!("{role} · {}", phase.as_str().replace('_', " ")),
        None => role.into(),
    }
}

fn item_size(item: &Item) -> usize {
    match item.body() {
        ItemBody::Said { body, .. } => body_size(body),
        ItemBody::ToolOutput { content, .. } => parts_size(content),
        ItemBody::Compaction {
            summary: Some(summary),
        } => summary.len(),
        ItemBody::Compaction { .. } | ItemBody::Other { .. } => item.raw().len(),
    }
}

fn body_size(body: &Body) -> usize {
    match body {
        Body::Message { content, .. } => parts_size(content),
        Body::Reasoning { summary } => summary.iter().map(String::len).sum(),
        call => call.words().len(),
    }
}

fn parts_size(content: &[ContentPart]) -> usize {
    let sizes = content.iter().map(|part| match part {
        ContentPart::Text(text) | ContentPart::Refusal(text) | ContentPart::Image(text) => {
            text.len()
        }
        ContentPart::File { size, .. } => size.unwrap_or(0),
        ContentPart::Other(_) => 0,
    });
    sizes.sum()
}

fn item_text(item: &Item) -> String {
    match item.body() {
        ItemBody::Said { body, .. } => body_text(body),
        ItemBody::ToolOutput { content, .. } => {
            let content = match content.as_slice() {
                // The agent's header is a part of its own.
                [ContentPart::Text(head), rest @ ..]
                    if !rest.is_empty() && output::is_header(head) =>
                {
                    rest
                }
                content => content,
            };
            let text = parts(content, output::readable_part);
            match text.trim_end_matches(['\n', '\r']) {
                "" => "(no output)".into(),
                text => text.into(),
            }
        }
        ItemBody::Compaction { summary } => summary.clone().unwrap_or_else(|| ENCRYPTED.into()),
        ItemBody::Other { .. } => web_search(item.raw()).unwrap_or_else(|| pretty(item.raw())),
    }
}

fn body_text(body: &Body) -> String {
    match body {
        Body::Message { content, .. } => parts(content, |text| text.into()),
        Body::FunctionCall { arguments, .. } => call_text(arguments),
        Body::CustomToolCall { input, .. } => input.clone(),
        Body::LocalShellCall { command, .. } => {
            let words: Vec<&str> = command.iter().map(String::as_str).collect();
            format!("$ {}", command_line(&words))
        }
        Body::ShellCall { commands, .. } => prompts(commands),
        Body::Reasoning { summary } if summary.is_empty() => ENCRYPTED.into(),
        Body::Reasoning { summary } => summary.join("\n\n"),
    }
}

/// What a web search looked for, or which page it opened.
fn web_search(raw: &str) -> Option<String> {
    // Web search calls are short.
    const MAX_LENGTH: usize = 16 * 1024;
    let raw: Value = serde_json::from_str(Some(raw).filter(|raw| raw.len() <= MAX_LENGTH)?).ok()?;
    let action = raw
        .get("action")
        .filter(|_| raw["type"] == "web_search_call")?;
    let text = |key: &str| action.get(key).and_then(Value::as_str);
    let what = text("query")
        .or_else(|| text("url"))
        .or_else(|| text("pattern"))?;
    Some(format!("{}: {what}", text("type").unwrap_or("search")))
}

fn parts(content: &[ContentPart], text_of: impl Fn(&str) -> Cow<'_, str>) -> String {
    let parts: Vec<String> = content
        .iter()
        .map(|part| match part {
            ContentPart::Text(text) => text_of(text).into_owned(),
            ContentPart::Refusal(text) => format!("(refusal) {text}"),
            ContentPart::Image(url) => image(url),
            ContentPart::File {
                name,
                size: Some(size),
            } => {
                format!("[file: {name}, {}]", format::size(*size))
            }
            ContentPart::File { name, size: None } => format!("[file: {name}]"),
            ContentPart::Other(raw) => pretty(raw),
        })
        .collect();
    parts.join("\n")
}

fn image(url: &str) -> String {
    match url
        .strip_prefix("data:")
        .and_then(|data| data.split_once(','))
    {
        // Four characters of base64 are three bytes.
        Some((head, data)) => {
            let kind = head.split(';').next().unwrap_or_default();
            format!("[image: {kind}, {}]", format::size(data.len() / 4 * 3))
        }
        None => format!("[image: {url}]"),
    }
}

/// A call: the command line where it is one, the arguments as JSON otherwise.
fn call_text(arguments: &str) -> String {
    match commands_of(arguments) {
        Some((commands, _)) => prompts(&commands),
        None => pretty(arguments),
    }
}

/// Commands, each after a shell prompt.
fn prompts(commands: &[String]) -> String {
    let lines: Vec<String> = commands
        .iter()
        .map(|command| format!("$ {command}"))
        .collect();
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn block(raw: Value) -> TranscriptBlock {
        TranscriptBlock::of_item(&Arc::new(Item::from_responses(&raw)), None)
    }

    #[test]
    fn commands_are_shown_as_commands_and_calls_with_their_arguments() {
        let call = |arguments: Value| {
            block(json!({"type": "function_call", "name": "f", "call_id": "c",
                "arguments": arguments.to_string()}))
        };
        let found = call(json!({"cmd": "ls -l", "workdir": "/tmp"}));
        assert_eq!(
            (found.text().as_str(), found.detail.as_str()),
            ("$ ls -l", "workdir /tmp")
        );
        assert_eq!(call(json!({"a": 1})).text().as_str(), "{\n  \"a\": 1\n}");
        let found = block(json!({"type": "function_call", "name": "f", "arguments": "{oops"}));
        assert_eq!(found.text().as_str(), "{oops");
    }

    #[test]
    fn an_output_names_the_call_that_it_answers() {
        let detail = |call: Value| {
            let call = Item::from_responses(&call);
            let output = json!({"type": "function_call_output", "call_id": "c", "output": "done"});
            block(output).with_call(Some(&call)).detail
        };
        let call = |arguments: &str| {
            json!({"type": "function_call", "namespace": "a", "name": "f",
                "arguments": arguments, "call_id": "c"})
        };
        assert_eq!(detail(call(r#"{"cmd": "ls -l"}"#)), "$ ls -l");
        assert_eq!(detail(call(r#"{"x": 1}"#)), "a.f");
        let patch = json!({"type": "custom_tool_call", "name": "apply_patch", "input": "x"});
        assert_eq!(detail(patch), "apply_patch");
        let local = json!({"type": "local_shell_call", "action": {"command": ["ls", "-a"]}});
        assert_eq!(detail(local), "$ ls -a");
        assert_eq!(
            detail(json!({"type": "beam_call", "call_id": "c"})),
            "beam_call"
        );
    }

    #[test]
    fn pictures_files_and_unknown_things_are_named() {
        let found = block(json!({"type": "message", "role": "user", "content": [
            {"type": "input_text", "text": "look"},
            {"type": "input_image", "image_url": "data:image/png;base64,AAAAAAAA"},
            {"type": "input_file", "filename": "a.pdf"},
            {"type": "input_file", "filename": "b.txt", "file_data": "data:text/plain;base64,AAAA"}]}));
        assert_eq!(
            found.text().as_str(),
            "look\n[image: image/png, 6 B]\n[file: a.pdf]\n[file: b.txt, 3 B]"
        );
        let found = block(
            json!({"type": "web_search_call", "id": "ws_1", "status": "completed",
            "action": {"type": "search", "query": "ratatui images"}}),
        );
        assert_eq!(found.text().as_str(), "search: ratatui images");
        let found = block(json!({"type": "hologram", "x": 1}));
        assert_eq!(found.label, "hologram");
        assert!(found.text().as_str().contains("\"x\": 1"));
    }
}
