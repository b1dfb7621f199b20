//! `humanllm export`: conversations with real shapes of Codex and Claude Code, asked over HTTP and
//! answered, written in every format by the real program, and read by others where they are there:
//! `HUMANLLM_TEST_HARBOR` names a Python that has harbor (0.26.0), `HUMANLLM_TEST_DATASETS` one with datasets
//! (5.2.0).

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::thread::JoinHandle;

use crate::support::{Pty, Signal, TestServer, answer, note, readers};
use humanllm::api::{Body, Ending, Phase, Reply};
use humanllm::draft::{Call, CallTarget, Draft, DraftedCall, Editor, Origin, Source};
use humanllm::export;
use humanllm::export::redact::Redactor;
use humanllm::inbox::{ConversationId, ReplyContent};
use humanllm::journal::{
    Blob, ConversationRow, DraftFate, Journal, JournalOptions, JournalReader, MarkRow,
    ModelDraftRow, ModelDraftState, Record, SaidRow, SaidState, TurnRow, TurnState,
};
use humanllm::store::Store;
use jiff::Timestamp;
use portable_pty::CommandBuilder;
use serde_json::{Value, json};
use tempfile::TempDir;

/// What must not leave.
const NUMBERS: &str = "0123456789abcdefghijklmnop";
const ADDRESS: &str = "alice@example.org";

fn key() -> String {
    format!("sk-proj-{NUMBERS}")
}

/// `humanllm` with a state folder, in the time zone UTC.
fn command(state: &Path, line: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_humanllm"));
    command
        .args(line.split_whitespace())
        .arg("--state-dir")
        .arg(state)
        .env_clear()
        .env("TZ", "UTC")
        .env("HOME", "/home/alice")
        .stdin(Stdio::null());
    command
}

fn run(state: &Path, line: &str) -> Output {
    command(state, line).output().expect("started")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("UTF-8")
}

/// What a successful run prints, and what it tells beside.
fn shows(state: &Path, line: &str) -> (String, String) {
    let output = run(state, line);
    let stderr = text(&output.stderr);
    assert!(output.status.success(), "{line}: {stderr}");
    (text(&output.stdout), stderr)
}

