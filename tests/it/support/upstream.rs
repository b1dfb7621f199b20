//! A server with a model, whose answers the test writes.

use std::collections::VecDeque;
use std::io::{self, BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::Instant;

use serde_json::{Value, json};
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{ServerConfig, ServerConnection, StreamOwned};

use super::DEADLINE;

/// A certificate for `localhost` and 127.0.0.1 that nobody has signed but itself.
pub const CERTIFICATE: &[u8] = include_bytes!("self_signed/certificate.der");
const KEY: &[u8] = include_bytes!("self_signed/key.der");

/// Something that waits until the test lets it go on. Clones are the same gate.
#[derive(Clone, Default)]
pub struct Gate(Arc<(Mutex<bool>, Condvar)>);

impl Gate {
    /// Lets go on what waits.
    pub fn open(&self) {
        *self.0.0.lock().unwrap() = true;
        self.0.1.notify_all();
    }

    fn wait(&self) {
        let is_open = self.0.0.lock().unwrap();
        let waited = self
            .0
            .1
            .wait_timeout_while(is_open, DEADLINE, |open| !*open);
        assert!(*waited.unwrap().0, "nobody opened a gate");
    }
}

/// A part of the output of a model, whatever the format of the request.
#[derive(Clone, Debug)]
pub enum OutputPart {
    /// Reasoning.
    Reasoning(&'static str),
    /// Text, with an event for each word.
    Text(String),
    /// A call of a function, with its arguments in pieces of a few bytes.
    Call(String, Value),
}

/// A call of a function.
pub fn call(name: &str, arguments: Value) -> OutputPart {
    OutputPart::Call(name.to_owned(), arguments)
}

/// Text.
pub fn say(text: &str) -> OutputPart {
    OutputPart::Text(text.to_owned())
}

/// A step of an answer.
#[derive(Clone)]
enum ScriptStep {
    /// These bytes, as they are.
    Bytes(Vec<u8>),
    /// Nothing, until the gate is open.
    Wait(Gate),
    /// Nothing more, until the other side closes the connection.
    Hold,
    /// The connection is closed.
    HangUp,
}

/// An answer to one request, as it goes over the wire. After its last step the server waits for the next
/// request on the same connection.
#[derive(Clone, Default)]
pub struct Script(Vec<ScriptStep>);

impl Script {
    /// The head of an answer that is streamed: its parts are chunks.
    pub fn stream() -> Self {
        Self::default().bytes(
            b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n",
        )
    }

    /// A whole answer of this type.
    pub fn whole(status: u16, kind: &str, headers: &[(&str, &str)], body: &str) -> Self {
        let mut head = format!("HTTP/1.1 {status} Told\r\nContent-Type: {kind}\r\n");
        for (name, value) in headers {
            head += &format!("{name}: {value}\r\n");
        }
        head += &format!("Content-Length: {}\r\n\r\n{body}", body.len());
        Self::default().bytes(head.as_bytes())
    }

    /// A whole answer of JSON.
    pub fn json(status: u16, body: &Value) -> Self {
        Self::whole(status, "application/json", &[], &body.to_string())
    }

    /// An error as OpenAI's API has it.
    pub fn error(status: u16, message: &str) -> Self {
        Self::json(status, &json!({"error": {"message": message}}))
    }

    /// Bytes as they are.
    pub fn bytes(mut self, bytes: &[u8]) -> Self {
        self.0.push(ScriptStep::Bytes(bytes.to_vec()));
        self
    }

    /// A chunk of a streamed answer.
    pub fn chunk(self, bytes: &[u8]) -> Self {
        let head = format!("{:x}\r\n", bytes.len());
        self.bytes(&[head.as_bytes(), bytes, b"\r\n"].concat())
    }

    /// An event without a name, as a chunk.
    pub fn event(self, data: &Value) -> Self {
        self.chunk(format!("data: {data}\n\n").as_bytes())
    }

    /// The end of a streamed answer.
    pub fn end(self) -> Self {
        self.bytes(b"0\r\n\r\n")
    }

    /// Waits until the gate is open.
    pub fn wait(mut self, gate: &Gate) -> Self {
        self.0.push(ScriptStep::Wait(gate.clone()));
        self
    }

    /// Sends nothing more until the other side closes the connection.
    pub fn hold(mut self) -> Self {
        self.0.push(ScriptStep::Hold);
        self
    }

    /// Closes the connection.
    pub fn hang_up(mut self) -> Self {
        self.0.push(ScriptStep::HangUp);
        self
    }

    /// The events of Chat Completions with these words; neither the head nor the end of the answer.
    pub fn words(mut self, words: &str) -> Self {
        for word in words.split_inclusive(' ') {
            self = self.event(&chat_delta(json!({"content": word})));
        }
        self
    }

    /// The end of an answer of Chat Completions.
    pub fn done(self) -> Self {
        let last = json!({"id": "c", "object": "chat.completion.chunk", "choices": [
            {"index": 0, "delta": {}, "finish_reason": "stop"}]});
        self.event(&last).last_chunk(b"data: [DONE]\n\n")
    }

    /// The last chunk and the end in one piece, as servers send them.
    fn last_chunk(self, bytes: &[u8]) -> Self {
        let head = format!("{:x}\r\n", bytes.len());
        self.bytes(&[head.as_bytes(), bytes, b"\r\n0\r\n\r\n"].concat())
    }

    /// A whole streamed answer, each byte as a chunk of its own.
    pub fn in_bytes(text: &[u8]) -> Self {
        let script = text
            .iter()
            .fold(Self::stream(), |script, byte| script.chunk(&[*byte]));
        script.end()
    }
}

/// A request that the server got.
#[derive(Clone, Debug)]
pub struct UpstreamRequest {
    /// Such as `POST`.
    pub method: String,
    /// Such as `/v1/chat/completions`.
    pub path: String,
    /// Names in small letters, and values.
    pub headers: Vec<(String, String)>,
    /// The JSON of its body; null if that has none.
    pub body: Value,
    /// On which connection, counted from 1.
    pub connection: usize,
}

impl UpstreamRequest {
    /// The value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }
}

enum Answer {
    Script(Script),
    Output(Vec<OutputPart>),
}

#[derive(Default)]
struct State {
    answers: VecDeque<Answer>,
    requests: Vec<UpstreamRequest>,
    /// How many of them [`Upstream::request`] has returned.
    returned: usize,
    models: Vec<String>,
    owner: String,
    connections: usize,
    /// Connections that were closed by the other side.
    closed: Vec<usize>,
}

type Shared = Arc<(Mutex<State>, Condvar)>;

/// The server. It answers `GET /v1/models` by itself, and waits for an answer from the test to every other
/// request.
pub struct Upstream {
    /// Where it listens.
    pub address: SocketAddr,
    is_secure: bool,
    shared: Shared,
}

impl Upstream {
    /// One with a model called `scripted`.
    pub fn start() -> Self {
        Self::of(None)
    }

    /// The same over TLS, with [`CERTIFICATE`].
    pub fn start_secure() -> Self {
        let provider = Arc::new(ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_no_client_auth()
            .with_single_cert(
                vec![CertificateDer::from(CERTIFICATE)],
                PrivateKeyDer::try_from(KEY).expect("a key"),
            );
        Self::of(Some(Arc::new(config.expect("a certificate"))))
    }

    fn of(tls: Option<Arc<ServerConfig>>) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        let address = listener.local_addr().expect("its address");
        let state = State {
            models: vec!["scripted".into()],
            owner: "somebody".into(),
            ..State::default()
        };
        let shared: Shared = Arc::new((Mutex::new(state), Condvar::new()));
        let (upstream, is_secure) = (Arc::clone(&shared), tls.is_some());
        // It ends with the tests: nobody connects any more then.
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let shared = Arc::clone(&upstream);
                let number = {
                    let mut state = lock(&shared);
                    state.connections += 1;
                    state.connections
                };
                let tls = tls.clone();
                std::thread::spawn(move || {
                    let _ = stream.set_nodelay(true);
                    let ended = match tls {
                        None => serve(stream, number, &shared),
                        Some(config) => {
                            let session = ServerConnection::new(config).expect("a session");
                            serve(StreamOwned::new(session, stream), number, &shared)
                        }
                    };
                    if ended.is_err() {
                        lock(&shared).closed.push(number);
                        shared.1.notify_all();
                    }
                });
            }
        });
        Self {
            address,
            is_secure,
            shared,
        }
    }

    /// Its base URL, without a version.
    pub fn url(&self) -> String {
        if self.is_secure {
            format!("https://localhost:{}", self.address.port())
        } else {
            format!("http://{}", self.address)
        }
    }

    /// Lists these models, of this owner, from now on.
    pub fn offers(&self, models: &[&str], owner: &str) {
        let mut state = lock(&self.shared);
        state.models = models.iter().map(|model| (*model).to_owned()).collect();
        state.owner = owner.to_owned();
    }

    /// Plays a script as the answer to the next request that has no answer yet.
    pub fn plays(&self, script: Script) {
        lock(&self.shared).answers.push_back(Answer::Script(script));
        self.shared.1.notify_all();
    }

    /// Streams this output as the answer to the next request that has no answer yet, in the format of that
    /// request.
    pub fn says(&self, parts: &[OutputPart]) {
        let answer = Answer::Output(parts.to_vec());
        lock(&self.shared).answers.push_back(answer);
        self.shared.1.notify_all();
    }

    /// Waits for the next request that was not returned yet; `GET /v1/models` does not count.
    pub fn request(&self) -> UpstreamRequest {
        self.wait("a request", |state| {
            let request = state.requests.get(state.returned)?.clone();
            state.returned += 1;
            Some(request)
        })
    }

    /// How many requests there were.
    pub fn requests(&self) -> usize {
        lock(&self.shared).requests.len()
    }

    /// Waits until the other side has closed a connection.
    pub fn wait_closed(&self, connection: usize) {
        let is_closed = |state: &mut State| state.closed.contains(&connection).then_some(());
        self.wait("the end of a connection", is_closed);
    }

    fn wait<T>(&self, what: &str, probe: impl Fn(&mut State) -> Option<T>) -> T {
        let end = Instant::now() + DEADLINE;
        let mut state = lock(&self.shared);
        loop {
            if let Some(found) = probe(&mut state) {
                return found;
            }
            let left = end.saturating_duration_since(Instant::now());
            let requests = format!("{:#?}", state.requests);
            assert!(
                !left.is_zero(),
                "gave up waiting for {what}; requests: {requests}"
            );
            state = self.shared.1.wait_timeout(state, left).unwrap().0;
        }
    }
}

