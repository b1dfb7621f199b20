//! A small agent that speaks every format, in the shapes of real ones: it has a context, offers a shell, runs
//! what it is told to and goes on until it is answered.

use std::net::SocketAddr;

use serde_json::{Value, json};

use super::player::{HELP, HOMEWORK, PROMPT};
use crate::support::{Client, Event, Socket, poll};

/// How an agent asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wire {
    Responses,
    ResponsesPlain,
    Background,
    Socket,
    Chat,
    ChatPlain,
    Messages,
    MessagesPlain,
}

impl Wire {
    pub const ALL: [Self; 8] = [
        Self::Responses,
        Self::ResponsesPlain,
        Self::Background,
        Self::Socket,
        Self::Chat,
        Self::ChatPlain,
        Self::Messages,
        Self::MessagesPlain,
    ];

    /// Where requests go.
    pub fn path(self) -> &'static str {
        match self {
            Self::Responses | Self::ResponsesPlain | Self::Background | Self::Socket => {
                "/v1/responses"
            }
            Self::Chat | Self::ChatPlain => "/v1/chat/completions",
            Self::Messages | Self::MessagesPlain => "/v1/messages",
        }
    }

    fn is_responses(self) -> bool {
        self.path() == "/v1/responses"
    }

    fn streams(self) -> bool {
        matches!(self, Self::Responses | Self::Chat | Self::Messages)
    }

    /// What the agent begins with in a folder.
    pub fn begin(self, folder: &str, prompt: &str) -> Vec<Value> {
        let context =
            format!("<environment_context>\n  <cwd>{folder}</cwd>\n</environment_context>");
        match self {
            _ if self.is_responses() => vec![
                item("developer", "You are a coding agent."),
                item("user", &context),
                item("user", prompt),
            ],
            Self::Chat | Self::ChatPlain => vec![
                json!({"role": "system", "content": format!("You are an agent in {folder}.")}),
                json!({"role": "user", "content": prompt}),
            ],
            _ => vec![json!({"role": "user", "content": [
                {"type": "text", "text": format!("<system-reminder>\nIn {folder}\n</system-reminder>")},
                {"type": "text", "text": prompt}]})],
        }
    }

    /// The body of a request with this history.
    pub fn body(self, history: &[Value], stream: bool) -> Value {
        let schema = json!({"type": "object", "required": ["cmd"],
            "properties": {"cmd": {"type": "string"}, "workdir": {"type": "string"}}});
        let thread = "0198c1d2-e3f4-7516-8738-";
        // As long as an id is, and another one each time.
        let thread = format!("{thread}{:012x}", std::process::id());
        if self.is_responses() {
            return json!({"model": "human", "stream": stream, "input": history,
                "prompt_cache_key": thread, "background": self == Self::Background,
                "store": self == Self::Background,
                "tools": [{"type": "function", "name": "exec_command", "parameters": schema}]});
        }
        match self {
            Self::Chat | Self::ChatPlain => json!({"model": "human", "stream": stream,
                "messages": history, "tools": [{"type": "function",
                    "function": {"name": "exec_command", "parameters": schema}}]}),
            _ => json!({"model": "human", "stream": stream, "max_tokens": 1000,
                "system": "You are an agent.", "messages": history,
                "metadata": {"user_id": json!({"session_id": thread}).to_string()},
                "tools": [{"name": "exec_command", "input_schema": schema}]}),
        }
    }
}

fn item(role: &str, text: &str) -> Value {
    json!({"type": "message", "role": role, "content": [{"type": "input_text", "text": text}]})
}

/// What an answer is: what is added to the history, the calls in it, and what was heard.
struct Answer {
    added: Vec<Value>,
    calls: Vec<String>,
    heard: Vec<String>,
}

/// What the agent's command prints, which is not the same each time.
fn output(id: &str) -> String {
    let seconds = std::process::id() % 97;
    format!(
        "Chunk ID: {:06x}\nWall time: 0.{seconds:04} seconds\nProcess exited with code 0\nOutput:\n\
         Cargo.toml\nsrc\ncalled {id}\n",
        std::process::id() & 0xff_ffff
    )
}

/// Does what agents do with a prompt, and with two more, of which one is rejected; returns all that was heard.
pub fn talk(address: SocketAddr, wire: Wire, folder: &str) -> Vec<String> {
    let mut asker = Asker::new(address, wire);
    let mut history = wire.begin(folder, PROMPT);
    let mut heard = Vec::new();
    loop {
        let answer = asker.ask(&history);
        heard.extend(answer.heard);
        history.extend(answer.added);
        if answer.calls.is_empty() {
            break;
        }
        for id in answer.calls {
            history.push(match wire {
                _ if wire.is_responses() => {
                    json!({"type": "function_call_output", "call_id": id, "output": output(&id)})
                }
                Wire::Chat | Wire::ChatPlain => {
                    json!({"role": "tool", "tool_call_id": id, "content": output(&id)})
                }
                _ => json!({"role": "user", "content": [
                    {"type": "tool_result", "tool_use_id": id, "content": output(&id)}]}),
            });
        }
    }
    for prompt in [HOMEWORK, HELP] {
        history.push(match wire {
            _ if wire.is_responses() => item("user", prompt),
            _ => json!({"role": "user", "content": prompt}),
        });
        let answer = asker.ask(&history);
        heard.extend(answer.heard);
        history.extend(answer.added);
    }
    heard
}

