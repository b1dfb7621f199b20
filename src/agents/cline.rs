//! Cline.

use super::Agent;

pub(super) static AGENT: Agent = Agent {
    name: "Cline",
    user_agents: &["Cline"],
    openings: &["You are Cline"],
    ..Agent::OTHER
};
