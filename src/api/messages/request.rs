//! Reads the body of `POST /v1/messages`.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::NO_THREADS;
use crate::api::fields::{array, check_objects, flag, json_object, messages, string};
use crate::api::{ApiError, Format, Item, OutputFormat, Request, Tool, ToolChoice};

/// Reads a request.
///
/// # Errors
///
/// An [`ApiError`] with status 400 that names the parameter at fault.
pub fn parse(body: &[u8]) -> Result<Request, ApiError> {
    let request = parse_for_count(body)?;
    // Ignored, it would leave the person with the last message alone.
    if request
        .params
        .get("thread")
        .is_some_and(|thread| !thread.is_null())
    {
        let message = "Threads are not kept here: send the whole conversation without 'thread'.";
        return Err(ApiError::invalid(message).code(NO_THREADS).param("thread"));
    }
    match request.params.get("max_tokens") {
        Some(Value::Number(_)) => Ok(request),
        None | Some(Value::Null) => Err(ApiError::missing("max_tokens")),
        Some(other) => Err(ApiError::wrong_type("max_tokens", "an integer", other)),
    }
}

/// Reads a request whose tokens are to be counted, which needs no `max_tokens`.
///
/// # Errors
///
/// As [`parse`].
pub fn parse_for_count(body: &[u8]) -> Result<Request, ApiError> {
    let params = json_object(body)?;
    let model = string(&params, "model")?.ok_or_else(|| ApiError::missing("model"))?;
    let model = model.to_owned();
    let mut items = read_system(&params)?;
    read_messages(&params, &mut items)?;
    let choice = params.get("tool_choice");
    let one_at_a_time = choice.and_then(|choice| choice["disable_parallel_tool_use"].as_bool());
    Ok(Request {
        format: Format::Messages,
        model,
        stream: flag(&params, "stream")?.unwrap_or(false),
        items,
        tools: tools(&params)?,
        thread: None,
        chain: None,
        preamble: 0,
        earlier: 0,
        output_format: output_format(&params)?,
        tool_choice: tool_choice(choice),
        parallel_tool_calls: one_at_a_time != Some(true),
        purpose: None,
        items_key: None,
        params,
    })
}

/// The system prompt, which stands beside the messages.
fn read_system(params: &Map<String, Value>) -> Result<Vec<Arc<Item>>, ApiError> {
    let system = match params.get("system") {
        None | Some(Value::Null) => return Ok(Vec::new()),
        Some(system @ (Value::String(_) | Value::Array(_))) => system,
        Some(other) => {
            return Err(ApiError::wrong_type(
                "system",
                "a string or an array",
                other,
            ));
        }
    };
    let form = json!({"type": "message", "role": "system", "content": parts(system, "input_text")});
    Ok(Item::translated(&[form], system).collect())
}

fn read_messages(params: &Map<String, Value>, items: &mut Vec<Arc<Item>>) -> Result<(), ApiError> {
    for (role, message) in messages(params)? {
        let forms = item_forms(role, message.get("content").unwrap_or(&Value::Null));
        items.extend(Item::translated(&forms, message));
    }
    Ok(())
}

/// The items that a message stands for, in the form of the Responses API. Calls, their results and
/// thoughts are blocks of a message here and items there; what stands between them is a message.
fn item_forms(role: &str, content: &Value) -> Vec<Value> {
    let said = if role == "assistant" {
        "output_text"
    } else {
        "input_text"
    };
    let Value::Array(blocks) = content else {
        return vec![json!({"type": "message", "role": role, "content": parts(content, said)})];
    };
    let mut forms = Vec::new();
    let mut words: Vec<Value> = Vec::new();
    let close = |words: &mut Vec<Value>, forms: &mut Vec<Value>| {
        if !words.is_empty() {
            let content = std::mem::take(words);
            forms.push(json!({"type": "message", "role": role, "content": content}));
        }
    };
    for block in blocks {
        let form = match block["type"].as_str() {
            Some("tool_use") => json!({"type": "function_call", "call_id": block["id"],
                "name": block["name"], "arguments": block["input"].to_string()}),
            Some("tool_result") => {
                let mut output = parts(&block["content"], "input_text");
                if let (Some(parts), Some(true)) =
                    (output.as_array_mut(), block["is_error"].as_bool())
                {
                    parts.insert(0, json!({"type": "input_text", "text": "(error)"}));
                }
                json!({"type": "function_call_output", "call_id": block["tool_use_id"],
                    "output": output})
            }
            Some("thinking") => json!({"type": "reasoning",
                "summary": [{"type": "summary_text", "text": block["thinking"]}]}),
            // Nobody but the one who wrote it can read it.
            Some("redacted_thinking") => json!({"type": "reasoning", "summary": []}),
            _ => {
                words.extend(read_block(block, said));
                continue;
            }
        };
        close(&mut words, &mut forms);
        forms.push(form);
    }
    close(&mut words, &mut forms);
    if forms.is_empty() {
        forms.push(json!({"type": "message", "role": role, "content": []}));
    }
    forms
}

