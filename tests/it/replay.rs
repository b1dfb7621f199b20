//! A session that a person has played is played again without one, to the same agent, over each wire.
//!
//! `HUMANLLM_TEST_CODEX` and `HUMANLLM_TEST_CLAUDE` name the real programs that it is done with too; what
//! was recorded is exported then, and `HUMANLLM_TEST_HARBOR` and `HUMANLLM_TEST_DATASETS` are what reads that,
//! as in `export.rs`. `HUMANLLM_TEST_AIMOCK` names the `node_modules` with `@copilotkit/aimock` (1.43.0) that
//! fixtures are given to. Scenes of which the variable is not there pass at once and say so.

mod agent;
mod aimock;
mod player;
mod sessions;

use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::process::Stdio;

use crate::support::{self, Client, Signal};
use agent::{Wire, talk};
use player::{Recorded, Replay, TURNS, record};
use serde_json::{Value, json};

#[test]
fn a_session_is_played_again_over_every_wire_with_the_same_result() {
    for wire in Wire::ALL {
        let Recorded { heard, place, id } = record(wire);
        let file = place.path("session.jsonl");
        let saved = place.humanllm(&["replay", &id, "--save", &file.display().to_string()]);
        assert!(saved.status.success(), "{wire:?}: {saved:?}");
        let raw = place.path("raw.jsonl");
        let raw_path = raw.display().to_string();
        let exported = place.humanllm(&["export", &id, "--format", "raw", "-o", &raw_path]);
        assert!(exported.status.success(), "{wire:?}: {exported:?}");
        // One format: with what a request went on from by id, too.
        let lines = |path: &Path| -> Vec<Value> {
            let text = fs::read_to_string(path).expect("written");
            let lines = text
                .lines()
                .map(|line| serde_json::from_str(line).expect("JSON"));
            let of_both = |line: &Value| line["type"] == "request" || line["type"] == "said";
            lines.filter(of_both).collect()
        };
        assert_eq!(lines(&raw), lines(&file), "{wire:?}");
        for source in [&id, &file.display().to_string(), &raw_path] {
            let replay = Replay::start(&place, &[source, "--instant", "--once", "--json"]);
            assert_eq!(talk(replay.address, wire, "/tmp/other"), heard, "{wire:?}");
            let (code, summary) = replay.wait();
            assert_eq!(code, 0, "{wire:?}: {summary}");
            assert_eq!(summary["recorded"], TURNS);
            assert_eq!(summary["strict"], TURNS, "{wire:?}: {summary}");
            assert_eq!(summary["ended"], "played");
        }
    }
}

#[test]
fn one_wire_is_as_good_as_another_by_shape() {
    let Recorded { heard, place, id } = record(Wire::Responses);
    let replay = Replay::start(&place, &[&id, "--instant", "--once", "--json"]);
    // In another folder too, which is in what the agent says of itself.
    let again = talk(replay.address, Wire::Socket, "/home/ci/build");
    assert_eq!(again, heard);
    let (code, summary) = replay.wait();
    assert_eq!((code, &summary["shape"]), (0, &json!(TURNS)), "{summary}");
}

#[test]
fn what_was_not_recorded_is_refused_loudly() {
    for (wire, kind) in [
        (Wire::Responses, "invalid_request_error"),
        (Wire::Chat, "invalid_request_error"),
        (Wire::Messages, "invalid_request_error"),
    ] {
        let Recorded { place, id, .. } = record(wire);
        let replay = Replay::start(&place, &[&id, "--instant", "--json"]);
        let client = Client::new(replay.address);
        let body = wire.body(&wire.begin("/tmp/x", "Count my letters, all of them"), true);
        let (status, error) = client.post_json(wire.path(), &[], &body);
        assert_eq!(
            (status, &error["error"]["type"]),
            (400, &json!(kind)),
            "{error}"
        );
        if wire != Wire::Messages {
            assert_eq!(error["error"]["code"], "not_recorded");
        }
        let message = error["error"]["message"].as_str().expect("words");
        assert!(message.contains("Count my letters"), "{message}");
        assert!(message.contains("request 1 of the recording"), "{message}");
        replay.signal(Signal::TERM);
        let (code, summary, told) = replay.wait_told();
        assert_eq!((code, &summary["missed"]), (3, &json!(1)), "{summary}");
        assert_eq!(summary["ended"], "signal");
        for line in [
            "MISSED: Count my letters, all of them",
            "-Count my words",
            "+Count my letters, all of them",
        ] {
            assert!(told.contains(line), "no {line:?} in {told}");
        }
    }
}

