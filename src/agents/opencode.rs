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
            Mark::Prompt("Here is the conversation so far:"),
        ),
    ],
    title_of: Some("Generate a title for this conversation:"),
    ..Agent::OTHER
};
