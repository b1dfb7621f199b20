//! A client of the HTTP API, and a tap on the wire between a client and the server.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use serde_json::Value;
use ureq::http::Response;
use ureq::{Agent, Body};

use super::{DEADLINE, count, poll};

/// Speaks HTTP to one server on loopback.
#[derive(Clone)]
pub struct Client {
    agent: Agent,
    address: SocketAddr,
}

impl Client {
    /// A client of the server at `address`. Nothing is sent yet.
    pub fn new(address: SocketAddr) -> Self {
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .max_idle_connections(0)
            .proxy(None)
            .timeout_connect(Some(DEADLINE))
            .timeout_recv_response(Some(DEADLINE))
            .timeout_per_read(Some(DEADLINE))
            .build();
        Self {
            agent: config.new_agent(),
            address,
        }
    }

    /// GETs a path. The answer is JSON, or null where it is not.
    pub fn get(&self, path: &str, headers: &[(&str, &str)]) -> (u16, Value) {
        let mut request = self.agent.get(self.url(path));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        json(request.call().expect("an answer"))
    }

    /// DELETEs a path.
    pub fn delete(&self, path: &str) -> (u16, Value) {
        json(self.agent.delete(self.url(path)).call().expect("an answer"))
    }

    /// GETs a path whose answer is a stream of events.
    pub fn get_sse(&self, path: &str) -> EventStream {
        stream(self.agent.get(self.url(path)).call().expect("an answer"))
    }

    /// POSTs JSON and reads the whole answer, JSON too, or null where it is not.
    pub fn post_json(&self, path: &str, headers: &[(&str, &str)], body: &Value) -> (u16, Value) {
        json(self.post(path, headers, body.to_string().as_bytes()))
    }

    /// POSTs JSON and returns as soon as the stream of events has begun.
    pub fn post_sse(&self, path: &str, headers: &[(&str, &str)], body: &Value) -> EventStream {
        stream(self.post(path, headers, body.to_string().as_bytes()))
    }

    /// POSTs any bytes and returns the raw answer.
    pub fn post(&self, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Response<Body> {
        let mut request = self.agent.post(self.url(path));
        if !headers
            .iter()
            .any(|h| h.0.eq_ignore_ascii_case("content-type"))
        {
            request = request.header("content-type", "application/json");
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.send(body).expect("an answer")
    }

    /// POSTs JSON to a server that may end at any moment: the raw answer, if one has begun.
    pub fn try_post(&self, path: &str, body: &Value) -> Option<Response<Body>> {
        let request = self.agent.post(self.url(path));
        let request = request.header("content-type", "application/json");
        request.send(body.to_string().as_bytes()).ok()
    }

    /// GETs a path of a server that may end at any moment: the JSON of a good answer, if all of it
    /// came.
    pub fn try_get(&self, path: &str) -> Option<Value> {
        let answer = self.agent.get(self.url(path)).call().ok()?;
        serde_json::from_reader(answer.into_body().into_reader()).ok()
    }

    /// Whether the server is up.
    pub fn is_healthy(&self) -> bool {
        self.answers("/healthz")
    }

    /// Whether a GET of this path is answered with status 200.
    pub fn answers(&self, path: &str) -> bool {
        let answer = self.agent.get(self.url(path)).call();
        answer.is_ok_and(|response| response.status() == 200)
    }

    /// Waits until the server is up.
    pub fn wait_healthy(&self) {
        poll(
            "the server",
            || self.is_healthy().then_some(()),
            || self.address.to_string(),
        );
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }
}

fn stream(response: Response<Body>) -> EventStream {
    let status = response.status().as_u16();
    let kind = response.body().mime_type().unwrap_or("").to_owned();
    let mut reader = response.into_body().into_reader();
    if (status, kind.as_str()) != (200, "text/event-stream") {
        let mut text = String::new();
        let _ = reader.read_to_string(&mut text);
        panic!("expected a stream of events, got {status} {kind}: {text}");
    }
    EventStream(BufReader::new(Box::new(reader)))
}

fn json(response: Response<Body>) -> (u16, Value) {
    let status = response.status().as_u16();
    let mut text = String::new();
    let _ = response.into_body().into_reader().read_to_string(&mut text);
    (status, serde_json::from_str(&text).unwrap_or(Value::Null))
}

/// One server-sent event.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// What follows `event:`; empty if nothing does.
    pub event: String,
    /// What follows `data:`, as JSON; `[DONE]`, which is none, as a string.
    pub data: Value,
}

/// The events of one response, in order. Dropping it hangs up.
pub struct EventStream(BufReader<Box<dyn Read + Send>>);

impl EventStream {
    /// The next event, or nothing at the end of the stream. Panics when the connection breaks or
    /// nothing comes for a minute. Comments are skipped.
    pub fn next_event(&mut self) -> Option<Event> {
        let (mut event, mut data) = (String::new(), String::new());
        loop {
            let mut line = String::new();
            if self.0.read_line(&mut line).expect("the next line") == 0 {
                return None;
            }
            match line.trim_end_matches(['\r', '\n']).split_once(':') {
                Some(("event", value)) => event = value.trim_start().to_owned(),
                Some(("data", value)) => data += value.strip_prefix(' ').unwrap_or(value),
                None if line.trim().is_empty() && !data.is_empty() => {
                    let data = serde_json::from_str(&data).unwrap_or(Value::String(data));
                    return Some(Event { event, data });
                }
                _ => {}
            }
        }
    }

