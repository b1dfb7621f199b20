//! A client in WebSocket mode.

use std::net::{SocketAddr, TcpStream};
use std::time::Instant;

use serde_json::{Value, json};
use tungstenite::client::IntoClientRequest;
use tungstenite::handshake::HandshakeError;
use tungstenite::http::{HeaderName, HeaderValue};
use tungstenite::protocol::CloseFrame;
use tungstenite::protocol::frame::Frame;
use tungstenite::protocol::frame::coding::{CloseCode, Data, OpCode};
use tungstenite::{Error, Message, WebSocket};

use super::DEADLINE;

/// A connection to `/v1/responses`. Dropping it hangs up without a word.
pub struct Socket(WebSocket<TcpStream>);

impl Socket {
    /// Connects, or returns the status and the body of the refusal.
    pub fn open(address: SocketAddr, headers: &[(&str, &str)]) -> Result<Self, (u16, Value)> {
        let stream = TcpStream::connect(address).expect("connected");
        stream.set_read_timeout(Some(DEADLINE)).expect("a timeout");
        let url = format!("ws://{address}/v1/responses");
        let mut request = url.into_client_request().expect("a request");
        for (name, value) in headers {
            let name: HeaderName = name.parse().expect("a name");
            let value: HeaderValue = value.parse().expect("a value");
            request.headers_mut().insert(name, value);
        }
        match tungstenite::client(request, stream) {
            Ok((socket, _)) => Ok(Self(socket)),
            Err(HandshakeError::Failure(Error::Http(response))) => {
                let body = response.body().as_deref().unwrap_or_default();
                let body = serde_json::from_slice(body).unwrap_or(Value::Null);
                Err((response.status().as_u16(), body))
            }
            Err(error) => panic!("no handshake: {error}"),
        }
    }

    /// Sends a text as it is.
    pub fn send(&mut self, text: &str) {
        self.0.send(Message::text(text)).expect("sent");
    }

    /// Sends frames as they are, each with whether it is the last of its message.
    pub fn send_text_frames(&mut self, frames: &[(&[u8], bool)]) {
        for (index, (payload, last)) in frames.iter().enumerate() {
            let kind = match index {
                0 => Data::Text,
                _ => Data::Continue,
            };
            let frame = Frame::message(payload.to_vec(), OpCode::Data(kind), *last);
            self.0.send(Message::Frame(frame)).expect("sent");
        }
    }

    /// Sends bytes as they are, and says that they are no text.
    pub fn send_binary(&mut self, bytes: &[u8]) {
        self.0.send(Message::binary(bytes.to_vec())).expect("sent");
    }

    /// Sends a ping and waits for its answer; nothing else may come before it.
    pub fn ping(&mut self, payload: &'static [u8]) {
        let ping = Message::Ping(payload.into());
        self.0.send(ping).expect("sent");
        let pong = self.0.read().expect("a pong");
        assert_eq!(pong, Message::Pong(payload.into()));
    }

    /// Hangs up as the protocol wants it, and returns the code that the server answers with.
    pub fn close(mut self) -> u16 {
        let frame = CloseFrame {
            code: CloseCode::Normal,
            reason: "done".into(),
        };
        self.0.close(Some(frame)).expect("said");
        loop {
            if let Err(code) = self.next() {
                return code;
            }
        }
    }

    /// Sends `response.create` with these fields.
    pub fn create(&mut self, fields: Value) {
        let mut event = json!({"type": "response.create", "model": "human"});
        let all = event.as_object_mut().expect("an object");
        all.extend(fields.as_object().expect("fields").clone());
        self.send(&event.to_string());
    }

    /// The next event; the code of the close frame if the server closes.
    pub fn next(&mut self) -> Result<Value, u16> {
        loop {
            match self.0.read().expect("a message") {
                Message::Text(text) => {
                    return Ok(serde_json::from_str(text.as_str()).expect("JSON"));
                }
                Message::Close(frame) => {
                    return Err(frame.map_or(1005, |frame| frame.code.into()));
                }
                _ => {}
            }
        }
    }

    /// Reads up to the next event of this type.
    pub fn until(&mut self, kind: &str) -> Value {
        let end = Instant::now() + DEADLINE;
        let mut seen = Vec::new();
        while let Ok(event) = self.next() {
            if event["type"] == kind {
                return event;
            }
            seen.push(event);
            assert!(Instant::now() < end, "no {kind} came, only {seen:#?}");
        }
        panic!("closed without {kind}; there was {seen:#?}");
    }

    /// Reads a whole response, from its first event to its last.
    pub fn response(&mut self) -> Vec<Value> {
        let end = Instant::now() + DEADLINE;
        let mut events = Vec::new();
        loop {
            assert!(Instant::now() < end, "no end came, only {events:#?}");
            let event = self.next().expect("an event");
            let last = matches!(
                event["type"].as_str(),
                Some("response.completed" | "response.failed" | "response.incomplete")
            );
            events.push(event);
            if last {
                return events;
            }
        }
    }
}
