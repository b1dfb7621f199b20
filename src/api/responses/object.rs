//! The response object: echoed request fields, and the state of the response.

use std::sync::Arc;

use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::api::fields::{Fields, JsonKind, kind, list_of_text, value};
use crate::api::{Ending, Frame, Item, Previous, Request, ToolList, Usage};

/// A response object: fields that the request determines, and its state so far. Clones share what
/// is large.
#[derive(Debug, Clone)]
pub struct ResponseObject {
    echo: Arc<Echo>,
    tools: Arc<ToolList>,
    instructions: Option<Arc<Item>>,
    state: ResponseState,
}

/// The state of a response that its request does not determine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ResponseState {
    id: String,
    /// Unix seconds.
    created_at: u64,
    /// Unix seconds.
    completed_at: Option<u64>,
    status: ResponseStatus,
    error: Option<ErrorObject>,
    usage: Option<Usage>,
    /// The output items that are complete, as JSON.
    output: Vec<Arc<str>>,
}

/// Everything needed to resume a response later, together with its request.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Checkpoint<State, Live> {
    pub state: State,
    /// The number of the next event.
    pub sequence_number: u64,
    /// The message that is being streamed.
    pub live: Option<Live>,
}

impl<State: Serialize, Live: Serialize> Checkpoint<State, Live> {
    /// The checkpoint as JSON.
    pub(super) fn to_json(state: State, sequence_number: u64, live: Option<Live>) -> String {
        let checkpoint = Self {
            state,
            sequence_number,
            live,
        };
        serde_json::to_string(&checkpoint).unwrap_or_default()
    }
}

/// Status of a response, as on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ResponseStatus {
    /// A background response that is not before the person yet.
    Queued,
    /// It waits for the person.
    InProgress,
    Completed,
    /// Cut off at the token limit of the request.
    Incomplete,
    Failed,
    Cancelled,
}

/// The `error` field of a failed response.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct ErrorObject {
    code: String,
    message: String,
    // More than the format asks for. Without it, the AI SDK 7 takes the whole document for broken
    // and shows nobody the message.
    #[serde(rename = "type")]
    kind: Option<String>,
}

impl ResponseObject {
    /// The response to a request that has just come in; `created_at` is in Unix seconds.
    pub fn new(request: &Request, id: String, created_at: u64) -> Self {
        let status = if request.background {
            ResponseStatus::Queued
        } else {
            ResponseStatus::InProgress
        };
        let state = ResponseState {
            id,
            created_at,
            completed_at: None,
            status,
            error: None,
            usage: None,
            output: Vec::new(),
        };
        Self::resume(request, state)
    }

    /// The response to a request that came in earlier.
    pub(crate) fn resume(request: &Request, state: ResponseState) -> Self {
        Self {
            echo: Arc::new(Echo::of(request)),
            tools: Arc::clone(&request.tools),
            instructions: request.preamble_item().cloned(),
            state,
        }
    }

    /// A checkpoint as JSON, to resume the response later.
    pub(crate) fn checkpoint(&self) -> String {
        Checkpoint::to_json(&self.state, 0, None::<()>)
    }

    /// Restores a response from [`ResponseObject::checkpoint`] or from the checkpoint of a writer.
    pub(crate) fn from_checkpoint(request: &Request, checkpoint: &str) -> Option<Self> {
        let checkpoint: Checkpoint<ResponseState, IgnoredAny> =
            serde_json::from_str(checkpoint).ok()?;
        Some(Self::resume(request, checkpoint.state))
    }

    /// The id of the response.
    pub fn id(&self) -> &str {
        &self.state.id
    }

    /// The state that its request does not determine.
    pub(crate) fn state(&self) -> &ResponseState {
        &self.state
    }

    /// The status.
    pub(crate) fn status(&self) -> ResponseStatus {
        self.state.status
    }

    /// The output items that are complete, as JSON.
    pub(crate) fn output(&self) -> &[Arc<str>] {
        &self.state.output
    }

    /// Adds an output item.
    pub(crate) fn push(&mut self, item: Arc<str>) {
        self.state.output.push(item);
    }

    pub(crate) fn set_status(&mut self, status: ResponseStatus) {
        self.state.status = status;
    }

    pub(crate) fn set_usage(&mut self, usage: Usage) {
        self.state.usage = Some(usage);
    }

    /// Ends the response; `now` is in Unix seconds.
    pub(crate) fn end(&mut self, ending: &Ending, now: u64) {
        let state = &mut self.state;
        match ending {
            Ending::Completed => {
                state.status = ResponseStatus::Completed;
                state.completed_at = Some(now);
            }
            Ending::OutOfTokens => state.status = ResponseStatus::Incomplete,
            Ending::Failed { code, message } => {
                state.status = ResponseStatus::Failed;
                state.error = Some(ErrorObject {
                    code: code.as_str().to_owned(),
                    message: message.clone(),
                    kind: ending.error().map(|error| error.kind.to_owned()),
                });
            }
        }
    }

