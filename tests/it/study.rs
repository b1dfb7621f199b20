//! A study: whose a request is, how slowly it is answered, and what is on record of that. The real binary in
//! a pseudo-terminal, and HTTP clients.

use std::collections::HashMap;

use crate::support::{self, Client, EventStream, Operator, poll};
use serde_json::{Value, json};

const SLOW: &str = "[study]
enabled = true
[study.conditions.slow]
first_token_ms = 20
tokens_per_second = 50
seed = 7
[study.conditions.crawling]
tokens_per_second = 1
";

fn ask(client: &Client, condition: &str, prompt: &str) -> EventStream {
    let headers = [("x-participant", "p07"), ("x-condition", condition)];
    let body = json!({"model": "m", "stream": true, "input": prompt});
    client.post_sse("/v1/responses", &headers, &body)
}

/// The words of a stream as they come, until the response is whole.
fn deltas(stream: &mut EventStream) -> Vec<String> {
    let mut deltas = Vec::new();
    while let Some(event) = stream.next_event() {
        match event.event.as_str() {
            "response.output_text.delta" => {
                let delta = event.data["delta"].as_str().expect("a text");
                deltas.push(delta.to_owned());
            }
            "response.completed" => return deltas,
            _ => {}
        }
    }
    panic!("no end after {deltas:?}");
}

/// What a command about the journal prints while the program runs.
fn printed(operator: &Operator, args: &[&str]) -> String {
    let state = operator.sandbox().state_dir().display().to_string();
    let mut command = operator.sandbox().command(args);
    let output = command
        .args(["--state-dir", &state])
        .output()
        .expect("ended");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).expect("UTF-8")
}

/// The rows of the record, by the names of their columns. No cell of these tests has a comma.
fn record(operator: &Operator) -> Vec<HashMap<String, String>> {
    let csv = printed(operator, &["study", "csv"]);
    let mut rows = csv.split_terminator("\r\n").map(|row| row.split(','));
    let names: Vec<&str> = rows.next().expect("a head").collect();
    let row = |row: std::str::Split<'_, char>| {
        let cells: Vec<String> = row.map(str::to_owned).collect();
        assert_eq!(cells.len(), names.len(), "{csv}");
        let names = names.iter().map(|name| (*name).to_owned());
        names.zip(cells).collect()
    };
    rows.map(row).collect()
}

#[test]
fn an_answer_leaves_token_by_token_and_all_its_times_are_on_record() {
    let mut operator = Operator::builder().config(SLOW).start();
    let mut stream = ask(&operator.client(), "slow", "a question");
    let screen = operator.wait_request("a question");
    assert!(screen.contains("p07 slow"), "{screen}");
    operator.reply("one two three four");
    assert_eq!(deltas(&mut stream), ["one", " two", " three", " four"]);
    operator.wait_for("final answer · delivered");
    // Another participant, named by the model, without a delay.
    let body = json!({"model": "human/fast/p08", "stream": true, "input": "another question"});
    let mut stream = operator.client().post_sse("/v1/responses", &[], &body);
    operator.wait_request("another question");
    operator.wait_for("p08 fast");
    operator.key(support::Key::Alt('n'));
    operator.reply("five");
    assert_eq!(deltas(&mut stream).concat(), "five");

    let rows = poll(
        "both rows",
        || {
            let rows = record(&operator);
            let is_done = |row: &HashMap<String, String>| !row["delivered"].is_empty();
            (rows.len() == 2 && rows.iter().all(is_done)).then_some(rows)
        },
        || printed(&operator, &["study", "csv"]),
    );
    let of = |name: &str| {
        rows.iter()
            .find(|row| row["participant"] == name)
            .expect(name)
    };
    let row = of("p07");
    for (column, expected) in [
        ("condition", "slow"),
        ("format", "responses"),
        ("state", "answered"),
        ("keys", "19"),
        ("replies", "1"),
        ("senders", "person"),
        ("delay_first_ms", "20"),
        ("delay_tokens", "4"),
        ("delay_total_ms", "80"),
        ("characters_typed", "18"),
        ("characters_pasted", "0"),
    ] {
        assert_eq!(row[column], expected, "{column}");
    }
    // In the order in which it happened.
    let times = [
        "arrived",
        "seen",
        "first_key",
        "first_word",
        "sent",
        "delivered",
    ];
    let times = times.map(|name| row[name].as_str());
    assert!(times.iter().all(|time| time.ends_with('Z')), "{times:?}");
    assert!(times.is_sorted(), "{times:?}");
    assert_eq!(row["sent"], row["ended"]);
    let row = of("p08");
    assert_eq!(
        (row["condition"].as_str(), row["delay_total_ms"].as_str()),
        ("fast", "")
    );

    let numbers: Value =
        serde_json::from_str(&printed(&operator, &["statistics", "--json"])).expect("JSON");
    let all = &numbers["all"];
    assert_eq!((&all["turns"], &all["answered"]), (&json!(2), &json!(2)));
    assert_eq!(all["characters"], 22);
    assert!(
        all["to_first_word_ms"].as_i64() <= all["to_end_ms"].as_i64(),
        "{all}"
    );
    assert_eq!(numbers["days"].as_object().map(|days| days.len()), Some(1));
    let text = printed(&operator, &["statistics", "--days", "1"]);
    assert!(text.contains("first word"), "{text}");
}

