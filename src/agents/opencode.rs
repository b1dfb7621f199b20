//! opencode, measured with 1.18.33.

use super::{Agent, Mark};
use crate::api::Purpose;

pub(super) static AGENT: Agent = Agent {
    name: "opencode",
    user_agents: &["opencode/"],
    errands: &[
        (
            Purpose::Title,
            Mark::Instructions("You are a title generator."),
        ),
        (
            Purpose::Summary,
            Mark::Prompt("Create a new anchored summary from the conversation history"),
        ),
    ],
    title_of: Some("Generate a title for this conversation:"),
    ..Agent::OTHER
};