    /// Approximate memory in bytes, without what clones share.
    pub(crate) fn bytes(&self) -> usize {
        let output = self.state.output.iter().map(|item| item.len());
        size_of::<Self>() + self.echo.before.len() + self.echo.after.len() + output.sum::<usize>()
    }

    /// A heartbeat event with this sequence number.
    pub(crate) fn heartbeat(&self, number: u64) -> Frame {
        self.event("response.in_progress", number)
    }

    /// An event with the whole response object and this sequence number.
    pub(crate) fn event(&self, name: &'static str, number: u64) -> Frame {
        let before = format!("{{\"type\":\"{name}\",\"sequence_number\":{number},\"response\":");
        let mut data = self.json_after(before, 1);
        data.push('}');
        Frame {
            event: Some(name),
            data: data.into(),
        }
    }

    /// The object as JSON, without line breaks.
    pub fn to_json(&self) -> String {
        self.json_after(String::new(), 0)
    }

    /// Appends the object to `json`, with capacity for `more` bytes after it. The echoed tools are
    /// large, so they are copied only once.
    fn json_after(&self, mut json: String, more: usize) -> String {
        /// The fields before the echoed ones.
        #[derive(Serialize)]
        struct Head<'a> {
            id: &'a str,
            object: &'static str,
            created_at: u64,
            completed_at: Option<u64>,
            status: ResponseStatus,
            incomplete_details: Option<Value>,
            error: Option<&'a ErrorObject>,
            usage: Option<Value>,
        }
        let state = &self.state;
        let incomplete = state.status == ResponseStatus::Incomplete;
        let head = Head {
            id: &state.id,
            object: "response",
            created_at: state.created_at,
            completed_at: state.completed_at,
            status: state.status,
            incomplete_details: incomplete.then(|| json!({"reason": "max_output_tokens"})),
            error: state.error.as_ref(),
            usage: state.usage.map(usage_object),
        };
        let head = serde_json::to_string(&head).unwrap_or_default();
        let tools = self.tools.echo();
        let instructions = self.instructions.as_ref().map_or("null", |item| item.raw());
        let output: usize = state.output.iter().map(|item| item.len() + 1).sum();
        let around = self.echo.before.len() + self.echo.after.len() + 32;
        json.reserve_exact(head.len() + around + instructions.len() + tools.len() + output + more);
        // Without the closing bracket: more fields follow.
        json.push_str(head.strip_suffix('}').unwrap_or(&head));
        for part in [
            &*self.echo.before,
            instructions,
            ",\"tools\":",
            tools,
            &*self.echo.after,
        ] {
            json.push_str(part);
        }
        json.push_str(",\"output\":[");
        for (index, item) in state.output.iter().enumerate() {
            if index > 0 {
                json.push(',');
            }
            json.push_str(item);
        }
        json.push_str("]}");
        json
    }
}

/// The names of all events.
const EVENTS: [&str; 20] = [
    "response.completed",
    "response.content_part.added",
    "response.content_part.done",
    "response.created",
    "response.custom_tool_call_input.delta",
    "response.custom_tool_call_input.done",
    "response.failed",
    "response.function_call_arguments.delta",
    "response.function_call_arguments.done",
    "response.in_progress",
    "response.incomplete",
    "response.output_item.added",
    "response.output_item.done",
    "response.output_text.delta",
    "response.output_text.done",
    "response.queued",
    "response.reasoning_summary_part.added",
    "response.reasoning_summary_part.done",
    "response.reasoning_summary_text.delta",
    "response.reasoning_summary_text.done",
];

/// The event of this name.
pub(crate) fn event_name(name: &str) -> Option<&'static str> {
    EVENTS.into_iter().find(|known| *known == name)
}

/// An event with these fields, in JSON without the brackets around it.
pub(super) fn event(name: &'static str, number: u64, fields: &str) -> Frame {
    Frame {
        event: Some(name),
        data: format!("{{\"type\":\"{name}\",\"sequence_number\":{number},{fields}}}").into(),
    }
}

/// The `usage` field.
pub(super) fn usage_object(usage: Usage) -> Value {
    json!({
        "input_tokens": usage.input,
        "input_tokens_details": {"cached_tokens": 0},
        "output_tokens": usage.output,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning},
        "total_tokens": usage.input + usage.output,
    })
}

/// The echoed request fields as JSON: those before the instructions, and those after the tools.
/// They validate against the public schema, whatever the client sent.
#[derive(Debug)]
struct Echo {
    before: Box<str>,
    after: Box<str>,
}

