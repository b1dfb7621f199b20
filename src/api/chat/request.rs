//! Reads the body of `POST /v1/chat/completions`.

use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::api::blocks;
use crate::api::envelope::Cutter;
use crate::api::fields::{self, Fields, JsonKind, kind, messages, value};
use crate::api::responses::{check_part, finish_envelope, read_tool, tool_choice, tools};
use crate::api::{
    ApiError, Body, ContentPart, Format, Interner, Item, ItemBody, OutputFormat, OutputLimits,
    Request, Shape, Tool,
};

/// Reads a request. Items and tools that `interner` knows are shared, not parsed again.
///
/// # Errors
///
/// An [`ApiError`] with status 400 that names the parameter at fault.
pub fn parse(body: &[u8], interner: &Interner) -> Result<Request, ApiError> {
    let fields = Fields::of_body(body)?;
    let model = fields.string("model")?;
    let mut request = Request {
        model: model.ok_or_else(|| ApiError::missing("model"))?,
        ..Request::empty(Format::Chat)
    };
    match fields.get("n") {
        Some(n) if kind(n) != JsonKind::Number => {
            return Err(ApiError::wrong_type("n", "an integer", n));
        }
        Some(n) if n.get() != "1" => {
            return Err(ApiError::invalid(
                "Only one choice can be given: leave 'n' out or set it to 1.",
            )
            .code("unsupported_value")
            .param("n"));
        }
        _ => {}
    }
    let mut cutter = Cutter::new(body);
    let members = messages(&fields)?;
    for (index, raw) in members.iter().enumerate() {
        interner.items(Shape::Chat, raw, &mut request.items, |text, hash| {
            let message = Fields::of_text(raw);
            let role = message.text("role");
            let missing = || ApiError::missing(&format!("messages[{index}].role"));
            let role = role.ok_or_else(missing)?;
            check_part(body, raw)?;
            Ok(Item::all_of(
                Shape::Chat,
                &text,
                hash,
                bodies(role, &message),
            ))
        })?;
    }
    cutter.items(&members);
    // `functions` is what tools were called before there were others; nobody sends both.
    let (key, shape) = match fields.get("tools") {
        None => ("functions", Shape::Functions),
        Some(_) => ("tools", Shape::Chat),
    };
    request.tools = tools(body, &fields, &mut cutter, shape, key, interner)?;
    let choice = fields
        .get("tool_choice")
        .or_else(|| fields.get("function_call"));
    request.stream = fields.flag("stream")?.unwrap_or(false);
    request.thread = fields.string("prompt_cache_key")?;
    request.output_format = output_format(&fields)?;
    request.tool_choice = tool_choice(value(choice).as_ref().map(flat_choice).as_ref());
    request.parallel_tool_calls = fields.flag("parallel_tool_calls")?.unwrap_or(true);
    request.limits = OutputLimits::read(&fields);
    request.envelope = finish_envelope(body, cutter)?;
    Ok(request)
}

/// The items that one message is converted to.
pub(crate) fn bodies(role: String, message: &Fields<'_>) -> Vec<ItemBody> {
    let content = message.get("content");
    if matches!(role.as_str(), "tool" | "function") {
        let id = message
            .text("tool_call_id")
            .or_else(|| message.text("name"));
        return vec![ItemBody::ToolOutput {
            call_id: id.unwrap_or_default(),
            content: content.map(parts).unwrap_or_default(),
        }];
    }
    let mut bodies = Vec::new();
    // The format itself has no place for thoughts; servers that give them use these names.
    let thoughts = ["reasoning_content", "reasoning"].iter();
    let mut thoughts = thoughts.filter_map(|name| message.text(name));
    if let Some(thoughts) = thoughts.find(|text| !text.is_empty()) {
        bodies.push(ItemBody::reasoning(vec![thoughts]));
    }
    let refusal = message.text("refusal").map(ContentPart::Refusal);
    let calls = message.list("tool_calls");
    // Some clients send an empty text beside calls.
    let content = content.filter(|content| calls.is_empty() || content.get() != "\"\"");
    if content.is_some() || refusal.is_some() {
        let parts = content.map(parts).unwrap_or_default().into_iter();
        let parts = parts.chain(refusal).collect();
        let parts = blocks::split_message(&role, parts).into_iter();
        bodies.extend(parts.map(|parts| ItemBody::message(role.as_str(), parts)));
    }
    bodies.extend(calls.into_iter().map(call));
    // The form before there were tools; the output is joined to it by name.
    if let Some(raw) = message
        .get("function_call")
        .filter(|raw| kind(raw) == JsonKind::Object)
    {
        let call = Fields::of(raw);
        bodies.push(ItemBody::call(
            call.text_or_empty("name"),
            function_call(&call),
        ));
    }
    if bodies.is_empty() {
        bodies.push(ItemBody::message(role, Vec::new()));
    }
    bodies
}

