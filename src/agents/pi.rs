//! pi, measured with 0.74.2. Its user agent is that of an SDK.

use super::KnownAgent;

pub(super) static AGENT: KnownAgent = KnownAgent {
    name: "pi",
    user_agents: &["pi/"],
    openings: &["You are an expert coding assistant operating inside pi"],
    ..KnownAgent::OTHER
};
