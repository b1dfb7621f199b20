//! Reads the body of `POST /v1/responses`.

use std::sync::Arc;

use serde_json::{Map, Value};

use crate::api::fields::{check_objects, flag, json_object, string};
use crate::api::{ApiError, Format, Item, OutputFormat, Request, Tool, ToolChoice};

/// Reads a request.
///
/// # Errors
///
/// An [`ApiError`] with status 400 that names the parameter at fault: JSON that cannot be read,
/// a missing `model` or `input`, a known field of the wrong type, or a feature this server does
/// not have and must not pretend to have.
pub fn parse(body: &[u8]) -> Result<Request, ApiError> {
    let mut params = json_object(body)?;
    let model = string(&params, "model")?.ok_or_else(|| ApiError::missing("model"))?;
    let model = model.to_owned();
    let mut items = Vec::new();
    if let Some(instructions) = string(&params, "instructions")? {
        items.push(Arc::new(Item::message("system", instructions)));
    }
    read_input(params.shift_remove("input"), &mut items)?;
    check_known_fields(&params)?;
    let tools = read_tools(params.get("tools"))?;
    Ok(Request {
        format: Format::Responses,
        items_key: Some("input"),
        model,
        stream: flag(&params, "stream")?.unwrap_or(false),
        items,
        tools,
        thread: thread(&params),
        output_format: output_format(&params)?,
        tool_choice: tool_choice(params.get("tool_choice")),
        parallel_tool_calls: flag(&params, "parallel_tool_calls")?.unwrap_or(true),
        purpose: turn_metadata(&params, "thread_source"),
        params,
    })
}

fn read_input(input: Option<Value>, items: &mut Vec<Arc<Item>>) -> Result<(), ApiError> {
    match input {
        None | Some(Value::Null) => return Err(ApiError::missing("input")),
        Some(Value::String(text)) => items.push(Arc::new(Item::user_message(&text))),
        Some(Value::Array(list)) => {
            for (index, raw) in list.into_iter().enumerate() {
                if !raw.is_object() {
                    let param = format!("input[{index}]");
                    return Err(ApiError::wrong_type(param, "an object", &raw));
                }
                items.push(Arc::new(Item::from_responses(raw)));
            }
        }
        Some(other) => {
            return Err(ApiError::wrong_type(
                "input",
                "a string or an array",
                &other,
            ));
        }
    }
    Ok(())
}

/// Types of the fields that the response echoes or that change what happens.
fn check_known_fields(params: &Map<String, Value>) -> Result<(), ApiError> {
    let is = |key: &str, expected: &str, good: fn(&Value) -> bool| match params.get(key) {
        None | Some(Value::Null) => Ok(()),
        Some(value) if good(value) => Ok(()),
        Some(value) => Err(ApiError::wrong_type(key, expected, value)),
    };
    is("metadata", "an object", Value::is_object)?;
    is("text", "an object", Value::is_object)?;
    is("reasoning", "an object", Value::is_object)?;
    is("include", "an array", Value::is_array)?;
    is("tool_choice", "a string or an object", |value| {
        value.is_string() || value.is_object()
    })?;
    for key in [
        "temperature",
        "top_p",
        "presence_penalty",
        "frequency_penalty",
    ] {
        is(key, "a number", Value::is_number)?;
    }
    for key in ["max_output_tokens", "max_tool_calls", "top_logprobs"] {
        is(key, "an integer", Value::is_u64)?;
    }
    for key in ["parallel_tool_calls", "store"] {
        is(key, "a boolean", Value::is_boolean)?;
    }
    for key in [
        "prompt_cache_key",
        "safety_identifier",
        "service_tier",
        "truncation",
    ] {
        is(key, "a string", Value::is_string)?;
    }
    if flag(params, "background")? == Some(true) {
        return Err(ApiError::invalid(
            "Background responses are not available here: leave 'background' out and keep the \
             connection open, or use 'stream'.",
        )
        .code("unsupported_parameter")
        .param("background"));
    }
    for key in ["conversation", "prompt"] {
        if params.get(key).is_some_and(|value| !value.is_null()) {
            return Err(ApiError::invalid(format!(
                "'{key}' refers to something that is stored elsewhere, and this server stores \
                 nothing: send the whole conversation in 'input'."
            ))
            .code("unsupported_parameter")
            .param(key));
        }
    }
    if let Some(id) = string(params, "previous_response_id")? {
        return Err(ApiError::invalid(format!(
            "Previous response with id '{id}' not found: this server does not store responses. \
             Send the whole conversation in 'input' \
             instead of 'previous_response_id'."
        ))
        .code("previous_response_not_found")
        .param("previous_response_id"));
    }
    Ok(())
}