fn lock(shared: &Shared) -> MutexGuard<'_, State> {
    shared.0.lock().unwrap()
}

/// Answers what comes on a connection. Fails when the other side closes it.
fn serve(stream: impl Read + Write, number: usize, shared: &Shared) -> io::Result<()> {
    let mut stream = BufReader::new(stream);
    loop {
        let request = match read(&mut stream, number) {
            // Such as the beginning of TLS.
            Err(error) if error.kind() == ErrorKind::InvalidData => {
                play(&mut stream, &Script::error(400, "no HTTP"))?;
                return Ok(());
            }
            request => request?,
        };
        if request.method == "GET" && request.path.ends_with("/models") {
            let body = {
                let state = lock(shared);
                let model =
                    |id: &String| json!({"id": id, "object": "model", "owned_by": state.owner});
                json!({"object": "list", "data": state.models.iter().map(model).collect::<Vec<_>>()})
            };
            play(&mut stream, &Script::json(200, &body))?;
            continue;
        }
        let path = request.path.clone();
        lock(shared).requests.push(request);
        shared.1.notify_all();
        let script = match next_answer(shared) {
            Some(Answer::Script(script)) => script,
            Some(Answer::Output(parts)) => script_for(&path, &parts),
            None => return Ok(()),
        };
        if play(&mut stream, &script)? {
            return Ok(());
        }
    }
}

