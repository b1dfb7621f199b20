//! opencode, measured with 1.18.33.
//!
//! `OPENCODE_CONFIG` names a configuration that is added to those it finds. With `@ai-sdk/openai` it
//! speaks the Responses API, in which notes and thoughts arrive as what they are; that package is
//! built in.

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
        // For titles, which it would have made by a model of somebody else.
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

/// What opencode wants to know of a model.
fn model_entry(name: &str) -> serde_json::Value {
    json!({
        "name": name,
        "attachment": true,
        "modalities": { "input": ["text", "image"], "output": ["text"] },
        "limit": { "context": CONTEXT_TOKENS, "output": ANSWER_TOKENS },
    })
}