fn parts(content: &Value, text_type: &str) -> Value {
    match content {
        Value::String(text) => json!([{"type": text_type, "text": text}]),
        Value::Array(blocks) => {
            let parts = blocks.iter().flat_map(|block| read_block(block, text_type));
            parts.collect()
        }
        Value::Null => json!([]),
        other => json!([other]),
    }
}

/// The parts of one block; what is not known stays as it is, and is shown as JSON.
fn read_block(block: &Value, text_type: &str) -> Vec<Value> {
    let source = &block["source"];
    let data = || {
        let (kind, data) = (source["media_type"].as_str(), source["data"].as_str());
        Some(format!("data:{};base64,{}", kind?, data?))
    };
    vec![match block["type"].as_str() {
        Some("text") => json!({"type": text_type, "text": block["text"]}),
        Some("image") => {
            let url = data().map_or_else(|| source["url"].clone(), Value::String);
            json!({"type": "input_image", "image_url": url, "file_id": source["file_id"]})
        }
        Some("document") => return read_document(block, data(), text_type),
        _ => block.clone(),
    }]
}

/// A document: its name, what the client says about it, and its words where they can be read.
fn read_document(block: &Value, data: Option<String>, text_type: &str) -> Vec<Value> {
    let source = &block["source"];
    let words = match source["type"].as_str() {
        Some("text") if !source["data"].is_null() => parts(&source["data"], text_type),
        Some("content") if !source["content"].is_null() => parts(&source["content"], text_type),
        _ => Value::Null,
    };
    let mut name = block["title"].as_str();
    let mut read = Vec::new();
    if words.is_null() {
        let keys = ["url", "file_id", "media_type"].iter();
        name = name.or_else(|| keys.map(|key| &source[*key]).find_map(Value::as_str));
        let name = name.unwrap_or("document");
        read.push(json!({"type": "input_file", "filename": name, "file_data": data}));
    } else if let Some(name) = name {
        read.push(json!({"type": "input_file", "filename": name}));
    }
    if let Some(context) = block["context"].as_str() {
        read.push(json!({"type": text_type, "text": context}));
    }
    if let Value::Array(words) = words {
        read.extend(words);
    }
    read
}

fn tools(params: &Map<String, Value>) -> Result<Vec<Tool>, ApiError> {
    let list = array(params, "tools")?.unwrap_or_default();
    check_objects(list, "tools")?;
    Ok(list.iter().map(tool).collect())
}

/// A tool of the client, or one that Anthropic defined and the client runs, such as `bash`; those
/// come without a schema. What Anthropic's own servers would run cannot be called.
fn tool(raw: &Value) -> Tool {
    let text = |key: &str| raw[key].as_str().unwrap_or_default().to_owned();
    let kind = match raw["type"].as_str() {
        None | Some("custom") => "function".to_owned(),
        Some(kind)
            if ["bash_", "text_editor_", "computer_", "memory_"]
                .iter()
                .any(|own| kind.starts_with(own)) =>
        {
            "function".to_owned()
        }
        Some(kind) => kind.to_owned(),
    };
    let mut known = raw.clone();
    known["parameters"] = match raw.get("input_schema") {
        Some(schema) => schema.clone(),
        None if text("type").starts_with("bash_") => json!({"type": "object",
            "properties": {"command": {"type": "string"}, "restart": {"type": "boolean"}}}),
        None => json!({"type": "object"}),
    };
    Tool {
        kind,
        name: text("name"),
        namespace: None,
        description: text("description"),
        raw: known,
    }
}

/// `output_config.format`. The schemas have no names here.
fn output_format(params: &Map<String, Value>) -> Result<OutputFormat, ApiError> {
    let config = match params.get("output_config") {
        None | Some(Value::Null) => return Ok(OutputFormat::Text),
        Some(config) if config.is_object() => config,
        Some(other) => return Err(ApiError::wrong_type("output_config", "an object", other)),
    };
    let format = &config["format"];
    Ok(match format["type"].as_str() {
        Some("json_schema") => OutputFormat::JsonSchema {
            name: String::new(),
            schema: format["schema"].clone(),
        },
        _ => OutputFormat::Text,
    })
}

fn tool_choice(choice: Option<&Value>) -> ToolChoice {
    let text = |key: &str| choice.and_then(|choice| choice.get(key)?.as_str());
    match text("type") {
        Some("none") => ToolChoice::None,
        Some("any") => ToolChoice::Required,
        Some("tool") => ToolChoice::Only {
            names: text("name").map(str::to_owned).into_iter().collect(),
            required: true,
        },
        _ => ToolChoice::Auto,
    }
}
