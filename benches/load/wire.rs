//! Cheap clients: requests are made beforehand, and responses are parsed no more than needed.

use std::cell::{Cell, RefCell};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::rc::Rc;
use std::time::{Duration, Instant};

use memchr::memmem;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::task::LocalSet;

use crate::support::DEADLINE;

/// The event that says that a request is taken.
pub const CREATED: &str = "response.created";
/// The event that says that it is answered.
pub const COMPLETED: &str = "response.completed";

/// Streams that are held open.
pub type Held = Vec<tokio::net::TcpStream>;

/// Asks `count` times, so many at once, and waits until each request is taken: until the event
/// that says so is there. Returns the open streams and how long it took. `make` is given the
/// number of a request, from `first` on.
///
/// # Panics
///
/// If a request is not taken.
pub fn hold(
    address: SocketAddr,
    first: u64,
    count: u64,
    at_once: usize,
    make: impl Fn(u64) -> Vec<u8> + 'static,
) -> (Held, Duration) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let held = Rc::new(RefCell::new(Held::new()));
    let (next, make) = (Rc::new(Cell::new(first)), Rc::new(make));
    let tasks = LocalSet::new();
    let started = Instant::now();
    for _ in 0..at_once {
        let (held, next, make) = (held.clone(), next.clone(), make.clone());
        tasks.spawn_local(async move {
            let mut answer = Vec::with_capacity(64 * 1024);
            while next.get() < first + count {
                let number = next.replace(next.get() + 1);
                let request = make(number);
                let asked = ask(address, &request, &mut answer);
                match tokio::time::timeout(DEADLINE, asked).await {
                    Ok(Ok(stream)) => held.borrow_mut().push(stream),
                    Ok(Err(error)) => panic!("request {number}: {error}"),
                    Err(_) => panic!("request {number} was not taken in {DEADLINE:?}"),
                }
            }
        });
    }
    runtime.block_on(tasks);
    let took = started.elapsed();
    let held = held.take();
    assert_eq!(held.len() as u64, count, "some requests were not taken");
    (held, took)
}

async fn ask(
    address: SocketAddr,
    request: &[u8],
    answer: &mut Vec<u8>,
) -> std::io::Result<tokio::net::TcpStream> {
    let mut stream = tokio::net::TcpStream::connect(address).await?;
    stream.write_all(request).await?;
    answer.clear();
    while !has_event(answer, CREATED) {
        if stream.read_buf(answer).await? == 0 {
            let answer = format!("it answered {}", beginning(answer));
            return Err(std::io::Error::other(answer));
        }
    }
    Ok(stream)
}

/// One request at a time, on a connection of its own.
pub struct Exchange {
    stream: TcpStream,
    answer: Vec<u8>,
}

impl Exchange {
    /// Connects, and sends nothing yet.
    pub fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect_timeout(&address, DEADLINE).expect("a connection");
        stream.set_nodelay(true).expect("no delay");
        stream.set_read_timeout(Some(DEADLINE)).expect("a timeout");
        stream.set_write_timeout(Some(DEADLINE)).expect("a timeout");
        Self {
            stream,
            answer: Vec::new(),
        }
    }

    /// Sends the request and returns when its first byte left.
    pub fn send(&mut self, request: &[u8]) -> Instant {
        let started = Instant::now();
        self.stream.write_all(request).expect("the server reads");
        started
    }

    /// Reads up to the end of this event and returns when it was there.
    pub fn until(&mut self, event: &str) -> Instant {
        self.read_until(event, |answer| has_event(answer, event))
    }

    /// Reads up to this text and returns when it was there.
    pub fn until_text(&mut self, text: &str) -> Instant {
        self.read_until(text, |answer| {
            memmem::find(answer, text.as_bytes()).is_some()
        })
    }

    fn read_until(&mut self, what: &str, is_there: impl Fn(&[u8]) -> bool) -> Instant {
        let mut buffer = vec![0; 64 * 1024];
        loop {
            let now = Instant::now();
            if is_there(&self.answer) {
                return now;
            }
            let count = self.stream.read(&mut buffer);
            let count = count.unwrap_or_else(|error| panic!("waiting for {what}: {error}"));
            self.answer.extend(&buffer[..count]);
            assert!(count > 0, "no {what} in {}", beginning(&self.answer));
        }
    }

    /// All that came so far.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.answer).into_owned()
    }

    /// The JSON of the first event of a type.
    pub fn data(&self, event: &str) -> serde_json::Value {
        let text = self.text();
        let after = text.split_once(&format!("event: {event}\ndata: "));
        let line = after.and_then(|(_, rest)| rest.lines().next());
        let data = line.and_then(|line| serde_json::from_str(line).ok());
        data.unwrap_or_else(|| panic!("no {event} in {text}"))
    }
}

/// As much of an answer as helps to see what is wrong.
fn beginning(answer: &[u8]) -> String {
    String::from_utf8_lossy(&answer[..answer.len().min(1000)]).into_owned()
}

/// Whether an event of this type is there to its end.
fn has_event(answer: &[u8], event: &str) -> bool {
    let Some(start) = memmem::find(answer, format!("event: {event}\n").as_bytes()) else {
        return false;
    };
    memmem::find(&answer[start..], b"\n\n").is_some()
}
