//! aider, measured with 0.86.2.
//!
//! The file named by `--config` is read in addition to those that aider finds. It warns about unknown
//! models and looks them up on the internet, so their metadata is written to a file.

use serde_json::{Map, json};

use super::{
    ANSWER_TOKENS, ANY_KEY, AgentProgram, CONTEXT_TOKENS, Launch, PATIENCE_SECONDS, SetupContext,
    SetupError, backed_up_file, json_text,
};

pub(super) const AGENT: AgentProgram = AgentProgram {
    name: "aider",
    title: "aider",
    program: "aider",
    install: "python3 -m pip install aider-chat",
    version: &["--version"],
    question: &[
        "--no-git",
        "--yes-always",
        "--no-analytics",
        "--no-check-update",
        "--no-show-release-notes",
        "--message",
    ],
    launch,
};

fn launch(site: &SetupContext<'_>) -> Result<Launch, SetupError> {
    let known = site.file("aider-models.json");
    let file = site.file("aider.yml");
    let model = format!("openai/{}", site.model());
    // The text of a JSON string is that of a YAML string too.
    let text = |value: &str| serde_json::Value::from(value).to_string();
    let mut configuration = format!(
        "openai-api-base: {}\n\
         model: {}\n\
         weak-model: {}\n\
         model-metadata-file: {}\n\
         timeout: {PATIENCE_SECONDS}\n",
        text(&site.base_urls.openai),
        text(&model),
        text(&model),
        text(&known.to_string_lossy()),
    );
    if !site.needs_key {
        configuration.push_str(&format!("openai-api-key: {}\n", text(ANY_KEY)));
    }
    let models: Map<_, _> = site
        .models
        .iter()
        .map(|name| (format!("openai/{name}"), model_metadata()))
        .collect();
    Ok(Launch {
        arguments: vec!["--config".to_owned(), file.to_string_lossy().into_owned()],
        files: vec![
            backed_up_file(file, configuration),
            backed_up_file(known, json_text(&models.into())),
        ],
        environment: site.key_unless_any("OPENAI_API_KEY"),
        base_url: site.base_urls.openai.clone(),
        redirect: site.redirect_by_copies(),
    })
}

/// The metadata of a model.
fn model_metadata() -> serde_json::Value {
    json!({
        "max_input_tokens": CONTEXT_TOKENS,
        "max_output_tokens": ANSWER_TOKENS,
        "input_cost_per_token": 0,
        "output_cost_per_token": 0,
        "litellm_provider": "openai",
        "mode": "chat",
    })
}
