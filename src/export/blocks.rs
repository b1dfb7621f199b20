//! A conversation as a list of blocks, which the Markdown and HTML exports both show.

use std::collections::HashMap;

use super::atif;
use super::conversation::{
    ExportedConversation, ExportedTurn, NewItem, NewItemKind, ReplyAuthor, ReplyPart, content_text,
    item_text,
};
use crate::api::{Body, ItemBody, Phase, commands_of};
use crate::draft::{Origin, Sender};
use crate::inbox::ReplyContent;
use crate::journal::{DecisionRow, MarkRow, ModelDraftRow, ModelDraftState, SaidState};

/// A titled block of an exported page.
#[derive(Debug)]
pub(super) struct ExportBlock {
    /// The time, in milliseconds since 1970.
    pub at: i64,
    pub author: BlockAuthor,
    /// The heading.
    pub title: String,
    /// Short facts that are shown beside the time.
    pub facts: Vec<String>,
    pub body: String,
    pub body_kind: BodyKind,
    /// Whether the body is hidden until the reader opens it, where the format can do that.
    pub is_folded: bool,
    /// The sources of the characters of the body; empty unless there are at least two.
    pub origin: Origin,
}

/// The author of a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BlockAuthor {
    /// The agent's user.
    User,
    /// The agent itself, or one of its tools.
    Agent,
    /// The person who answers as the model.
    Person,
    /// A model.
    Model,
    /// A model, with changes by the person.
    Both,
    /// A rule, or this program.
    Program,
}

impl BlockAuthor {
    /// The CSS class.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Agent => "agent",
            Self::Person => "person",
            Self::Model => "model",
            Self::Both => "both",
            Self::Program => "program",
        }
    }
}

/// The kind of text in a body, which decides how it is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BodyKind {
    /// Prose, perhaps in Markdown.
    Text,
    /// Code, data or the output of a program.
    Code,
    /// A patch.
    Diff,
}

impl BodyKind {
    /// Tells a patch from other code by its first lines.
    fn of_code(text: &str) -> Self {
        let mut lines = text.lines();
        let begins = |line: &str| {
            ["*** Begin Patch", "diff --git ", "@@ -", "--- a/"]
                .iter()
                .any(|begin| line.trim_start().starts_with(begin))
        };
        if lines.any(begins) {
            Self::Diff
        } else {
            Self::Code
        }
    }
}

/// Makes the blocks of turns.
#[derive(Debug, Default)]
pub(super) struct BlockBuilder {
    /// The name of the called tool, by call id.
    tools: HashMap<String, String>,
}

impl BlockBuilder {
    /// The blocks of a turn, which has to follow the one of the call before.
    pub(super) fn of(&mut self, turn: &ExportedTurn) -> Vec<ExportBlock> {
        let mut blocks = Vec::new();
        if turn.mark.excluded {
            self.remember(turn);
            blocks.push(text_block(
                turn,
                BlockAuthor::Program,
                "Left out",
                String::new(),
            ));
            return blocks;
        }
        if turn.request().is_none() {
            blocks.push(text_block(
                turn,
                BlockAuthor::Program,
                "Cannot be read",
                String::new(),
            ));
        }
        if turn.past.is_rewritten() {
            let words = "The agent has changed what was said before, or begun anew.";
            blocks.push(text_block(
                turn,
                BlockAuthor::Agent,
                "Changed",
                words.into(),
            ));
        }
        for new in &turn.new {
            self.remember_call(new);
            blocks.extend(self.item(turn, new));
        }
        blocks.extend(turn.decisions.iter().map(|row| decision_block(turn, row)));
        let used: Vec<i64> = turn.parts.iter().flat_map(ReplyPart::drafts).collect();
        let unused = turn.drafts.iter().filter(|row| !used.contains(&row.id));
        blocks.extend(unused.map(|row| draft_block(turn, row)));
        blocks.extend(turn.undelivered.iter().map(|part| reply_block(turn, part)));
        blocks.extend(turn.parts.iter().map(|part| reply_block(turn, part)));
        if let Some(words) = mark_text(&turn.mark) {
            blocks.push(text_block(turn, BlockAuthor::Person, "Marked", words));
        }
        blocks
    }

    fn remember(&mut self, turn: &ExportedTurn) {
        for new in &turn.new {
            self.remember_call(new);
        }
    }

    fn remember_call(&mut self, new: &NewItem) {
        if let (Some(id), Some(body)) = (new.item.call_id(), new.item.said())
            && let Some(name) = body.full_tool_name()
        {
            self.tools.insert(id.to_owned(), name.into_owned());
        }
    }

