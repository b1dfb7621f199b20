//! `setup --check` and `split`, with scripts in the place of agents and of tmux.

use std::fs;
use std::io::{ErrorKind, Read};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use crate::support::{DEADLINE, Person, Place, free_address, poll};
use rustix::process::{Pid, Signal, kill_process};

/// As Claude Code is started by a check: says its version, or asks at the address in its settings.
const ASKS: &str = r#"#!/usr/bin/env bash
if [ "$1" = --version ]; then echo "9.8.7 (a script)"; exit; fi
url=$(sed -n 's|.*"ANTHROPIC_BASE_URL": "http://\(.*\)".*|\1|p' "$2")
key=$(sed -n 's|.*"ANTHROPIC_AUTH_TOKEN": "\(.*\)".*|\1|p' "$2")
question=$4
body='{"model":"human","max_tokens":99,"messages":[{"role":"user","content":"'$question'"}]}'
exec 3<>"/dev/tcp/${url%:*}/${url##*:}"
printf 'POST /v1/messages HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\nUser-Agent: script/9.8.7\r\n' \
    "$url" "${key:-$HUMANLLM_API_KEY}" >&3
printf 'Content-Type: application/json\r\nContent-Length: %s\r\nConnection: close\r\n\r\n%s' \
    "${#body}" "$body" >&3
SHOW <&3
"#;

/// As tmux: a pane of `width` columns whose half runs what it is given, until that ends. It has the
/// folder and the environment of the server of tmux, which are others.
const SPLITS: &str = r#"#!/bin/sh
case $1 in
display-message) cat "$HOME/width" ;;
split-window)
    printf '%s\n' "$@" >"$HOME/split"
    for last; do :; done
    ls -l "${last#sh }" | cut -c1-10 >"$HOME/mode"
    cd /
    env -i PATH="$PATH" TMUX_PANE=%2 sh -c "$last" </dev/null >"$HOME/pane" 2>&1
    ls "${last#sh }" 2>/dev/null >>"$HOME/mode"
    exit 0 ;;
esac
"#;

/// As any agent: notes down what it gets.
const NOTES: &str = r#"#!/bin/sh
printf '%s\n' "$@" >"$HOME/arguments"
printf '%s' "$MARK" >"$HOME/mark"
printf '%s\n' "$HUMANLLM_API_KEY" "$TMUX_PANE" "$PWD" >"$HOME/told"
exit "${STATUS:-0}"
"#;

/// Programs and a home of their own.
struct Scene {
    place: Place,
}

impl Scene {
    fn new() -> Self {
        let scene = Self {
            place: Place::new(),
        };
        fs::create_dir(scene.place.path("bin")).expect("a folder");
        scene
    }

    fn program(&self, name: &str, script: &str) {
        let path = self.place.path("bin").join(name);
        fs::write(&path, script).expect("written");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("changed");
    }

    /// Its programs before those of the machine.
    fn path(&self) -> String {
        let others = std::env::var("PATH").unwrap_or_default();
        format!("{}:{others}", self.place.path("bin").display())
    }

    fn command(&self, line: &str) -> Command {
        let address = self.place.address.to_string();
        let mut arguments = vec!["--listen", &address];
        arguments.extend(line.split(' '));
        let mut command = self.place.command(&arguments);
        command.env("PATH", self.path());
        command
    }

    fn run(&self, line: &str) -> Output {
        self.command(line).output().expect("started")
    }

    fn in_tmux(&self, line: &str) -> Command {
        let mut command = self.command(line);
        command.env("TMUX", "socket").env("TMUX_PANE", "%1");
        command
    }

    fn person(&self) -> Person {
        Person::at(self.place.clone()).start()
    }

