//! Helpers of the integration tests: the program in a terminal, HTTP clients, and real agents.
//!
//! - [`pty`]: any program in a pseudo-terminal, with keys going in and a screen coming out;
//! - [`operator`]: `humanllm` itself in such a terminal, in a home of its own;
//! - [`tui`]: the terminal interface without a terminal, and keys for it;
//! - [`server`]: the server as a library, with a scripted person behind it;
//! - [`client`]: a client of the HTTP API that reads streams event by event and can hang up;
//! - [`socket`]: a client in WebSocket mode;
//! - [`process`]: a client that is a program of its own, without a terminal;
//! - [`client_session`]: `humanllm`, a wire, and scripts of other clients;
//! - [`agent`]: `humanllm`, a wire, and a coding agent in a folder of its own;
//! - [`codex`]: the real Codex CLI, for tests that are given one;
//! - [`codex_session`]: `humanllm`, that Codex, and the wire between the two;
//! - [`upstream`]: a server with a model, whose answers the test writes;
//! - [`readers`]: other programs that read exported files;
//! - [`costs`]: what each kind of reply costs in keys.
//!
//! Nothing here waits for a fixed time. Everything waits for a condition until [`DEADLINE`] and
//! then panics with all there is to see.

pub mod agent;
pub mod client;
pub mod client_session;
pub mod codex;
pub mod codex_session;
pub mod costs;
pub mod operator;
pub mod process;
pub mod pty;
pub mod readers;
pub mod server;
pub mod socket;
pub mod tui;
pub mod upstream;

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;
use std::time::{Duration, Instant};

pub use agent::{Agent, in_terminal};
pub use client::{Client, Event, EventStream, Tap};
pub use client_session::{
    API_KEY, ClientOutput, ClientRun, ClientSession, is_count, path_from_environment,
};
pub use codex::CodexHome;
pub use codex_session::{CodexSession, has_row, submit_prompt};
pub use operator::{Operator, OperatorBuilder, Sandbox};
pub use process::ClientProcess;
pub use pty::{Key, Pty, Signal};
pub use server::{TestServer, answer, note, rejection};
pub use socket::Socket;
pub use upstream::{Gate, Script, Upstream};

/// How long anything may take before a test gives up. Generous: machines that test are busy.
pub const DEADLINE: Duration = Duration::from_secs(60);

/// A loopback address that nobody listens on at the moment.
pub fn free_address() -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    listener.local_addr().expect("its address")
}

/// Asks `probe` again and again until it has an answer; panics with `what` and `state()` if none comes.
pub fn poll<T>(
    what: &str,
    mut probe: impl FnMut() -> Option<T>,
    state: impl FnOnce() -> String,
) -> T {
    let end = Instant::now() + DEADLINE;
    loop {
        if let Some(found) = probe() {
            return found;
        }
        if Instant::now() > end {
            panic!("gave up waiting for {what}\n{}", state());
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Whether any file below `folder` holds `text`.
pub fn any_file_contains(folder: &Path, text: &str) -> bool {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return false;
    };
    entries.flatten().any(|entry| {
        let path = entry.path();
        if path.is_dir() {
            return any_file_contains(&path, text);
        }
        std::fs::read(path).is_ok_and(|bytes| contains(&bytes, text.as_bytes()))
    })
}

/// Whether `bytes` holds `part`.
pub fn contains(bytes: &[u8], part: &[u8]) -> bool {
    count(bytes, part) > 0
}

/// How often `part` occurs in `bytes`.
pub fn count(bytes: &[u8], part: &[u8]) -> usize {
    bytes.windows(part.len()).filter(|w| *w == part).count()
}