#[test]
fn a_socket_is_told_what_was_not_recorded_and_goes_on() {
    let Recorded { heard, place, id } = record(Wire::Socket);
    let replay = Replay::start(&place, &[&id, "--instant", "--once", "--json"]);
    let mut socket = support::Socket::open(replay.address, &[]).expect("a socket");
    socket.create(json!({"input": "Something else altogether"}));
    let error = socket.until("error");
    assert_eq!(error["error"]["code"], "not_recorded", "{error}");
    assert_eq!(talk(replay.address, Wire::Socket, "/tmp/x"), heard);
    let (code, _) = replay.wait();
    assert_eq!(code, 3);
}

#[test]
fn byte_for_byte_means_it() {
    let Recorded { place, id, .. } = record(Wire::Chat);
    let replay = Replay::start(&place, &[&id, "--instant", "--json", "--match", "strict"]);
    let client = Client::new(replay.address);
    let ask = |folder: &str, prompt: &str| {
        let body = Wire::Chat.body(&Wire::Chat.begin(folder, prompt), false);
        client.post_json(Wire::Chat.path(), &[], &body).0
    };
    assert_eq!(ask("/home/ci/build", player::PROMPT), 400);
    replay.signal(Signal::INT);
    let (code, summary, _) = replay.wait_told();
    assert_eq!((code, &summary["strict"]), (3, &json!(0)), "{summary}");
}

#[test]
fn who_asks_again_hears_the_same_again() {
    let Recorded { place, id, .. } = record(Wire::Chat);
    let replay = Replay::start(&place, &[&id, "--instant", "--json"]);
    let client = Client::new(replay.address);
    let body = Wire::Chat.body(&Wire::Chat.begin("/tmp/x", player::PROMPT), false);
    let ask = || {
        let (status, answer) = client.post_json(Wire::Chat.path(), &[], &body);
        (
            status,
            answer["choices"][0]["message"]["tool_calls"][0]["function"].clone(),
        )
    };
    let first = ask();
    assert_eq!(first.1["name"], "exec_command", "{first:?}");
    assert_eq!(ask(), first);
    replay.signal(Signal::TERM);
    let (code, summary, told) = replay.wait_told();
    // The rest was not asked.
    assert_eq!(code, 4, "{summary}");
    assert_eq!(
        (&summary["requests"], &summary["repeated"]),
        (&json!(2), &json!(1))
    );
    assert_eq!(summary["played"], 1);
    let unplayed = summary["unplayed"].as_array().expect("a list");
    assert_eq!(unplayed.len(), TURNS - 1);
    assert_eq!(unplayed[0]["request"], 2);
    assert!(told.contains("not played: request 2"), "{told}");
}

#[test]
fn a_rejection_is_one_however_often_it_is_asked_for() {
    let Recorded { place, id, .. } = record(Wire::Messages);
    let replay = Replay::start(&place, &[&id, "--instant", "--once", "--json"]);
    let heard = talk(replay.address, Wire::Messages, "/tmp/x");
    assert!(
        heard.contains(&format!("error: {}", player::REFUSAL)),
        "{heard:?}"
    );
    let (code, _) = replay.wait();
    assert_eq!(code, 0);
}

