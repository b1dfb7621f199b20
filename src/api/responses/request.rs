//! Reads the body of `POST /v1/responses`.

use std::sync::Arc;

use serde_json::Value;
use serde_json::value::RawValue;

use super::object;
use crate::api::envelope::Cutter;
use crate::api::fields::{self, Fields, JsonKind, kind, value};
use crate::api::{
    ApiError, Envelope, Format, Interner, Item, OutputFormat, OutputLimits, Previous, Purpose,
    Request, Shape, Tool, ToolChoice, ToolList,
};

/// Reads a request. Items and tools that `interner` knows are shared, not parsed again.
///
/// # Errors
///
/// An [`ApiError`] with status 400 that names the parameter at fault: JSON that cannot be read,
/// a missing `model` or `input`, a known field of the wrong type, or a feature this server does
/// not have and must not pretend to have.
pub fn parse(body: &[u8], interner: &Interner) -> Result<Request, ApiError> {
    parse_as(Format::Responses, body, interner)
}

fn parse_as(format: Format, body: &[u8], interner: &Interner) -> Result<Request, ApiError> {
    parse_fields(format, body, &Fields::of_body(body)?, interner)
}

fn parse_fields(
    format: Format,
    body: &[u8],
    fields: &Fields<'_>,
    interner: &Interner,
) -> Result<Request, ApiError> {
    let request = read(format, body, fields, interner)?;
    fields
        .get("model")
        .ok_or_else(|| ApiError::missing("model"))?;
    if fields.get("input").is_none() && request.previous.is_none() {
        return Err(ApiError::missing("input"));
    }
    if request.store || !request.background {
        return Ok(request);
    }
    let message = "A background response is kept until somebody comes for it: 'background' needs \
                   'store', which is true unless you say otherwise.";
    Err(ApiError::invalid(message).param("background"))
}

/// A `response.create` event of a WebSocket.
#[derive(Debug)]
pub struct Message {
    /// The request.
    pub request: Request,
    /// Whether it is to be answered; otherwise only the next request continues it.
    pub generate: bool,
}

/// Reads a message of a WebSocket, a `response.create` event.
///
/// # Errors
///
/// As [`parse`], and for events of another type and fields that only HTTP has; with the error comes
/// the id of the response that the message continues.
pub fn parse_message(
    body: &[u8],
    interner: &Interner,
) -> Result<Message, (ApiError, Option<String>)> {
    let fields = Fields::of_body(body).map_err(|error| (error, None))?;
    let previous = fields.text("previous_response_id");
    let refused = |error: ApiError| (error, previous.clone());
    let Some(kind) = fields.get("type") else {
        return Err((ApiError::missing("type"), None));
    };
    if fields::text(kind).as_deref() != Some("response.create") {
        let error = ApiError::invalid(format!(
            "Unknown event type {kind}: this server knows 'response.create'."
        ));
        return Err((error.code("unknown_event").param("type"), None));
    }
    let flag = |key| fields.flag(key).ok().flatten();
    if flag("background") == Some(true) {
        let message = "'background' is not for WebSockets: send POST /v1/responses.";
        let error = ApiError::invalid(message).code("unsupported_parameter");
        return Err(refused(error.param("background")));
    }
    let request = parse_fields(Format::Responses, body, &fields, interner).map_err(refused)?;
    Ok(Message {
        request,
        generate: flag("generate") != Some(false),
    })
}

/// Reads a request for a summary (`POST /v1/responses/compact`).
///
/// # Errors
///
/// As [`parse`].
pub fn parse_compaction(body: &[u8], interner: &Interner) -> Result<Request, ApiError> {
    parse_as(Format::Compaction, body, interner)
}

/// Reads a request whose tokens are to be counted (`POST /v1/responses/input_tokens`), in which
/// everything may be left out.
///
/// # Errors
///
/// As [`parse`].
pub fn parse_for_count(body: &[u8], interner: &Interner) -> Result<Request, ApiError> {
    read(Format::Responses, body, &Fields::of_body(body)?, interner)
}

/// Reads the body of a request that makes a conversation or adds to it: the items, and the
/// metadata.
///
/// # Errors
///
/// As [`parse`].
pub fn parse_items(body: &[u8], interner: &Interner) -> Result<(Vec<Arc<Item>>, Value), ApiError> {
    let body = if body.is_empty() { b"{}" } else { body };
    let fields = Fields::of_body(body)?;
    let mut items = Vec::new();
    let members = fields.members("items")?.unwrap_or_default();
    read_members(body, &members, "items", interner, &mut items)?;
    fields.expect("metadata", "an object", &[JsonKind::Object])?;
    let metadata = value(fields.get("metadata"));
    Ok((items, object::metadata(metadata.as_ref())))
}

