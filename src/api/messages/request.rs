//! Reads the body of `POST /v1/messages`.

use serde_json::json;
use serde_json::value::RawValue;

use super::{NO_THREADS, own};
use crate::api::blocks;
use crate::api::envelope::Cutter;
use crate::api::fields::{self, Fields, JsonKind, kind, messages, value};
use crate::api::responses::{check_part, finish_envelope, tools};
use crate::api::{
    ApiError, Body, ContentPart, Format, Interner, Item, ItemBody, OutputFormat, OutputLimits,
    Request, Shape, Tool, ToolChoice,
};

/// Reads a request. Items and tools that `interner` knows are shared, not parsed again.
///
/// # Errors
///
/// An [`ApiError`] with status 400 that names the parameter at fault.
pub fn parse(body: &[u8], interner: &Interner) -> Result<Request, ApiError> {
    let fields = Fields::of_body(body)?;
    let request = read(body, &fields, interner)?;
    // If it were ignored, the person would see the last message only.
    if fields.get("thread").is_some() {
        let message = "Threads are not kept here: send the whole conversation without 'thread'.";
        return Err(ApiError::invalid(message).code(NO_THREADS).param("thread"));
    }
    fields.expect("max_tokens", "an integer", &[JsonKind::Number])?;
    match fields.get("max_tokens") {
        Some(_) => Ok(request),
        None => Err(ApiError::missing("max_tokens")),
    }
}

/// Reads a request whose tokens are to be counted, which needs no `max_tokens`.
///
/// # Errors
///
/// As [`parse`].
pub fn parse_for_count(body: &[u8], interner: &Interner) -> Result<Request, ApiError> {
    read(body, &Fields::of_body(body)?, interner)
}

fn read(body: &[u8], fields: &Fields<'_>, interner: &Interner) -> Result<Request, ApiError> {
    let model = fields.string("model")?;
    let mut request = Request {
        model: model.ok_or_else(|| ApiError::missing("model"))?,
        ..Request::empty(Format::Messages)
    };
    let mut cutter = Cutter::new(body);
    let items = &mut request.items;
    // The system prompt stands beside the messages.
    if let Some(system) = fields.get("system") {
        fields.expect(
            "system",
            "a string or an array",
            &[JsonKind::String, JsonKind::Array],
        )?;
        interner.items(Shape::System, system.get(), items, |text, hash| {
            check_part(body, system.get())?;
            let parts = blocks::split_headers(parts(system)).into_iter();
            let messages = parts.map(|parts| ItemBody::message("system", parts));
            Ok(Item::all_of(Shape::System, &text, hash, messages.collect()))
        })?;
        cutter.preamble(system);
        request.preamble = items.len();
    }
    let members = messages(fields)?;
    for (index, raw) in members.iter().enumerate() {
        interner.items(Shape::Messages, raw, items, |text, hash| {
            let message = Fields::of_text(raw);
            let role = message.text("role");
            let missing = || ApiError::missing(&format!("messages[{index}].role"));
            let role = role.ok_or_else(missing)?;
            check_part(body, raw)?;
            let bodies = bodies(&role, message.get("content"));
            Ok(Item::all_of(Shape::Messages, &text, hash, bodies))
        })?;
    }
    cutter.items(&members);
    request.tools = tools(
        body,
        fields,
        &mut cutter,
        Shape::Messages,
        "tools",
        interner,
    )?;
    request.stream = fields.flag("stream")?.unwrap_or(false);
    request.output_format = output_format(fields)?;
    let choice = fields.object("tool_choice");
    request.tool_choice = tool_choice(&choice);
    let one_at_a_time = choice.flag("disable_parallel_tool_use").ok().flatten();
    request.parallel_tool_calls = one_at_a_time != Some(true);
    request.limits = OutputLimits::read(fields);
    request.envelope = finish_envelope(body, cutter)?;
    Ok(request)
}

/// The items that one message is converted to: its `tool_use`, `tool_result` and `thinking` blocks
/// are items of their own, and the blocks between them are messages.
pub(crate) fn bodies(role: &str, content: Option<&RawValue>) -> Vec<ItemBody> {
    let message = |content| ItemBody::message(role, content);
    let messages = |content| {
        blocks::split_message(role, content)
            .into_iter()
            .map(message)
    };
    let blocks = match content {
        Some(content) if kind(content) == JsonKind::Array => fields::list(content),
        content => return messages(content.map(parts).unwrap_or_default()).collect(),
    };
    let mut bodies = Vec::new();
    let mut words = Vec::new();
    for raw in blocks {
        let block = Fields::of(raw);
        let body = match block.text("type").as_deref() {
            Some("tool_use") => {
                let call = Body::FunctionCall {
                    namespace: None,
                    name: block.text_or_empty("name"),
                    arguments: block.get("input").map_or("null", RawValue::get).to_owned(),
                };
                ItemBody::call(block.text_or_empty("id"), call)
            }
            Some("tool_result") => {
                let is_error = block.flag("is_error").ok().flatten() == Some(true);
                let fault = is_error.then(|| ContentPart::Text("(error)".into()));
                let output = block.get("content").map(parts).unwrap_or_default();
                ItemBody::ToolOutput {
                    call_id: block.text_or_empty("tool_use_id"),
                    content: fault.into_iter().chain(output).collect(),
                }
            }
            Some("thinking") => ItemBody::reasoning(block.text("thinking").into_iter().collect()),
            // Encrypted by the server that wrote it.
            Some("redacted_thinking") => ItemBody::reasoning(Vec::new()),
            _ => {
                words.extend(ContentPart::read_member(raw, read_block));
                continue;
            }
        };
        if !words.is_empty() {
            bodies.extend(messages(std::mem::take(&mut words)));
        }
        bodies.push(body);
    }
    if !words.is_empty() || bodies.is_empty() {
        bodies.extend(messages(words));
    }
    bodies
}