struct Asker {
    wire: Wire,
    client: Client,
    socket: Option<Socket>,
    /// The last response on the socket, and how much of the history it knows.
    previous: Option<(String, usize)>,
}

impl Asker {
    fn new(address: SocketAddr, wire: Wire) -> Self {
        let open = || Socket::open(address, &[]).expect("a socket");
        Self {
            wire,
            client: Client::new(address),
            socket: (wire == Wire::Socket).then(open),
            previous: None,
        }
    }

    fn ask(&mut self, history: &[Value]) -> Answer {
        let body = self.wire.body(history, self.wire.streams());
        match self.wire {
            Wire::Socket => self.ask_socket(body, history),
            Wire::Background => {
                let (_, begun) = self.client.post_json(self.wire.path(), &[], &body);
                let path = format!("/v1/responses/{}", begun["id"].as_str().expect("an id"));
                let get = || self.client.get(&path, &[]).1;
                let is_over = |response: &Value| {
                    !["queued", "in_progress"].contains(&response["status"].as_str().unwrap_or(""))
                };
                responses(&poll(
                    "an end",
                    || Some(get()).filter(is_over),
                    || path.clone(),
                ))
            }
            Wire::ResponsesPlain => {
                responses(&self.client.post_json(self.wire.path(), &[], &body).1)
            }
            Wire::ChatPlain => {
                let (_, answer) = self.client.post_json(self.wire.path(), &[], &body);
                chat(&answer["choices"][0]["message"], &answer)
            }
            Wire::MessagesPlain => {
                let (_, answer) = self.client.post_json(self.wire.path(), &[], &body);
                messages(answer["content"].clone(), &answer, Vec::new())
            }
            Wire::Responses => {
                let events = self.client.post_sse(self.wire.path(), &[], &body).rest();
                let deltas = events
                    .iter()
                    .filter(|event| event.event.ends_with("text.delta"));
                let deltas = deltas.map(|event| format!("delta: {}", event.data["delta"]));
                let deltas: Vec<String> = deltas.collect();
                let last = events
                    .iter()
                    .rev()
                    .find(|event| event.event.starts_with("response."));
                let mut answer = responses(&last.expect("an end").data["response"]);
                answer.heard.extend(deltas);
                answer
            }
            Wire::Chat => {
                let events = self.client.post_sse(self.wire.path(), &[], &body).rest();
                let (message, error) = chat_of(&events);
                chat(&message, &error)
            }
            Wire::Messages => {
                let events = self.client.post_sse(self.wire.path(), &[], &body).rest();
                messages_of(&events)
            }
        }
    }

    /// Sends only what is new, as Codex does on a socket.
    fn ask_socket(&mut self, mut body: Value, history: &[Value]) -> Answer {
        if let Some((id, known)) = &self.previous {
            body["previous_response_id"] = json!(id);
            body["input"] = json!(history[*known..]);
        }
        body.as_object_mut().expect("an object").remove("stream");
        body.as_object_mut()
            .expect("an object")
            .remove("background");
        let socket = self.socket.as_mut().expect("a socket");
        socket.create(body);
        let mut deltas = Vec::new();
        let response = loop {
            let event = socket.next().expect("an event");
            match event["type"].as_str().unwrap_or_default() {
                "response.completed" | "response.failed" => break event["response"].clone(),
                kind if kind.ends_with("text.delta") => {
                    deltas.push(format!("delta: {}", event["delta"]));
                }
                _ => {}
            }
        };
        let mut answer = responses(&response);
        let known = history.len() + answer.added.len();
        // What failed is not gone on from.
        let id = response["id"]
            .as_str()
            .filter(|_| response["status"] == "completed");
        self.previous = id.map(|id| (id.to_owned(), known));
        answer.heard.extend(deltas);
        answer
    }
}

fn called(name: &Value, arguments: &str) -> String {
    format!("call: {} {arguments}", name.as_str().unwrap_or_default())
}

fn failed(error: &Value) -> Option<String> {
    let message = error["error"]["message"].as_str();
    message.map(|message| format!("error: {message}"))
}

