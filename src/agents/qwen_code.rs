//! qwen-code, measured with 0.15.10.

use super::{Agent, Mark};
use crate::api::Purpose;

pub(super) static AGENT: Agent = Agent {
    name: "qwen-code",
    user_agents: &["QwenCode"],
    errands: &[(
        Purpose::Summary,
        Mark::Instructions("You are the component that summarizes internal chat history"),
    )],
    confirmed: &["This is the Qwen Code. We are setting up the context for our chat."],
    ..Agent::OTHER
};