/// Waits for the next answer of the test.
fn next_answer(shared: &Shared) -> Option<Answer> {
    let state = lock(shared);
    let wait = shared
        .1
        .wait_timeout_while(state, DEADLINE, |state| state.answers.is_empty());
    wait.unwrap().0.answers.pop_front()
}

/// Plays a script, and returns whether that closes the connection.
fn play<S: Read + Write>(stream: &mut BufReader<S>, script: &Script) -> io::Result<bool> {
    for act in &script.0 {
        match act {
            ScriptStep::Bytes(bytes) => {
                stream.get_mut().write_all(bytes)?;
                stream.get_mut().flush()?;
            }
            ScriptStep::Wait(gate) => gate.wait(),
            ScriptStep::Hold => {
                stream.read_to_end(&mut Vec::new())?;
                return Err(ErrorKind::UnexpectedEof.into());
            }
            ScriptStep::HangUp => return Ok(true),
        }
    }
    Ok(false)
}

fn read(stream: &mut impl BufRead, connection: usize) -> io::Result<UpstreamRequest> {
    let mut line = || {
        let mut line = String::new();
        match stream.read_line(&mut line)? {
            0 => Err(io::Error::from(ErrorKind::UnexpectedEof)),
            _ => Ok(line.trim_end().to_owned()),
        }
    };
    let first = line()?;
    let mut words = first.split(' ').map(str::to_owned);
    let (method, path) = (words.next(), words.next());
    let mut headers = Vec::new();
    loop {
        let line = line()?;
        let Some((name, value)) = line.split_once(':') else {
            break;
        };
        headers.push((name.to_lowercase(), value.trim().to_owned()));
    }
    let length = headers.iter().find(|(name, _)| name == "content-length");
    let length = length.and_then(|(_, length)| length.parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    stream.read_exact(&mut body)?;
    Ok(UpstreamRequest {
        method: method.unwrap_or_default(),
        path: path.unwrap_or_default(),
        headers,
        body: serde_json::from_slice(&body).unwrap_or_default(),
        connection,
    })
}

/// An answer in the format of a route.
fn script_for(path: &str, parts: &[OutputPart]) -> Script {
    if path.ends_with("/messages") {
        messages(parts)
    } else if path.ends_with("/responses") {
        responses(parts)
    } else {
        chat(parts)
    }
}

/// A text in pieces of a few characters.
fn pieces(text: &str) -> Vec<String> {
    let characters: Vec<char> = text.chars().collect();
    characters
        .chunks(7)
        .map(|piece| piece.iter().collect())
        .collect()
}

fn chat_delta(delta: Value) -> Value {
    json!({"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "scripted",
           "choices": [{"index": 0, "delta": delta, "finish_reason": null}]})
}

fn chat(parts: &[OutputPart]) -> Script {
    let mut script = Script::stream().event(&chat_delta(json!({"role": "assistant"})));
    let (mut calls, mut reason) = (0, "stop");
    for part in parts {
        match part {
            OutputPart::Reasoning(text) => {
                for piece in pieces(text) {
                    script = script.event(&chat_delta(json!({"reasoning_content": piece})));
                }
            }
            OutputPart::Text(text) => script = script.words(text),
            OutputPart::Call(name, arguments) => {
                let begun = json!({"index": calls, "id": format!("call_{calls}"), "type": "function",
                                   "function": {"name": name, "arguments": ""}});
                script = script.event(&chat_delta(json!({"tool_calls": [begun]})));
                for piece in pieces(&arguments.to_string()) {
                    let more = json!({"index": calls, "function": {"arguments": piece}});
                    script = script.event(&chat_delta(json!({"tool_calls": [more]})));
                }
                (calls, reason) = (calls + 1, "tool_calls");
            }
        }
    }
    let last = json!({"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "scripted",
                      "choices": [{"index": 0, "delta": {}, "finish_reason": reason}]});
    let usage = json!({"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "scripted",
                       "choices": [], "usage":
                       {"prompt_tokens": 100, "completion_tokens": 20, "total_tokens": 120}});
    let script = script.event(&last).event(&usage);
    script.last_chunk(b"data: [DONE]\n\n")
}

/// Adds an event whose name is the type in its data.
fn named_event(script: Script, data: &Value) -> Script {
    let name = data["type"].as_str().expect("a type");
    script.chunk(format!("event: {name}\ndata: {data}\n\n").as_bytes())
}

fn messages(parts: &[OutputPart]) -> Script {
    let begin = json!({"type": "message_start", "message": {
        "id": "m", "type": "message", "role": "assistant", "model": "scripted", "content": [],
        "stop_reason": null, "stop_sequence": null,
        "usage": {"input_tokens": 100, "output_tokens": 1}}});
    let mut script = named_event(Script::stream(), &begin);
    let mut reason = "end_turn";
    for (index, part) in parts.iter().enumerate() {
        let (block, deltas) = match part {
            OutputPart::Reasoning(text) => (
                json!({"type": "thinking", "thinking": "", "signature": ""}),
                pieces(text)
                    .into_iter()
                    .map(|piece| json!({"type": "thinking_delta", "thinking": piece}))
                    .collect::<Vec<_>>(),
            ),
            OutputPart::Text(text) => (
                json!({"type": "text", "text": ""}),
                text.split_inclusive(' ')
                    .map(|word| json!({"type": "text_delta", "text": word}))
                    .collect(),
            ),
            OutputPart::Call(name, arguments) => {
                reason = "tool_use";
                (
                    json!({"type": "tool_use", "id": format!("toolu_{index}"), "name": name, "input": {}}),
                    pieces(&arguments.to_string())
                        .into_iter()
                        .map(|piece| json!({"type": "input_json_delta", "partial_json": piece}))
                        .collect(),
                )
            }
        };
        script = named_event(
            script,
            &json!({"type": "content_block_start", "index": index, "content_block": block}),
        );
        for delta in deltas {
            script = named_event(
                script,
                &json!({"type": "content_block_delta", "index": index, "delta": delta}),
            );
        }
        script = named_event(
            script,
            &json!({"type": "content_block_stop", "index": index}),
        );
    }
    script = named_event(
        script,
        &json!({"type": "message_delta", "delta": {"stop_reason": reason, "stop_sequence": null},
                "usage": {"output_tokens": 20}}),
    );
    script.last_chunk(b"event: message_stop\ndata: {\"type\": \"message_stop\"}\n\n")
}

fn responses(parts: &[OutputPart]) -> Script {
    let response = |status: &str, output: &[Value]| {
        json!({"id": "resp_1", "object": "response", "created_at": 1, "status": status,
               "model": "scripted", "output": output, "parallel_tool_calls": true, "tools": [],
               "usage": {"input_tokens": 100, "output_tokens": 20, "total_tokens": 120,
                         "input_tokens_details": {"cached_tokens": 0},
                         "output_tokens_details": {"reasoning_tokens": 0}}})
    };
    let begin = json!({"type": "response.created", "response": response("in_progress", &[])});
    let mut script = named_event(Script::stream(), &begin);
    let mut output = Vec::new();
    for (index, part) in parts.iter().enumerate() {
        let id = format!("item_{index}");
        let (begun, deltas, whole) = match part {
            OutputPart::Reasoning(text) => (
                json!({"type": "reasoning", "id": id, "summary": []}),
                pieces(text)
                    .into_iter()
                    .map(|piece| {
                        json!({"type": "response.reasoning_summary_text.delta", "item_id": id,
                               "output_index": index, "summary_index": 0, "delta": piece})
                    })
                    .collect::<Vec<_>>(),
                json!({"type": "reasoning", "id": id,
                       "summary": [{"type": "summary_text", "text": text}]}),
            ),
            OutputPart::Text(text) => (
                json!({"type": "message", "id": id, "role": "assistant", "status": "in_progress",
                       "content": []}),
                text.split_inclusive(' ')
                    .map(|word| {
                        json!({"type": "response.output_text.delta", "item_id": id,
                               "output_index": index, "content_index": 0, "delta": word})
                    })
                    .collect(),
                json!({"type": "message", "id": id, "role": "assistant", "status": "completed",
                       "content": [{"type": "output_text", "text": text, "annotations": []}]}),
            ),
            OutputPart::Call(name, arguments) => {
                let call = |arguments: String, status: &str| {
                    json!({"type": "function_call", "id": id, "call_id": format!("call_{index}"),
                           "name": name, "arguments": arguments, "status": status})
                };
                (
                    call(String::new(), "in_progress"),
                    pieces(&arguments.to_string())
                        .into_iter()
                        .map(|piece| {
                            json!({"type": "response.function_call_arguments.delta", "item_id": id,
                                   "output_index": index, "delta": piece})
                        })
                        .collect(),
                    call(arguments.to_string(), "completed"),
                )
            }
        };
        script = named_event(
            script,
            &json!({"type": "response.output_item.added", "output_index": index, "item": begun}),
        );
        for delta in &deltas {
            script = named_event(script, delta);
        }
        script = named_event(
            script,
            &json!({"type": "response.output_item.done", "output_index": index, "item": whole}),
        );
        output.push(whole);
    }
    let end = json!({"type": "response.completed", "response": response("completed", &output)});
    script.last_chunk(format!("event: response.completed\ndata: {end}\n\n").as_bytes())
}
