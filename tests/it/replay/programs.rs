//! Real agents, which a person has answered once, and which finish without one after that; and aimock, which
//! is given what was recorded.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::json;

use super::agent::{Wire, talk};
use super::player::{HOMEWORK, PROMPT, Recorded, Replay, record};
use crate::support::{Agent, Client, CodexHome, KEY, Person, Run, Scene, Signal, given, poll};

const ANSWER: &str = "There are three words";
const REFUSAL: &str = "Do it yourself";

/// What an agent has to show for itself in the end.
#[derive(Debug, PartialEq)]
struct Shown {
    answer: String,
    /// Whether it shows the note, and the words of the rejection.
    notes: bool,
    refusal: bool,
    /// Whether it ended well, the task and the homework.
    ends: [bool; 2],
}

/// Has a person answer a task with a note and a command, and then refuse the homework.
fn answer(person: &mut Person, is_over: impl FnOnce(&mut Person)) {
    person.wait_request(PROMPT);
    person.choose("Progress");
    person.reply("One moment");
    person.wait_for("One moment");
    person.choose("Run command");
    person.reply("ls");
    person.wait_until("the list of files", |screen| {
        screen.contains("waiting") && screen.contains("poem.txt")
    });
    person.choose("Send");
    person.reply(ANSWER);
    is_over(person);
    person.wait_request(HOMEWORK);
    person.choose("Reject");
    person.reply(REFUSAL);
}

/// Plays the two conversations of a journal at the address where the person was.
fn replay(person: &Person, key: Option<&str>) -> Replay {
    let place = person.place();
    let (state, listen) = (
        place.state_dir().display().to_string(),
        place.address.to_string(),
    );
    let mut command = place.command(&["replay", "1", "2", "--once", "--instant", "--json"]);
    command
        .args(["--state-dir", &state, "--listen", &listen])
        .envs(key.map(|key| ("HUMANLLM_API_KEY", key)))
        .stdin(Stdio::null())
        .stderr(Stdio::piped());
    Replay::of(command)
}

fn leave(person: &mut Person) {
    person.signal(Signal::TERM);
    person.wait_exit();
}

fn seen(task: &mut Run, homework: &mut Run) -> Shown {
    let answer = task.wait_answer();
    let refused = homework.wait_exit();
    let all = |run: &Run| format!("{}\n{}", run.stdout(), run.stderr());
    Shown {
        answer,
        notes: all(task).contains("One moment"),
        refusal: all(homework).contains(REFUSAL),
        ends: [true, refused.success()],
    }
}

#[test]
fn codex_finishes_without_a_person_twice() {
    let Some(mut scene) = Scene::new() else {
        return;
    };
    let poem = |codex: &CodexHome| {
        fs::write(codex.work().join("poem.txt"), "over the hill\n").expect("a poem");
    };
    poem(&scene.codex);
    let mut task = scene.codex.exec(&[], PROMPT);
    let mut homework = None;
    answer(&mut scene.person, |_| {
        task.wait_answer();
        homework = Some(scene.codex.exec(&[], HOMEWORK));
    });
    let mut homework = homework.expect("it was asked");
    let first = seen(&mut task, &mut homework);
    assert_eq!(first.answer, ANSWER);
    assert!(first.notes && first.refusal, "{first:?}");
    leave(&mut scene.person);
    for _ in 0..2 {
        let replay = replay(&scene.person, None);
        // Another home and another folder each time.
        let codex = CodexHome::new(scene.wire.address).expect("Codex");
        poem(&codex);
        let mut task = codex.exec(&[], PROMPT);
        task.wait_exit();
        let mut homework = codex.exec(&[], HOMEWORK);
        assert_eq!(seen(&mut task, &mut homework), first);
        let (code, summary, told) = replay.wait_told();
        assert_eq!(
            (code, &summary["played"]),
            (0, &json!(3)),
            "{summary}\n{told}"
        );
    }
}

