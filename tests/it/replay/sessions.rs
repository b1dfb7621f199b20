//! Real agents in their terminals, which a person answers once; what is in the journal then is exported in every
//! format, and played again to the same agents, which finish without anybody.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use serde_json::{Value, json};

use super::player::{HOMEWORK, PROMPT, REFUSAL, Replay};
use crate::support::upstream::{call, say};
use crate::support::{
    API_KEY, Agent, ClientRun, CodexHome, CodexSession, Key, Operator, Pty, Signal, Upstream,
    has_row, in_terminal, readers,
};

/// What the agent finds in its folder, and what it is told to do with it.
const POEM: &str = "over the hill\n";
const COUNT: &str = "wc -w poem.txt";
const COUNTED: &str = "3 poem.txt";
/// What it is told to write there.
const WRITTEN: &str = "three words";
const NOTE: &str = "One moment";
/// What a model drafts, and what the person makes of that.
const DRAFTED: &str = "It has three words";
const ANSWER: &str = "It has three words, all of them short";

/// How many requests of a session a person has to answer: one that is rejected, and three of a task.
const TURNS: usize = 4;

/// The formats of `humanllm export`, with the names of the files here.
const FORMATS: [(&str, &str); 6] = [
    ("atif", "session.atif.json"),
    ("messages", "messages.jsonl"),
    ("preferences", "preferences.jsonl"),
    ("markdown", "session.md"),
    ("html", "session.html"),
    ("raw", "raw.jsonl"),
];

/// What an agent has to show for itself in the end.
#[derive(Debug, PartialEq)]
struct Shown {
    /// What its screen says of what it heard and did.
    said: Vec<String>,
    /// The files in its folder.
    files: BTreeMap<String, String>,
    /// Whether it ended well.
    ended: bool,
}

/// Has an agent show what came of a session, and end.
fn leave(agent: &mut Pty, work: &Path, quit: &str) -> Shown {
    let screen = agent.wait_until("an agent at rest", |screen| {
        !screen.contains("esc to interrupt")
    });
    let said = screen
        .lines()
        .filter(|line| line.starts_with(['•', '■', '●']));
    let said = said.map(str::to_owned).collect();
    let entries = fs::read_dir(work).expect("its folder").map(|entry| {
        let entry = entry.expect("readable");
        let text = fs::read_to_string(entry.path()).expect("a text");
        (entry.file_name().into_string().expect("UTF-8"), text)
    });
    let files = entries.collect();
    ask(agent, quit);
    Shown {
        said,
        files,
        ended: agent.wait_exit().success(),
    }
}

/// Sees to it that this is what comes of the session, with these calls.
fn is_as_answered(shown: &Shown, calls: &[&str]) {
    let heard = [&[REFUSAL, NOTE], calls, &[ANSWER]].concat();
    assert_eq!(shown.said.len(), heard.len(), "{shown:?}");
    for (said, words) in shown.said.iter().zip(heard) {
        assert!(said.contains(words), "no {words:?} in {shown:?}");
    }
    let files: Vec<(&str, &str)> = shown
        .files
        .iter()
        .map(|(name, text)| (name.as_str(), text.trim_end()))
        .collect();
    assert_eq!(
        files,
        [("count.txt", WRITTEN), ("poem.txt", POEM.trim_end())]
    );
    assert!(shown.ended, "it failed in the end");
}

/// The configuration of a person who has a model at hand.
fn with_model(upstream: &Upstream) -> String {
    format!(
        "[server]\nheartbeat_seconds = 1\n[[model]]\nname = \"qwen\"\nbase_url = \"{}\"\n",
        upstream.url()
    )
}

/// Gives the agent a prompt.
fn ask(agent: &mut Pty, prompt: &str) {
    agent.paste(prompt);
    agent.wait_for(prompt);
    agent.key(Key::Enter);
}

