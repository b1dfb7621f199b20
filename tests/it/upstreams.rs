//! Models that draft behind real agents, and real servers with models: a person at a terminal between
//! the two.
//!
//! With a server that follows a script, `HUMANLLM_TEST_CODEX=/path/to/codex` and
//! `HUMANLLM_TEST_CLAUDE=/path/to/claude` play the scenes with these agents. `HUMANLLM_TEST_LLAMA` is a
//! Python with `xllamacpp` and `gguf`, for a real llama.cpp with a model of random weights;
//! `HUMANLLM_TEST_LITELLM` is one with litellm and its proxy. A scene that lacks its variable passes at
//! once and says so. Measured with Codex 0.169.0, Claude Code 2.1.330, xllamacpp 2026.10.11549 and litellm
//! 1.106.2.

mod claude;
mod codex;
mod servers;
use crate::support::Upstream;

/// The configuration for a model called `qwen` that follows a script, with more lines.
fn qwen(upstream: &Upstream, mode: &str, lines: &str) -> String {
    config(&upstream.url(), mode, "", lines)
}

/// The configuration for a model called `qwen` at a base URL, with more lines for it and besides.
fn config(url: &str, mode: &str, own_lines: &str, lines: &str) -> String {
    format!(
        "[server]\nheartbeat_seconds = 1\n[drafting]\nmode = \"{mode}\"\n\
         [[model]]\nname = \"qwen\"\nbase_url = \"{url}\"\n{own_lines}\n{lines}\n"
    )
}

/// A rule that leaves every command with `rm` to the person.
const NO_RM: &str = "[[rule]]\nname = \"no rm\"\ntool = \"shell\"\nargument = '\\brm\\b'\n\
                     action = \"hold\"\n";
