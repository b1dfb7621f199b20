//! Claude Code, measured with 2.1.197 and 2.1.330.

use super::{ALLOW, BLOCK, KnownAgent, PromptMark, Verdict};
use crate::api::{Fields, Purpose};

pub(super) static AGENT: KnownAgent = KnownAgent {
    name: "Claude Code",
    user_agents: &["claude-cli", "claude-code"],
    thread_headers: &["x-claude-code-session-id"],
    part_headers: &["x-claude-code-agent-id"],
    thread: Some(thread),
    errands: &[
        (
            Purpose::Title,
            PromptMark::Instructions("Generate a concise, sentence-case title"),
        ),
        (
            Purpose::Title,
            PromptMark::Instructions("You are naming a coding session"),
        ),
        (
            Purpose::PermissionCheck,
            PromptMark::Instructions("You are a security monitor for autonomous AI coding agents"),
        ),
        (
            Purpose::Summary,
            PromptMark::Prompt("CRITICAL: Respond with TEXT ONLY. Do NOT call any tools."),
        ),
    ],
    // Begins the message after a compaction, with the summary.
    context_openings: &["This session is being continued from a previous conversation"],
    // The question is whether the action is to be blocked.
    verdicts: &[
        Verdict {
            words: ALLOW,
            answer: "<block>no</block>",
        },
        Verdict {
            words: BLOCK,
            answer: "<block>yes</block>",
        },
    ],
    ..KnownAgent::OTHER
};

/// The session id, in the JSON text of `metadata.user_id`.
fn thread(fields: &Fields<'_>) -> Option<String> {
    let user = fields.object("metadata").text("user_id")?;
    Fields::of_text(&user).text("session_id")
}