fn read(
    format: Format,
    body: &[u8],
    fields: &Fields<'_>,
    interner: &Interner,
) -> Result<Request, ApiError> {
    let mut request = Request {
        model: fields.string("model")?.unwrap_or_default(),
        ..Request::empty(format)
    };
    let mut cutter = Cutter::new(body);
    let items = &mut request.items;
    if fields.string("instructions")?.is_some()
        && let Some(raw) = fields.get("instructions")
    {
        read_text(body, raw, Shape::Instructions, interner, items)?;
        cutter.preamble(raw);
        request.preamble = 1;
    }
    if let Some(input) = fields.get("input") {
        match kind(input) {
            JsonKind::String => {
                read_text(body, input, Shape::Prompt, interner, items)?;
                cutter.prompt(input);
            }
            JsonKind::Array => {
                let members = fields::members(input);
                read_members(body, &members, "input", interner, items)?;
                cutter.items(&members);
            }
            _ => return Err(ApiError::wrong_type("input", "a string or an array", input)),
        }
    }
    check_known_fields(fields)?;
    // A summary is text and not streamed, whatever else a client sends.
    if format == Format::Compaction {
        request.purpose = Purpose::Summary;
    }
    if format == Format::Responses {
        request.stream = fields.flag("stream")?.unwrap_or(false);
        request.tools = tools(body, fields, &mut cutter, Shape::Item, "tools", interner)?;
        request.output_format = output_format(fields)?;
        request.tool_choice = tool_choice(value(fields.get("tool_choice")).as_ref());
        request.parallel_tool_calls = fields.flag("parallel_tool_calls")?.unwrap_or(true);
    }
    request.thread = fields
        .text("prompt_cache_key")
        .filter(|key| !key.is_empty());
    request.previous = previous(fields);
    request.store = fields.flag("store")?.unwrap_or(true);
    request.background = fields.flag("background")?.unwrap_or(false);
    request.limits = OutputLimits::read(fields);
    request.envelope = finish_envelope(body, cutter)?;
    Ok(request)
}

/// Finishes the envelope, and checks that it is valid JSON that is not too large to be parsed.
pub(in crate::api) fn finish_envelope(
    body: &[u8],
    cutter: Cutter<'_>,
) -> Result<Arc<Envelope>, ApiError> {
    let envelope = cutter.finish();
    if fields::check(envelope.text()).is_err() {
        // Checked once more as a whole, for an error with the right position.
        fields::check_body(body)?;
    }
    if fields::is_too_large_for_tree(envelope.text()) {
        let message =
            "The request holds more values besides its items and tools than anybody reads.";
        return Err(ApiError::invalid(message).status(413));
    }
    Ok(Arc::new(envelope))
}

/// Reads the list of tools in a field, and cuts it from the request.
pub(in crate::api) fn tools<'a>(
    body: &'a [u8],
    fields: &Fields<'a>,
    cutter: &mut Cutter<'a>,
    shape: Shape,
    key: &str,
    interner: &Interner,
) -> Result<Arc<ToolList>, ApiError> {
    let Some(raw) = fields.get(key) else {
        return Ok(Arc::default());
    };
    if kind(raw) != JsonKind::Array {
        return Err(ApiError::wrong_type(key, "an array", raw));
    }
    cutter.tools(raw);
    interner.tools(shape, raw.get(), |text, hash| {
        fields::check_objects(&fields::members(raw), key)?;
        check_part(body, raw.get())?;
        Ok(ToolList::unread(shape, text, hash))
    })
}

/// Checks that a part of a body is valid JSON all the way down.
pub(crate) fn check_part(body: &[u8], part: &str) -> Result<(), ApiError> {
    match fields::check(part) {
        Ok(()) => Ok(()),
        // Checked once more as a whole, for an error with the right position.
        Err(_) => fields::check_body(body),
    }
}

fn read_text(
    body: &[u8],
    raw: &RawValue,
    shape: Shape,
    interner: &Interner,
    items: &mut Vec<Arc<Item>>,
) -> Result<(), ApiError> {
    interner.items(shape, raw.get(), items, |text, hash| {
        check_part(body, raw.get())?;
        Ok(vec![Arc::new(Item::unread(shape, text, hash))])
    })
}

/// Reads the members of a list of items; `key` is the field that it came in.
fn read_members(
    body: &[u8],
    members: &[&str],
    key: &str,
    interner: &Interner,
    items: &mut Vec<Arc<Item>>,
) -> Result<(), ApiError> {
    items.reserve(members.len());
    for (index, raw) in members.iter().enumerate() {
        interner.items(Shape::Item, raw, items, |text, hash| {
            fields::check_object(raw, key, index)?;
            check_part(body, raw)?;
            Ok(vec![Arc::new(Item::unread(Shape::Item, text, hash))])
        })?;
    }
    Ok(())
}

