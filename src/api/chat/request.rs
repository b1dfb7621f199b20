//! Reads the body of `POST /v1/chat/completions`.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use crate::api::fields::{array, flag, json_object, messages, string};
use crate::api::responses::{read_tools, tool_choice};
use crate::api::{ApiError, Format, Item, OutputFormat, Request, Tool};

/// Reads a request.
///
/// # Errors
///
/// An [`ApiError`] with status 400 that names the parameter at fault.
pub fn parse(body: &[u8]) -> Result<Request, ApiError> {
    let params = json_object(body)?;
    let model = string(&params, "model")?.ok_or_else(|| ApiError::missing("model"))?;
    let model = model.to_owned();
    match params.get("n") {
        None | Some(Value::Null) => {}
        Some(n) if n == 1 => {}
        Some(Value::Number(_)) => {
            return Err(ApiError::invalid(
                "Only one choice can be given: leave 'n' out or set it to 1.",
            )
            .code("unsupported_value")
            .param("n"));
        }
        Some(other) => return Err(ApiError::wrong_type("n", "an integer", other)),
    }
    let items = read_messages(&params)?;
    let tools = tools(&params)?;
    let choice = params
        .get("tool_choice")
        .or_else(|| params.get("function_call"));
    Ok(Request {
        format: Format::Chat,
        model,
        stream: flag(&params, "stream")?.unwrap_or(false),
        items,
        tools,
        thread: string(&params, "prompt_cache_key")?.map(str::to_owned),
        chain: None,
        preamble: 0,
        earlier: 0,
        output_format: output_format(&params)?,
        tool_choice: tool_choice(choice.map(flat_choice).as_ref()),
        parallel_tool_calls: flag(&params, "parallel_tool_calls")?.unwrap_or(true),
        purpose: None,
        items_key: None,
        params,
    })
}

fn read_messages(params: &Map<String, Value>) -> Result<Vec<Arc<Item>>, ApiError> {
    let mut items = Vec::new();
    for (role, message) in messages(params)? {
        let forms = item_forms(role, message);
        items.extend(Item::translated(&forms, message));
    }
    Ok(items)
}

/// The items that a message stands for, in the form of the Responses API, which is the one that
/// is understood.
fn item_forms(role: &str, message: &Value) -> Vec<Value> {
    let content = message.get("content").unwrap_or(&Value::Null);
    if matches!(role, "tool" | "function") {
        let id = message.get("tool_call_id").or_else(|| message.get("name"));
        return vec![json!({"type": "function_call_output", "call_id": id,
            "output": parts(content, "input_text")})];
    }
    let mut forms = Vec::new();
    // The format itself has no place for thoughts; servers that give them use this name.
    if let Some(thoughts) = message.get("reasoning_content").and_then(Value::as_str)
        && !thoughts.is_empty()
    {
        forms.push(json!({"type": "reasoning",
            "summary": [{"type": "summary_text", "text": thoughts}]}));
    }
    let said = if role == "assistant" {
        "output_text"
    } else {
        "input_text"
    };
    let refusal = message.get("refusal").and_then(Value::as_str);
    if !content.is_null() || refusal.is_some() {
        let mut content = parts(content, said);
        if let (Some(refusal), Some(parts)) = (refusal, content.as_array_mut()) {
            parts.push(json!({"type": "refusal", "refusal": refusal}));
        }
        forms.push(json!({"type": "message", "role": role, "content": content}));
    }
    let calls = message.get("tool_calls").and_then(Value::as_array);
    for call in calls.into_iter().flatten() {
        let (function, custom) = (&call["function"], &call["custom"]);
        forms.push(match custom.is_object() {
            true => json!({"type": "custom_tool_call", "call_id": call["id"],
                "name": custom["name"], "input": custom["input"]}),
            false => json!({"type": "function_call", "call_id": call["id"],
                "name": function["name"], "arguments": function["arguments"]}),
        });
    }
    // The form before there were tools; the output is joined to it by name.
    if let Some(call) = message.get("function_call").filter(|call| call.is_object()) {
        forms.push(json!({"type": "function_call", "call_id": call["name"],
            "name": call["name"], "arguments": call["arguments"]}));
    }
    if forms.is_empty() {
        forms.push(json!({"type": "message", "role": role, "content": []}));
    }
    forms
}

/// The content parts; what is not known stays as it is, and is shown as JSON.
fn parts(content: &Value, text_type: &str) -> Value {
    let Value::Array(parts) = content else {
        return match content {
            Value::String(text) => json!([{"type": text_type, "text": text}]),
            Value::Null => json!([]),
            other => json!([other]),
        };
    };
    let translated = parts.iter().map(|part| match part["type"].as_str() {
        Some("text") => json!({"type": text_type, "text": part["text"]}),
        Some("image_url") => {
            let image = &part["image_url"];
            let url = if image.is_string() {
                image
            } else {
                &image["url"]
            };
            json!({"type": "input_image", "image_url": url})
        }
        Some("file") => json!({"type": "input_file", "filename": part["file"]["filename"],
            "file_id": part["file"]["file_id"], "file_data": part["file"]["file_data"]}),
        _ => part.clone(),
    });
    translated.collect()
}

/// `tools`, and `functions` of the form before them.
fn tools(params: &Map<String, Value>) -> Result<Vec<Tool>, ApiError> {
    let mut tools = read_tools(params.get("tools"))?;
    for tool in tools.iter_mut().filter(|tool| tool.kind == "custom") {
        // The name of a free-form tool is one level down here.
        let custom = tool.raw.get("custom").cloned().unwrap_or_default();
        let text = |key: &str| custom[key].as_str().unwrap_or_default().to_owned();
        (tool.name, tool.description) = (text("name"), text("description"));
    }
    if let Some(functions) = array(params, "functions")? {
        let functions = functions.iter();
        let functions = functions.map(|function| json!({"type": "function", "function": function}));
        tools.extend(read_tools(Some(&functions.collect()))?);
    }
    Ok(tools)
}

/// A choice with the name where the Responses API has it.
fn flat_choice(choice: &Value) -> Value {
    let name = ["function", "custom"]
        .iter()
        .find_map(|kind| choice.get(*kind)?.get("name"));
    let allowed = choice
        .get("allowed_tools")
        .filter(|allowed| allowed.is_object());
    match (choice, name, allowed) {
        (Value::Object(_), Some(name), _) => json!({"type": "function", "name": name}),
        (Value::Object(_), None, Some(allowed)) => {
            let tools = allowed["tools"].as_array();
            let tools: Vec<Value> = tools.into_iter().flatten().map(flat_choice).collect();
            json!({"type": "allowed_tools", "mode": allowed["mode"], "tools": tools})
        }
        // The form before there were tools: the name alone.
        (Value::Object(choice), None, None) if !choice.contains_key("type") => {
            json!({"type": "function", "name": choice.get("name")})
        }
        (other, ..) => other.clone(),
    }
}

fn output_format(params: &Map<String, Value>) -> Result<OutputFormat, ApiError> {
    let format = match params.get("response_format") {
        None | Some(Value::Null) => return Ok(OutputFormat::Text),
        Some(format) if format.is_object() => format,
        Some(other) => return Err(ApiError::wrong_type("response_format", "an object", other)),
    };
    Ok(match format["type"].as_str() {
        Some("json_object") => OutputFormat::JsonObject,
        Some("json_schema") => OutputFormat::JsonSchema {
            name: format["json_schema"]["name"]
                .as_str()
                .unwrap_or_default()
                .to_owned(),
            schema: format["json_schema"]["schema"].clone(),
        },
        _ => OutputFormat::Text,
    })
}