#[test]
fn it_ends_when_nobody_asks_any_more() {
    let Recorded { place, id, .. } = record(Wire::Chat);
    let replay = Replay::start(&place, &[&id, "--instant", "--json", "--idle", "1"]);
    let body = Wire::Chat.body(&Wire::Chat.begin("/tmp/x", player::PROMPT), false);
    Client::new(replay.address).post_json(Wire::Chat.path(), &[], &body);
    let (code, summary) = replay.wait();
    assert_eq!((code, &summary["ended"]), (4, &json!("idle")));
}

#[test]
fn a_port_that_is_taken_is_told_apart() {
    let Recorded { place, id, .. } = record(Wire::Chat);
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("its address").to_string();
    let output = place.humanllm(&["replay", &id, "--listen", &address]);
    assert_eq!(output.status.code(), Some(5), "{output:?}");
    assert_eq!(output.stdout, b"");
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(told.contains(&format!("{address} is in use")), "{told}");
}

#[test]
fn what_cannot_be_played_is_refused_in_a_line() {
    let Recorded { place, .. } = record(Wire::Chat);
    fs::write(place.path("notes.txt"), "no recording\n").expect("written");
    fs::write(
        place.path("newer.jsonl"),
        "{\"type\":\"conversation\",\"conversation\":1,\"recording\":9}\n",
    )
    .expect("written");
    let newer = place.path("newer.jsonl").display().to_string();
    let notes = place.path("notes.txt").display().to_string();
    for (source, words) in [
        ("99", "there is no conversation 99"),
        (notes.as_str(), "notes.txt: line 1: "),
        (newer.as_str(), "a newer humanllm wrote this"),
        ("missing.jsonl", "missing.jsonl: "),
    ] {
        let output = place.humanllm(&["replay", source]);
        assert_eq!(output.status.code(), Some(2), "{source}: {output:?}");
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(told.contains(words), "{told}");
        assert_eq!(told.trim_end().lines().count(), 1, "{told}");
    }
}

/// The command is one of this program's own: it asks what was recorded.
#[test]
fn a_command_is_run_and_its_end_is_the_end() {
    let Recorded { place, id, .. } = record(Wire::Chat);
    let file = place.path("session.jsonl").display().to_string();
    place.humanllm(&["replay", &id, "--save", &file]);
    // Of the recording, the first request.
    let lines = fs::read_to_string(&file).expect("a recording");
    let second = "\"turn\":2,";
    let lines: Vec<&str> = lines
        .lines()
        .take_while(|line| !line.contains(second))
        .collect();
    fs::write(&file, lines.join("\n")).expect("written");
    let program = support::operator::PROGRAM;
    let ask = [program, "fork", &file, "--turn", "1"];
    let play = [
        "replay",
        &file,
        "--instant",
        "--listen",
        "127.0.0.1:0",
        "--",
    ];
    let played = place.humanllm(&[&play[..], &ask].concat());
    let (out, told) = (
        String::from_utf8_lossy(&played.stdout),
        String::from_utf8_lossy(&played.stderr),
    );
    assert_eq!(played.status.code(), Some(0), "{told}");
    assert!(out.contains("exec_command{\"cmd\":\"ls\"}"), "{out}");
    // Without one that asks.
    for (script, code) in [("exit 0", 4), ("exit 7", 4)] {
        let played = place.humanllm(&[&play[..], &["sh", "-c", script]].concat());
        assert_eq!(played.status.code(), Some(code), "{played:?}");
    }
    let failing = format!("\"$0\" fork '{file}' --turn 1 && exit 7");
    let played = place.humanllm(&[&play[..], &["sh", "-c", &failing, program]].concat());
    assert_eq!(played.status.code(), Some(7), "{played:?}");
}