/// Reads the list of tools; functions inside a `namespace` stand for themselves.
pub(crate) fn read_tools(tools: Option<&Value>) -> Result<Vec<Tool>, ApiError> {
    let list = match tools {
        None | Some(Value::Null) => return Ok(Vec::new()),
        Some(Value::Array(list)) => list,
        Some(other) => return Err(ApiError::wrong_type("tools", "an array", other)),
    };
    check_objects(list, "tools")?;
    let mut found = Vec::new();
    for raw in list {
        let tool = read_tool(raw, None);
        match raw.get("tools").and_then(Value::as_array) {
            Some(inner) if tool.kind == "namespace" => {
                let namespace = Some(tool.name.as_str());
                found.extend(inner.iter().map(|raw| read_tool(raw, namespace)));
            }
            _ => found.push(tool),
        }
    }
    Ok(found)
}

fn read_tool(raw: &Value, namespace: Option<&str>) -> Tool {
    // Chat Completions nests a function's fields; some clients send that form here too.
    let fields = raw.get("function").filter(|f| f.is_object()).unwrap_or(raw);
    let text = |from: &Value, key: &str| {
        let text = from.get(key).and_then(Value::as_str);
        text.unwrap_or_default().to_owned()
    };
    Tool {
        kind: text(raw, "type"),
        name: text(fields, "name"),
        namespace: namespace.map(str::to_owned),
        description: text(fields, "description"),
        raw: fields.clone(),
    }
}

fn output_format(params: &Map<String, Value>) -> Result<OutputFormat, ApiError> {
    let format = params.get("text").and_then(|text| text.get("format"));
    let format = match format {
        None | Some(Value::Null) => return Ok(OutputFormat::Text),
        Some(format) if format.is_object() => format,
        Some(other) => return Err(ApiError::wrong_type("text.format", "an object", other)),
    };
    Ok(match format.get("type").and_then(Value::as_str) {
        Some("json_object") => OutputFormat::JsonObject,
        Some("json_schema") => OutputFormat::JsonSchema {
            name: format
                .get("name")
                .and_then(Value::as_str)
                .unwrap_or_default()
                .to_owned(),
            schema: format.get("schema").cloned().unwrap_or_default(),
        },
        _ => OutputFormat::Text,
    })
}

/// Reads `tool_choice`; a form that is not known forbids nothing.
pub(crate) fn tool_choice(choice: Option<&Value>) -> ToolChoice {
    let name = |tool: &Value| {
        let name = tool.get("name").or_else(|| tool.get("type"))?.as_str()?;
        Some(name.to_owned())
    };
    let text = |key: &str| choice.and_then(|choice| choice.get(key)?.as_str());
    match (choice.and_then(Value::as_str), text("type")) {
        (Some("none"), _) => ToolChoice::None,
        (Some("required"), _) => ToolChoice::Required,
        (None, Some("allowed_tools")) => {
            let tools = choice.and_then(|choice| choice.get("tools")?.as_array());
            ToolChoice::Only {
                names: tools.into_iter().flatten().filter_map(name).collect(),
                required: text("mode") == Some("required"),
            }
        }
        (None, Some(_)) => ToolChoice::Only {
            names: choice.and_then(name).into_iter().collect(),
            required: true,
        },
        _ => ToolChoice::Auto,
    }
}

/// What names the thread in the body. Codex 0.169 sends its thread id in several places, the
/// first of which is the most particular; `prompt_cache_key` is what other agents set.
fn thread(params: &Map<String, Value>) -> Option<String> {
    let metadata = params.get("client_metadata");
    let thread_id = metadata.and_then(|metadata| metadata.get("thread_id"));
    let key = thread_id.or_else(|| params.get("prompt_cache_key"));
    key.and_then(Value::as_str)
        .filter(|key| !key.is_empty())
        .map(str::to_owned)
        .or_else(|| turn_metadata(params, "thread_id"))
}

