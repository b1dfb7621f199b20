//! A session with a person, kept in a journal, and the program that plays it again.

use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::thread::JoinHandle;

use humanllm::api::{Body, Ending, Phase, Reply};
use humanllm::draft::Draft;
use humanllm::inbox::{Change, ConversationId};
use humanllm::journal::{Journal, JournalOptions};
use humanllm::store::Store;
use jiff::Timestamp;
use rustix::process::{Pid, kill_process};
use serde_json::Value;
use tempfile::TempDir;

use super::agent::{Wire, talk};
use crate::support::operator::PROGRAM;
use crate::support::{Signal, TestServer, note, poll, rejection};

pub const PROMPT: &str = "Count my words";
pub const HOMEWORK: &str = "Do all of my homework";
pub const HELP: &str = "Then help me with it";
pub const REFUSAL: &str = "Do it yourself";
/// How many requests there are in the session.
pub const TURNS: usize = 4;

/// Folders of a session.
pub struct Place(TempDir);

impl Place {
    pub fn new() -> Self {
        Self(tempfile::tempdir().expect("a temporary folder"))
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// The program with these arguments and the journal of the session.
    pub fn command(&self, args: &[&str]) -> Command {
        command(&self.path("state"), self.0.path(), args)
    }

    pub fn humanllm(&self, args: &[&str]) -> Output {
        self.command(args).output().expect("started")
    }
}

/// The program with these arguments, a journal and a home.
pub fn command(state: &Path, home: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(PROGRAM);
    command
        .env_clear()
        .env("HOME", home)
        .env("PATH", std::env::var("PATH").unwrap_or_default())
        .env("HUMANLLM_STATE_DIR", state)
        .args(args)
        .current_dir(home)
        .stdin(Stdio::null())
        .stderr(Stdio::piped());
    command
}

/// A session that was played by a person.
pub struct Recorded {
    /// What the agent heard.
    pub heard: Vec<String>,
    pub place: Place,
    /// The number of the conversation in the journal.
    pub id: String,
}

/// A person with a journal.
pub fn server(place: &Place) -> TestServer {
    let journal =
        Journal::open(&place.path("state"), JournalOptions::default()).expect("a journal");
    let store = Store::with_journal(100, journal).expect("a store");
    TestServer::with_store(store, 10, |_| {})
}

/// The person leaves, and the journal has all of it.
pub fn end(mut server: TestServer) {
    server.close();
    server.leave();
    server.finish();
}

/// Has a person answer the agent: a note, a thought and a command; a message that is typed live; a rejection, and
/// an answer.
pub fn record(wire: Wire) -> Recorded {
    let place = Place::new();
    let mut server = server(&place);
    let address = server.address;
    let agent = std::thread::spawn(move || talk(address, wire, "/tmp/.tmpAb12Cd"));
    let first = arrival(&mut server);
    server
        .reply(first, note("One moment"))
        .expect("somebody waits");
    let shell = server.inbox.get(first).and_then(|found| found.shell());
    let call = shell.expect("a shell").call("ls", &serde_json::Map::new());
    let thought = Reply::Items(vec![Body::reasoning("Let me see")]);
    server.reply(first, thought).expect("somebody waits");
    finish(&mut server, first, vec![call]);
    let second = arrival(&mut server);
    for line in ["There are\n", "two of them"] {
        live(&mut server, second, line);
    }
    finish(&mut server, second, Vec::new());
    let third = arrival(&mut server);
    server
        .reply(third, rejection(REFUSAL))
        .expect("somebody waits");
    let last = arrival(&mut server);
    let help = Body::message("With pleasure", Phase::FinalAnswer);
    finish(&mut server, last, vec![help]);
    let heard = agent.join().expect("no panic");
    let conversations: Vec<_> = server.inbox.conversations().map(|found| found.id).collect();
    assert_eq!(conversations.len(), 1, "{wire:?}: one conversation");
    end(server);
    Recorded {
        heard,
        place,
        id: "1".to_owned(),
    }
}

/// Waits for a request, past what was delivered meanwhile.
fn arrival(server: &mut TestServer) -> ConversationId {
    loop {
        if let Change::Arrived { conversation, .. } = server.next_change() {
            return conversation;
        }
    }
}

fn live(server: &mut TestServer, id: ConversationId, line: &str) {
    let draft = Draft {
        text: line.to_owned(),
        live: true,
        ..Draft::default()
    };
    let reply = Reply::Live {
        delta: line.to_owned(),
        phase: Phase::FinalAnswer,
    };
    let said = server
        .inbox
        .reply(id, reply, draft, &Draft::default(), Timestamp::now());
    said.expect("somebody waits");
}

fn finish(server: &mut TestServer, id: ConversationId, items: Vec<Body>) {
    let ending = Ending::Completed;
    server
        .reply(id, Reply::End { items, ending })
        .expect("somebody waits");
    settle(server, id);
}

/// Waits until all that was said is delivered.
fn settle(server: &mut TestServer, id: ConversationId) {
    while server.inbox.is_busy(id) {
        server.next_change();
    }
}

/// The program that plays a recording.
pub struct Replay {
    pub address: SocketAddr,
    child: Child,
    stdout: BufReader<std::process::ChildStdout>,
    told: Option<JoinHandle<String>>,
}

impl Replay {
    /// Starts it on a free port. It must be told `--json`.
    pub fn start(place: &Place, args: &[&str]) -> Self {
        let own = ["replay", "--listen", "127.0.0.1:0"];
        let args = [&own[..], args].concat();
        Self::of(place.command(&args))
    }

    pub fn of(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).spawn().expect("started");
        let mut stderr = child.stderr.take().expect("a pipe");
        let told = std::thread::spawn(move || {
            let mut told = String::new();
            let _ = stderr.read_to_string(&mut told);
            told
        });
        let mut stdout = BufReader::new(child.stdout.take().expect("a pipe"));
        let mut line = String::new();
        stdout.read_line(&mut line).expect("a line");
        let line: Value = serde_json::from_str(&line)
            .unwrap_or_else(|error| panic!("{error} in {line:?}: {}", told_by(&mut child)));
        let url = line["listening"].as_str().expect("an address");
        let address = url.trim_start_matches("http://").parse();
        Self {
            address: address.expect("an address"),
            child,
            stdout,
            told: Some(told),
        }
    }

    pub fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).expect("a running process");
    }

    /// Waits for its end: the exit code and the summary.
    pub fn wait(self) -> (i32, Value) {
        let (code, summary, _) = self.wait_told();
        (code, summary)
    }

    /// The same with all that it told people.
    pub fn wait_told(mut self) -> (i32, Value, String) {
        let child = &mut self.child;
        let status = poll(
            "the end of the replay",
            || child.try_wait().expect("its state"),
            || "it goes on".to_owned(),
        );
        let mut rest = String::new();
        self.stdout.read_to_string(&mut rest).expect("its output");
        let told = self
            .told
            .take()
            .expect("a reader")
            .join()
            .expect("no panic");
        let summary = rest.lines().last().unwrap_or_default();
        let summary = serde_json::from_str(summary)
            .unwrap_or_else(|error| panic!("{error} in {rest:?}: {told}"));
        (status.code().expect("a code"), summary, told)
    }
}

impl Drop for Replay {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn told_by(child: &mut Child) -> String {
    let _ = child.kill();
    format!("{:?}", child.wait())
}
