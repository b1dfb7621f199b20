//! Reads the body of `POST /v1/responses`.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::object;
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
    from_params(json_object(body)?)
}

/// Reads a request whose fields are known already, as a message on a WebSocket brings it.
///
/// # Errors
///
/// As [`parse`].
pub fn from_params(params: Map<String, Value>) -> Result<Request, ApiError> {
    string(&params, "model")?.ok_or_else(|| ApiError::missing("model"))?;
    let has_input = params.get("input").is_some_and(|input| !input.is_null());
    let request = read(params)?;
    if !has_input && previous(&request.params).is_none() {
        return Err(ApiError::missing("input"));
    }
    if store(&request.params) || !background(&request.params) {
        return Ok(request);
    }
    let message = "A background response is kept until somebody comes for it: 'background' needs \
                   'store', which is true unless you say otherwise.";
    Err(ApiError::invalid(message).param("background"))
}

/// Reads a request for a summary (`POST /v1/responses/compact`).
///
/// # Errors
///
/// As [`parse`].
pub fn parse_compaction(body: &[u8]) -> Result<Request, ApiError> {
    let mut request = parse(body)?;
    request.format = Format::Compaction;
    // A summary is words and comes as a whole, whatever else a client sends along.
    request.stream = false;
    request.tools.clear();
    request.tool_choice = ToolChoice::Auto;
    request.output_format = OutputFormat::Text;
    Ok(request)
}

/// Reads a request whose tokens are to be counted (`POST /v1/responses/input_tokens`), in which
/// everything may be left out.
///
/// # Errors
///
/// As [`parse`].
pub fn parse_for_count(body: &[u8]) -> Result<Request, ApiError> {
    read(json_object(body)?)
}

/// Reads the body of a request that makes a conversation or adds to it: the items, and the
/// metadata.
///
/// # Errors
///
/// As [`parse`].
pub fn parse_items(body: &[u8]) -> Result<(Vec<Arc<Item>>, Value), ApiError> {
    let mut params = match body.is_empty() {
        true => Map::new(),
        false => json_object(body)?,
    };
    let mut items = Vec::new();
    match params.shift_remove("items") {
        Some(Value::String(text)) => {
            return Err(ApiError::wrong_type(
                "items",
                "an array",
                &Value::String(text),
            ));
        }
        list => read_items(list, "items", &mut items)?,
    }
    if let Some(metadata) = params.get("metadata").filter(|value| !value.is_null())
        && !metadata.is_object()
    {
        return Err(ApiError::wrong_type("metadata", "an object", metadata));
    }
    Ok((items, object::metadata(params.get("metadata"))))
}

fn read(mut params: Map<String, Value>) -> Result<Request, ApiError> {
    let model = string(&params, "model")?.unwrap_or_default().to_owned();
    let mut items = Vec::new();
    if let Some(instructions) = string(&params, "instructions")? {
        items.push(Arc::new(Item::message("system", instructions)));
    }
    let preamble = items.len();
    // Where there are no items the field stays as it came.
    let is_empty = |input: &Value| input.is_null() || input.as_array().is_some_and(Vec::is_empty);
    if params.get("input").is_some_and(|input| !is_empty(input)) {
        read_items(params.shift_remove("input"), "input", &mut items)?;
    }
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
        chain: None,
        preamble,
        earlier: 0,
        output_format: output_format(&params)?,
        tool_choice: tool_choice(params.get("tool_choice")),
        parallel_tool_calls: flag(&params, "parallel_tool_calls")?.unwrap_or(true),
        purpose: turn_metadata(&params, "thread_source"),
        params,
    })
}

/// Reads a list of items; a text stands for one message. `key` is the field that it came in.
fn read_items(list: Option<Value>, key: &str, items: &mut Vec<Arc<Item>>) -> Result<(), ApiError> {
    match list {
        None | Some(Value::Null) => {}
        Some(Value::String(text)) => items.push(Arc::new(Item::user_message(&text))),
        Some(Value::Array(list)) => {
            for (index, raw) in list.into_iter().enumerate() {
                if !raw.is_object() {
                    let param = format!("{key}[{index}]");
                    return Err(ApiError::wrong_type(param, "an object", &raw));
                }
                items.push(Arc::new(Item::from_responses(raw)));
            }
        }
        Some(other) => {
            return Err(ApiError::wrong_type(key, "a string or an array", &other));
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
    for key in ["parallel_tool_calls", "store", "background"] {
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
    is("conversation", "a string or an object", |value| {
        conversation(value).is_some()
    })?;
    if string(params, "previous_response_id")?.is_some()
        && params.get("conversation").is_some_and(|c| !c.is_null())
    {
        let message = "Mutually exclusive parameters: send either 'previous_response_id' or \
                       'conversation'.";
        return Err(ApiError::invalid(message)
            .code("mutually_exclusive_parameters")
            .param("previous_response_id"));
    }
    if params.get("prompt").is_some_and(|value| !value.is_null()) {
        let message = "'prompt' refers to a template that is stored elsewhere: send what it says \
                       in 'instructions' and 'input'.";
        return Err(ApiError::invalid(message)
            .code("unsupported_parameter")
            .param("prompt"));
    }
    Ok(())
}

/// What a request goes on from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Previous<'a> {
    /// The response of this id.
    Response(&'a str),
    /// The conversation of this id.
    Conversation(&'a str),
}

/// What a request goes on from, if it names something.
pub fn previous(params: &Map<String, Value>) -> Option<Previous<'_>> {
    let response = params.get("previous_response_id").and_then(Value::as_str);
    let named = params.get("conversation").and_then(conversation);
    response
        .map(Previous::Response)
        .or_else(|| named.map(Previous::Conversation))
}

/// The id in the `conversation` of a request: a string, or an object that has it.
fn conversation(value: &Value) -> Option<&str> {
    value.get("id").unwrap_or(value).as_str()
}

/// Whether the response is to be kept; OpenAI documents that it is unless the request says
/// otherwise.
pub fn store(params: &Map<String, Value>) -> bool {
    params.get("store") != Some(&Value::Bool(false))
}

/// Whether the client comes back for the response instead of waiting for it.
pub fn background(params: &Map<String, Value>) -> bool {
    params.get("background") == Some(&Value::Bool(true))
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
                json!({"model": "m", "input": "x", "background": 1}),
                "background",
            ),
            (
                json!({"model": "m", "input": "x", "background": true, "store": false}),
                "background",
            ),
            (
                json!({"model": "m", "input": "x", "conversation": {"name": "c"}}),
                "conversation",
            ),
            (
                json!({"model": "m", "input": "x", "prompt": {"id": "pmpt_1"}}),
                "prompt",
            ),
            (
                json!({"model": "m", "input": "x", "previous_response_id": 7}),
                "previous_response_id",
            ),
            (
                json!({"model": "m", "previous_response_id": "r", "conversation": "c"}),
                "previous_response_id",
            ),
        ];
        for (body, param) in table {
            let (message, found) = error(body.clone());
            assert_eq!(found.as_deref(), Some(param), "{body}: {message}");
            assert!(message.contains(param), "{message}");
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