#[test]
fn what_is_said_later_waits_behind_what_is_on_its_way() {
    let mut operator = Operator::builder().config(SLOW).start();
    let mut stream = ask(&operator.client(), "slow", "a question");
    operator.wait_request("a question");
    operator.choose("Progress");
    operator.reply("a note of several words that takes its time");
    operator.wait_for("commentary");
    operator.choose("Send");
    operator.reply("the answer");
    let all = deltas(&mut stream);
    assert!(all.len() > 8, "{all:?}");
    assert_eq!(
        all.concat(),
        "a note of several words that takes its timethe answer"
    );
    operator.wait_for("final answer · delivered");
}

#[test]
fn a_client_that_hangs_up_ends_it_and_the_words_come_back() {
    let mut operator = Operator::builder().config(SLOW).start();
    let mut stream = ask(&operator.client(), "crawling", "a question");
    operator.wait_request("a question");
    let words = "one two three four five six seven eight nine ten eleven twelve";
    operator.reply(words);
    assert_eq!(stream.until("response.output_text.delta")["delta"], "one");
    // It is on its way, and that is on the screen.
    operator.wait_for("final answer · sent");
    drop(stream);
    operator.wait_for("not delivered");
    operator.wait_for(&format!("> {words}"));
    let rows = poll(
        "the row",
        || {
            let rows = record(&operator);
            (rows.first()?["state"] == "client gone").then_some(rows)
        },
        || printed(&operator, &["study", "csv"]),
    );
    assert_eq!(rows[0]["delivered"], "");
    assert_ne!(rows[0]["ended"], "");
}

#[test]
fn formats_without_events_get_the_same_words() {
    let mut operator = Operator::builder().config(SLOW).start();
    let headers = [("x-condition", "slow")];
    for (path, answer) in [
        ("/v1/chat/completions", "/choices/0/message/content"),
        ("/v1/messages", "/content/0/text"),
    ] {
        let body = json!({"model": "m", "max_tokens": 100,
            "messages": [{"role": "user", "content": path}]});
        let client = operator.client();
        let asked = std::thread::spawn(move || client.post_json(path, &headers, &body));
        operator.wait_request(path);
        operator.key(support::Key::Alt('n'));
        operator.reply("one two three");
        let (status, document) = asked.join().expect("answered");
        assert_eq!(status, 200, "{document}");
        assert_eq!(
            document.pointer(answer),
            Some(&json!("one two three")),
            "{document}"
        );
    }
}

#[test]
fn a_study_that_is_paused_waits_and_says_so() {
    let mut operator = Operator::builder()
        .config("[study]\nenabled = true\nstarts_paused = true")
        .start();
    operator.wait_for("study paused since");
    let mut stream = ask(&operator.client(), "any", "a question");
    operator.wait_request("a question");
    operator.reply("too early");
    operator.wait_for("the study is paused; the text is kept");
    let status = |operator: &Operator| -> Value {
        serde_json::from_str(&printed(operator, &["study", "status", "--json"])).expect("JSON")
    };
    assert_eq!(status(&operator)["state"], "paused");
    let state = operator.sandbox().state_dir().display().to_string();
    let mut command = operator
        .sandbox()
        .command(&["reply", "1", "x", "--state-dir", &state]);
    assert_eq!(command.output().expect("ended").status.code(), Some(4));

    assert_eq!(
        printed(&operator, &["study", "start"]),
        "The study is running.\n"
    );
    operator.wait_gone("study paused since");
    operator.key(support::Key::Enter);
    assert_eq!(deltas(&mut stream).concat(), "too early");
    let row = poll(
        "the row",
        || {
            record(&operator)
                .pop()
                .filter(|row| !row["delivered"].is_empty())
        },
        || printed(&operator, &["study", "csv"]),
    );
    // What was waited for before it was started.
    let paused: u64 = row["paused_ms"].parse().expect("a number");
    assert!(paused > 0, "{row:?}");
    assert!(printed(&operator, &["study", "pause"]).starts_with("The study is paused since"));
    operator.wait_for("study paused since");
    assert_eq!(status(&operator)["state"], "paused");
}

