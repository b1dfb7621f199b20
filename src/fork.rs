//! `humanllm fork`: sends a recorded request again, as a new conversation.
//!
//! The request goes to the running program over HTTP, like that of any client: it appears in the inbox, and
//! models can draft for it.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::{Map, Value, json};

use crate::api::{Format, Item, Request};
use crate::config::{ApiKey, Config};
use crate::recording::{RecordedTurn, Recording};
use crate::setup::BaseUrls;

/// How long connecting to the program may take.
const PROBE_TIMEOUT: Duration = Duration::from_secs(5);

/// Why a fork failed.
#[derive(Debug, thiserror::Error)]
pub enum ForkError {
    /// There is no request with this number.
    #[error("there is no request {number}; this has {requests}")]
    NoTurn {
        /// The number, from 1.
        number: usize,
        /// The number of requests in the recording.
        requests: usize,
    },
    /// The address of the program is not known.
    #[error(transparent)]
    Setup(#[from] crate::setup::SetupError),
    /// The program is not running.
    #[error("nobody answers at {address}; start humanllm in another terminal")]
    NotRunning {
        /// Where the server was expected.
        address: SocketAddr,
    },
    /// The connection failed before the end of the answer.
    #[error("no answer came: {0}")]
    Io(#[from] io::Error),
    /// The answer is an error, or not valid.
    #[error("{0}")]
    Refused(String),
}

/// Sends a recorded request again, the one with this number or the newest, and waits for the answer.
///
/// # Errors
///
/// If there is no such request, the program is not running, or the answer is an error.
pub fn run(
    recording: &Recording,
    number: Option<usize>,
    config: &Config,
) -> Result<ForkResponse, ForkError> {
    let requests = recording.turns.len();
    let number = number.unwrap_or(requests);
    let turn = number.checked_sub(1).and_then(|at| recording.turns.get(at));
    let turn = turn.ok_or(ForkError::NoTurn { number, requests })?;
    let urls = BaseUrls::of(config.listen)?;
    let host = urls.anthropic.trim_start_matches("http://");
    let address = host.parse().unwrap_or(config.listen);
    let nobody = |_| ForkError::NotRunning { address };
    let stream = TcpStream::connect_timeout(&address, PROBE_TIMEOUT).map_err(nobody)?;
    let text = post(stream, host, config.api_key.as_ref(), turn)?;
    ForkResponse::of(turn.request.format, &text)
}

/// The response to a forked request.
#[derive(Debug, Clone, PartialEq)]
pub struct ForkResponse {
    format: Format,
    document: Value,
}

impl ForkResponse {
    fn of(format: Format, text: &str) -> Result<Self, ForkError> {
        let broken = || ForkError::Refused("the answer cannot be read".into());
        let (head, body) = text.split_once("\r\n\r\n").ok_or_else(broken)?;
        let body = body.trim();
        let document: Value = serde_json::from_str(body).map_err(|_| broken())?;
        let message = document["error"]["message"].as_str();
        match message {
            Some(message) => Err(ForkError::Refused(message.to_owned())),
            None if head.starts_with("HTTP/1.1 200 ") => Ok(Self { format, document }),
            None => Err(broken()),
        }
    }

    /// The JSON document in the wire format of the request.
    pub fn document(&self) -> &Value {
        &self.document
    }

    /// The output items as text, one a line.
    pub fn text(&self) -> String {
        let empty = Vec::new();
        let list = |value: &'static str| self.document[value].as_array().unwrap_or(&empty);
        let said: Vec<String> = match self.format {
            Format::Responses | Format::Compaction => {
                list("output").iter().map(item_text).collect()
            }
            Format::Chat => {
                let message = &self.document["choices"][0]["message"];
                let text = message["content"].as_str().map(str::to_owned);
                let calls = message["tool_calls"].as_array().into_iter().flatten();
                let calls = calls.map(|call| {
                    let called = &call["function"];
                    call_text(&called["name"], &called["arguments"])
                });
                text.into_iter().chain(calls).collect()
            }
            Format::Messages => list("content")
                .iter()
                .filter_map(|block| match block["type"].as_str()? {
                    "text" => Some(block["text"].as_str()?.to_owned()),
                    "thinking" => Some(block["thinking"].as_str()?.to_owned()),
                    "tool_use" => Some(call_text(&block["name"], &block["input"])),
                    _ => None,
                })
                .collect(),
        };
        said.join("\n")
    }
}

fn item_text(item: &Value) -> String {
    let item = Item::from_responses(item);
    let said = item.said().map(|body| body.text().into_owned());
    said.unwrap_or_else(|| item.raw().to_owned())
}

fn call_text(name: &Value, arguments: &Value) -> String {
    let name = name.as_str().unwrap_or_default();
    match arguments {
        Value::String(text) => format!("{name}{text}"),
        other => format!("{name}{other}"),
    }
}

/// Sends the request and reads the answer. There is no read timeout, because a person may take hours.
fn post(
    mut stream: TcpStream,
    host: &str,
    key: Option<&ApiKey>,
    turn: &RecordedTurn,
) -> Result<String, ForkError> {
    let path = match turn.request.format {
        Format::Responses => "responses",
        Format::Compaction => "responses/compact",
        Format::Chat => "chat/completions",
        Format::Messages => "messages",
    };
    let body = request_body(&turn.request).to_string();
    let key = key.map(|key| format!("Authorization: Bearer {}\r\n", key.as_str()));
    let key = key.unwrap_or_default();
    // A new thread id, so that it is not added to the original conversation.
    let thread = uuid::Uuid::now_v7();
    let head = format!(
        "POST /v1/{path} HTTP/1.1\r\nHost: {host}\r\n{key}User-Agent: humanllm-fork\r\n\
         Session-Id: {thread}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\
         Connection: close\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes())?;
    stream.write_all(body.as_bytes())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}

/// Fields that name the original thread, or how the response is delivered: neither holds for the fork.
const OMITTED_FIELDS: [&str; 11] = [
    "background",
    "client_metadata",
    "conversation",
    "generate",
    "metadata",
    "previous_response_id",
    "prompt_cache_key",
    "store",
    "stream",
    "stream_options",
    "type",
];

/// The body of the request, with the items of all responses that it continued.
fn request_body(request: &Request) -> Value {
    let whole = serde_json::from_str(&request.raw_body()).unwrap_or_default();
    let mut fields: Map<String, Value> = match whole {
        Value::Object(fields) => fields,
        _ => Map::new(),
    };
    fields.retain(|name, _| !OMITTED_FIELDS.contains(&name.as_str()));
    let is_whole = request.earlier == 0 && request.references.is_empty();
    if request.format == Format::Responses && !is_whole {
        let items = request.items.iter().skip(request.preamble);
        let items = items.map(|item| item.to_value()).collect();
        fields.insert("input".into(), Value::Array(items));
    }
    if request.format == Format::Responses {
        fields.insert("store".into(), json!(false));
    }
    Value::Object(fields)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::Interner;

    #[test]
    fn a_fork_stands_for_itself() {
        let body = json!({"model": "human", "stream": true, "previous_response_id": "resp_1",
            "prompt_cache_key": "k", "temperature": 1, "tools": [], "input": "And now?"});
        let request = Format::Responses.parse(body.to_string().as_bytes(), &Interner::default());
        let mut request = request.unwrap();
        request
            .items
            .insert(0, std::sync::Arc::new(Item::user_message("Hello")));
        request.earlier = 1;
        let forked = super::request_body(&request);
        let user = |text: &str| {
            json!({"type": "message", "role": "user",
                "content": [{"type": "input_text", "text": text}]})
        };
        assert_eq!(
            forked,
            json!({"model": "human", "temperature": 1, "tools": [], "store": false,
                "input": [user("Hello"), user("And now?")]})
        );
    }

    #[test]
    fn an_answer_is_told_in_words_whatever_the_format() {
        let answer = |format, document: Value| {
            let text = format!("HTTP/1.1 200 OK\r\na: b\r\n\r\n{document}");
            ForkResponse::of(format, &text).map(|answer| answer.text())
        };
        let responses = json!({"error": null, "output": [
            {"type": "message", "role": "assistant",
                "content": [{"type": "output_text", "text": "Hello"}]},
            {"type": "function_call", "name": "f", "arguments": "{}", "call_id": "c"}]});
        assert_eq!(answer(Format::Responses, responses).unwrap(), "Hello\nf{}");
        let chat = json!({"choices": [{"message": {"content": "Hello", "tool_calls": [
            {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}]}}]});
        assert_eq!(answer(Format::Chat, chat).unwrap(), "Hello\nf{}");
        let messages = json!({"content": [{"type": "text", "text": "Hello"},
            {"type": "tool_use", "name": "f", "input": {}}]});
        assert_eq!(answer(Format::Messages, messages).unwrap(), "Hello\nf{}");
        let text = "HTTP/1.1 400 Bad Request\r\n\r\n{\"error\":{\"message\":\"No\"}}";
        let refused = ForkResponse::of(Format::Chat, text).unwrap_err();
        assert_eq!(refused.to_string(), "No");
    }
}