#[test]
fn saving_that_is_killed_leaves_the_old_file_and_no_other() {
    let Recorded { place, id, .. } = record(Wire::Chat);
    let folder = place.path("fixtures");
    fs::create_dir(&folder).expect("a folder");
    let file = folder.join("session.jsonl");
    let path = file.display().to_string();
    let save = ["replay", &id, "--save", &path];
    assert!(place.humanllm(&save).status.success());
    let whole = fs::read(&file).expect("a file");
    let mut killed = 0;
    for spin in 0..60_u32 {
        fs::write(&file, "old").expect("written");
        let mut saving = place.command(&save);
        let mut child = saving.stdout(Stdio::null()).spawn().expect("started");
        // At another moment each time.
        for _ in 0..spin * 20_000 {
            std::hint::spin_loop();
        }
        let _ = child.kill();
        let status = child.wait().expect("ended");
        killed += usize::from(!status.success());
        let left = fs::read(&file).expect("a file");
        assert!(left == b"old" || left == whole, "half a file: {left:?}");
        let entries = fs::read_dir(&folder).expect("a folder").count();
        assert_eq!(entries, 1, "something was left behind");
    }
    assert!(killed > 0, "it was never killed");
}

#[test]
fn a_fork_is_a_conversation_of_its_own() {
    let Recorded { place, id, .. } = record(Wire::Socket);
    let mut server = support::TestServer::start();
    let address = server.address.to_string();
    let fork = |turn: &str| {
        let mut command = place.command(&["fork", &id, "--turn", turn, "--listen", &address]);
        command.stdout(Stdio::piped());
        command.spawn().expect("started")
    };
    // What came over a socket and went on from what was said there is whole.
    let second = fork("2");
    let one = server.next_request();
    let request = server.inbox.get(one).expect("it is there").request();
    let said: Vec<String> = request.items.iter().map(|item| item.text()).collect();
    assert!(said.iter().any(|text| text == player::PROMPT), "{said:?}");
    assert!(
        said.iter().any(|text| text.contains("Cargo.toml")),
        "{said:?}"
    );
    let first = fork("1");
    let other = server.next_request();
    assert_ne!(one, other);
    for (id, words, child) in [(one, "Two files", second), (other, "None", first)] {
        server
            .reply(id, support::answer(words))
            .expect("somebody waits");
        let output = child.wait_with_output().expect("ended");
        assert!(output.status.success());
        assert_eq!(
            String::from_utf8_lossy(&output.stdout),
            format!("{words}\n")
        );
    }
    let none = place.humanllm(&["fork", &id, "--turn", "9", "--listen", &address]);
    let told = String::from_utf8_lossy(&none.stderr);
    assert!(told.contains("there is no request 9; this has 4"), "{told}");
}

/// Somebody presses Esc at the agent, which is played as well as anything else.
#[test]
fn a_client_that_went_away_goes_away_again() {
    let place = player::Place::new();
    let mut server = player::server(&place);
    let body = Wire::Responses.body(&Wire::Responses.begin("/tmp/x", player::PROMPT), true);
    let hear_and_go = |client: &Client| {
        let mut stream = client.post_sse(Wire::Responses.path(), &[], &body);
        let heard = move || stream.until("response.output_text.done")["text"].clone();
        std::thread::spawn(heard)
    };
    let client = hear_and_go(&server.client);
    let id = server.next_request();
    server
        .reply(id, support::note("One moment"))
        .expect("somebody waits");
    assert_eq!(client.join().expect("no panic"), "One moment");
    let is_gone = |change| matches!(change, humanllm::inbox::Change::ClientGone { .. });
    while !is_gone(server.next_change()) {}
    player::end(server);
    let replay = Replay::start(&place, &["1", "--instant", "--once", "--json"]);
    let again = hear_and_go(&Client::new(replay.address));
    assert_eq!(again.join().expect("no panic"), "One moment");
    let (code, summary) = replay.wait();
    assert_eq!((code, &summary["played"]), (0, &json!(1)), "{summary}");
}