impl Echo {
    /// The echo of a request, with the defaults that OpenAI documents for absent fields.
    fn of(request: &Request) -> Self {
        let asked = Fields::of_text(request.envelope.text());
        let get = |name: &str| value(asked.get(name));
        let or = |name: &str, default: Value| get(name).unwrap_or(default);
        let before = json!({
            "model": or("model", json!("")),
            "previous_response_id": get("previous_response_id"),
        });
        let mut after = json!({
            "tool_choice": tool_choice(get("tool_choice").as_ref()),
            "truncation": allowed_word(get("truncation").as_ref(), &["auto", "disabled"])
                .unwrap_or_else(|| json!("disabled")),
            "parallel_tool_calls": or("parallel_tool_calls", json!(true)),
            "text": text(&asked.object("text")),
            "top_p": or("top_p", json!(1.0)),
            "presence_penalty": or("presence_penalty", json!(0.0)),
            "frequency_penalty": or("frequency_penalty", json!(0.0)),
            "top_logprobs": or("top_logprobs", json!(0)),
            "temperature": or("temperature", json!(1.0)),
            "reasoning": reasoning(get("reasoning").as_ref()),
            "max_output_tokens": get("max_output_tokens"),
            "max_tool_calls": get("max_tool_calls"),
            "store": request.store,
            "background": request.background,
            "service_tier": "default",
            "metadata": metadata(get("metadata").as_ref()),
            "safety_identifier": get("safety_identifier"),
            "prompt_cache_key": get("prompt_cache_key"),
        });
        if let Some(Previous::Conversation(id)) = &request.previous {
            after["conversation"] = json!({"id": id});
        }
        // Without the brackets, with commas to join them to the fields around them.
        let inside = |object: &Value| {
            let json = object.to_string();
            format!(",{}", &json[1..json.len() - 1])
        };
        Self {
            before: format!("{},\"instructions\":", inside(&before)).into(),
            after: inside(&after).into(),
        }
    }
}

/// The `tools` field of a response object as JSON. The schema of a response has function tools
/// only, so others are left out.
pub(crate) fn echo_tools(raw: &str) -> String {
    let functions = list_of_text(raw).into_iter().filter_map(|raw| {
        let fields = Fields::of(raw);
        if fields.text("type").as_deref() != Some("function") {
            return None;
        }
        let parameters = fields.get("parameters");
        let parameters = value(parameters.filter(|raw| kind(raw) == JsonKind::Object));
        Some(json!({
            "type": "function",
            "name": fields.text("name")?,
            "description": fields.text("description"),
            "parameters": parameters,
            "strict": fields.flag("strict").ok().flatten(),
        }))
    });
    Value::Array(functions.collect()).to_string()
}

/// Metadata has string values and at most 16 entries; typed clients expect nothing else.
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
    if let Some(mode) = allowed_word(choice, &modes) {
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
        let mode = allowed_word(choice.get("mode"), &modes).unwrap_or_else(|| json!("auto"));
        return json!({"type": "allowed_tools", "tools": allowed, "mode": mode});
    }
    function(choice).unwrap_or_else(|| json!("auto"))
}

fn text(text: &Fields<'_>) -> Value {
    let format = text.object("format");
    let format = match format.text("type").as_deref() {
        Some("json_object") => json!({"type": "json_object"}),
        Some("json_schema") => json!({
            "type": "json_schema",
            "name": format.text("name").unwrap_or_else(|| "schema".into()),
            "description": format.text("description"),
            // The public schema (2026-04-24) allows nothing but null here; the client has the
            // schema anyway.
            "schema": null,
            "strict": format.flag("strict").ok().flatten().unwrap_or(false),
        }),
        _ => json!({"type": "text"}),
    };
    let mut echoed = json!({"format": format});
    let verbosity = value(text.get("verbosity"));
    if let Some(verbosity) = allowed_word(verbosity.as_ref(), &["low", "medium", "high"]) {
        echoed["verbosity"] = verbosity;
    }
    echoed
}

fn reasoning(reasoning: Option<&Value>) -> Value {
    let Some(reasoning) = reasoning.filter(|reasoning| reasoning.is_object()) else {
        return Value::Null;
    };
    json!({
        "effort": allowed_word(reasoning.get("effort"), &["none", "low", "medium", "high", "xhigh"]),
        "summary": allowed_word(reasoning.get("summary"), &["concise", "detailed", "auto"]),
    })
}

/// The value, if it is one of these strings, which the schema allows.
fn allowed_word(value: Option<&Value>, words: &[&str]) -> Option<Value> {
    let word = value?.as_str()?;
    words.contains(&word).then(|| json!(word))
}
