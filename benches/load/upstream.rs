//! A model that says its first word when it is told to, so that it is known when that left.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, channel};
use std::time::Instant;

use crate::support::DEADLINE;

/// The head of an answer, and its first event, in which there is no word yet.
const HEAD: &str = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n\
     data: {\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":null}}]}\n\n";
/// The end of one.
const END: &str = "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n\
     data: [DONE]\n\n";

/// A server in the format of Chat Completions with one client at a time.
pub struct Upstream {
    /// Where it listens.
    pub address: SocketAddr,
    asked: Receiver<TcpStream>,
}

impl Upstream {
    /// Starts it.
    pub fn start() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
        let address = listener.local_addr().expect("its address");
        let (asks, asked) = channel();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let stream = stream.expect("a connection");
                stream.set_nodelay(true).expect("no delay");
                // What does not ask is a connection that waits for its turn.
                if take_request(&stream).is_some() && asks.send(stream).is_err() {
                    return;
                }
            }
        });
        Self { address, asked }
    }

    /// Waits until it is asked, and answers all but the first word.
    pub fn asked(&self) -> Answer {
        let mut stream = self.asked.recv_timeout(DEADLINE).expect("a request");
        stream.write_all(HEAD.as_bytes()).expect("the client reads");
        Answer(stream)
    }
}

/// An answer that has begun.
pub struct Answer(TcpStream);

impl Answer {
    /// Says a word; returns when it left.
    pub fn say(&mut self, word: &str) -> Instant {
        let event = format!(
            "data: {{\"choices\":[{{\"index\":0,\"delta\":{{\"content\":\"{word}\"}}}}]}}\n\n"
        );
        let said = Instant::now();
        self.0
            .write_all(event.as_bytes())
            .expect("the client reads");
        said
    }

    /// Says that there is no more.
    pub fn end(mut self) {
        self.0.write_all(END.as_bytes()).expect("the client reads");
    }
}

/// Reads a request to its end.
fn take_request(stream: &TcpStream) -> Option<()> {
    let mut reader = BufReader::new(stream);
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader
            .read_line(&mut line)
            .ok()
            .filter(|count| *count > 0)?;
        if line.trim().is_empty() {
            break;
        }
        let lower = line.to_ascii_lowercase();
        if let Some(value) = lower.strip_prefix("content-length:") {
            length = value.trim().parse().ok()?;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()
}
