//! The JSON documents about the inbox that scripts get.

use jiff::Timestamp;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::api::{Format, Item, ItemBody, OutputFormat, Request, Tool, ToolChoice};
use crate::draft::{Draft, Sender};
use crate::inbox::{
    ConversationSummary, Delivery, InboxStatus, ReplyContent, ReplyReceipt, SentReply, Snapshot,
    Status, StudyState,
};

pub(super) fn status(status: &InboxStatus, address: &str) -> Value {
    json!({
        "program": concat!("humanllm ", env!("CARGO_PKG_VERSION")),
        "process": std::process::id(),
        "address": address,
        "waiting": status.waiting,
        "since": status.since.map(|since| since.to_string()),
        "conversations": status.conversations,
    })
}

pub(super) fn list(list: &[ConversationSummary]) -> Value {
    json!({"conversations": list.iter().map(summary).collect::<Vec<_>>()})
}

pub(super) fn sent(sent: &ReplyReceipt) -> Value {
    json!({
        "conversation": sent.conversation.0,
        "request": sent.request.0,
        "ended": sent.ended,
    })
}

pub(super) fn study(study: &StudyState) -> Value {
    json!({
        "state": if study.paused.is_some() { "paused" } else { "running" },
        "since": study.paused.map(|since| since.to_string()),
        "phase": study.phase,
        "phases": study.phases,
    })
}

fn summary(listed: &ConversationSummary) -> Value {
    let (state, since) = match listed.status {
        Status::Waiting { since } => ("waiting", Some(since)),
        Status::Answered => ("answered", None),
        Status::ClientGone => ("client gone", None),
    };
    let header = &listed.header;
    let active = Timestamp::from_millisecond(header.active).ok();
    json!({
        "conversation": header.id.0,
        "request": listed.request.map(|id| id.0),
        "state": state,
        "since": since.map(|since| since.to_string()),
        "waiting": listed.waiting,
        "title": header.title,
        "agent": header.agent,
        "directory": listed.directory,
        "active": active.map(|active| active.to_string()),
        "mode": listed.mode.label(),
        "attended": listed.is_model_replying,
        "automatic": header.automatic,
    })
}

/// A conversation with all of its items, or with the new ones only.
pub(super) fn conversation(snapshot: &Snapshot, all: bool) -> Value {
    let mut shown = summary(&snapshot.summary);
    let request = &snapshot.request;
    let items = snapshot.items(all);
    let items = items.map(|(place, one)| item(place, one, place >= snapshot.new_from));
    let shell = request.tools.shell().ok().map(|shell| shell.name());
    let tools = request.tools.tools().iter();
    let tools = tools.map(|one| tool(one, shell));
    let rest = json!({
        "model": request.model,
        "format": format(request.format),
        "asks": constraints(request),
        "participant": request.assignment.as_ref().and_then(|it| it.participant.clone()),
        "condition": request.assignment.as_ref().and_then(|it| it.condition.clone()),
        "items_before": request.items.len() - snapshot.items(all).count(),
        "items": items.collect::<Vec<_>>(),
        "said": snapshot.replies.iter().map(reply).collect::<Vec<_>>(),
        "tools": tools.collect::<Vec<_>>(),
    });
    if let (Value::Object(shown), Value::Object(rest)) = (&mut shown, rest) {
        shown.extend(rest);
    }
    shown
}

fn format(format: Format) -> &'static str {
    match format {
        Format::Responses => "responses",
        Format::Compaction => "compaction",
        Format::Chat => "chat",
        Format::Messages => "messages",
    }
}

/// What the request demands of the answer: its format, calls and length.
fn constraints(request: &Request) -> Value {
    let form = match &request.output_format {
        OutputFormat::Text => json!("text"),
        OutputFormat::JsonObject => json!("json"),
        OutputFormat::JsonSchema { schema, .. } => json!({"schema": schema}),
    };
    let (choice, only) = match &request.tool_choice {
        ToolChoice::Auto => ("auto", None),
        ToolChoice::None => ("none", None),
        ToolChoice::Required => ("required", None),
        ToolChoice::Only { names, required } => {
            if *required {
                ("required", Some(names))
            } else {
                ("auto", Some(names))
            }
        }
    };
    json!({
        "form": form,
        "tool_choice": choice,
        "only_tools": only,
        "parallel_tool_calls": request.parallel_tool_calls,
        "most_tokens": request.output_limit(),
    })
}

fn tool(tool: &Tool, shell: Option<&str>) -> Value {
    json!({
        "name": tool.title(),
        "kind": tool.kind,
        "description": tool.description,
        "parameters": tool.parameters(),
        "shell": shell == Some(tool.name.as_str()),
    })
}

/// An item: its kind, its text, and its JSON as the agent sent it.
fn item(place: usize, item: &Item, is_new: bool) -> Value {
    let (kind, name, text) = match item.body() {
        ItemBody::Said { body, .. } => match body.full_tool_name() {
            Some(name) => ("call", Some(name.into_owned()), body.words().into_owned()),
            None if item.role().is_some() => ("message", None, body.words().into_owned()),
            None => ("thought", None, body.words().into_owned()),
        },
        ItemBody::ToolOutput { .. } => ("output", None, item.text()),
        ItemBody::Compaction { summary } => ("summary", None, summary.clone().unwrap_or_default()),
        ItemBody::Other { kind, .. } => ("other", Some(kind.clone()), String::new()),
    };
    let raw: Value = serde_json::from_str::<&RawValue>(item.raw())
        .ok()
        .and_then(|raw| serde_json::from_str(raw.get()).ok())
        .unwrap_or_else(|| item.raw().into());
    json!({
        "place": place,
        "new": is_new,
        "kind": kind,
        "role": item.role(),
        "name": name,
        "call": item.call_id().or(item.output_of()),
        "put_in": item.is_boilerplate(),
        "text": text,
        "item": raw,
    })
}

fn reply(said: &SentReply) -> Value {
    let kind = match &said.content {
        ReplyContent::Item(body) => match body.full_tool_name() {
            Some(_) => "call",
            None => match body.phase() {
                Some(crate::api::Phase::Commentary) => "note",
                Some(crate::api::Phase::FinalAnswer) => "answer",
                None => "thought",
            },
        },
        ReplyContent::Live(..) => "begun",
        ReplyContent::Rejection(_) => "rejection",
    };
    let name = match &said.content {
        ReplyContent::Item(body) => body.full_tool_name().map(std::borrow::Cow::into_owned),
        ReplyContent::Live(..) | ReplyContent::Rejection(_) => None,
    };
    json!({
        "at": said.at.to_string(),
        "kind": kind,
        "name": name,
        "text": said.content.text(),
        "by": sender(&said.draft),
        "state": match said.state {
            Delivery::Sent => "sent",
            Delivery::Delivered => "delivered",
            Delivery::Undelivered => "undelivered",
        },
    })
}

/// The sender of a reply.
fn sender(draft: &Draft) -> Value {
    match &draft.sender {
        Sender::Person => json!("person"),
        Sender::Auto { model, .. } => json!({"model": model}),
        Sender::Rule(rule) => json!({"rule": rule}),
        Sender::Script => json!("script"),
    }
}
