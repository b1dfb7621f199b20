//! The response object: what a request asked, echoed, and what came of it.

use serde_json::{Map, Value, json};

use super::request::{Previous, background, previous, store};

/// The part of the response object that the request decides, with the defaults that OpenAI
/// documents where it is silent. All of it validates against the public schema, whatever came.
pub(super) fn echo(params: &Map<String, Value>) -> Map<String, Value> {
    let or = |key: &str, default: Value| match params.get(key) {
        None | Some(Value::Null) => default,
        Some(value) => value.clone(),
    };
    let echoed = json!({
        "model": or("model", json!("")),
        "previous_response_id": or("previous_response_id", Value::Null),
        "instructions": or("instructions", Value::Null),
        "tools": tools(params.get("tools")),
        "tool_choice": tool_choice(params.get("tool_choice")),
        "truncation": one_of(params.get("truncation"), &["auto", "disabled"])
            .unwrap_or_else(|| json!("disabled")),
        "parallel_tool_calls": or("parallel_tool_calls", json!(true)),
        "text": text(params.get("text")),
        "top_p": or("top_p", json!(1.0)),
        "presence_penalty": or("presence_penalty", json!(0.0)),
        "frequency_penalty": or("frequency_penalty", json!(0.0)),
        "top_logprobs": or("top_logprobs", json!(0)),
        "temperature": or("temperature", json!(1.0)),
        "reasoning": reasoning(params.get("reasoning")),
        "max_output_tokens": or("max_output_tokens", Value::Null),
        "max_tool_calls": or("max_tool_calls", Value::Null),
        "store": store(params),
        "background": background(params),
        "service_tier": "default",
        "metadata": metadata(params.get("metadata")),
        "safety_identifier": or("safety_identifier", Value::Null),
        "prompt_cache_key": or("prompt_cache_key", Value::Null),
    });
    let Value::Object(mut echoed) = echoed else {
        return Map::new();
    };
    if let Some(Previous::Conversation(id)) = previous(params) {
        echoed.insert("conversation".into(), json!({"id": id}));
    }
    echoed
}

/// The schema of a response knows function tools only; others are the client's own business and
/// are left out of the echo.
fn tools(tools: Option<&Value>) -> Value {
    let tools = tools.and_then(Value::as_array).into_iter().flatten();
    tools
        .filter(|tool| tool.get("type") == Some(&json!("function")))
        .filter_map(|tool| {
            let parameters = tool.get("parameters").filter(|p| p.is_object());
            Some(json!({
                "type": "function",
                "name": tool.get("name")?.as_str()?,
                "description": tool.get("description").and_then(Value::as_str),
                "parameters": parameters,
                "strict": tool.get("strict").and_then(Value::as_bool),
            }))
        })
        .collect()
}

/// Metadata is text by text, 16 entries at most; typed clients expect no other.
pub(super) fn metadata(metadata: Option<&Value>) -> Value {
    let entries = metadata.and_then(Value::as_object).into_iter().flatten();
    let texts = entries.filter(|(_, value)| {
        let text = value.as_str();
        text.is_some_and(|text| text.chars().count() <= 512)
    });
    let texts = texts.take(16);
    Value::Object(texts.map(|(k, v)| (k.clone(), v.clone())).collect())
}

fn tool_choice(choice: Option<&Value>) -> Value {
    let modes = ["none", "auto", "required"];
    if let Some(mode) = one_of(choice, &modes) {
        return mode;
    }
    let function = |tool: &Value| {
        let name = tool.get("name")?.as_str()?;
        (tool.get("type")? == "function").then(|| json!({"type": "function", "name": name}))
    };
    let Some(choice) = choice else {
        return json!("auto");
    };
    if choice.get("type") == Some(&json!("allowed_tools")) {
        let allowed = choice.get("tools").and_then(Value::as_array);
        let allowed: Vec<Value> = allowed.into_iter().flatten().filter_map(function).collect();
        let mode = one_of(choice.get("mode"), &modes).unwrap_or_else(|| json!("auto"));
        return json!({"type": "allowed_tools", "tools": allowed, "mode": mode});
    }
    function(choice).unwrap_or_else(|| json!("auto"))
}

fn text(text: Option<&Value>) -> Value {
    let format = text.and_then(|text| text.get("format"));
    let field = |key: &str| format.and_then(|format| format.get(key));
    let format = match field("type").and_then(Value::as_str) {
        Some("json_object") => json!({"type": "json_object"}),
        Some("json_schema") => json!({
            "type": "json_schema",
            "name": field("name").and_then(Value::as_str).unwrap_or("schema"),
            "description": field("description").and_then(Value::as_str),
            // The public schema (2026-04-24) allows nothing but null here; the client has the
            // schema anyway.
            "schema": null,
            "strict": field("strict").and_then(Value::as_bool).unwrap_or(false),
        }),
        _ => json!({"type": "text"}),
    };
    let mut echoed = json!({"format": format});
    let verbosity = text.and_then(|text| text.get("verbosity"));
    if let Some(verbosity) = one_of(verbosity, &["low", "medium", "high"]) {
        echoed["verbosity"] = verbosity;
    }
    echoed
}

fn reasoning(reasoning: Option<&Value>) -> Value {
    let Some(reasoning) = reasoning.filter(|reasoning| reasoning.is_object()) else {
        return Value::Null;
    };
    json!({
        "effort": one_of(reasoning.get("effort"), &["none", "low", "medium", "high", "xhigh"]),
        "summary": one_of(reasoning.get("summary"), &["concise", "detailed", "auto"]),
    })
}

/// The value, if it is one of the words that the schema allows.
fn one_of(value: Option<&Value>, words: &[&str]) -> Option<Value> {
    let word = value?.as_str()?;
    words.contains(&word).then(|| json!(word))
}
