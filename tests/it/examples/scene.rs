//! A home with everything that examples speak of: conversations in a journal, a recording, an agent, and a
//! person who answers or a client who waits.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use humanllm::journal::{Journal, JournalOptions};
use humanllm::store::Store;
use rustix::process::{Pid, Signal, kill_process_group};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::block::Block;
use crate::support::operator::PROGRAM;
use crate::support::{
    Client, DEADLINE, Operator, Sandbox, TestServer, answer, client_session, poll,
};

/// The conversation that clients wait in.
const ASKED: usize = 7;
/// The conversation that has a recording.
const RECORDED: usize = 12;
/// How many there are.
const CONVERSATIONS: usize = 13;

/// Conversations that were held, and a recording of one.
pub struct Session {
    folder: TempDir,
    /// What an agent asked in the one that has a recording.
    asked: Vec<Value>,
}

impl Session {
    /// Holds them.
    pub fn record() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let state = folder.path().join("state");
        let journal = Journal::open(&state, JournalOptions::default()).expect("a journal");
        let store = Store::with_journal(100, journal).expect("a store");
        let mut server = TestServer::with_store(store, 10, |_| {});
        let mut asked = Vec::new();
        for number in 1..=CONVERSATIONS {
            let turns = if number == RECORDED { 3 } else { 1 };
            let mut items = Vec::new();
            for turn in 1..=turns {
                items.push(json!({"role": "user", "content": prompt(number, turn)}));
                let request = request(number, json!(items));
                let reply = format!("Answer {turn}");
                exchange(&mut server, request.clone(), &reply);
                items.push(json!({"role": "assistant", "content": reply}));
                if number == RECORDED {
                    asked.push(request);
                }
            }
        }
        server.close();
        server.leave();
        server.finish();
        Self { folder, asked }
    }
}

/// A request that is answered.
fn exchange(server: &mut TestServer, body: Value, reply: &str) {
    let client = server.client.clone();
    let asked = std::thread::spawn(move || client.post_json("/v1/responses", &CODEX, &body).0);
    let id = server.next_request();
    server.reply(id, answer(reply)).expect("somebody waits");
    assert_eq!(asked.join().expect("no panic"), 200);
    server.wait_delivery();
}

/// How an agent says who it is.
const CODEX: [(&str, &str); 1] = [("user-agent", "codex_cli_rs/0.169.0")];

fn prompt(number: usize, turn: usize) -> String {
    match (number, turn) {
        (ASKED, _) => "May I remove the folder target?".to_owned(),
        (_, 1) => format!("Write parser number {number}"),
        _ => format!("Go on with step {turn}"),
    }
}

/// What a person says.
const ANSWER: &str = "It is done";

/// What an agent asks.
fn request(number: usize, input: Value) -> Value {
    json!({"model": "human", "input": input, "prompt_cache_key": format!("thread-{number}"), "tools": [
        {"type": "function", "name": "exec_command", "parameters": {"type": "object",
            "properties": {"cmd": {"type": "string"}, "workdir": {"type": "string"}},
            "required": ["cmd"]}},
        {"type": "function", "name": "read_lines", "parameters": {"type": "object",
            "properties": {"path": {"type": "string"}}, "required": ["path"]}},
    ]})
}