fn responses(response: &Value) -> Answer {
    let output = response["output"].as_array().cloned().unwrap_or_default();
    let mut heard: Vec<String> = failed(response).into_iter().collect();
    let mut calls = Vec::new();
    for item in &output {
        heard.push(match item["type"].as_str() {
            Some("message") => format!("{}: {}", item["phase"], item["content"][0]["text"]),
            Some("reasoning") => format!("thought: {}", item["summary"][0]["text"]),
            _ => {
                calls.push(item["call_id"].as_str().expect("a call").to_owned());
                called(
                    &item["name"],
                    item["arguments"].as_str().unwrap_or_default(),
                )
            }
        });
    }
    Answer {
        added: output,
        calls,
        heard,
    }
}

fn chat(message: &Value, error: &Value) -> Answer {
    let mut heard: Vec<String> = failed(error).into_iter().collect();
    let mut calls = Vec::new();
    heard.extend(
        message["content"]
            .as_str()
            .map(|text| format!("words: {text}")),
    );
    heard.extend(
        message["reasoning_content"]
            .as_str()
            .map(|text| format!("thought: {text}")),
    );
    for call in message["tool_calls"].as_array().into_iter().flatten() {
        calls.push(call["id"].as_str().expect("an id").to_owned());
        let called_with = call["function"]["arguments"].as_str().unwrap_or_default();
        heard.push(called(&call["function"]["name"], called_with));
    }
    let is_message = message.is_object() && heard.iter().all(|said| !said.starts_with("error"));
    Answer {
        added: is_message.then(|| message.clone()).into_iter().collect(),
        calls,
        heard,
    }
}

/// The message that deltas add up to, and the error that may come instead.
fn chat_of(events: &[Event]) -> (Value, Value) {
    let (mut text, mut thought) = (String::new(), String::new());
    let mut calls: Vec<Value> = Vec::new();
    let mut error = Value::Null;
    for event in events {
        if event.data.get("error").is_some() {
            error = event.data.clone();
        }
        let delta = &event.data["choices"][0]["delta"];
        text.push_str(delta["content"].as_str().unwrap_or_default());
        thought.push_str(delta["reasoning_content"].as_str().unwrap_or_default());
        for call in delta["tool_calls"].as_array().into_iter().flatten() {
            let at = call["index"].as_u64().expect("a number") as usize;
            match calls.get_mut(at) {
                None => calls.push(call.clone()),
                Some(known) => {
                    let more = call["function"]["arguments"].as_str().unwrap_or_default();
                    let so_far = known["function"]["arguments"].as_str().unwrap_or_default();
                    known["function"]["arguments"] = json!(format!("{so_far}{more}"));
                }
            }
        }
    }
    for call in &mut calls {
        call.as_object_mut().expect("a call").remove("index");
    }
    let mut message = json!({"role": "assistant", "content": text, "reasoning_content": thought});
    if !calls.is_empty() {
        message["tool_calls"] = json!(calls);
    }
    (message, error)
}

fn messages(content: Value, error: &Value, deltas: Vec<String>) -> Answer {
    let mut heard: Vec<String> = failed(error).into_iter().collect();
    let mut calls = Vec::new();
    for block in content.as_array().into_iter().flatten() {
        match block["type"].as_str() {
            Some("text") => heard.push(format!("words: {}", block["text"])),
            Some("thinking") => heard.push(format!("thought: {}", block["thinking"])),
            _ => {
                calls.push(block["id"].as_str().expect("an id").to_owned());
                heard.push(called(&block["name"], &block["input"].to_string()));
            }
        }
    }
    heard.extend(deltas);
    let said = content.as_array().is_some_and(|blocks| !blocks.is_empty());
    let added = match said {
        true => vec![json!({"role": "assistant", "content": content})],
        false => Vec::new(),
    };
    Answer {
        added,
        calls,
        heard,
    }
}

fn messages_of(events: &[Event]) -> Answer {
    let mut blocks: Vec<Value> = Vec::new();
    let mut json_text = String::new();
    let mut deltas = Vec::new();
    let mut error = Value::Null;
    for event in events {
        let delta = &event.data["delta"];
        match event.event.as_str() {
            "error" => error = event.data.clone(),
            "content_block_start" => blocks.push(event.data["content_block"].clone()),
            "content_block_delta" => {
                let block = blocks.last_mut().expect("a block");
                for name in ["text", "thinking", "signature"] {
                    if let Some(more) = delta[name].as_str() {
                        let so_far = block[name].as_str().unwrap_or_default();
                        block[name] = json!(format!("{so_far}{more}"));
                    }
                }
                if let Some(more) = delta["partial_json"].as_str() {
                    json_text.push_str(more);
                }
                deltas.push(format!("delta: {delta}"));
            }
            "content_block_stop" if !json_text.is_empty() => {
                let input = serde_json::from_str(&std::mem::take(&mut json_text)).expect("JSON");
                blocks.last_mut().expect("a block")["input"] = input;
            }
            _ => {}
        }
    }
    let content = json!(blocks);
    messages(content, &error, deltas)
}