fn parts(content: &RawValue) -> Vec<ContentPart> {
    ContentPart::read_list(content, read_block)
}

/// The parts of one block; a block of an unknown type is kept, and shown as JSON.
fn read_block(raw: &RawValue) -> Vec<ContentPart> {
    let block = Fields::of(raw);
    let source = block.object("source");
    let data = || {
        let (kind, data) = (source.text("media_type")?, source.text("data")?);
        Some(format!("data:{kind};base64,{data}"))
    };
    let read = match block.text("type").as_deref() {
        Some("text") => block.text("text").map(ContentPart::Text),
        Some("image") => {
            let url = data().or_else(|| source.text("url"));
            url.or_else(|| source.text("file_id"))
                .map(ContentPart::Image)
        }
        Some("document") => return read_document(&block, &source, data()),
        _ => None,
    };
    vec![read.unwrap_or_else(|| ContentPart::Other(raw.get().to_owned()))]
}

/// A document: its title, its context, and its text if it can be read.
fn read_document(
    block: &Fields<'_>,
    source: &Fields<'_>,
    data: Option<String>,
) -> Vec<ContentPart> {
    let words = match source.text("type").as_deref() {
        Some("text") => source.get("data").map(parts),
        Some("content") => source.get("content").map(parts),
        _ => None,
    };
    let title = block.text("title");
    let file = match words {
        Some(_) => title.map(|name| ContentPart::file(name, None)),
        None => {
            let named = ["url", "file_id", "media_type"].into_iter();
            let name = title.or_else(|| named.filter_map(|key| source.text(key)).next());
            let name = name.unwrap_or_else(|| "document".into());
            Some(ContentPart::file(name, data.as_deref()))
        }
    };
    let context = block.text("context").map(ContentPart::Text);
    let words = words.into_iter().flatten();
    file.into_iter().chain(context).chain(words).collect()
}

/// Reads `tools`.
pub(crate) fn read_tools(raw: &str) -> Vec<Tool> {
    fields::list_of_text(raw).into_iter().map(tool).collect()
}

/// Reads a tool of the client, or one that Anthropic defined and the client runs, such as `bash`,
/// which comes without a schema. Tools that Anthropic's servers run cannot be called.
fn tool(raw: &RawValue) -> Tool {
    let fields = Fields::of(raw);
    let given = fields.text("type");
    let own = given.as_deref().and_then(own::parameters);
    let kind = match given.as_deref() {
        None | Some("custom") => "function",
        Some(_) if own.is_some() => "function",
        Some(kind) => kind,
    };
    let schema = value(fields.get("input_schema"));
    let parameters = schema.or(own).unwrap_or_else(|| json!({"type": "object"}));
    let mut known = value(Some(raw)).unwrap_or_else(|| json!({}));
    known["parameters"] = parameters;
    Tool {
        kind: kind.to_owned(),
        name: fields.text_or_empty("name"),
        namespace: None,
        description: fields.text_or_empty("description"),
        raw: known,
    }
}

/// Reads `output_config.format`. Schemas have no names in this format.
fn output_format(fields: &Fields<'_>) -> Result<OutputFormat, ApiError> {
    fields.expect("output_config", "an object", &[JsonKind::Object])?;
    let format = fields.object("output_config").object("format");
    Ok(match format.text("type").as_deref() {
        Some("json_schema") => OutputFormat::JsonSchema {
            name: String::new(),
            schema: value(format.get("schema")).unwrap_or_default(),
        },
        _ => OutputFormat::Text,
    })
}

fn tool_choice(choice: &Fields<'_>) -> ToolChoice {
    match choice.text("type").as_deref() {
        Some("none") => ToolChoice::None,
        Some("any") => ToolChoice::Required,
        Some("tool") => ToolChoice::Only {
            names: choice.text("name").into_iter().collect(),
            required: true,
        },
        _ => ToolChoice::Auto,
    }
}
