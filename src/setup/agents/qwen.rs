//! Qwen Code, measured with 0.15.10.
//!
//! Its settings are merged from several files; `QWEN_CODE_SYSTEM_SETTINGS_PATH` names the last one.

use serde_json::json;

use super::{
    ANY_KEY, AgentProgram, CONTEXT_TOKENS, KEY_VARIABLE, Launch, PATIENCE_SECONDS, SetupContext,
    SetupError, VariableValue, backed_up_file, json_text,
};

pub(super) const AGENT: AgentProgram = AgentProgram {
    name: "qwen",
    title: "Qwen Code",
    program: "qwen",
    install: "npm install -g @qwen-code/qwen-code",
    version: &["--version"],
    question: &[],
    launch,
};

/// The variable, set by the settings file itself, for the placeholder key.
const ANY_KEY_VARIABLE: &str = "HUMANLLM_ANY_KEY";

fn launch(site: &SetupContext<'_>) -> Result<Launch, SetupError> {
    let (variable, variables) = if site.needs_key {
        (KEY_VARIABLE, json!({}))
    } else {
        (ANY_KEY_VARIABLE, json!({ ANY_KEY_VARIABLE: ANY_KEY }))
    };
    let model = |name: &String| {
        json!({
            "id": name,
            "name": name,
            "envKey": variable,
            "baseUrl": site.base_urls.openai,
            "generationConfig": {
                "timeout": PATIENCE_SECONDS * 1000,
                "contextWindowSize": CONTEXT_TOKENS,
            },
        })
    };
    let models: Vec<_> = site.models.iter().map(model).collect();
    let settings = json!({
        // Without a version, Qwen Code rewrites the file.
        "$version": 4,
        "env": variables,
        "security": { "auth": { "selectedType": "openai" } },
        "model": { "name": site.model() },
        "modelProviders": { "openai": models },
        // Otherwise it sends a request after every answer for what to remember, which a person would have
        // to answer.
        "memory": { "enableManagedAutoMemory": false, "enableManagedAutoDream": false },
    });
    let file = site.file("qwen.json");
    let named = VariableValue::Text(file.to_string_lossy().into_owned());
    Ok(Launch {
        files: vec![backed_up_file(file, json_text(&settings))],
        environment: vec![("QWEN_CODE_SYSTEM_SETTINGS_PATH", named)],
        arguments: Vec::new(),
        base_url: site.base_urls.openai.clone(),
        redirect: site.redirect_by_copies(),
    })
}
