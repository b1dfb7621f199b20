//! Codex, measured with 0.169.

use super::{KnownAgent, PromptMark};
use crate::api::{Fields, Purpose};

/// Field of `client_metadata` with JSON text that describes the turn.
const TURN_METADATA: &str = "x-codex-turn-metadata";

pub(super) static AGENT: KnownAgent = KnownAgent {
    name: "Codex",
    user_agents: &["codex"],
    thread: Some(thread),
    stated_purpose: Some(stated_purpose),
    errands: &[(
        Purpose::Summary,
        PromptMark::Prompt("You are performing a CONTEXT CHECKPOINT COMPACTION"),
    )],
    title_prompt_prefix: Some("User prompt:"),
    // The `AGENTS.md` of a repository.
    context_openings: &["# AGENTS.md instructions"],
    // Of its editor extension.
    prompt_separator: Some("## My request for Codex:"),
    ..KnownAgent::OTHER
};

/// It sends its thread id in several fields; the first is the most specific.
fn thread(fields: &Fields<'_>) -> Option<String> {
    let metadata = fields.object("client_metadata");
    let nested = || Fields::of_text(&metadata.text(TURN_METADATA)?).text("thread_id");
    metadata.text("thread_id").or_else(nested)
}

/// Reads the turn metadata: a request for a title has the thread source `thread_title`.
fn stated_purpose(fields: &Fields<'_>) -> Option<Purpose> {
    let metadata = fields.object("client_metadata");
    let text = metadata.text(TURN_METADATA)?;
    let turn = Fields::of_text(&text);
    let source = turn.text("thread_source")?;
    let kind = turn.text("request_kind").unwrap_or_default();
    Some(match source.as_str() {
        "thread_title" => Purpose::Title,
        _ if kind.contains("compact") => Purpose::Summary,
        _ => Purpose::Turn,
    })
}
