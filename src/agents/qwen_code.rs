//! qwen-code, measured with 0.15.10.

use super::{KnownAgent, PromptMark};
use crate::api::Purpose;

pub(super) static AGENT: KnownAgent = KnownAgent {
    name: "qwen-code",
    user_agents: &["QwenCode"],
    errands: &[(
        Purpose::Summary,
        PromptMark::Instructions("You are the component that summarizes internal chat history"),
    )],
    confirmed_openings: &["This is the Qwen Code. We are setting up the context for our chat."],
    ..KnownAgent::OTHER
};