    fn home(&self, name: &str) -> PathBuf {
        self.place.path("home").join(name)
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.home(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    fn settings(&self) -> PathBuf {
        self.home(".config/humanllm/agents/claude.json")
    }
}

/// Listens for one client, for whom nobody waits longer than for anything else.
fn listen(address: SocketAddr) -> impl FnOnce() -> TcpStream {
    let listener = TcpListener::bind(address).expect("the port");
    listener.set_nonblocking(true).expect("changed");
    move || {
        let accept = || listener.accept().ok();
        let (stream, _) = poll("a client", accept, || format!("at {address}"));
        stream.set_nonblocking(false).expect("changed");
        stream
    }
}

/// Waits until the last program has ended that has the other end of a connection.
#[track_caller]
fn wait_for_the_end(mut connection: TcpStream) {
    connection.set_read_timeout(Some(DEADLINE)).expect("set");
    match connection.read(&mut [0]) {
        Ok(0) => {}
        Err(error) if error.kind() == ErrorKind::ConnectionReset => {}
        other => panic!("somebody still runs: {other:?}"),
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("UTF-8")
}

/// What a check says of each step: its word, and the rest of its line.
fn steps(output: &Output) -> Vec<(String, String)> {
    let shown = text(&output.stdout);
    let lines = shown.lines().take_while(|line| !line.is_empty());
    let split = lines.map(|line| {
        let (_, told) = line.split_at(9);
        let (word, words) = told.split_once(' ').expect("words");
        (word.to_owned(), words.trim().to_owned())
    });
    split.collect()
}

#[track_caller]
fn assert_check(output: &Output, code: i32, words: [&str; 5]) -> Vec<String> {
    let shown = format!("{}{}", text(&output.stdout), text(&output.stderr));
    let (found, told): (Vec<_>, Vec<_>) = steps(output).into_iter().unzip();
    assert_eq!(found, words, "{shown}");
    assert_eq!(output.status.code(), Some(code), "{shown}");
    told
}

#[test]
fn a_check_asks_through_the_agent_and_no_person_is_asked() {
    let scene = Scene::new();
    scene.program("claude", &ASKS.replace("SHOW", "cat"));
    let person = scene.person();
    assert!(scene.run("setup claude").status.success());
    for line in ["setup --check claude", "setup claude --check"] {
        let output = scene.run(line);
        let told = assert_check(&output, 0, ["ok"; 5]);
        let address = scene.place.address;
        assert_eq!(told[0], format!("humanllm answers at http://{address}"));
        assert!(
            told[1].ends_with("bin/claude: 9.8.7 (a script)"),
            "{told:?}"
        );
        assert!(told[2].contains(&scene.settings().display().to_string()));
        assert!(
            told[3].contains("script/9.8.7 asks by Messages for the model human, does not stream"),
            "{told:?}"
        );
        assert!(told[3].ends_with("offers no tools"), "{told:?}");
        assert_eq!(told[4], "Claude Code shows the answer");
    }
    let screen = person.wait_for("Nobody has asked anything yet");
    assert!(!screen.contains("check of the set-up"), "{screen}");
}

#[test]
fn files_of_agents_are_for_their_owner_only() {
    let scene = Scene::new();
    assert!(scene.run("setup claude").status.success());
    // Claude Code keeps secrets in the second one, and the mode that it finds.
    for path in [scene.settings(), scene.home(".claude.json")] {
        let mode = path.metadata().expect("written").permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{}", path.display());
    }
}

#[test]
fn a_check_uses_the_set_up_as_somebody_changed_it() {
    let scene = Scene::new();
    scene.program("claude", &ASKS.replace("SHOW", "cat"));
    let _person = scene.person();
    scene.run("setup claude");
    let changed = fs::read_to_string(scene.settings()).expect("settings");
    let changed = changed.replace("\"model\"", "\"theme\": \"light\",\n  \"model\"");
    fs::write(scene.settings(), &changed).expect("changed");
    let told = assert_check(&scene.run("setup --check claude"), 0, ["ok"; 5]);
    assert!(told[2].contains("used as it is"), "{told:?}");
    assert_eq!(
        fs::read_to_string(scene.settings()).expect("there"),
        changed
    );
}

#[test]
fn a_check_says_what_failed_first() {
    let scene = Scene::new();
    scene.program("claude", &ASKS.replace("SHOW", "cat"));

    // Neither a server nor a set-up.
    let output = scene.run("setup --check claude");
    let told = assert_check(&output, 3, ["FAILED", "ok", "FAILED", "-", "-"]);
    assert!(told[0].contains("start humanllm in another terminal"));
    assert!(told[2].contains("run `humanllm setup claude`"), "{told:?}");

    // All but a server: the rest is looked at all the same.
    scene.run("setup claude");
    let output = scene.run("setup --check claude");
    assert_check(&output, 3, ["FAILED", "ok", "ok", "ok", "ok"]);

    // Another program in its place.
    let other = listen(scene.place.address);
    let answering = std::thread::spawn(|| drop(other()));
    let output = scene.run("setup --check claude");
    let told = assert_check(&output, 3, ["FAILED", "ok", "ok", "ok", "ok"]);
    assert!(told[0].contains("another program answers"), "{told:?}");
    answering.join().expect("answered");

    let _person = scene.person();
    // A set-up for another address, which begins alike.
    let own = format!("http://{}\"", scene.place.address);
    let settings = fs::read_to_string(scene.settings()).expect("settings");
    let other = settings.replace(&own, &own.replace('"', "0\""));
    assert_ne!(settings, other);
    fs::write(scene.settings(), other).expect("written");
    let output = scene.run("setup --check claude");
    let told = assert_check(&output, 5, ["ok", "ok", "FAILED", "-", "-"]);
    assert!(told[2].contains("for another address than"), "{told:?}");
    scene.run("setup claude");

    // An agent that ends without asking, one that keeps the answer to itself, and none.
    scene.program("claude", "#!/bin/sh\necho no idea >&2\nexit 9\n");
    let output = scene.run("setup --check claude");
    let told = assert_check(&output, 6, ["ok", "ok", "ok", "FAILED", "-"]);
    assert!(told[1].ends_with("version unknown"), "{told:?}");
    assert!(
        told[3].contains("exit status: 9; its last words: no idea"),
        "{told:?}"
    );
    scene.program("claude", &ASKS.replace("SHOW", "wc -c"));
    let output = scene.run("setup --check claude");
    let told = assert_check(&output, 7, ["ok", "ok", "ok", "ok", "FAILED"]);
    assert!(told[4].contains("does not show the answer"), "{told:?}");
    let mut command = scene.command("setup --check claude");
    let output = command.env("PATH", "/nowhere").output().expect("started");
    let told = assert_check(&output, 4, ["ok", "FAILED", "ok", "-", "-"]);
    assert!(told[1].contains("npm install -g @anthropic-ai/claude-code"));
}

#[test]
fn a_check_has_the_key_and_notices_another_one() {
    let scene = Scene::new();
    scene.program("claude", &ASKS.replace("SHOW", "cat"));
    let builder = Person::at(scene.place.clone());
    let _person = builder.env("HUMANLLM_API_KEY", "right").start();
    let run = |key: &str, line: &str| {
        let mut command = scene.command(line);
        command
            .env("HUMANLLM_API_KEY", key)
            .output()
            .expect("started")
    };
    run("right", "setup claude");
    let output = run("right", "setup --check claude");
    assert_check(&output, 0, ["ok"; 5]);
    assert!(!text(&output.stdout).contains("right"));
    let told = assert_check(
        &run("wrong", "setup --check claude"),
        3,
        ["FAILED", "ok", "ok", "ok", "ok"],
    );
    assert!(told[0].contains("wants another API key"), "{told:?}");
}

#[test]
fn a_check_leaves_nothing_behind_that_runs() {
    let scene = Scene::new();
    let _person = scene.person();
    assert!(scene.run("setup claude").status.success());
    let address = free_address();
    let connect = format!("exec 4<>/dev/tcp/{}/{}", address.ip(), address.port());

    // What an agent has started and left when it ended by itself.
    let leaves = format!("{connect}; sleep 600 >/dev/null 2>&1 3>&1 & wc -c");
    scene.program("claude", &ASKS.replace("SHOW", &leaves));
    let client = listen(address);
    let output = scene.run("setup --check claude");
    assert_check(&output, 7, ["ok", "ok", "ok", "ok", "FAILED"]);
    wait_for_the_end(client());

    // The agent itself, and copies of its set-up, when the check is ended.
    let waits = format!("{connect}; sleep 600");
    scene.program("claude", &ASKS.replace("SHOW <&3", &waits));
    let folder = scene.place.path("temporary");
    fs::create_dir(&folder).expect("a folder");
    for signal in [Signal::INT, Signal::TERM, Signal::HUP] {
        let client = listen(address);
        let mut command = scene.command("setup --check claude");
        command.env("TMPDIR", &folder).stdout(Stdio::null());
        let mut check = command.spawn().expect("started");
        let client = client();
        let pid = Pid::from_raw(check.id().cast_signed()).expect("an id");
        kill_process(pid, signal).expect("a running process");
        wait_for_the_end(client);
        let ended = || check.try_wait().expect("a child");
        assert!(!poll("its end", ended, String::new).success());
        let left = fs::read_dir(&folder).expect("a folder").count();
        assert_eq!(left, 0, "{signal:?}");
    }
}

#[test]
fn only_agents_can_be_checked() {
    let scene = Scene::new();
    for line in [
        "setup --check",
        "setup --check openai",
        "setup --check --print env",
        "setup --check claude --print",
        "setup codex --check --print",
    ] {
        let output = scene.run(line);
        assert_eq!(output.status.code(), Some(2), "{line}");
        assert!(text(&output.stderr).contains("--check "), "{line}");
        assert!(output.stdout.is_empty(), "{line}");
    }
}

#[test]
fn split_opens_the_agent_beside_a_server_that_runs() {
    let scene = Scene::new();
    scene.program("claude", NOTES);
    scene.program("tmux", SPLITS);
    fs::write(scene.home("width"), "120\n").expect("written");
    let builder = Person::at(scene.place.clone());
    let _person = builder.env("HUMANLLM_API_KEY", "hunter2").start();
    // tmux runs what stands in the brackets wherever it takes a format.
    let folder = scene.place.path("it's #(touch ran)");
    fs::create_dir(&folder).expect("a folder");
    let mark = "it's\n\"$HOME\" `x` \\";
    let split = |line: &str| {
        let mut command = scene.in_tmux(line);
        command.env("HUMANLLM_API_KEY", "hunter2").env("MARK", mark);
        command.current_dir(&folder);
        let output = command.output().expect("started");
        assert_eq!(text(&output.stderr), "");
        assert!(output.status.success());
        text(&output.stdout)
    };
    let shown = split("split claude -- --listen x -p 'two words'");
    assert!(shown.contains(&format!("wrote {}", scene.settings().display())));
    let settings = scene.settings().display().to_string();
    assert_eq!(
        scene.read("arguments"),
        format!("--settings\n{settings}\n--listen\nx\n-p\n'two\nwords'\n")
    );
    assert_eq!(scene.read("mark"), mark, "as in the shell it was typed in");
    let split_by = scene.read("split");
    let (by, script) = split_by.rsplit_once("\nsh ").expect("a script");
    assert_eq!(by, "split-window\n-h\n-b\n-t\n%1");
    assert!(
        !split_by.contains("hunter2"),
        "others can read command lines"
    );
    assert_eq!(
        scene.read("mode"),
        "-rw-------\n",
        "for its owner, and gone"
    );
    assert!(!PathBuf::from(script.trim()).exists());
    let told = scene.read("told");
    assert_eq!(told, format!("hunter2\n%2\n{}\n", folder.display()));

    // Above where there is no room, and with the set-up as it was left.
    fs::write(scene.home("width"), "119\n").expect("written");
    let own = fs::read_to_string(scene.settings())
        .expect("there")
        .replace("human", "mine");
    fs::write(scene.settings(), &own).expect("changed");
    assert_eq!(split("split claude --continue"), "");
    assert!(scene.read("arguments").ends_with("\n--continue\n"));
    assert!(scene.read("split").starts_with("split-window\n-v\n-b\n"));
    assert_eq!(fs::read_to_string(scene.settings()).expect("there"), own);
}

#[test]
fn split_sets_up_again_what_was_for_a_server_with_another_key() {
    let scene = Scene::new();
    scene.program("tmux", SPLITS);
    fs::write(scene.home("width"), "120\n").expect("written");
    let agents = [
        ("claude", "claude.json", "ANTHROPIC_AUTH_TOKEN"),
        ("aider", "aider.yml", "openai-api-key"),
        ("opencode", "opencode.json", "\"apiKey\": \"humanllm\""),
    ];
    for (agent, _, _) in agents {
        scene.program(agent, NOTES);
        assert!(scene.run(&format!("setup {agent}")).status.success());
    }
    // That somebody has changed them is no reason to leave a key in them that is wrong.
    let changed = |name: &str| {
        let path = scene.home(".config/humanllm/agents").join(name);
        let text = fs::read_to_string(&path).expect("set up");
        let text = text.replace("\"model\"", "\"theme\": \"light\",\n  \"model\"");
        fs::write(&path, &text).expect("changed");
        text
    };
    let texts = agents.map(|(_, file, _)| changed(file));
    fs::write(scene.home(".claude.json"), "{\"theme\": \"dark\"}").expect("written");
    let builder = Person::at(scene.place.clone());
    let _person = builder.env("HUMANLLM_API_KEY", "hunter2").start();
    let split = |agent: &str| {
        let mut command = scene.in_tmux(&format!("split {agent}"));
        command.env("HUMANLLM_API_KEY", "hunter2");
        let output = command.output().expect("started");
        assert!(output.status.success(), "{}", text(&output.stderr));
        text(&output.stdout)
    };
    for ((agent, file, old), before) in agents.into_iter().zip(texts) {
        assert!(before.contains(old), "{before}");
        let name = format!(".config/humanllm/agents/{file}");
        assert!(split(agent).contains(&format!("{file}.bak")), "{agent}");
        assert!(!scene.read(&name).contains(old), "{}", scene.read(&name));
        assert_eq!(scene.read(&format!("{name}.bak")), before);
        assert_eq!(split(agent), "", "once");
    }
    let state = scene.read(".claude.json");
    assert!(state.contains("hasCompletedOnboarding"), "{state}");
    fs::write(scene.home(".claude.json"), "{}").expect("written");
    assert!(split("claude").contains(".claude.json"), "on its own, too");
}

#[test]
fn split_runs_the_server_where_none_runs() {
    let scene = Scene::new();
    scene.program("claude", NOTES);
    scene.program("tmux", SPLITS);
    // Where `sh` is bash, and somebody exports what bash lets nobody change.
    scene.program("sh", "#!/bin/sh\nexec bash --posix \"$@\"\n");
    fs::write(scene.home("width"), "200\n").expect("written");
    let person = Person::at(scene.place.clone())
        .args(&["split", "claude"])
        .env("PATH", &scene.path())
        .env("TMUX", "socket")
        .env("TMUX_PANE", "%1")
        .env("UID", "1000")
        .env("PPID", "1")
        .env("STATUS", "3")
        .start();
    person.wait_for("Nobody has asked anything yet");
    assert!(scene.read("arguments").starts_with("--settings\n"));
    assert!(
        scene
            .read("pane")
            .contains("claude ended with status 3; Enter closes this pane"),
        "{}",
        scene.read("pane")
    );
}

#[test]
fn split_says_what_it_lacks() {
    let scene = Scene::new();
    let refused = |command: &mut Command, part: &str| {
        let output = command.output().expect("started");
        assert_eq!(output.status.code(), Some(2));
        let stderr = text(&output.stderr);
        assert!(stderr.contains(part), "no {part} in {stderr}");
    };
    scene.program("claude", NOTES);
    refused(
        &mut scene.command("split claude"),
        "split works inside of tmux",
    );
    refused(
        scene.in_tmux("split claude").env("PATH", "/nowhere"),
        "npm install -g @anthropic-ai/claude-code",
    );
    refused(
        &mut scene.in_tmux("split nobody"),
        "codex, claude, opencode",
    );
    let other = listen(scene.place.address);
    let answering = std::thread::spawn(|| drop(other()));
    refused(
        &mut scene.in_tmux("split claude"),
        "another program answers",
    );
    answering.join().expect("answered");
    assert!(!scene.settings().exists(), "nothing is written");

    let _person = scene.person();
    scene.program(
        "tmux",
        "#!/bin/sh\necho no space for new pane >&2\nexit 1\n",
    );
    refused(&mut scene.in_tmux("split claude"), "no space for new pane");
    assert!(!scene.home("arguments").exists());
}
