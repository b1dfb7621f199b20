//! pi, measured with 0.74.2. Its user agent is that of an SDK.

use super::Agent;

pub(super) static AGENT: Agent = Agent {
    name: "pi",
    user_agents: &["pi/"],
    openings: &["You are an expert coding assistant operating inside pi"],
    ..Agent::OTHER
};