#[test]
fn claude_code_finishes_without_a_person_twice() {
    let Some(agent) = Agent::claude() else {
        return;
    };
    agent.write("work/poem.txt", "over the hill\n");
    let command = |prompt: &str| {
        let mut command = agent.claude_command();
        command
            .args(["--permission-mode", "default", "--allowedTools", "Bash"])
            .args(["--print", prompt]);
        command
    };
    let commands: Vec<[Command; 2]> = (0..3)
        .map(|_| [command(PROMPT), command(HOMEWORK)])
        .collect();
    let mut commands = commands.into_iter();
    let [task, homework] = commands.next().expect("the first");
    let mut play = agent.run(task);
    let mut homework_run = None;
    answer(&mut play.person, |_| {
        play.client.wait_answer();
        homework_run = Some(Run::spawn(homework));
    });
    let mut homework = homework_run.expect("it was asked");
    let first = seen(&mut play.client, &mut homework);
    assert!(first.answer.contains(ANSWER), "{first:?}");
    assert!(first.refusal, "{first:?}");
    leave(&mut play.person);
    for [task, homework] in commands {
        let replay = replay(&play.person, Some(KEY));
        let mut task = Run::spawn(task);
        task.wait_exit();
        let mut homework = Run::spawn(homework);
        assert_eq!(seen(&mut task, &mut homework), first);
        let (code, summary, told) = replay.wait_told();
        assert_eq!(
            (code, &summary["played"]),
            (0, &json!(3)),
            "{summary}\n{told}"
        );
    }
}

/// Serves fixtures on a free port, which it prints.
const AIMOCK: &str = r#"
import { LLMock } from "@copilotkit/aimock";
const mock = new LLMock({ port: 0 });
mock.loadFixtureFile(process.argv[2]);
console.log(await mock.start());
"#;

#[test]
fn aimock_answers_as_it_was_recorded() {
    let Some(modules) = given("HUMANLLM_TEST_AIMOCK", "a node_modules with aimock") else {
        return;
    };
    for wire in [Wire::ResponsesPlain, Wire::ChatPlain, Wire::MessagesPlain] {
        let Recorded { heard, place, id } = record(wire);
        let fixtures = place.path("fixtures.json").display().to_string();
        let saved = place.humanllm(&["replay", &id, "--save", &fixtures, "--format", "aimock"]);
        assert!(saved.status.success(), "{saved:?}");
        let (_server, address) = aimock(&modules, &place.path("node"), &fixtures);
        let again = talk(address, wire, "/tmp/x");
        // It has one message for each response, and no phases.
        let words = |heard: &[String]| {
            let heard = heard.join("\n");
            let all = [
                "One moment",
                "exec_command",
                "\"cmd\"",
                "two of them",
                REFUSAL,
            ];
            all.map(|part| (part, heard.contains(part)))
        };
        assert_eq!(words(&again), words(&heard), "{wire:?}: {again:?}");
        assert!(
            words(&again).iter().all(|(_, there)| *there),
            "{wire:?}: {again:?}"
        );
        let body = wire.body(&wire.begin("/tmp/x", "Nobody asked that"), false);
        let (status, _) = Client::new(address).post_json(wire.path(), &[], &body);
        assert_ne!(status, 200);
    }
}

fn aimock(modules: &Path, folder: &Path, fixtures: &str) -> (Run, SocketAddr) {
    fs::create_dir_all(folder).expect("a folder");
    std::os::unix::fs::symlink(modules, folder.join("node_modules")).expect("a link");
    fs::write(folder.join("serve.mjs"), AIMOCK).expect("a script");
    let mut command = Command::new("node");
    command.arg(folder.join("serve.mjs")).arg(fixtures);
    let server = Run::spawn(command);
    let address = poll(
        "aimock",
        || {
            let printed = server.stdout();
            let url = printed
                .lines()
                .find_map(|line| line.strip_prefix("http://"))?;
            url.trim().replace("localhost", "127.0.0.1").parse().ok()
        },
        || format!("{}\n{}", server.stdout(), server.stderr()),
    );
    (server, address)
}