/// The one line with which it refuses.
fn refusal(state: &Path, line: &str) -> String {
    let output = run(state, line);
    let stderr = text(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{line}: {stderr}");
    assert_eq!(text(&output.stdout), "", "{line}");
    let message = stderr.strip_prefix("humanllm: ").expect("our name");
    message.strip_suffix('\n').expect("a line").to_owned()
}

fn lines(text: &str) -> Vec<Value> {
    let lines = text.lines();
    lines
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect()
}

/// A server whose journal is in a folder, with what two agents asked and a person said.
struct Played {
    state: TempDir,
    server: TestServer,
    store: Store,
    /// The bodies of all requests, in the order of their conversations.
    asked: Vec<String>,
    /// The conversation of Codex.
    codex: Option<ConversationId>,
}

impl Played {
    fn new() -> Self {
        let state = tempfile::tempdir().expect("a folder");
        let journal = Journal::open(state.path(), JournalOptions::default()).expect("a journal");
        let store = Store::with_journal(100, journal).expect("a store");
        let server = TestServer::with_store(store.clone(), 100, |_| {});
        let mut played = Self {
            state,
            server,
            store,
            asked: Vec::new(),
            codex: None,
        };
        played.codex();
        played.claude();
        played
    }

    fn path(&self) -> &Path {
        self.state.path()
    }

    fn ask(&mut self, path: &'static str, body: &Value) -> JoinHandle<(u16, Value)> {
        let headers: &[(&str, &str)] = match path {
            "/v1/messages" => &[
                ("user-agent", "claude-cli/2.1.330 (external, cli)"),
                ("x-claude-code-session-id", "6f1b5a0e-session"),
            ],
            _ => &[
                ("user-agent", "codex_exec/0.169.0 (Debian; x86_64)"),
                ("session-id", "019a-thread"),
            ],
        };
        self.asked.push(body.to_string());
        let (client, body) = (self.server.client.clone(), body.clone());
        std::thread::spawn(move || client.post_json(path, headers, &body))
    }

    fn say(&mut self, id: ConversationId, reply: Reply, draft: Draft) {
        let rest = Draft::default();
        let said = self
            .server
            .inbox
            .reply(id, reply, draft, &rest, Timestamp::now());
        said.expect("somebody waits");
    }

    /// Waits until the client has it.
    fn got(&mut self, asked: JoinHandle<(u16, Value)>) -> Value {
        let (status, response) = asked.join().expect("a response");
        assert_eq!(status, 200, "{response}");
        self.server.wait_delivery();
        response
    }

    /// Keeps what a model drafted to the newest request.
    fn drafted(&self, id: ConversationId, items: &[Body], fate: DraftFate) -> i64 {
        // What was asked is in the journal soon, and before what is written after it.
        let written = self.store.save_draft(None, &Draft::default());
        assert!(self.store.settled_blocking(written));
        let reader = self.store.journal_reader().expect("a journal");
        let turns = reader.turns(id.number()).expect("readable");
        let draft = self.store.next_draft_id();
        self.store.save_model_draft(ModelDraftRow {
            id: draft,
            conversation: id.number(),
            turn: *turns.last().expect("a turn"),
            model: "qwen".into(),
            hint: Some("as short as can be".into()),
            begun: 1_767_323_045_000,
            first: Some(1_767_323_045_500),
            ended: Some(1_767_323_046_000),
            state: ModelDraftState::Complete,
            failure: None,
            items: serde_json::to_string(items).expect("JSON"),
            partial: None,
            usage: Some(r#"{"input":1200,"output":34,"reasoning":5}"#.into()),
            sent: 0,
            fate,
        });
        draft
    }

    /// Codex reads a file, patches it as a model proposed and the person changed it, and is answered.
    fn codex(&mut self) {
        let tools = json!([
            {"type": "function", "name": "exec_command", "strict": false,
             "description": "Runs a command in a PTY.",
             "parameters": {"type": "object", "required": ["cmd"], "additionalProperties": false,
                "properties": {"cmd": {"type": "string"}, "workdir": {"type": "string"},
                    "yield_time_ms": {"type": "number"}}}},
            {"type": "custom", "name": "apply_patch", "description": "Edits files.",
             "format": {"type": "grammar", "syntax": "lark",
                "definition": "start: \"*** Begin Patch\" /(.|\\n)*/"}},
            {"type": "namespace", "name": "multi_agent_v1", "description": "Other agents.",
             "tools": [{"type": "function", "name": "close_agent", "parameters": {"type": "object",
                "properties": {"id": {"type": ["string", "null"]}}}}]},
            {"type": "web_search"},
        ]);
        let message = |role: &str, text: &str| {
            json!({"type": "message", "role": role,
                "content": [{"type": "input_text", "text": text}]})
        };
        let mut input = vec![
            message("developer", "You are a coding agent."),
            message(
                "user",
                "<environment_context>\n  <cwd>/home/alice/parser</cwd>\n</environment_context>",
            ),
            message("user", "Fix the parser. <script>alert(1)</script>"),
        ];
        let body = |input: &[Value]| {
            json!({"model": "human", "input": input, "tools": tools, "tool_choice": "auto",
                "parallel_tool_calls": true, "store": false, "stream": false,
                "prompt_cache_key": "019a-thread"})
        };
        let asked = self.ask("/v1/responses", &body(&input));
        let id = self.server.next_request();
        self.codex = Some(id);
        self.say(id, note("I look at it."), "I look at it.".into());
        let call = Body::FunctionCall {
            namespace: None,
            name: "exec_command".into(),
            arguments: json!({"cmd": "cat parser.py", "yield_time_ms": 1000}).to_string(),
        };
        self.say(id, end(call), "cat parser.py".into());
        let response = self.got(asked);
        input.extend(
            response["output"]
                .as_array()
                .expect("items")
                .iter()
                .cloned(),
        );
        let call = response["output"][1]["call_id"].clone();
        let printed = format!(
            "Chunk ID: 1\nWall time: 0.1 seconds\nProcess exited with code 0\nOutput:\n\
             KEY = \"{}\"  # {ADDRESS}\nx = 1\n",
            key()
        );
        input.push(json!({"type": "function_call_output", "call_id": call, "output": printed}));

        let asked = self.ask("/v1/responses", &body(&input));
        assert_eq!(self.server.next_request(), id);
        let patch = |line: &str| {
            format!(
                "*** Begin Patch\n*** Update File: parser.py\n@@\n-x = 1\n+{line}\n*** End Patch"
            )
        };
        let call = |line: &str| Body::CustomToolCall {
            name: "apply_patch".into(),
            input: patch(line),
        };
        let draft = self.drafted(id, &[call("x = 3")], DraftFate::Edited);
        let composed = Draft {
            call: Some(Call {
                target: CallTarget::Custom {
                    name: "apply_patch".into(),
                },
                editor: Editor::Text {
                    text: patch("x = 2"),
                    cursor: None,
                },
                drafted: Some(DraftedCall {
                    draft,
                    model: "qwen".into(),
                    arguments: patch("x = 3"),
                    is_edited: true,
                }),
            }),
            ..Draft::default()
        };
        self.say(id, end(call("x = 2")), composed);
        let response = self.got(asked);
        input.extend(
            response["output"]
                .as_array()
                .expect("items")
                .iter()
                .cloned(),
        );
        let call = response["output"][0]["call_id"].clone();
        input.push(json!({"type": "custom_tool_call_output", "call_id": call, "output": "Done!"}));

        let asked = self.ask("/v1/responses", &body(&input));
        assert_eq!(self.server.next_request(), id);
        let words = Body::message("It is fixed.", Phase::FinalAnswer);
        let draft = self.drafted(id, &[words], DraftFate::Sent);
        let source = Source::Model {
            draft,
            model: "qwen".into(),
        };
        let composed = Draft {
            origin: Origin::of("It is fixed.", source),
            ..Draft::from("It is fixed.")
        };
        self.say(id, answer("It is fixed."), composed);
        self.got(asked);
    }

    /// Claude Code runs a command, moves its marks for the cache as it does, and is answered.
    fn claude(&mut self) {
        let tools = json!([
            {"name": "Bash", "description": "Runs a command.", "input_schema": {"type": "object",
                "required": ["command"], "properties": {"command": {"type": "string"},
                "timeout": {"type": "number"}, "description": {"type": "string"}}}},
            {"name": "Edit", "description": "Edits a file.", "input_schema": {"type": "object",
                "properties": {"file_path": {"type": "string"}, "replace_all": {"type": "boolean"}}}},
        ]);
        let body = |messages: Value| {
            json!({"model": "human", "max_tokens": 32000, "stream": false, "tools": tools,
                "system": [{"type": "text", "text": "You are Claude Code.",
                    "cache_control": {"type": "ephemeral"}}],
                "messages": messages})
        };
        let reminder = "<system-reminder>\nThe date is today.\n</system-reminder>";
        let first = |cached: bool| {
            let mut prompt = json!({"type": "text", "text": "List the files"});
            if cached {
                prompt["cache_control"] = json!({"type": "ephemeral"});
            }
            json!({"role": "user", "content": [{"type": "text", "text": reminder}, prompt]})
        };
        let asked = self.ask("/v1/messages", &body(json!([first(true)])));
        let id = self.server.next_request();
        let call = Body::FunctionCall {
            namespace: None,
            name: "Bash".into(),
            arguments: json!({"command": "ls", "description": "List"}).to_string(),
        };
        let both = Reply::End {
            items: vec![Body::message("Let me see.", Phase::Commentary), call],
            ending: Ending::Completed,
        };
        self.say(id, both, "ls".into());
        let response = self.got(asked);
        let content = response["content"].clone();
        let used = content.as_array().expect("blocks").iter();
        let mut used = used.filter(|block| block["type"] == "tool_use");
        let used = used.next().expect("a call")["id"].clone();
        let asked = self.ask(
            "/v1/messages",
            &body(json!([
                first(false),
                {"role": "assistant", "content": content},
                {"role": "user", "content": [{"type": "tool_result", "tool_use_id": used,
                    "content": "a.py\nb.py", "cache_control": {"type": "ephemeral"}}]},
            ])),
        );
        assert_eq!(self.server.next_request(), id);
        self.say(id, answer("Two files."), "Two files.".into());
        self.got(asked);
    }
}

fn end(item: Body) -> Reply {
    Reply::End {
        items: vec![item],
        ending: Ending::Completed,
    }
}

#[test]
fn what_agents_asked_and_a_person_said_is_written_in_every_format() {
    let played = Played::new();
    let out = tempfile::tempdir().expect("a folder");
    trajectories(&played, out.path());
    lines_to_train_with(&played, out.path());
    pages(&played, out.path());
    requests_as_they_came(&played);
    one_of_a_store_in_use(&played, out.path());
}

/// As the program itself does it, while it runs.
fn one_of_a_store_in_use(played: &Played, out: &Path) {
    let file = out.join("one.md");
    let mut told = Vec::new();
    let report = export::conversation(
        &played.store,
        played.codex.expect("it was asked"),
        &export::ExportOptions::new(export::ExportFormat::Markdown),
        &mut Redactor::new(None, &[]),
        &export::ExportTarget::File(file.clone()),
        &mut |done, all| {
            told.push((done, all));
            true
        },
    )
    .expect("written");
    assert_eq!(told, [(1, 3), (2, 3), (3, 3)]);
    assert_eq!((report.conversations, report.turns), (1, 3));
    assert!(report.redacted.iter().any(|found| found.name == "API key"));
    let text = fs::read_to_string(file).expect("readable");
    assert!(text.contains("It is fixed.") && !text.contains("Two files."));
}

fn trajectories(played: &Played, out: &Path) {
    let folder = out.join("atif");
    let line = format!("export --format atif -o {}/", folder.display());
    let (told, _) = shows(played.path(), &line);
    assert!(
        told.starts_with("Wrote 2 conversations (5 turns) to "),
        "{told}"
    );
    let files: BTreeSet<String> = fs::read_dir(&folder)
        .expect("a folder")
        .map(|entry| {
            entry
                .expect("readable")
                .file_name()
                .into_string()
                .expect("UTF-8")
        })
        .collect();
    let files: Vec<&str> = files.iter().map(String::as_str).collect();
    assert_eq!(
        files,
        ["conversation-1.atif.json", "conversation-2.atif.json"]
    );
    let read = |name: &str| -> Value {
        let text = fs::read_to_string(folder.join(name)).expect("readable");
        assert!(!text.contains(NUMBERS) && !text.contains("alice"), "{text}");
        serde_json::from_str(&text).expect("JSON")
    };
    let codex = read("conversation-1.atif.json");
    assert_eq!(codex["schema_version"], "ATIF-v1.7");
    assert_eq!(codex["session_id"], "019a-thread");
    assert_eq!(codex["agent"]["name"], "Codex");
    assert_eq!(codex["agent"]["version"], "0.169.0");
    let tools = codex["agent"]["tool_definitions"]
        .as_array()
        .expect("tools");
    let names: Vec<&Value> = tools.iter().map(|tool| &tool["function"]["name"]).collect();
    assert_eq!(
        names,
        ["exec_command", "apply_patch", "multi_agent_v1__close_agent"]
    );
    let steps = codex["steps"].as_array().expect("steps");
    let sources: Vec<&Value> = steps.iter().map(|step| &step["source"]).collect();
    assert_eq!(
        sources,
        ["system", "user", "user", "agent", "agent", "agent"]
    );
    assert_eq!(steps[1]["extra"]["humanllm"]["added_by_agent"], true);
    let looked = &steps[3];
    assert_eq!(looked["message"], "I look at it.");
    assert_eq!(looked["tool_calls"][0]["function_name"], "exec_command");
    assert_eq!(
        looked["tool_calls"][0]["arguments"],
        json!({"cmd": "cat parser.py", "yield_time_ms": 1000})
    );
    let result = &looked["observation"]["results"][0];
    assert_eq!(
        result["source_call_id"],
        looked["tool_calls"][0]["tool_call_id"]
    );
    let printed = result["content"].as_str().expect("text");
    assert!(
        printed.ends_with("KEY = \"[redacted API key]\"  # [redacted e-mail address]\nx = 1\n"),
        "{printed}"
    );
    let parts = looked["extra"]["humanllm"]["parts"]
        .as_array()
        .expect("parts");
    assert_eq!(parts[0]["phase"], "commentary");
    assert_eq!(
        (&parts[1]["kind"], &parts[1]["by"]),
        (&json!("call"), &json!("person"))
    );
    assert!(looked.get("llm_call_count").is_none(), "no model was asked");
    let patched = &steps[4];
    assert_eq!(patched["extra"]["humanllm"]["parts"][0]["by"], "edited");
    assert_eq!(patched["extra"]["humanllm"]["drafts"][0]["fate"], "edited");
    assert_eq!(patched["observation"]["results"][0]["content"], "Done!");
    let answered = &steps[5];
    assert_eq!(answered["model_name"], "qwen");
    assert_eq!(answered["llm_call_count"], 1);
    assert_eq!(answered["metrics"]["prompt_tokens"], 1200);
    assert_eq!(codex["final_metrics"]["total_completion_tokens"], 34);
    let claude = read("conversation-2.atif.json");
    assert_eq!(claude["agent"]["name"], "Claude Code");
    let steps = claude["steps"].as_array().expect("steps");
    let messages: Vec<(&str, &str)> = steps
        .iter()
        .map(|step| {
            (
                step["source"].as_str().unwrap(),
                step["message"].as_str().unwrap(),
            )
        })
        .filter(|(source, _)| *source != "system")
        .collect();
    let last = &messages[messages.len() - 3..];
    assert_eq!(
        last,
        [
            ("user", "List the files"),
            ("agent", "Let me see."),
            ("agent", "Two files.")
        ],
        "and nothing twice because marks have moved"
    );
    for file in files {
        readers::validate_trajectory(&folder.join(file));
    }
}

fn lines_to_train_with(played: &Played, out: &Path) {
    let (printed, told) = shows(played.path(), "export --format messages");
    assert!(
        told.starts_with("Wrote 2 conversations (5 turns, 2 lines) to standard output."),
        "{told}"
    );
    assert!(told.contains("  API key\n"), "{told}");
    assert!(
        !printed.contains(NUMBERS) && !printed.contains("alice"),
        "{printed}"
    );
    let all = lines(&printed);
    let messages = all[0]["messages"].as_array().expect("messages");
    let roles: Vec<&str> = messages
        .iter()
        .map(|message| message["role"].as_str().unwrap())
        .collect();
    assert_eq!(
        roles,
        [
            "system",
            "user",
            "assistant",
            "tool",
            "assistant",
            "tool",
            "assistant"
        ]
    );
    let weights: Vec<&Value> = messages
        .iter()
        .filter_map(|message| message.get("weight"))
        .collect();
    assert_eq!(weights, [1, 1, 0], "the last one is as a model wrote it");
    let call = &messages[4]["tool_calls"][0];
    assert_eq!(call["function"]["name"], "apply_patch");
    let arguments: Value =
        serde_json::from_str(call["function"]["arguments"].as_str().unwrap()).expect("JSON");
    assert!(arguments["input"].as_str().unwrap().contains("+x = 2"));
    assert_eq!(messages[5]["tool_call_id"], call["id"]);
    assert_eq!(all[0]["tools"].as_array().map(Vec::len), Some(3));
    let weights: Vec<&Value> = all[1]["messages"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|message| message.get("weight"))
        .collect();
    assert_eq!(weights, [1, 1]);

    let (printed, _) = shows(
        played.path(),
        "export --format messages --per-turn --train all",
    );
    let per_turn = lines(&printed);
    assert_eq!(per_turn.len(), 5);
    for line in &per_turn {
        let messages = line["messages"].as_array().unwrap().iter();
        let weights: Vec<&Value> = messages
            .filter_map(|message| message.get("weight"))
            .collect();
        let (last, before) = weights.split_last().expect("a reply");
        assert_eq!(**last, 1);
        assert!(before.iter().all(|weight| **weight == 0));
    }
    let (printed, _) = shows(played.path(), "export --format preferences");
    let pairs = lines(&printed);
    assert_eq!(pairs.len(), 1);
    let input = |which: &str| -> String {
        let call = &pairs[0][which][0]["tool_calls"][0]["function"];
        call["arguments"].as_str().expect("arguments").to_owned()
    };
    assert!(input("chosen").contains("+x = 2") && input("rejected").contains("+x = 3"));
    let prompt = pairs[0]["prompt"].as_array().expect("a prompt");
    assert_eq!(prompt.last().expect("a message")["role"], "tool");

    let files = [
        ("a", "messages"),
        ("b", "messages --per-turn --train all --thoughts"),
        ("c", "preferences"),
    ]
    .map(|(name, line)| {
        let file = out.join(format!("{name}.jsonl"));
        let line = format!("export --format {line} -o {}", file.display());
        shows(played.path(), &line);
        file
    });
    readers::load_data_sets(&files);
}

fn pages(played: &Played, out: &Path) {
    let page = out.join("page.html");
    shows(
        played.path(),
        &format!("export 1 --format html -o {}", page.display()),
    );
    readers::read_page(&page);
    let html = fs::read_to_string(&page).expect("readable");
    assert!(
        html.starts_with("<!DOCTYPE html>") && html.ends_with("</html>\n"),
        "{html}"
    );
    assert!(
        html.contains("Fix the parser. &lt;script&gt;alert(1)&lt;/script&gt;"),
        "{html}"
    );
    for markup in ["<script", " src=", " href=", "url(", "@import"] {
        assert!(!html.contains(markup), "{markup}: {html}");
    }
    for words in [
        "drafted by qwen, changed by the person",
        "drafted by qwen, sent by the person",
        "written by the person",
        "<ins>+x = 2</ins>",
        "<del>-x = 1</del>",
        "Output of exec_command",
        "$ cat parser.py",
        "[redacted API key]",
    ] {
        assert!(html.contains(words), "{words}: {html}");
    }
    assert!(
        !html.contains(NUMBERS) && !html.contains("alice@"),
        "{html}"
    );
    let (markdown, _) = shows(played.path(), "export --format markdown");
    for words in [
        "\n# Fix the parser",
        "\n## Turn 2\n",
        "\n> Fix the parser. \\<script>alert(1)\\</script>\n",
        "\n```diff\n*** Begin Patch\n",
        "\n### Answer\n",
        "\n> Two files.\n",
    ] {
        assert!(
            format!("\n{markdown}").contains(words),
            "{words}: {markdown}"
        );
    }
    assert!(
        !markdown.contains(NUMBERS) && !markdown.contains("alice@"),
        "{markdown}"
    );
}

fn requests_as_they_came(played: &Played) {
    let (printed, _) = shows(played.path(), "export --format raw --no-redact");
    let all = lines(&printed);
    let bodies = all.iter().filter(|line| line["type"] == "request");
    let bodies: Vec<&str> = bodies
        .map(|line| line["body"].as_str().expect("text"))
        .collect();
    assert_eq!(bodies, played.asked, "byte for byte");
    let said = all.iter().filter(|line| line["type"] == "said");
    let delivered = said.clone().filter(|line| line["delivery"] == "delivered");
    assert_eq!((said.count(), delivered.count()), (7, 7));
    assert_eq!(all.iter().filter(|line| line["type"] == "draft").count(), 2);
    let (printed, _) = shows(played.path(), "export --format raw");
    assert!(
        !printed.contains(NUMBERS) && !printed.contains("alice"),
        "{printed}"
    );
    for (line, before) in lines(&printed).iter().zip(&all) {
        if let Some(body) = line["body"].as_str() {
            let body: Value = serde_json::from_str(body).expect("a body is JSON all the same");
            let before: Value = serde_json::from_str(before["body"].as_str().unwrap()).unwrap();
            assert_eq!(body["tools"], before["tools"]);
        }
    }
}

/// A journal of this many conversations, each with this many turns.
fn journal(state: &Path, conversations: i64, turns: i64) -> Journal {
    let journal = Journal::open(state, JournalOptions::default()).expect("a journal");
    for id in 1..=conversations {
        let records = conversation(id, (id - 1) * turns + 1, turns, 200);
        assert!(journal.settled_blocking(journal.write(records)));
    }
    journal
}

/// A conversation of so many turns, the first of which has this number. What is asked in each is so
/// many times a few words.
fn conversation(id: i64, first: i64, turns: i64, times: usize) -> Vec<Record> {
    let mut records = vec![Record::Conversation(ConversationRow {
        id,
        thread: None,
        chain: None,
        automatic: None,
        prefix: None,
        agent: "aider/0.86.2".into(),
        title: format!("Question {id}"),
        begun: 1_767_323_045_000 + id,
        active: 1_767_323_045_000 + id,
        state: TurnState::Answered,
    })];
    let mut items = Vec::new();
    for turn in first..first + turns {
        let words = format!("question {turn} ").repeat(times);
        items.push(Blob::new(
            json!({"role": "user", "content": words}).to_string(),
        ));
        let envelope = json!({"text": "{\"model\":\"human\",\"input\":[]}",
            "cuts": [{"at": 26, "stand_in": 0, "parts": {"Items": [[items.len() - 1, ","]]}}]});
        records.push(Record::Turn(Box::new(TurnRow {
            id: turn,
            conversation: id,
            format: 0,
            arrived: 1_767_323_045_000 + turn,
            state: TurnState::Answered,
            envelope: Blob::new(envelope.to_string()),
            instructions: None,
            tools: None,
            items: items.clone(),
            detail: "{}".into(),
        })));
        let answer = format!("answer {turn}");
        let words = ReplyContent::Item(Body::message(answer.as_str(), Phase::FinalAnswer));
        records.push(Record::Said(SaidRow {
            id: turn,
            conversation: id,
            turn,
            ticket: 1,
            at: 1_767_323_046_000 + turn,
            state: SaidState::Delivered,
            words: serde_json::to_string(&words).expect("JSON"),
            typed: Draft::from(answer.as_str()).to_json(),
        }));
        let back = json!({"type": "message", "role": "assistant",
            "content": [{"type": "output_text", "text": answer}]});
        items.push(Blob::new(back.to_string()));
    }
    records
}

/// How much memory the program may take for itself, in KiB; what is exported is more than that.
const MEMORY: u64 = 64 << 10;

/// 100,000 turns, 300 of them in a conversation of 1.2 MB.
#[test]
#[ignore = "takes minutes"]
fn a_hundred_thousand_turns_take_no_more_memory_than_a_few() {
    let folder = tempfile::tempdir().expect("a folder");
    let state = folder.path();
    let journal = Journal::open(state, JournalOptions::default()).expect("a journal");
    journal.write(conversation(1, 1, 300, 280));
    let mut seq = None;
    for id in 2..=9971 {
        seq = Some(journal.write(conversation(id, 301 + (id - 2) * 10, 10, 40)));
        if id % 100 == 0 {
            assert!(seq.is_some_and(|seq| journal.settled_blocking(seq)));
        }
    }
    assert!(seq.is_some_and(|seq| journal.settled_blocking(seq)));
    for format in ["atif", "messages"] {
        let file = state.join(format);
        let line = format!("export --format {format} -o {}", file.display());
        let program = command(state, &line);
        // Whoever wants more than they may have is ended by the system.
        let bounded = Command::new("sh")
            .args(["-c", "ulimit -d \"$0\" && exec \"$@\"", &MEMORY.to_string()])
            .arg(program.get_program())
            .args(program.get_args())
            .env_clear()
            .output()
            .expect("started");
        assert!(
            bounded.status.success(),
            "{format}: {}",
            text(&bounded.stderr)
        );
        let told = text(&bounded.stdout);
        assert!(
            told.starts_with("Wrote 9971 conversations (100000 turns"),
            "{told}"
        );
        let written = fs::metadata(&file).expect("a file").len();
        assert!(
            written > MEMORY << 10,
            "{format}: {written} bytes prove nothing"
        );
        fs::remove_file(file).expect("removed");
    }
}

/// Whether all elements of a page end where they should. Of what is in quotes, nothing is markup.
fn is_well_formed(html: &str) -> bool {
    let mut open = Vec::new();
    let mut rest = html;
    while let Some((_, from)) = rest.split_once('<') {
        let mut is_quoted = false;
        let end = from.find(|c| {
            is_quoted ^= c == '"';
            c == '>' && !is_quoted
        });
        let Some((tag, after)) = end.map(|end| from.split_at(end)) else {
            return false;
        };
        rest = after;
        let name = tag.split([' ', '/']).next().unwrap_or_default();
        match tag.strip_prefix('/') {
            Some(name) if open.pop() != Some(name) => return false,
            Some(_) => {}
            None if tag.starts_with('!') || tag.ends_with('/') || name == "meta" => {}
            None => open.push(name),
        }
    }
    open.is_empty()
}

#[test]
fn a_page_has_charts_of_what_is_on_it() {
    const DAY: i64 = 24 * 3_600_000;
    let state = tempfile::tempdir().expect("a folder");
    let journal = Journal::open(state.path(), JournalOptions::default()).expect("a journal");
    for id in 1..=4 {
        let mut records = conversation(id, id * 10, 3, 5);
        let shift = DAY * (id - 1);
        for record in &mut records {
            match record {
                Record::Conversation(row) => {
                    row.begun += shift;
                    row.active += shift;
                    if id == 4 {
                        // Whoever asks says what it is called.
                        row.agent = "<b>&\"x\" alice@example.org".into();
                    }
                }
                Record::Turn(row) => row.arrived += shift,
                Record::Said(row) => row.at += shift,
                _ => {}
            }
        }
        if id == 2 {
            records.push(Record::Mark(MarkRow {
                conversation: 2,
                turn: Some(20),
                updated: 0,
                labels: Vec::new(),
                rating: None,
                note: String::new(),
                excluded: true,
            }));
        }
        assert!(journal.settled_blocking(journal.write(records)));
    }
    let (html, _) = shows(state.path(), "export --format html");
    assert!(is_well_formed(&html), "{html}");
    let (_, charts) = html
        .split_once("<section id=\"statistics\">")
        .expect("charts");
    for words in [
        // One of the twelve stays out.
        "<dt>Requests</dt><dd>11</dd>",
        "<dt>Time to first word</dt><dd>1.0 s</dd>",
        "<figcaption>Requests by agent</figcaption>",
        "<title>aider: 8</title>",
        "<title>2026-01-03: 2</title>",
        "<figcaption>Time to first word by day</figcaption>",
        "&lt;b&gt;&amp;&quot;x&quot; [redacted e-mail",
    ] {
        assert!(charts.contains(words), "{words}: {charts}");
    }
    assert!(charts.matches("<svg ").count() >= 5, "{charts}");
    for markup in [
        "<script", " src=", "href", "url(", "@import", "<b>&", "alice", "NaN", "inf",
    ] {
        assert!(!charts.contains(markup), "{markup}: {charts}");
    }
    // One conversation is counted alone, and has no days to compare.
    let (html, _) = shows(state.path(), "export 1 --format html");
    assert!(html.contains("<dt>Requests</dt><dd>3</dd>"), "{html}");
    assert!(!html.contains(" by day"), "{html}");
}

#[test]
fn conversations_are_marked_chosen_and_left_out() {
    let state = tempfile::tempdir().expect("a folder");
    let state = state.path();
    let running = journal(state, 3, 2);
    let message = refusal(state, "history label 1 good");
    assert!(message.ends_with("; quit it first"), "{message}");
    assert_eq!(
        shows(state, "history label 1").0,
        "     1  Question 1\n        Nothing is said of it.\n"
    );
    drop(running);
    shows(state, "history label 1 good short --rating 5 --note fine");
    shows(state, "history label 2 --turn 2 good");
    let (shown, _) = shows(state, "history label 2 --turn 1 --exclude");
    assert_eq!(
        shown,
        "     2  Question 2\n        turn 1: excluded\n        turn 2: good\n"
    );
    shows(state, "history label 3 --exclude");
    let (shown, _) = shows(state, "history label 1 --remove short --json");
    let shown: Value = serde_json::from_str(&shown).expect("JSON");
    assert_eq!(shown["title"], "Question 1");
    assert_eq!(shown["marks"][0]["labels"], json!(["good"]));
    assert_eq!(shown["marks"][0]["rating"], 5);
    for (line, why) in [
        (
            "history label 1 --turn 3 good",
            "conversation 1 has no turn 3; it has 2",
        ),
        ("history label 9 good", "there is no conversation 9;"),
        (
            "history label 1 --rating 6",
            "a rating is a number from 1 to 5",
        ),
        ("history label 1 a,b", "\"a,b\" is not a label;"),
    ] {
        let message = refusal(state, line);
        assert!(message.starts_with(why), "{line}: {message}");
    }
    let (printed, told) = shows(state, "export --format messages --per-turn");
    assert_eq!(lines(&printed).len(), 3, "{printed}");
    assert!(
        told.contains("1 conversation is excluded; left out.\n"),
        "{told}"
    );
    let (printed, _) = shows(state, "export --format messages --per-turn --label good");
    assert_eq!(
        lines(&printed).len(),
        3,
        "both of the first, one of the second"
    );
    let (printed, _) = shows(state, "export --format messages --rating 4");
    assert_eq!(lines(&printed).len(), 1);
    let message = refusal(state, "export 3 --format raw");
    assert!(message.contains("--include"), "{message}");
    shows(state, "history delete 1 --yes");
    let message = refusal(state, "export --format raw --rating 4");
    assert!(
        message.starts_with("no conversation is as you asked;"),
        "{message}"
    );
}

#[test]
fn which_conversations_is_said_by_number_time_and_agent() {
    let state = tempfile::tempdir().expect("a folder");
    let state = state.path();
    let journal = journal(state, 3, 1);
    let count = |line: &str| {
        let (printed, _) = shows(state, &format!("export --format atif {line}"));
        serde_json::Deserializer::from_str(&printed)
            .into_iter::<Value>()
            .count()
    };
    assert_eq!(count(""), 3);
    assert_eq!(count("3 1 3"), 2);
    assert_eq!(count("--agent aider"), 3);
    assert_eq!(count("--agent Aider/0.86.2 --since 2026-01-02"), 3);
    assert_eq!(count("--until 2026-01-02T03:04:05.002Z"), 1);
    for (line, why) in [
        ("--agent codex", "no conversation is as you asked;"),
        ("--since 2026-01-03", "no conversation is as you asked;"),
        ("7", "there is no conversation 7;"),
    ] {
        let message = refusal(state, &format!("export --format atif {line}"));
        assert!(message.starts_with(why), "{line}: {message}");
    }
    let output = run(state, "export --format atif --since tomorrow");
    assert!(text(&output.stderr).contains("write a day such as 2026-01-31"));
    drop(journal);
    let none = state.join("nothing");
    let message = refusal(&none, "export --format atif");
    assert!(message.starts_with("there is no journal in "), "{message}");
    assert!(!none.exists());
}

#[test]
fn nothing_is_overwritten_and_a_dry_run_writes_nothing() {
    let state = tempfile::tempdir().expect("a folder");
    let _journal = journal(state.path(), 2, 1);
    let out = tempfile::tempdir().expect("a folder");
    let file = out.path().join("out.md");
    let line = format!("export --format markdown -o {}", file.display());
    let (told, _) = shows(state.path(), &format!("{line} --dry-run"));
    assert!(
        told.starts_with("Would write 2 conversations (2 turns) to "),
        "{told}"
    );
    assert!(!file.exists());
    shows(state.path(), &line);
    let written = fs::read(&file).expect("readable");
    let message = refusal(state.path(), &line);
    assert!(
        message.ends_with("out.md is there already; --force replaces it"),
        "{message}"
    );
    fs::write(&file, "mine").expect("writable");
    shows(state.path(), &format!("{line} --force"));
    assert_eq!(fs::read(&file).expect("readable"), written);
    let folder = format!("export --format raw -o {}", out.path().display());
    shows(state.path(), &folder);
    fs::remove_file(out.path().join("conversation-1.raw.jsonl")).expect("there");
    let message = refusal(state.path(), &folder);
    assert!(
        message.contains("conversation-2.raw.jsonl is there already"),
        "{message}"
    );
    assert!(
        !out.path().join("conversation-1.raw.jsonl").exists(),
        "all or nothing"
    );
    let message = refusal(state.path(), "export --format raw -o /nowhere/at/all");
    assert!(
        message.starts_with("cannot write /nowhere/at/all: "),
        "{message}"
    );
}

#[test]
fn own_expressions_are_replaced_and_listed_without_telling_them() {
    let state = tempfile::tempdir().expect("a folder");
    let _journal = journal(state.path(), 1, 1);
    let config = state.path().join("config.toml");
    fs::write(&config, "[export]\nredact = ['question (\\d+)']\n").expect("written");
    let line = format!(
        "export --format raw --dry-run --config {}",
        config.display()
    );
    let (told, _) = shows(state.path(), &line);
    assert!(
        told.contains("Would replace:\n     200  rule 1 of the configuration: … (1 characters)\n"),
        "{told}"
    );
    fs::write(&config, "[export]\nredact = ['a', '(']\n").expect("written");
    let message = refusal(state.path(), &line);
    assert!(
        message.contains("config.toml:2: export.redact: `(`: this is no regular expression"),
        "{message}"
    );
}

#[test]
fn whoever_has_read_enough_ends_it_without_a_word() {
    let state = tempfile::tempdir().expect("a folder");
    let _journal = journal(state.path(), 200, 1);
    let mut child = command(state.path(), "export --format messages")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("started");
    let mut first = String::new();
    let mut stdout = BufReader::new(child.stdout.take().expect("a pipe"));
    stdout.read_line(&mut first).expect("a line");
    serde_json::from_str::<Value>(&first).expect("JSON");
    drop(stdout);
    let ended = child.wait_with_output().expect("ended");
    assert!(ended.status.success(), "{}", ended.status);
    assert_eq!(text(&ended.stderr), "");
}

/// Files in a folder that have their names: not those that are not whole.
fn files_in(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("a folder");
    let entries = entries.map(|entry| entry.expect("readable"));
    let named = entries.filter(|entry| {
        !entry
            .file_name()
            .to_string_lossy()
            .starts_with(".humanllm-")
    });
    named.map(|entry| entry.path()).collect()
}

/// The program in a terminal.
fn in_terminal(state: &Path, line: &str) -> Pty {
    let command = command(state, line);
    let mut builder = CommandBuilder::new(command.get_program());
    builder.args(command.get_args());
    builder.env_clear();
    builder.env("TERM", "xterm-256color");
    builder.cwd(state);
    Pty::spawn(builder, (100, 30))
}

#[test]
fn a_kill_in_the_middle_leaves_no_half_file() {
    let state = tempfile::tempdir().expect("a folder");
    let _journal = journal(state.path(), 400, 2);
    for format in ["atif", "messages", "html", "raw"] {
        let out = tempfile::tempdir().expect("a folder");
        let file = out.path().join("all.out");
        let line = format!("export --format {format} -o {}", file.display());
        let mut export = in_terminal(state.path(), &line);
        // A bar tells how far it is.
        export.wait_for(" of 800 turns");
        export.signal(Signal::KILL);
        assert!(!export.wait_exit().success());
        let named = files_in(out.path());
        assert!(named.is_empty(), "{format}: nothing, rather than {named:?}");
        // What was left behind is in nobody's way, and the bar goes when it is done.
        let mut export = in_terminal(state.path(), &line);
        export.wait_for("Wrote 400 conversations (800 turns");
        assert!(export.wait_exit().success());
        assert!(!export.screen().contains(" of 800 turns"));
        assert_eq!(files_in(out.path()), [file]);
    }
    let reader = JournalReader::open(state.path()).expect("readable");
    assert_eq!(reader.totals().expect("readable").conversations, 400);
}

#[test]
fn what_is_no_file_stays_what_it_is() {
    let state = tempfile::tempdir().expect("a folder");
    let _journal = journal(state.path(), 1, 1);
    let out = tempfile::tempdir().expect("a folder");
    let path = |name: &str| out.path().join(name);
    fs::write(path("target"), "mine").expect("written");
    symlink(path("target"), path("link")).expect("a link");
    let made = Command::new("mkfifo").arg(path("pipe")).status();
    assert!(made.expect("mkfifo").success());
    for name in ["link", "pipe"] {
        let path = path(name).display().to_string();
        for line in [
            format!("export --format raw -o {path}"),
            format!("export --format raw --force -o {path}"),
            format!("replay 1 --save {path}"),
        ] {
            let message = refusal(state.path(), &line);
            let words = format!("cannot write {path}: something else than a file has its name");
            assert_eq!(message, words, "{line}");
        }
    }
    assert!(path("link").is_symlink());
    assert!(!path("pipe").is_file());
    assert_eq!(fs::read(path("target")).expect("readable"), b"mine");
}