/// A field of the JSON text that Codex puts into `client_metadata`.
fn turn_metadata(params: &Map<String, Value>, key: &str) -> Option<String> {
    let text = params
        .get("client_metadata")?
        .get("x-codex-turn-metadata")?
        .as_str()?;
    let metadata: Value = serde_json::from_str(text).ok()?;
    Some(metadata.get(key)?.as_str()?.to_owned())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn error(body: Value) -> (String, Option<String>) {
        let error = parse(body.to_string().as_bytes()).unwrap_err();
        assert_eq!(error.status, 400);
        (error.message, error.param)
    }

    #[test]
    fn the_parameter_at_fault_is_named() {
        let table = [
            (json!([]), "body"),
            (json!({"input": "x"}), "model"),
            (json!({"model": 1, "input": "x"}), "model"),
            (json!({"model": "m"}), "input"),
            (json!({"model": "m", "input": 7}), "input"),
            (json!({"model": "m", "input": [{}, "x"]}), "input[1]"),
            (
                json!({"model": "m", "input": "x", "stream": "yes"}),
                "stream",
            ),
            (json!({"model": "m", "input": "x", "tools": {}}), "tools"),
            (
                json!({"model": "m", "input": "x", "tools": [1]}),
                "tools[0]",
            ),
            (
                json!({"model": "m", "input": "x", "instructions": []}),
                "instructions",
            ),
            (
                json!({"model": "m", "input": "x", "temperature": "hot"}),
                "temperature",
            ),
            (
                json!({"model": "m", "input": "x", "max_output_tokens": -1}),
                "max_output_tokens",
            ),
            (
                json!({"model": "m", "input": "x", "background": true}),
                "background",
            ),
            (
                json!({"model": "m", "input": "x", "conversation": {"id": "conv_1"}}),
                "conversation",
            ),
            (
                json!({"model": "m", "input": "x", "prompt": {"id": "pmpt_1"}}),
                "prompt",
            ),
            (
                json!({"model": "m", "input": "x", "previous_response_id": "resp_1"}),
                "previous_response_id",
            ),
        ];
        for (body, param) in table {
            let (message, found) = error(body.clone());
            assert_eq!(found.as_deref(), Some(param), "{body}: {message}");
            assert!(
                message.contains(param) || param == "background",
                "{message}"
            );
        }
        let error = parse(b"{\"model\": ").unwrap_err();
        assert!(
            error.message.contains("could not parse the JSON"),
            "{error}"
        );
    }

    #[test]
    fn unknown_things_are_kept() {
        let request = parse(
            json!({"model": "m", "input": [{"type": "hologram", "x": 1}], "sparkle": 5,
                "tools": [{"type": "teleport", "to": "moon"}], "store": null})
            .to_string()
            .as_bytes(),
        )
        .unwrap();
        assert_eq!(*request.items[0].raw, json!({"type": "hologram", "x": 1}));
        assert_eq!(request.tools[0].kind, "teleport");
        assert_eq!(request.to_json()["sparkle"], 5);
        assert_eq!(request.to_json()["input"][0]["x"], 1);
    }

    #[test]
    fn text_input_and_instructions_become_messages() {
        let body = json!({"model": "m", "input": "hi", "instructions": "be kind"});
        let request = parse(body.to_string().as_bytes()).unwrap();
        let said: Vec<_> = request
            .items
            .iter()
            .map(|i| (i.role().unwrap(), i.text()))
            .collect();
        assert_eq!(said, [("system", "be kind".into()), ("user", "hi".into())]);
        assert!(!request.stream);
    }

    #[test]
    fn functions_in_a_namespace_stand_for_themselves() {
        let body = json!({"model": "m", "input": "hi", "tools": [
            {"type": "namespace", "name": "mcp__x", "tools": [
                {"type": "function", "name": "go", "description": "goes"}]},
            {"type": "function", "name": "exec_command"}]});
        let request = parse(body.to_string().as_bytes()).unwrap();
        let titles: Vec<_> = request.tools.iter().map(Tool::title).collect();
        assert_eq!(titles, ["mcp__x.go", "exec_command"]);
    }

    #[test]
    fn the_tool_choice_is_understood() {
        let only = |names: &[&str], required| ToolChoice::Only {
            names: names.iter().map(|name| (*name).to_owned()).collect(),
            required,
        };
        let function = json!({"type": "function", "name": "f"});
        let table = [
            (json!("auto"), ToolChoice::Auto),
            (json!("none"), ToolChoice::None),
            (json!("required"), ToolChoice::Required),
            (function.clone(), only(&["f"], true)),
            (json!({"type": "web_search"}), only(&["web_search"], true)),
            (
                json!({"type": "allowed_tools", "mode": "auto", "tools": [function]}),
                only(&["f"], false),
            ),
            (json!("whatever"), ToolChoice::Auto),
        ];
        for (choice, expected) in table {
            assert_eq!(tool_choice(Some(&choice)), expected, "{choice}");
        }
        assert_eq!(tool_choice(None), ToolChoice::Auto);
    }

    #[test]
    fn the_thread_is_found_where_clients_put_it() {
        let thread = |extra: Value| {
            let mut body = json!({"model": "m", "input": "hi"});
            body.as_object_mut()
                .unwrap()
                .extend(extra.as_object().unwrap().clone());
            parse(body.to_string().as_bytes()).unwrap().thread
        };
        assert_eq!(thread(json!({})), None);
        assert_eq!(thread(json!({"prompt_cache_key": "k"})), Some("k".into()));
        assert_eq!(
            thread(json!({"prompt_cache_key": "k", "client_metadata": {"thread_id": "t"}})),
            Some("t".into())
        );
        let nested = json!({"thread_id": "n"}).to_string();
        assert_eq!(
            thread(json!({"client_metadata": {"x-codex-turn-metadata": nested}})),
            Some("n".into())
        );
    }
}