#[test]
fn the_person_turns_the_clock_without_a_command() {
    let mut operator = Operator::builder()
        .config("[study]\nenabled = true\nstarts_paused = true")
        .start();
    let mut stream = ask(&operator.client(), "any", "a question");
    operator.wait_request("a question");
    operator.wait_for("study paused since");
    operator.wait_for("Alt+Shift+S has it go on");
    operator.key(support::Key::Alt('S'));
    operator.wait_for("the study goes on; it was paused for");
    operator.wait_gone("study paused since");
    let status = |operator: &Operator| printed(operator, &["study", "status"]);
    assert_eq!(status(&operator), "The study is running.\n");
    operator.reply("an answer");
    assert_eq!(deltas(&mut stream).concat(), "an answer");
    // And by its name.
    operator.key(support::Key::Alt('m'));
    operator.wait_for("actions");
    operator.type_text("clock");
    operator.wait_for("Start the study's clock");
    operator.key(support::Key::Enter);
    operator.wait_for("study paused since");
    assert!(status(&operator).starts_with("The study is paused since"));
}

#[test]
fn without_a_study_there_is_nothing_to_start() {
    let mut operator = Operator::start();
    operator.key(support::Key::Alt('S'));
    operator.wait_for("no study is run");
    let state = operator.sandbox().state_dir().display().to_string();
    let mut command = operator
        .sandbox()
        .command(&["study", "start", "--state-dir", &state]);
    let output = command.output().expect("ended");
    assert_eq!(output.status.code(), Some(5));
    let message = String::from_utf8(output.stderr).expect("UTF-8");
    assert!(message.contains("no study is run"), "{message}");
}