/// Has a person answer: a rejection; then a note and a command, a file that is saved somehow, and an answer that
/// a model drafted and the person changed.
fn play(play: &mut ClientRun<Pty>, upstream: &Upstream, save: impl FnOnce(&mut ClientRun<Pty>)) {
    ask(&mut play.client, HOMEWORK);
    play.reject(HOMEWORK, REFUSAL);
    play.client.wait_for(REFUSAL);
    play.operator.wait_gone("waiting");
    ask(&mut play.client, PROMPT);
    play.operator.wait_request(PROMPT);
    play.operator.choose("Progress");
    play.operator.reply(NOTE);
    play.client.wait_for(NOTE);
    play.operator.choose("Run command");
    play.operator.reply(COUNT);
    play.operator.wait_until("the count", |screen| {
        screen.contains("waiting") && has_row(screen, COUNTED)
    });
    save(play);
    upstream.says(&[say(DRAFTED)]);
    play.operator.key(Key::Alt('d'));
    play.operator.wait_for(&format!("> {DRAFTED}"));
    play.operator.type_text(ANSWER.trim_start_matches(DRAFTED));
    play.operator.wait_for(&format!("> {ANSWER}"));
    play.operator.key(Key::Enter);
    play.client.wait_for(ANSWER);
    play.operator.wait_gone("waiting");
}

/// The same from the side of the agent, which somebody else answers.
fn again(agent: &mut Pty) {
    ask(agent, HOMEWORK);
    agent.wait_for(REFUSAL);
    ask(agent, PROMPT);
    agent.wait_for(ANSWER);
}

/// Ends the program of a person, exports all that was asked and said in every format, and has others read it;
/// the files from which it is played again.
fn export(operator: &mut Operator) -> [PathBuf; 2] {
    operator.signal(Signal::TERM);
    operator.wait_exit();
    let state = operator.sandbox().state_dir().display().to_string();
    let run = |args: &[&str]| -> String {
        let mut command = operator.sandbox().command(args);
        let output = command.args(["--state-dir", &state]).output();
        let output = output.expect("started");
        assert!(output.status.success(), "{args:?}: {output:?}");
        String::from_utf8(output.stdout).expect("UTF-8")
    };
    let listed = run(&["history", "list", "--json"]);
    let listed: Value = serde_json::from_str(&listed).expect("JSON");
    let listed = listed.as_array().expect("a list").iter();
    let own = listed.filter(|row| row.get("automatic").is_none());
    let numbers: Vec<String> = own.map(|row| row["id"].to_string()).collect();
    let [number] = numbers.as_slice() else {
        panic!("one conversation: {numbers:?}");
    };
    let file = |name: &str| operator.sandbox().path(name);
    for (format, name) in FORMATS {
        let path = file(name).display().to_string();
        let told = run(&["export", number, "--format", format, "-o", &path]);
        assert!(told.starts_with("Wrote 1 conversation (4 turns"), "{told}");
    }
    readers::validate_trajectory(&file("session.atif.json"));
    readers::load_data_sets(&[file("messages.jsonl"), file("preferences.jsonl")]);
    let page = readers::read_page(&file("session.html"));
    let texts = FORMATS.map(|(format, name)| match (format, &page) {
        ("html", Some(page)) => page.clone(),
        _ => fs::read_to_string(file(name)).expect("a text"),
    });
    let read = texts.iter().filter(|text| !text.starts_with("<!DOCTYPE"));
    for text in read {
        for words in [HOMEWORK, PROMPT, NOTE, COUNT, COUNTED, WRITTEN, ANSWER] {
            assert!(text.contains(words), "no {words:?} in {text}");
        }
    }
    // A rejection is nothing that a model could learn.
    let rejects = texts.each_ref().map(|text| text.contains(REFUSAL));
    assert_eq!(rejects, [true, false, false, true, true, true]);
    let saved = file("session.jsonl");
    run(&["replay", number, "--save", &saved.display().to_string()]);
    [saved, file("raw.jsonl")]
}

