//! Cline.

use super::KnownAgent;

pub(super) static AGENT: KnownAgent = KnownAgent {
    name: "Cline",
    user_agents: &["Cline"],
    openings: &["You are Cline"],
    ..KnownAgent::OTHER
};
