//! opencode, measured with 1.18.33.

use super::{KnownAgent, PromptMark};
use crate::api::Purpose;

pub(super) static AGENT: KnownAgent = KnownAgent {
    name: "opencode",
    user_agents: &["opencode/"],
    errands: &[
        (
            Purpose::Title,
            PromptMark::Instructions("You are a title generator."),
        ),
        (
            Purpose::Summary,
            PromptMark::Prompt("Here is the conversation so far:"),
        ),
    ],
    title_prompt_prefix: Some("Generate a title for this conversation:"),
    ..KnownAgent::OTHER
};