/// Plays a file at the address where the person was.
fn replay(operator: &Operator, file: &Path, key: Option<&str>) -> Replay {
    let place = operator.sandbox();
    let listen = place.address.to_string();
    let mut command = place.command(&["replay", "--once", "--instant", "--json"]);
    command
        .arg(file)
        .args(["--listen", &listen])
        .envs(key.map(|key| ("HUMANLLM_API_KEY", key)))
        .stdin(Stdio::null())
        .stderr(Stdio::piped());
    Replay::of(command)
}

/// Waits for the end of a replay, in which all was asked and nothing else.
fn is_whole(replay: Replay) {
    let (code, summary, told) = replay.wait_told();
    assert_eq!(code, 0, "{summary}\n{told}");
    for (field, value) in [
        ("recorded", json!(TURNS)),
        ("played", json!(TURNS)),
        ("unplayed", json!([])),
        ("missed", json!(0)),
        ("ended", json!("played")),
    ] {
        assert_eq!(summary[field], value, "{field}: {summary}");
    }
    let count = |field: &str| summary[field].as_u64().expect("a number");
    assert_eq!(count("strict") + count("shape"), 4, "{summary}");
}

#[test]
fn codex_is_recorded_exported_and_finishes_without_a_person_twice() {
    let upstream = Upstream::start();
    let Some(scene) = CodexSession::with_config(&with_model(&upstream)) else {
        return;
    };
    let open = |codex: &CodexHome| {
        fs::write(codex.work().join("poem.txt"), POEM).expect("a poem");
        codex.interactive((100, 40))
    };
    let codex = scene.codex;
    let mut session = ClientRun {
        client: open(&codex),
        operator: scene.operator,
        wire: scene.wire,
    };
    play(&mut session, &upstream, |play| {
        let patch = format!("*** Begin Patch\n*** Add File: count.txt\n+{WRITTEN}\n*** End Patch");
        upstream.says(&[call("apply_patch", json!({ "input": patch }))]);
        play.operator.key(Key::Alt('d'));
        play.operator.wait_for("*** Add File: count.txt");
        play.operator.wait_for("add count.txt +1");
        play.operator.key(Key::Enter);
        play.operator
            .wait_until("the result of the patch", |screen| {
                screen.contains("waiting") && screen.contains("A count.txt")
            });
    });
    let first = leave(&mut session.client, &codex.work(), "/quit");
    is_as_answered(&first, &["Ran wc -w poem.txt", "Added count.txt (+1 -0)"]);
    for file in export(&mut session.operator) {
        let replay = replay(&session.operator, &file, None);
        // Another home and another folder each time.
        let codex = CodexHome::new(session.wire.address).expect("Codex");
        let mut agent = open(&codex);
        again(&mut agent);
        assert_eq!(leave(&mut agent, &codex.work(), "/quit"), first);
        is_whole(replay);
    }
}

#[test]
fn claude_code_is_recorded_exported_and_finishes_without_a_person_twice() {
    let upstream = Upstream::start();
    let config = with_model(&upstream);
    let Some(agent) = Agent::claude_with_config(&config) else {
        return;
    };
    agent.write("work/poem.txt", POEM);
    let mut command = agent.claude_command();
    command.args([
        "--permission-mode",
        "default",
        "--allowedTools",
        "Bash,Write",
    ]);
    let work = agent.work();
    let mut session = agent.start_in_terminal(&command);
    session.client.wait_for("❯");
    play(&mut session, &upstream, |play| {
        let path = work.join("count.txt").display().to_string();
        play.call(
            COUNTED,
            "Write",
            &[("file_path", &path), ("content", WRITTEN)],
        );
        play.operator
            .wait_until("the result of the call", |screen| {
                screen.contains("waiting") && screen.contains("File created")
            });
    });
    let first = leave(&mut session.client, &work, "/exit");
    is_as_answered(&first, &["Write(count.txt)"]);
    for file in export(&mut session.operator) {
        let replay = replay(&session.operator, &file, Some(API_KEY));
        fs::remove_file(work.join("count.txt")).expect("what was written");
        let mut agent = in_terminal(&command);
        agent.wait_for("❯");
        again(&mut agent);
        assert_eq!(leave(&mut agent, &work, "/exit"), first);
        is_whole(replay);
    }
}