    /// Reads up to the next event of this type and returns its data. Signs of life alone hold nobody
    /// longer than [`DEADLINE`].
    pub fn until(&mut self, event: &str) -> Value {
        let end = Instant::now() + DEADLINE;
        let mut seen = Vec::new();
        while let Some(next) = self.next_event() {
            if next.event == event {
                return next.data;
            }
            seen.push(next);
            assert!(Instant::now() < end, "no {event} came, only {seen:#?}");
        }
        panic!("the stream ended without {event}; it was {seen:#?}");
    }

    /// Reads all that is left.
    pub fn rest(mut self) -> Vec<Event> {
        let end = Instant::now() + DEADLINE;
        let mut events = Vec::new();
        while let Some(event) = self.next_event() {
            events.push(event);
            assert!(Instant::now() < end, "no end came, only {events:#?}");
        }
        events
    }
}

impl Iterator for EventStream {
    type Item = Event;

    fn next(&mut self) -> Option<Event> {
        self.next_event()
    }
}

/// A proxy port that forwards everything to another port and records it.
pub struct Tap {
    /// Where clients connect.
    pub address: SocketAddr,
    from_client: Log,
    from_server: Log,
}

/// All bytes that went in one direction.
type Log = Arc<Mutex<Vec<u8>>>;

impl Tap {
    /// Taps the wire to `server`, which need not be up yet.
    pub fn new(server: SocketAddr) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        let address = listener.local_addr().expect("its address");
        let (from_client, from_server) = (Log::default(), Log::default());
        let logs = (Arc::clone(&from_client), Arc::clone(&from_server));
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                if let Ok(server) = TcpStream::connect(server) {
                    let (c, s) = (client.try_clone().unwrap(), server.try_clone().unwrap());
                    let (from_client, from_server) = (Arc::clone(&logs.0), Arc::clone(&logs.1));
                    std::thread::spawn(move || forward(c, s, &from_client));
                    std::thread::spawn(move || forward(server, client, &from_server));
                }
            }
        });
        Self {
            address,
            from_client,
            from_server,
        }
    }

    /// How many requests for a response were made.
    pub fn posts(&self) -> usize {
        self.client_sent("POST /v1/responses ")
    }

    /// How often clients sent `text`.
    pub fn client_sent(&self, text: &str) -> usize {
        count(&self.from_client.lock().unwrap(), text.as_bytes())
    }

    /// How often the server sent `text`.
    pub fn server_sent(&self, text: &str) -> usize {
        count(&self.from_server.lock().unwrap(), text.as_bytes())
    }
}

/// Forwards bytes until one side closes its connection.
fn forward(mut from: TcpStream, mut to: TcpStream, log: &Mutex<Vec<u8>>) {
    let mut buffer = [0; 16 * 1024];
    while let Ok(count @ 1..) = from.read(&mut buffer) {
        log.lock().unwrap().extend(&buffer[..count]);
        if to.write_all(&buffer[..count]).is_err() {
            break;
        }
    }
    // One side is gone, so the other is closed at once.
    let _ = from.shutdown(Shutdown::Both);
    let _ = to.shutdown(Shutdown::Both);
}