    fn item(&self, turn: &ExportedTurn, new: &NewItem) -> Option<ExportBlock> {
        let mut block = ExportBlock {
            at: turn.past.arrived,
            author: BlockAuthor::Agent,
            title: String::new(),
            facts: Vec::new(),
            body: item_text(&new.item),
            body_kind: BodyKind::Text,
            is_folded: false,
            origin: Origin::default(),
        };
        match (&new.kind, new.item.body()) {
            (NewItemKind::EchoedReply(_), _) => return None,
            (NewItemKind::ForeignReply, ItemBody::Said { body, .. }) => {
                block.author = BlockAuthor::Model;
                set_body(&mut block, body);
                block.facts.push("said before, elsewhere".into());
            }
            (_, ItemBody::ToolOutput { call_id, content }) => {
                block.title = match self.tools.get(call_id) {
                    Some(tool) => format!("Output of {tool}"),
                    None => "Output".into(),
                };
                block.body = content_text(content);
                block.body_kind = BodyKind::of_code(&block.body);
            }
            (_, ItemBody::Compaction { .. }) => block.title = "Summary of what was before".into(),
            (_, ItemBody::Other { kind, .. }) => {
                block.title = kind.clone();
                block.body_kind = BodyKind::Code;
                block.is_folded = true;
            }
            (NewItemKind::AddedByAgent, ItemBody::Said { role, .. }) => {
                block.title = match role.as_str() {
                    "system" | "developer" => "Instructions".into(),
                    _ => "Added by the agent".to_owned(),
                };
                block.facts.push(format!("role {role}"));
                block.is_folded = true;
            }
            (_, ItemBody::Said { role, .. }) => {
                if role == "user" {
                    block.author = BlockAuthor::User;
                    block.title = "User".into();
                } else {
                    block.title = format!("Message of the {role}");
                }
            }
        }
        Some(block)
    }
}

/// A block of prose with a title and no facts.
fn text_block(turn: &ExportedTurn, who: BlockAuthor, title: &str, body: String) -> ExportBlock {
    ExportBlock {
        at: turn.past.arrived,
        author: who,
        title: title.into(),
        facts: Vec::new(),
        body,
        body_kind: BodyKind::Text,
        is_folded: false,
        origin: Origin::default(),
    }
}

/// Sets title and body of a block to those of an item.
fn set_body(block: &mut ExportBlock, body: &Body) {
    block.body = body.words().into_owned();
    match body {
        Body::Message { phase, .. } => {
            block.title = match phase {
                Some(Phase::Commentary) => "Note".into(),
                Some(Phase::FinalAnswer) => "Answer".into(),
                None => "Message".to_owned(),
            };
        }
        Body::Reasoning { .. } => block.title = "Thoughts".into(),
        call => {
            let name = call.full_tool_name().unwrap_or_default();
            block.title = format!("Call of {name}");
            if let Body::FunctionCall { arguments, .. } = call {
                block.body = arguments_of(arguments);
            }
            block.body_kind = BodyKind::of_code(&block.body);
        }
    }
}

/// The arguments of a call in a readable form: a shell command as `$ command`, others as `name: value`.
fn arguments_of(arguments: &str) -> String {
    if let Some((commands, others)) = commands_of(arguments) {
        let commands = commands.iter().map(|command| format!("$ {command}"));
        return commands.chain(others).collect::<Vec<_>>().join("\n");
    }
    let Ok(serde_json::Value::Object(fields)) = serde_json::from_str(arguments) else {
        return arguments.to_owned();
    };
    let lines = fields.iter().map(|(name, value)| match value.as_str() {
        Some(text) if text.contains('\n') => format!("{name}:\n{text}"),
        Some(text) => format!("{name}: {text}"),
        None => format!("{name}: {value}"),
    });
    lines.collect::<Vec<_>>().join("\n")
}

fn reply_block(turn: &ExportedTurn, part: &ReplyPart) -> ExportBlock {
    let mut block = text_block(turn, BlockAuthor::Person, "", String::new());
    block.at = part.at;
    match &part.content {
        ReplyContent::Item(body) => set_body(&mut block, body),
        ReplyContent::Live(text, phase) => {
            set_body(&mut block, &Body::message(text.clone(), *phase))
        }
        ReplyContent::Rejection(words) => {
            block.title = "Rejected".into();
            block.body = words.clone();
        }
    }
    block.author = match &part.author {
        ReplyAuthor::Person => BlockAuthor::Person,
        ReplyAuthor::Edited(_) => BlockAuthor::Both,
        ReplyAuthor::Model(_) => BlockAuthor::Model,
        ReplyAuthor::Rule(_) | ReplyAuthor::Program => BlockAuthor::Program,
    };
    let sent_by = match &part.sender {
        Sender::Person => "sent by the person".to_owned(),
        Sender::Auto { .. } => "sent by itself".into(),
        Sender::Rule(rule) => format!("sent by the rule {rule}"),
        Sender::Script => "sent by a script".into(),
    };
    block.facts.push(match &part.author {
        ReplyAuthor::Person => "written by the person".into(),
        ReplyAuthor::Edited(model) => format!("drafted by {model}, changed by the person"),
        ReplyAuthor::Model(model) => format!("drafted by {model}, {sent_by}"),
        ReplyAuthor::Rule(rule) => format!("by the rule {rule}"),
        ReplyAuthor::Program => "by the program".into(),
    });
    match part.state {
        SaidState::Delivered => {}
        SaidState::Sent => block.facts.push("not known to have arrived".into()),
        SaidState::Undelivered => block.facts.push("did not arrive".into()),
    }
    if part.origin.spans().len() > 1 {
        block.origin = part.origin.clone();
    }
    block
}

