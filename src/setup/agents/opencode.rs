//! opencode, measured with 1.18.33.
//!
//! The file named by `OPENCODE_CONFIG` is merged with those that opencode finds. With the built-in package
//! `@ai-sdk/openai` it uses the Responses API, which carries notes and reasoning.

use serde_json::{Map, json};

use super::{
    ANSWER_TOKENS, ANY_KEY, AgentProgram, CONTEXT_TOKENS, KEY_VARIABLE, Launch, SetupContext,
    SetupError, VariableValue, backed_up_file, json_text,
};

pub(super) const AGENT: AgentProgram = AgentProgram {
    name: "opencode",
    title: "opencode",
    program: "opencode",
    install: "npm install -g opencode-ai",
    version: &["--version"],
    question: &["run"],
    launch,
};

fn launch(site: &SetupContext<'_>) -> Result<Launch, SetupError> {
    let api_key = if site.needs_key {
        format!("{{env:{KEY_VARIABLE}}}")
    } else {
        ANY_KEY.to_owned()
    };
    let model = format!("humanllm/{}", site.model());
    let models: Map<_, _> = site
        .models
        .iter()
        .map(|name| (name.clone(), model_entry(name)))
        .collect();
    let configuration = json!({
        "$schema": "https://opencode.ai/config.json",
        "model": model,
        // For titles, which another provider's model would make by default.
        "small_model": model,
        "provider": {
            "humanllm": {
                "npm": "@ai-sdk/openai",
                "name": "Human LLM",
                "options": {
                    "baseURL": site.base_urls.openai,
                    "apiKey": api_key,
                    "timeout": false,
                },
                "models": models,
            },
        },
    });
    let file = site.file("opencode.json");
    let named = VariableValue::Text(file.to_string_lossy().into_owned());
    Ok(Launch {
        files: vec![backed_up_file(file, json_text(&configuration))],
        environment: vec![("OPENCODE_CONFIG", named)],
        arguments: Vec::new(),
        base_url: site.base_urls.openai.clone(),
        redirect: site.redirect_by_copies(),
    })
}

/// The entry of a model.
fn model_entry(name: &str) -> serde_json::Value {
    json!({
        "name": name,
        "attachment": true,
        "modalities": { "input": ["text", "image"], "output": ["text"] },
        "limit": { "context": CONTEXT_TOKENS, "output": ANSWER_TOKENS },
    })
}
