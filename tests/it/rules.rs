//! `humanllm rules` on the command line, and what `humanllm history` tells of drafts and decisions.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use humanllm::api::{Body, Format, Interner, Phase};
use humanllm::draft::{Draft, Origin, Sender, Source};
use humanllm::inbox;
use humanllm::journal::{
    DecisionRow, DraftFate, Journal, JournalOptions, JournalReader, ModelDraftRow, ModelDraftState,
    Record, SaidRow, SaidState,
};
use humanllm::store::Store;
use serde_json::{Value, json};
use tempfile::TempDir;

const RULES: &str = r#"
[[model]]
name = "careful"
base_url = "http://127.0.0.1:8080"

[[rule]]
name = "errors"
agent = "codex"
prompt = '\*\*\* Error'
action = { draft = "careful" }

[[rule]]
name = "no rm"
tool = "shell"
argument = '\brm\b'
action = "hold"
timeout_seconds = 90
timeout_action = { reject = "Nobody is here." }

[[rule]]
name = "names"
text = "(?i)project x"
action = { reject = "Not that." }
"#;

/// A home folder with a configuration and a journal.
struct Home(TempDir);

impl Home {
    fn new(config: &str) -> Self {
        let home = Self(tempfile::tempdir().expect("a folder"));
        fs::create_dir_all(home.path(".config/humanllm")).expect("a folder");
        fs::write(home.path(".config/humanllm/config.toml"), config).expect("written");
        home
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn state(&self) -> PathBuf {
        self.path(".local/state/humanllm")
    }

    fn run(&self, line: &str) -> Output {
        Command::new(env!("CARGO_BIN_EXE_humanllm"))
            .args(line.split_whitespace())
            .env_clear()
            .env("HOME", self.0.path())
            .env("TZ", "UTC")
            .stdin(Stdio::null())
            .output()
            .expect("started")
    }

    fn shows(&self, line: &str) -> String {
        let output = self.run(line);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{line}: {stderr}");
        assert_eq!(stderr, "", "{line}");
        String::from_utf8(output.stdout).expect("UTF-8")
    }

    fn document(&self, line: &str) -> Value {
        let shown = self.shows(line);
        serde_json::from_str(&shown).unwrap_or_else(|error| panic!("{error}: {shown}"))
    }

    fn refusal(&self, line: &str) -> String {
        let output = self.run(line);
        assert_eq!(output.status.code(), Some(2), "{line}");
        assert_eq!(output.stdout, b"", "{line}");
        let stderr = String::from_utf8(output.stderr).expect("UTF-8");
        let message = stderr.strip_prefix("humanllm: ").expect("our name");
        let message = message.strip_suffix('\n').expect("a line");
        assert!(!message.contains('\n'), "{message}");
        message.to_owned()
    }
}

/// What Codex sends, with this as its last items.
fn ask(state: &Path, thread: &str, items: &[Value]) {
    let line = json!({"type": "string"});
    let body = json!({
        "model": "gpt-5-codex", "stream": true, "prompt_cache_key": thread,
        "instructions": "You are Codex.",
        "tools": [
            {"type": "function", "name": "exec_command", "parameters":
                {"type": "object", "properties": {"cmd": line, "workdir": line}}},
            {"type": "custom", "name": "apply_patch"}],
        "input": items,
    });
    let request = Format::Responses.parse(body.to_string().as_bytes(), &Interner::default());
    let journal = Journal::open(state, JournalOptions::default()).expect("a journal");
    let store = Store::with_journal(10, journal).expect("a store");
    let (intake, _events) = inbox::channel(10, store);
    let request = request.expect("a request");
    intake.open(request, "Codex".into(), None).expect("a place");
}

fn write(state: &Path, records: Vec<Record>) {
    let journal = Journal::open(state, JournalOptions::default()).expect("a journal");
    let written = journal.write(records);
    assert!(journal.settled_blocking(written));
}

fn said(id: i64, turn: i64, words: Value, typed: &str) -> Record {
    Record::Said(SaidRow {
        id,
        conversation: 1,
        turn,
        ticket: id,
        // 2026-01-02 03:04:05 UTC.
        at: 1_767_323_045_000 + id * 60_000,
        state: SaidState::Delivered,
        words: words.to_string(),
        typed: typed.into(),
    })
}

fn command(line: &str) -> Value {
    let arguments = json!({ "cmd": line }).to_string();
    json!({"FunctionCall": {"namespace": null, "name": "exec_command", "arguments": arguments}})
}

/// A conversation of two turns and one of another, with what was said and drafted.
fn journal(state: &Path) {
    let prompt = json!({"role": "user", "content": "Tidy\u{1b}[31m up"});
    ask(state, "one", std::slice::from_ref(&prompt));
    let call = json!({"type": "function_call", "call_id": "c1", "name": "exec_command",
        "arguments": "{\"cmd\":\"cd build && rm x\"}"});
    let output = json!({"type": "function_call_output", "call_id": "c1",
        "output": "make: *** Error 2"});
    ask(state, "one", &[prompt, call, output]);
    ask(
        state,
        "two",
        &[json!({"role": "user", "content": "Say *** Error"})],
    );

    let model = Source::Model {
        draft: 1,
        model: "qwen".into(),
    };
    let mut origin = Origin::of("All is ", model);
    origin.push(4, Source::Typed);
    let accepted = Draft {
        origin,
        sender: Sender::Rule("fine".into()),
        ..Draft::from("All is well")
    };
    let message = Body::message("All is well, project X", Phase::FinalAnswer);
    let draft = ModelDraftRow {
        id: 1,
        conversation: 1,
        turn: 2,
        model: "qwen".into(),
        hint: Some("be brief".into()),
        begun: 1_767_323_100_000,
        first: Some(1_767_323_100_250),
        ended: Some(1_767_323_102_000),
        state: ModelDraftState::CutOff,
        failure: None,
        items: json!([command("rm -r target"), message]).to_string(),
        partial: Some(json!({"Reasoning": {"summary": "Hm"}}).to_string()),
        usage: Some(r#"{"input":12345678901234567890123,"output":2,"reasoning":0}"#.into()),
        sent: 0,
        fate: DraftFate::Edited,
    };
    let whole = ModelDraftRow {
        id: 2,
        turn: 1,
        fate: DraftFate::Sent,
        state: ModelDraftState::Complete,
        hint: None,
        items: json!([command("rm of the draft that was sent")]).to_string(),
        partial: None,
        ..draft.clone()
    };
    write(
        state,
        vec![
            said(
                1,
                1,
                json!({"Item": command("cd build && rm x")}),
                "cd build && rm x",
            ),
            said(
                2,
                2,
                json!({"Live": ["Almost there", "Commentary"]}),
                "Almost there",
            ),
            said(3, 2, json!({"Rejection": "rm Project X"}), "rm Project X"),
            said(4, 2, json!({"Item": message}), &accepted.to_json()),
            Record::ModelDraft(Box::new(draft)),
            Record::ModelDraft(Box::new(whole)),
            Record::Decision(DecisionRow {
                id: 1,
                conversation: 1,
                turn: 2,
                at: 1_767_323_103_000,
                rule: "no rm".into(),
                matched: "tool shell, argument \"rm -r target\"".into(),
                action: "\"hold\"".into(),
                waited: false,
                draft: Some(1),
            }),
        ],
    );
}

#[test]
fn the_rules_are_listed_as_they_were_understood() {
    let home = Home::new(RULES);
    let shown = home.shows("rules");
    assert_eq!(
        shown,
        "  1  errors  (of a request): draft with careful
     agent         codex
     prompt        \\*\\*\\* Error

  2  no rm  (of a draft): hold, after 90 s reject with \"Nobody is here.\"
     tool          shell
     argument      \\brm\\b

  3  names  (of a draft): reject with \"Not that.\"
     text          (?i)project x
"
    );
    let listed = home.document("rules --json");
    assert_eq!(
        listed[1],
        json!({"name": "no rm", "asked_of": "draft", "action": "hold", "timeout_seconds": 90,
            "conditions": {"tool": "shell", "argument": "\\brm\\b"},
            "timeout_action": {"reject": "Nobody is here."}})
    );
    let none = Home::new("");
    assert!(none.shows("rules").starts_with("There are no rules;"));
    assert_eq!(none.document("rules --json"), json!([]));
    let wrong = Home::new("[[rule]]\nname = \"a\"\nargument = \"(\"\naction = \"hold\"");
    assert!(
        wrong
            .refusal("rules")
            .contains("config.toml:3: rule.argument: this is no regular")
    );
    assert!(!none.state().exists(), "nothing is made");
}

#[test]
fn a_trial_says_what_the_rules_would_have_done_and_does_nothing() {
    let home = Home::new(RULES);
    journal(&home.state());
    let shown = home.shows("rules try");
    let lines: Vec<&str> = shown.lines().collect();
    // What came first stands first; a turn is followed by what was said to it.
    let heads: Vec<String> = lines
        .iter()
        .filter(|line| !line.starts_with("        ") && line.starts_with("  "))
        .map(|line| format!("{} {}", &line[..6], &line[26..]))
        .collect();
    assert_eq!(
        heads,
        [
            "     1 reply    no rm: hold, after 90 s reject with \"Nobody is here.\"",
            "     1 request  errors: draft with careful",
            "     1 reply    names: reject with \"Not that.\"",
            "     1 draft    no rm: hold, after 90 s reject with \"Nobody is here.\"",
            "     1 draft    names: reject with \"Not that.\"",
            "     2 request  errors: draft with careful",
        ]
    );
    assert_eq!(&lines[0][..24], "     1  2026-01-02 03:05");
    assert_eq!(
        lines[1],
        "        tool shell, argument \"cd build && rm x\" · Tidy [31m up"
    );
    assert_eq!(
        lines.last(),
        Some(&"A rule would have met 2 of 3 requests, 2 of 3 replies and 2 of 2 other drafts.")
    );
    assert!(!shown.contains('\u{1b}'), "nothing steers the terminal");

    let document = home.document("rules try --json");
    assert_eq!(document["requests"], 3);
    assert_eq!(document["replies_met"], 2);
    let first = &document["met"][0];
    assert_eq!(
        (&first["what"], &first["rule"], &first["timeout_seconds"]),
        (&json!("reply"), &json!("no rm"), &json!(90))
    );
    assert_eq!(first["title"], "Tidy\u{1b}[31m up");
    assert_eq!(document["met"].as_array().map(Vec::len), Some(6));

    let second = home.document("rules try --json --conversation 2");
    assert_eq!(second["requests"], 1);
    assert_eq!(second["met"][0]["action"], json!({"draft": "careful"}));
    assert_eq!(home.document("rules try --json --days 1")["requests"], 3);
    assert_eq!(home.document("rules try --json --days 0")["requests"], 0);
    let message = home.refusal("rules try --conversation 9");
    assert!(
        message.starts_with("there is no conversation 9;"),
        "{message}"
    );

    // It can be read by a program that is not ours, and nothing of it has changed.
    let reader = JournalReader::open(&home.state()).expect("readable");
    assert_eq!(reader.decisions(1, 0, 9).expect("readable").len(), 1);
}

#[test]
fn the_rules_of_another_file_can_be_tried() {
    let home = Home::new("");
    journal(&home.state());
    assert!(home.shows("rules try").starts_with("There are no rules;"));
    assert_eq!(home.document("rules try --json")["met"], json!([]));
    let file = home.path("mine.toml");
    fs::write(
        &file,
        "[[rule]]\nname = \"all\"\nkind = [\"command\", \"message\"]\naction = \"send\"\n",
    )
    .expect("written");
    let file = file.display();
    assert!(
        home.shows(&format!("rules --rule {file}"))
            .contains("command or message")
    );
    let tried = home.document(&format!("rules try --json --rule {file}"));
    assert_eq!(
        (&tried["replies_met"], &tried["drafts_met"]),
        (&json!(3), &json!(2))
    );
    fs::write(home.path("broken.toml"), "[[rule]]\naction = \"hold\"\n").expect("written");
    let broken = home.refusal(&format!(
        "rules --rule {}",
        home.path("broken.toml").display()
    ));
    assert!(
        broken.contains("broken.toml:1: rule.name: every rule needs a name"),
        "{broken}"
    );
    let missing = home.refusal("rules --rule /no/such.toml");
    assert!(
        missing.starts_with("cannot read /no/such.toml: "),
        "{missing}"
    );
}

#[test]
fn without_a_journal_nothing_is_tried_or_made() {
    let home = Home::new(RULES);
    let message = home.refusal("rules try");
    assert!(message.starts_with("there is no journal in "), "{message}");
    assert!(!home.state().exists());
}

#[test]
fn history_tells_what_was_drafted_and_decided_and_whose_the_words_are() {
    let home = Home::new("");
    journal(&home.state());
    let shown = home.shows("history show 1");
    for part in [
        "7 of draft 1 (qwen), 4 typed, sent by the rule `fine`\n│ All is well, project X\n",
        "\n── draft 1 of qwen · 2026-01-02 03:05 · cut off · first word after 0.2 s · ended after 2.0 s · sent edited\n\
         │ hint: be brief\n│ exec_command{\"cmd\":\"rm -r target\"}\n│ All is well, project X\n│ Hm\n",
        "\nDecided by rules:\n\n2026-01-02 03:05  no rm of draft 1: hold (tool shell, argument \"rm -r target\")\n",
        "\n1 draft of a model to an earlier request; --raw shows it.\n",
    ] {
        assert!(shown.contains(part), "{part}\n{shown}");
    }
    assert!(!shown.contains("the draft that was sent"), "{shown}");
    let raw = home.shows("history show 1 --raw");
    assert!(raw.contains("rm of the draft that was sent"), "{raw}");

    let document = home.shows("history show 1 --json");
    assert!(document.contains("12345678901234567890123"), "to the digit");
    let document: Value = serde_json::from_str(&document).expect("JSON");
    let draft = &document["model_drafts"][0];
    assert_eq!(
        draft["items"][1]["Message"]["text"],
        "All is well, project X"
    );
    assert_eq!(
        (
            &draft["request"],
            &draft["state"],
            &draft["fate"],
            &draft["hint"]
        ),
        (
            &json!(2),
            &json!("cut off"),
            &json!("sent edited"),
            &json!("be brief")
        )
    );
    assert_eq!(draft["first_word"], "2026-01-02T03:05:00.25Z");
    assert_eq!(
        document["decisions"],
        json!([{"request": 2, "draft": 1, "at": "2026-01-02T03:05:03Z", "rule": "no rm",
            "matched": "tool shell, argument \"rm -r target\"", "action": "hold",
            "after_timeout": false}])
    );
    let said = &document["said"];
    assert_eq!(said[0].get("provenance"), None, "the person's keys");
    assert_eq!(
        said[3]["provenance"],
        json!({"sender": {"rule": "fine"}, "text": [
            {"chars": 7, "source": {"model": {"draft": 1, "model": "qwen"}}},
            {"chars": 4, "source": "typed"}]})
    );
    home.shows("history delete 1 --yes");
    let reader = JournalReader::open(&home.state()).expect("readable");
    assert_eq!(reader.model_drafts(1, 0, 9).expect("readable"), []);
    assert_eq!(reader.decisions(1, 0, 9).expect("readable"), []);
}