fn draft_block(turn: &ExportedTurn, row: &ModelDraftRow) -> ExportBlock {
    let mut block = text_block(
        turn,
        BlockAuthor::Model,
        &format!("Draft of {}, not used", row.model),
        String::new(),
    );
    block.at = row.begun;
    block.is_folded = true;
    block.facts.push(
        match row.state {
            ModelDraftState::Streaming => "not finished",
            ModelDraftState::Complete => "complete",
            ModelDraftState::CutOff => "cut off",
            ModelDraftState::Failed => "failed",
            ModelDraftState::Cancelled => "stopped by the person",
        }
        .into(),
    );
    if let Some(hint) = &row.hint {
        block.facts.push(format!("told: {hint}"));
    }
    let items: Vec<Body> = serde_json::from_str(&row.items).unwrap_or_default();
    let mut words: Vec<String> = items
        .iter()
        .map(|body| {
            let mut own = text_block(turn, BlockAuthor::Model, "", String::new());
            set_body(&mut own, body);
            format!("{}:\n{}", own.title, own.body)
        })
        .collect();
    words.extend(row.partial.clone().filter(|partial| !partial.is_empty()));
    words.extend(row.failure.clone());
    block.body = words.join("\n\n");
    block
}

fn decision_block(turn: &ExportedTurn, row: &DecisionRow) -> ExportBlock {
    let action = serde_json::from_str::<serde_json::Value>(&row.action);
    let action = match action {
        Ok(serde_json::Value::String(action)) => action,
        Ok(serde_json::Value::Object(fields)) => {
            let said = fields.iter().map(|(name, words)| match words.as_str() {
                Some(words) => format!("{name}: {words}"),
                None => format!("{name}: {words}"),
            });
            said.collect::<Vec<_>>().join(", ")
        }
        _ => row.action.clone(),
    };
    let mut block = text_block(
        turn,
        BlockAuthor::Program,
        &format!("Rule {}", row.rule),
        format!("{action} ({})", row.matched),
    );
    block.at = row.at;
    if row.waited {
        block.facts.push("because nobody did anything".into());
    }
    block
}

/// Labels, rating and note in words; `None` if there are none.
pub(super) fn mark_text(mark: &MarkRow) -> Option<String> {
    let mut words = Vec::new();
    if !mark.labels.is_empty() {
        words.push(format!("Labels: {}", mark.labels.join(", ")));
    }
    if let Some(rating) = mark.rating {
        words.push(format!("Rating: {rating} of 5"));
    }
    if !mark.note.is_empty() {
        words.push(mark.note.clone());
    }
    (!words.is_empty()).then(|| words.join("\n"))
}

/// The heading of a turn.
pub(super) fn turn_heading(turn: &ExportedTurn) -> String {
    match &turn.study.phase {
        Some(phase) => format!("Turn {}, phase {phase}", turn.number),
        None => format!("Turn {}", turn.number),
    }
}

/// The names and values in the header of a conversation.
pub(super) fn header_fields(conversation: &ExportedConversation) -> Vec<(&'static str, String)> {
    let row = &conversation.row;
    let mut facts = vec![
        ("Conversation", row.id.to_string()),
        ("Agent", row.agent.clone()),
        ("Begun", atif::time(row.begun)),
        ("Last active", atif::time(row.active)),
    ];
    if let Some(thread) = &row.thread {
        facts.push(("Thread", thread.clone()));
    }
    if let Some(automatic) = &row.automatic {
        facts.push(("Automatic", automatic.clone()));
    }
    let assigned = &conversation.study.assigned;
    for (name, value) in [
        ("Participant", &assigned.participant),
        ("Condition", &assigned.condition),
    ] {
        facts.extend(value.clone().map(|value| (name, value)));
    }
    if let Some(words) = mark_text(&conversation.mark) {
        facts.push(("Marked", words.replace('\n', "; ")));
    }
    facts
}
