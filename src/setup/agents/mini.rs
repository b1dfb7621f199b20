//! mini-swe-agent, measured with 2.4.6.
//!
//! The files named by `-c` are merged; with any, its default `mini.yaml` has to be named too. Without
//! `MSWEA_CONFIGURED` it begins by asking for a model and a key.

use super::{
    ANY_KEY, AgentProgram, Launch, PATIENCE_SECONDS, SetupContext, SetupError, VariableValue,
    backed_up_file,
};

pub(super) const AGENT: AgentProgram = AgentProgram {
    name: "mini",
    title: "mini-swe-agent",
    program: "mini",
    install: "python3 -m pip install mini-swe-agent",
    version: &["--help"],
    question: &[
        "--yolo",
        "--exit-immediately",
        "--output",
        "trajectory.json",
        "--task",
    ],
    launch,
};

fn launch(site: &SetupContext<'_>) -> Result<Launch, SetupError> {
    let file = site.file("mini.yaml");
    // The text of a JSON string is that of a YAML string too.
    let text = |value: &str| serde_json::Value::from(value).to_string();
    let mut configuration = format!(
        "model:\n  \
           model_name: {}\n  \
           cost_tracking: ignore_errors\n  \
           model_kwargs:\n    \
             api_base: {}\n    \
             timeout: {PATIENCE_SECONDS}\n",
        text(&format!("openai/{}", site.model())),
        text(&site.base_urls.openai),
    );
    if !site.needs_key {
        configuration.push_str(&format!("    api_key: {}\n", text(ANY_KEY)));
    }
    configuration.push_str("agent:\n  cost_limit: 0\n");
    let mut environment = vec![("MSWEA_CONFIGURED", VariableValue::Text("true".to_owned()))];
    environment.extend(site.key_unless_any("OPENAI_API_KEY"));
    let named = file.to_string_lossy().into_owned();
    let arguments = ["-c", "mini.yaml", "-c", &named].map(str::to_owned);
    Ok(Launch {
        files: vec![backed_up_file(file, configuration)],
        environment,
        arguments: arguments.into(),
        base_url: site.base_urls.openai.clone(),
        redirect: site.redirect_by_copies(),
    })
}