/// An agent that asks what was recorded, with the shell.
const AGENT: &str = r#"#!/bin/sh
# my-agent --base-url URL
for body in requests/*.json; do
    curl -sS -H 'Content-Type: application/json' --data "@$body" "$2/responses" >/dev/null || exit 1
done
"#;

/// A program that knows nothing but its environment.
const PROGRAM_IN_PYTHON: &str = r#"
import json, os, urllib.request
for base, path, body in [
    (os.environ["OPENAI_BASE_URL"], "/responses", {"input": "hello"}),
    (os.environ["ANTHROPIC_BASE_URL"], "/v1/messages",
     {"max_tokens": 9, "messages": [{"role": "user", "content": "hello"}]}),
]:
    request = urllib.request.Request(base + path, json.dumps({"model": "human", **body}).encode(),
        {"Content-Type": "application/json", "Authorization": "Bearer " + os.environ["OPENAI_API_KEY"]})
    assert "It is done" in urllib.request.urlopen(request).read().decode()
"#;

/// A block, and all that it needs.
pub struct Scene<'a> {
    block: &'a Block,
    session: &'a Session,
    place: Sandbox,
}

impl<'a> Scene<'a> {
    /// Lays everything out; `None`, and says so, if something is not there.
    pub fn of(block: &'a Block, session: &'a Session) -> Option<Self> {
        let place = Sandbox::new();
        let scene = Self {
            block,
            session,
            place,
        };
        let bin = scene.path("bin");
        let work = scene.path("work");
        fs::create_dir_all(&bin).expect("a folder");
        fs::create_dir_all(work.join("requests")).expect("a folder");
        symlink(PROGRAM, bin.join("humanllm")).expect("a link");
        for need in &block.needs {
            let variable = match need.as_str() {
                "codex" => "HUMANLLM_TEST_CODEX",
                "claude" => "HUMANLLM_TEST_CLAUDE",
                "datasets" => "HUMANLLM_TEST_DATASETS",
                other => panic!("{block}: {other} is no program that tests are given"),
            };
            let name = if need == "datasets" { "python" } else { need };
            symlink(
                client_session::path_from_environment(variable, need)?,
                bin.join(name),
            )
            .expect("a link");
        }
        let used = ["curl", "jq", "python3"];
        let used = used.iter().filter(|name| block.text.contains(**name));
        let interpreter = (block.language == "vim").then_some(&"vim");
        for name in used.chain(interpreter) {
            if !is_installed(name) {
                eprintln!("{block}: skipped, there is no {name}");
                return None;
            }
        }
        if !bin.join("python").exists() && is_installed("python3") {
            let python = installed("python3").expect("it is there");
            symlink(python, bin.join("python")).expect("a link");
        }
        // A refusal is no success.
        fs::write(scene.path("home/.curlrc"), "fail-with-body\n").expect("written");
        let agent = bin.join("my-agent");
        fs::write(&agent, AGENT).expect("written");
        fs::set_permissions(&agent, fs::Permissions::from_mode(0o755)).expect("executable");
        fs::write(work.join("my_program.py"), PROGRAM_IN_PYTHON).expect("written");
        for (number, body) in session.asked.iter().enumerate() {
            let path = work.join(format!("requests/{number}.json"));
            fs::write(path, body.to_string()).expect("written");
        }
        for entry in fs::read_dir(session.folder.path().join("state")).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_file() {
                let name = path.file_name().expect("a name");
                fs::copy(&path, scene.place.state_dir().join(name)).expect("copied");
            }
        }
        scene.prepare(&["replay", "--save", "session.jsonl", "12"]);
        if block.language == "python" {
            scene.prepare(&["export", "--format", "messages", "-o", "train.jsonl"]);
        }
        Some(scene)
    }

    fn prepare(&self, args: &[&str]) {
        let done = self.command("humanllm").args(args).output();
        let done = done.expect("started");
        assert!(done.status.success(), "{}: {done:?}", self.block);
    }

    fn path(&self, name: &str) -> PathBuf {
        self.place.path(name)
    }

    fn says(&self, words: &[&str]) -> bool {
        words.iter().any(|word| self.block.text.contains(word))
    }

    /// A program in the home of this scene.
    fn command(&self, program: &str) -> Command {
        let mut path = OsString::from(self.path("bin"));
        path.push(":");
        path.push(std::env::var_os("PATH").unwrap_or_default());
        let bin = self.path("bin").join(program);
        let mut command = Command::new(if bin.exists() { bin } else { program.into() });
        command
            .env_clear()
            .envs(self.place.environment())
            .env("PATH", path)
            .env("HUMANLLM_LISTEN", self.place.address.to_string())
            .env("HUMANLLM_STATE_DIR", self.place.state_dir())
            .current_dir(self.path("work"))
            .stdin(Stdio::null());
        command
    }

    /// Runs the block, and panics with all that it printed unless it succeeds.
    pub fn run(self) {
        let answers = self.says(&["curl ", "my_program.py", "codex exec", "humanllm fork"]);
        let scripts = ["status", "list", "show", "wait", "reply", "reject"];
        let scripts = scripts.map(|name| format!("humanllm {name}"));
        let scripts: Vec<&str> = scripts.iter().map(String::as_str).collect();
        let is_asked =
            self.says(&scripts) || ["vim", "json"].contains(&self.block.language.as_str());
        let replays =
            self.says(&["humanllm replay"]) && !self.says(&["--save", "my-agent", "codex"]);
        let is_there = answers || is_asked || self.says(&["study start", "study pause"]);
        let operator = is_there.then(|| Operator::at(self.place.clone()).start());
        let client = is_asked.then(|| self.ask());
        let helper = match (answers, replays) {
            (true, _) => Some(self.start_answering()),
            (_, true) => Some(self.start_agent()),
            _ => None,
        };

        let mut child = self.start();
        let mut operator = operator;
        let what = format!("the end of {}", self.block);
        let status = poll(
            &what,
            || {
                // Whoever answers all that is asked ends with the program.
                let is_answered = client.as_ref().is_some_and(JoinHandle::is_finished);
                if is_answered && self.says(&["while "]) {
                    drop(operator.take());
                }
                child.0.try_wait().expect("it can be waited for")
            },
            || self.printed(),
        );
        assert!(
            status.success(),
            "{}: {status}\n{}",
            self.block,
            self.printed()
        );
        if answers && !self.says(&["\"background\"", "my_program.py"]) {
            let printed = self.printed();
            assert!(printed.contains(ANSWER), "{}:\n{printed}", self.block);
        }
        self.assert_written();
        if let Some(client) = client
            && (operator.is_none() || !self.says(&["humanllm status", "humanllm show"]))
        {
            assert_eq!(client.join().expect("no panic"), 200, "{}", self.block);
        }
        drop(operator);
        if let Some(helper) = helper {
            helper.end();
        }
    }

    /// The files that the block says it writes are there and have something in them.
    fn assert_written(&self) {
        let words: Vec<&str> = self.block.text.split_whitespace().collect();
        for pair in words.windows(2).filter(|_| self.block.language == "sh") {
            if let ["-o" | "--save" | ">", path] = pair {
                let path = match path.strip_prefix("~/") {
                    Some(path) => self.path("home").join(path),
                    None => self.path("work").join(path),
                };
                let size = match path.is_dir() {
                    true => fs::read_dir(&path).expect("a folder").count() as u64,
                    false => fs::metadata(&path).map_or(0, |found| found.len()),
                };
                assert!(size > 0, "{}: nothing in {}", self.block, path.display());
            }
        }
    }

    /// Says the questions of the block through the control socket; each answer has what the line below it
    /// has.
    pub fn converse(self) {
        let _person = Operator::at(self.place.clone()).start();
        let client = self.ask();
        let socket = UnixStream::connect(self.place.state_dir().join("control.sock"));
        let socket = socket.expect("connected");
        socket.set_read_timeout(Some(DEADLINE)).expect("a timeout");
        let mut socket = BufReader::new(socket);
        let documents = self.block.text.lines().map(|line| {
            let read: Result<Value, _> = serde_json::from_str(line);
            read.unwrap_or_else(|error| panic!("{}: {error} in {line}", self.block))
        });
        let documents: Vec<Value> = documents.collect();
        let mut request = Value::Null;
        for pair in documents.chunks(2) {
            let [question, expected] = pair else {
                panic!("{}: a question without an answer", self.block)
            };
            let mut question = question.clone();
            if question["request"] != Value::Null {
                question["request"] = request.clone();
            }
            writeln!(socket.get_mut(), "{question}").expect("written");
            let mut line = String::new();
            socket.read_line(&mut line).expect("read");
            let answer: Value = serde_json::from_str(&line).expect("JSON");
            let fields = expected["ok"].as_object().expect("an answer");
            for (name, value) in fields {
                let given = &answer["ok"][name];
                assert_eq!(given.is_array(), value.is_array(), "{question}: {answer}");
                assert_ne!(*given, Value::Null, "{name} of {question}: {answer}");
            }
            if answer["ok"]["request"] != Value::Null {
                request = answer["ok"]["request"].clone();
            }
        }
        assert_eq!(client.join().expect("no panic"), 200, "{}", self.block);
    }

    /// The block in the interpreter of its language.
    fn start(&self) -> Running {
        // The address of an example belongs to somebody else, maybe.
        let address = self.place.address.to_string();
        let text = self.block.text.replace("127.0.0.1:3000", &address);
        let script = self.path("script");
        fs::write(&script, text).expect("written");
        let mut command = match self.block.language.as_str() {
            "sh" => {
                let mut bash = self.command("bash");
                bash.args(["-euo", "pipefail"]).arg(&script);
                bash
            }
            "python" => {
                let mut python = self.command("python");
                python.arg(&script);
                python
            }
            // The parts of a reply.
            "json" => {
                let mut reply = self.command("humanllm");
                let parts = File::open(&script).expect("it was written");
                reply
                    .args(["reply", &ASKED.to_string(), "--parts"])
                    .stdin(parts);
                reply
            }
            "vim" => {
                let mut vim = self.command("vim");
                vim.args(["-es", "-u", "NONE", "-S"]).arg(&script);
                for command in [
                    "call HumanllmOpen()",
                    "call append(0, 'It is done')",
                    "call HumanllmSend()",
                    "qa!",
                ] {
                    vim.args(["-c", command]);
                }
                vim
            }
            other => panic!("{}: nothing runs {other}", self.block),
        };
        let printed = File::create(self.path("printed")).expect("a file");
        let child = command
            .process_group(0)
            .stdout(printed.try_clone().expect("a file"))
            .stderr(printed)
            .spawn();
        Running(child.expect("started"))
    }

    fn printed(&self) -> String {
        let text = fs::read(self.path("printed")).unwrap_or_default();
        format!("{}\n{}", self.block.text, String::from_utf8_lossy(&text))
    }

    /// Has an agent ask, and comes back when it waits.
    fn ask(&self) -> JoinHandle<u16> {
        let client = Client::new(self.place.address);
        let input = json!([{"role": "user", "content": prompt(ASKED, 1)},
            {"role": "assistant", "content": "Answer 1"},
            {"role": "user", "content": "May I remove it now?"}]);
        let body = request(ASKED, input);
        let asked = std::thread::spawn(move || client.post_json("/v1/responses", &CODEX, &body).0);
        poll(
            "somebody to wait",
            || (self.status()["waiting"] == 1).then_some(()),
            || self.status().to_string(),
        );
        asked
    }

    fn status(&self) -> Value {
        let output = self.command("humanllm").args(["status", "--json"]).output();
        serde_json::from_slice(&output.expect("started").stdout).expect("JSON")
    }

    /// Answers whatever is asked, until the program ends.
    fn start_answering(&self) -> Helper {
        let command = self.command("humanllm");
        let like_it = move |args: &[&str]| {
            let variables = command.get_envs();
            let variables = variables.filter_map(|(name, value)| Some((name, value?)));
            let mut again = Command::new(command.get_program());
            again.env_clear().envs(variables).args(args).output()
        };
        let operator = std::thread::spawn(move || {
            let mut after = "0".to_owned();
            loop {
                let asked = like_it(&["wait", "--json", "--after", &after]).expect("started");
                if !asked.status.success() {
                    return;
                }
                let asked: Value = serde_json::from_slice(&asked.stdout).expect("JSON");
                after = asked["request"].to_string();
                let id = asked["conversation"].to_string();
                let sent = like_it(&["reply", &id, "--request", &after, ANSWER]);
                // Who asked may be gone already.
                sent.expect("started");
            }
        });
        Helper::Operator(operator)
    }

    /// Asks what was recorded, at the address of the scene.
    fn start_agent(&self) -> Helper {
        let client = Client::new(self.place.address);
        let bodies = self.session.asked.clone();
        let is_over = Arc::new(AtomicBool::new(false));
        let over = Arc::clone(&is_over);
        let agent = std::thread::spawn(move || {
            for body in &bodies {
                while !over.load(Ordering::Relaxed) {
                    if client.try_post("/v1/responses", body).is_some() {
                        break;
                    }
                    std::thread::yield_now();
                }
            }
        });
        Helper::Agent(agent, is_over)
    }
}

/// What does its part while the block runs.
enum Helper {
    Operator(JoinHandle<()>),
    Agent(JoinHandle<()>, Arc<AtomicBool>),
}

impl Helper {
    fn end(self) {
        match self {
            Self::Operator(operator) => operator.join().expect("no panic"),
            Self::Agent(agent, is_over) => {
                is_over.store(true, Ordering::Relaxed);
                agent.join().expect("no panic");
            }
        }
    }
}

/// A process that goes with all that it started.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let group = i32::try_from(self.0.id()).ok().and_then(Pid::from_raw);
        let _ = group.map(|group| kill_process_group(group, Signal::KILL));
        let _ = self.0.wait();
    }
}

fn installed(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let mut folders = std::env::split_paths(&path);
    folders.find_map(|folder| Some(folder.join(program)).filter(|path| Path::exists(path)))
}

fn is_installed(program: &str) -> bool {
    installed(program).is_some()
}