/// Checks the types of fields that the response echoes or that change what happens.
fn check_known_fields(fields: &Fields<'_>) -> Result<(), ApiError> {
    for key in ["metadata", "text", "reasoning"] {
        fields.expect(key, "an object", &[JsonKind::Object])?;
    }
    fields.expect("include", "an array", &[JsonKind::Array])?;
    let either = [JsonKind::String, JsonKind::Object];
    fields.expect("tool_choice", "a string or an object", &either)?;
    for key in [
        "temperature",
        "top_p",
        "presence_penalty",
        "frequency_penalty",
    ] {
        fields.expect(key, "a number", &[JsonKind::Number])?;
    }
    for key in ["max_output_tokens", "max_tool_calls", "top_logprobs"] {
        fields.integer(key)?;
    }
    for key in ["parallel_tool_calls", "store", "background"] {
        fields.flag(key)?;
    }
    for key in [
        "prompt_cache_key",
        "safety_identifier",
        "service_tier",
        "truncation",
        "previous_response_id",
    ] {
        fields.expect(key, "a string", &[JsonKind::String])?;
    }
    let named = fields.get("conversation");
    if let Some(raw) = named.filter(|raw| conversation(raw).is_none()) {
        return Err(ApiError::wrong_type(
            "conversation",
            "a string or an object",
            raw,
        ));
    }
    if fields.get("previous_response_id").is_some() && named.is_some() {
        let message = "Mutually exclusive parameters: send either 'previous_response_id' or \
                       'conversation'.";
        return Err(ApiError::invalid(message)
            .code("mutually_exclusive_parameters")
            .param("previous_response_id"));
    }
    if fields.get("prompt").is_some() {
        let message = "'prompt' refers to a template that is stored elsewhere: send what it says \
                       in 'instructions' and 'input'.";
        return Err(ApiError::invalid(message)
            .code("unsupported_parameter")
            .param("prompt"));
    }
    Ok(())
}

/// The response or conversation that a request continues, if it names one.
fn previous(fields: &Fields<'_>) -> Option<Previous> {
    let response = fields.text("previous_response_id");
    let named = fields.get("conversation").and_then(conversation);
    response
        .map(Previous::Response)
        .or_else(|| named.map(Previous::Conversation))
}

/// The id in the `conversation` of a request: a string, or an object that has it.
fn conversation(raw: &RawValue) -> Option<String> {
    match kind(raw) {
        JsonKind::Object => Fields::of(raw).text("id"),
        _ => fields::text(raw),
    }
}

/// Reads the list of tools; functions inside a `namespace` become tools of their own.
pub(crate) fn read_tools(raw: &str) -> Vec<Tool> {
    let mut found = Vec::new();
    for raw in fields::list_of_text(raw) {
        let fields = Fields::of(raw);
        let inner = fields
            .get("tools")
            .filter(|raw| kind(raw) == JsonKind::Array);
        if let Some(inner) = inner
            && fields.text("type").as_deref() == Some("namespace")
        {
            let namespace = fields.text_or_empty("name");
            let inner = fields::list(inner).into_iter();
            found.extend(inner.map(|raw| read_tool(raw, Some(&namespace))));
        } else {
            found.push(read_tool(raw, None));
        }
    }
    found
}

/// Reads one tool, alone or in a namespace.
pub(crate) fn read_tool(raw: &RawValue, namespace: Option<&str>) -> Tool {
    let outer = Fields::of(raw);
    // Chat Completions nests a function's fields; some clients send that form here too.
    let nested = outer
        .get("function")
        .filter(|raw| kind(raw) == JsonKind::Object);
    let raw = nested.unwrap_or(raw);
    let fields = Fields::of(raw);
    Tool {
        kind: outer.text_or_empty("type"),
        name: fields.text_or_empty("name"),
        namespace: namespace.map(str::to_owned),
        description: fields.text_or_empty("description"),
        raw: value(Some(raw)).unwrap_or_default(),
    }
}

fn output_format(fields: &Fields<'_>) -> Result<OutputFormat, ApiError> {
    let text = fields.object("text");
    text.expect("format", "an object", &[JsonKind::Object])
        .map_err(|error| match text.get("format") {
            Some(raw) => ApiError::wrong_type("text.format", "an object", raw),
            None => error,
        })?;
    let format = text.object("format");
    Ok(match format.text("type").as_deref() {
        Some("json_object") => OutputFormat::JsonObject,
        Some("json_schema") => OutputFormat::JsonSchema {
            name: format.text_or_empty("name"),
            schema: value(format.get("schema")).unwrap_or_default(),
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn error(body: Value) -> (String, Option<String>) {
        let error = parse(body.to_string().as_bytes(), &Interner::default()).unwrap_err();
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
        let error = parse(b"{\"model\": ", &Interner::default()).unwrap_err();
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
            &Interner::default(),
        )
        .unwrap();
        assert_eq!(request.items[0].raw(), r#"{"type":"hologram","x":1}"#);
        assert_eq!(request.tools.tools()[0].kind, "teleport");
        let whole: Value = serde_json::from_str(&request.raw_body()).unwrap();
        assert_eq!(whole["sparkle"], 5);
        assert_eq!(whole["input"][0]["x"], 1);
    }

    #[test]
    fn text_input_and_instructions_become_messages() {
        let body = json!({"model": "m", "input": "hi", "instructions": "be kind"});
        let request = parse(body.to_string().as_bytes(), &Interner::default()).unwrap();
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
        let request = parse(body.to_string().as_bytes(), &Interner::default()).unwrap();
        let titles: Vec<_> = request.tools.tools().iter().map(Tool::title).collect();
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
}
