//! mini-swe-agent, measured with 2.4.6. Its user agent is that of litellm.

use super::KnownAgent;

pub(super) static AGENT: KnownAgent = KnownAgent {
    name: "mini-swe-agent",
    user_agents: &["mini-swe-agent"],
    openings: &["You are a helpful assistant that can interact with a computer."],
    prompt_separator: Some("Please solve this issue:"),
    ..KnownAgent::OTHER
};