const PHASES: &str = "[snippets]
thanks = \"Thank you.\"
[study]
enabled = true
[[study.phase]]
name = \"greeting\"
snippets = { hello = \"Hello, I am your assistant.\" }
[[study.phase]]
name = \"task\"
snippets = { busy = \"I am on it.\", done = \"That is done.\" }
";

#[test]
fn the_snippets_of_the_phase_are_at_hand_and_the_phase_is_on_record() {
    let mut operator = Operator::builder().config(PHASES).start();
    operator.wait_for("phase greeting");
    let mut stream = ask(&operator.client(), "a", "good morning");
    operator.wait_request("good morning");
    operator.key(support::Key::Ctrl('r'));
    let screen = operator.wait_for("hello: Hello, I am your assistant.");
    assert!(screen.contains("thanks: Thank you."), "{screen}");
    assert!(!screen.contains("I am on it."), "{screen}");
    // The first is chosen already.
    operator.key(support::Key::Enter);
    operator.wait_for("> Hello, I am your assistant.");
    operator.key(support::Key::Enter);
    assert_eq!(deltas(&mut stream).concat(), "Hello, I am your assistant.");

    // The next request comes before the experimenter goes on, and is answered after.
    let mut stream = ask(&operator.client(), "a", "count my words");
    operator.wait_request("count my words");
    assert_eq!(
        printed(&operator, &["study", "phase", "task"]),
        "The study is running.\nIts phase is task, of greeting, task.\n"
    );
    operator.wait_for("phase task");
    operator.key(support::Key::Alt('n'));
    operator.key(support::Key::Ctrl('r'));
    let screen = operator.wait_for("busy: I am on it.");
    assert!(!screen.contains("hello: "), "{screen}");
    // A script goes on while the list is open: what was shown is what is inserted.
    printed(&operator, &["study", "phase", "greeting"]);
    operator.wait_for("phase greeting");
    operator.key(support::Key::Enter);
    operator.wait_for("> I am on it.");
    // Back, with the same key that inserts.
    operator.key(support::Key::Ctrl('r'));
    operator.type_text("phase task");
    operator.key(support::Key::Enter);
    operator.wait_for("phase task");
    operator.key(support::Key::Enter);
    assert_eq!(deltas(&mut stream).concat(), "I am on it.");

    let status: Value =
        serde_json::from_str(&printed(&operator, &["study", "status", "--json"])).expect("JSON");
    assert_eq!(status["phase"], "task");
    assert_eq!(status["phases"], json!(["greeting", "task"]));
    let rows = poll(
        "both rows",
        || {
            let mut rows = record(&operator);
            rows.sort_by_key(|row| row["turn"].clone());
            let is_done = |row: &HashMap<String, String>| !row["delivered"].is_empty();
            (rows.len() == 2 && rows.iter().all(is_done)).then_some(rows)
        },
        || printed(&operator, &["study", "csv"]),
    );
    let phases: Vec<&str> = rows.iter().map(|row| row["phase"].as_str()).collect();
    assert_eq!(phases, ["greeting", "task"]);
    assert_eq!(rows[0]["characters_snippet"], "27");

    let state = operator.sandbox().state_dir().display().to_string();
    let mut command =
        operator
            .sandbox()
            .command(&["study", "phase", "debrief", "--state-dir", &state]);
    let output = command.output().expect("ended");
    assert_eq!(output.status.code(), Some(5));
    let message = String::from_utf8(output.stderr).expect("UTF-8");
    assert!(
        message.contains("no phase \"debrief\"; there are greeting, task"),
        "{message}"
    );
}

/// What Codex sends at the beginning of a thread, in its shape.
fn codex(prompt: &str) -> Value {
    let message = |role: &str, text: &str| {
        json!({"type": "message", "role": role,
            "content": [{"type": "input_text", "text": text}]})
    };
    let context = "<environment_context>\n  <cwd>/srv/site</cwd>\n  <shell>bash</shell>\n\
                   </environment_context>";
    json!({"model": "human", "stream": true, "store": false,
        "instructions": "You are Codex, based on GPT-5.",
        "prompt_cache_key": format!("019a-{prompt}"),
        "tools": [{"type": "function", "name": "exec_command", "strict": false,
            "parameters": {"type": "object", "properties": {"cmd": {"type": "string"}},
                "required": ["cmd"], "additionalProperties": false}}],
        "input": [message("developer", "Sandboxing is on."), message("user", context),
            message("user", prompt)]})
}

/// Has Codex ask for a participant, and answers.
fn converse(operator: &mut Operator, whose: (&str, &str), prompt: &str, answer: &str) {
    let agent = ("user-agent", "codex_exec/0.169.0 (Debian; x86_64)");
    let headers = [("x-participant", whose.0), ("x-condition", whose.1), agent];
    let mut stream = operator
        .client()
        .post_sse("/v1/responses", &headers, &codex(prompt));
    operator.wait_request(prompt);
    operator.key(support::Key::Alt('n'));
    operator.reply(answer);
    assert_eq!(deltas(&mut stream).concat(), answer);
}

fn json_lines(text: &str) -> Vec<Value> {
    let lines = text.lines();
    lines
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect()
}

#[test]
fn exports_and_the_history_say_whose_a_conversation_is() {
    let mut operator = Operator::builder().config(PHASES).start();
    converse(&mut operator, ("p07", "slow"), "Fix the parser", "Which?");
    // Above the transcript, too.
    operator.wait_for("phase greeting · p07 slow · answered");
    printed(&operator, &["study", "phase", "task"]);
    operator.wait_for("phase task");
    converse(&mut operator, ("p08", "fast"), "Count my words", "Two.");
    operator.wait_for("p08 fast · answered");

    let list = printed(&operator, &["history", "list"]);
    assert!(list.contains("Fix the parser  (p07 slow)\n"), "{list}");
    assert!(list.contains("Count my words  (p08 fast)\n"), "{list}");
    let args = ["history", "list", "--participant", "p08", "--json"];
    let list: Value = serde_json::from_str(&printed(&operator, &args)).expect("JSON");
    assert_eq!(list.as_array().map(Vec::len), Some(1), "{list}");
    assert_eq!(
        (&list[0]["participant"], &list[0]["condition"]),
        (&json!("p08"), &json!("fast"))
    );
    let none = printed(&operator, &["history", "list", "--condition", "none"]);
    assert_eq!(none, "No conversations yet.\n");
    let shown = printed(&operator, &["history", "show", "1"]);
    assert!(shown.contains("\nstudy     p07 slow\n"), "{shown}");
    let shown = printed(&operator, &["history", "show", "1", "--json"]);
    let shown: Value = serde_json::from_str(&shown).expect("JSON");
    assert_eq!(shown["participant"], "p07");

    let export = |format: &str| printed(&operator, &["export", "--format", format, "2"]);
    let document: Value = serde_json::from_str(&export("atif")).expect("JSON");
    let whole = &document["extra"]["humanllm"];
    assert_eq!(
        (&whole["participant"], &whole["condition"]),
        (&json!("p08"), &json!("fast"))
    );
    let steps = document["steps"].as_array().expect("a list");
    let reply = steps.iter().find(|step| step["source"] == "agent");
    let reply = &reply.expect("a reply")["extra"]["humanllm"];
    assert_eq!(
        (&reply["participant"], &reply["phase"]),
        (&json!("p08"), &json!("task"))
    );
    assert_eq!(
        json_lines(&export("messages"))[0]["metadata"],
        json!({"participant": "p08", "condition": "fast", "phase": "task"})
    );
    let raw = json_lines(&export("raw"));
    for line in &raw[..2] {
        assert_eq!(line["participant"], "p08", "{line}");
    }
    assert_eq!(raw[1]["phase"], "task");
    let markdown = export("markdown");
    for words in [
        "- Participant: p08\n",
        "- Condition: fast\n",
        "## Turn 1, phase task\n",
    ] {
        assert!(markdown.contains(words), "{words}: {markdown}");
    }
    let html = export("html");
    for words in [
        "<dt>Participant</dt><dd>p08</dd>",
        "<h2>Turn 1, phase task</h2>",
    ] {
        assert!(html.contains(words), "{words}: {html}");
    }
}

#[test]
fn what_is_labelled_or_deleted_while_the_program_runs_is_so_at_once() {
    let mut operator = Operator::builder().config(PHASES).start();
    converse(&mut operator, ("p07", "slow"), "Fix the parser", "Which?");
    converse(&mut operator, ("p08", "fast"), "Count my words", "Two.");
    let marked = printed(
        &operator,
        &[
            "history",
            "label",
            "1",
            "good",
            "--rating",
            "5",
            "--note",
            "as it should be",
        ],
    );
    assert!(
        marked.contains("conversation: 5 of 5 · good · as it should be"),
        "{marked}"
    );
    let marked = printed(
        &operator,
        &["history", "label", "1", "--turn", "1", "short"],
    );
    assert!(marked.contains("turn 1: short"), "{marked}");
    // The one on the screen shows it.
    printed(&operator, &["history", "label", "2", "fine"]);
    operator.wait_for("conversation: fine");
    let exported = printed(
        &operator,
        &["export", "--format", "messages", "--label", "good"],
    );
    assert_eq!(json_lines(&exported).len(), 1, "{exported}");

    let refused = |operator: &Operator, args: &[&str]| {
        let state = operator.sandbox().state_dir().display().to_string();
        let mut command = operator.sandbox().command(args);
        let output = command.args(["--state-dir", &state]).output();
        let output = output.expect("ended");
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        String::from_utf8(output.stderr).expect("UTF-8")
    };
    let message = refused(&operator, &["history", "label", "1", "--turn", "9", "x"]);
    assert!(
        message.contains("conversation 1 has no turn 9"),
        "{message}"
    );

    // Somebody waits: nothing of it is deleted.
    let mut stream = ask(&operator.client(), "a", "are you there?");
    operator.wait_request("are you there?");
    let message = refused(&operator, &["history", "delete", "2", "3", "--yes"]);
    assert!(
        message.contains("somebody waits in conversation 3"),
        "{message}"
    );
    assert!(printed(&operator, &["history", "list"]).contains("Count my words"));
    operator.key(support::Key::Alt('n'));
    operator.reply("Yes.");
    assert_eq!(deltas(&mut stream).concat(), "Yes.");
    operator.wait_for("delivered");

    // The one that is open, with something typed in it.
    operator.type_text("never to be sent");
    operator.wait_for("> never to be sent");
    assert_eq!(
        printed(&operator, &["history", "delete", "3", "2", "--yes"]),
        "Deleted 2 conversations.\n"
    );
    let screen = operator.wait_gone("never to be sent");
    assert!(!screen.contains("Count my words"), "{screen}");
    let list = printed(&operator, &["history", "list"]);
    assert_eq!(list.lines().count(), 1, "{list}");
    // What it asks again is new to it.
    let mut stream = ask(&operator.client(), "a", "are you there?");
    operator.wait_request("are you there?");
    operator.key(support::Key::Alt('n'));
    operator.reply("Again.");
    assert_eq!(deltas(&mut stream).concat(), "Again.");
}