fn call(raw: &RawValue) -> ItemBody {
    let call = Fields::of(raw);
    let custom = call
        .get("custom")
        .filter(|raw| kind(raw) == JsonKind::Object)
        .map(Fields::of);
    let body = match custom {
        Some(custom) => Body::CustomToolCall {
            name: custom.text_or_empty("name"),
            input: custom.text_or_empty("input"),
        },
        None => function_call(&call.object("function")),
    };
    ItemBody::call(call.text_or_empty("id"), body)
}

fn function_call(fields: &Fields<'_>) -> Body {
    Body::FunctionCall {
        namespace: None,
        name: fields.text_or_empty("name"),
        // Some give the object itself instead of its text.
        arguments: fields.get("arguments").map_or_else(String::new, |raw| {
            fields::text(raw).unwrap_or_else(|| raw.get().to_owned())
        }),
    }
}

/// Reads content parts; one of an unknown type is kept, and shown as JSON.
fn parts(content: &RawValue) -> Vec<ContentPart> {
    ContentPart::read_list(content, |raw| [part(raw)])
}

fn part(raw: &RawValue) -> ContentPart {
    let fields = Fields::of(raw);
    let read = match fields.text("type").as_deref() {
        Some("text") => fields.text("text").map(ContentPart::Text),
        Some("refusal") => fields.text("refusal").map(ContentPart::Refusal),
        Some("image_url") => {
            let url = fields.text("image_url");
            let url = url.or_else(|| fields.object("image_url").text("url"));
            url.map(ContentPart::Image)
        }
        Some("file") => {
            let file = fields.object("file");
            let name = file.text("filename").or_else(|| file.text("file_id"));
            name.map(|name| ContentPart::file(name, file.text("file_data").as_deref()))
        }
        _ => None,
    };
    read.unwrap_or_else(|| ContentPart::Other(raw.get().to_owned()))
}

/// Reads `tools`.
pub(crate) fn read_tools(raw: &str) -> Vec<Tool> {
    let mut tools = crate::api::responses::read_tools(raw);
    for tool in tools.iter_mut().filter(|tool| tool.kind == "custom") {
        // The name of a free-form tool is one level down here.
        let custom = tool.raw.get("custom");
        let text = |key: &str| {
            let text = custom.and_then(|custom| custom.get(key)?.as_str());
            text.unwrap_or_default().to_owned()
        };
        (tool.name, tool.description) = (text("name"), text("description"));
    }
    tools
}

/// Reads `functions`, from before there were tools.
pub(crate) fn read_functions(raw: &str) -> Vec<Tool> {
    let function = |raw| Tool {
        kind: "function".into(),
        ..read_tool(raw, None)
    };
    fields::list_of_text(raw)
        .into_iter()
        .map(function)
        .collect()
}

/// Converts `tool_choice` to the form of the Responses API, where the name is not nested.
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

fn output_format(fields: &Fields<'_>) -> Result<OutputFormat, ApiError> {
    fields.expect("response_format", "an object", &[JsonKind::Object])?;
    let format = fields.object("response_format");
    Ok(match format.text("type").as_deref() {
        Some("json_object") => OutputFormat::JsonObject,
        Some("json_schema") => {
            let schema = format.object("json_schema");
            OutputFormat::JsonSchema {
                name: schema.text_or_empty("name"),
                schema: value(schema.get("schema")).unwrap_or_default(),
            }
        }
        _ => OutputFormat::Text,
    })
}
