//! The real binary in a pseudo-terminal, with keys on one side and HTTP clients on the other.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Stdio;

use crate::support::{
    self, Client, EventStream, Key, Operator, OperatorBuilder, Pty, Sandbox, Signal,
};
use crate::support::{any_file_contains, contains, poll};
use humanllm::tui::terminal::screen::{Keyboard, Screen};
use portable_pty::CommandBuilder;
use rustix::event::{PollFd, PollFlags};
use serde_json::{Value, json};

/// A request of a thread, with a tool for commands.
fn ask(client: &Client, thread: &str, input: Value) -> EventStream {
    let tool = json!({"type": "function", "name": "exec_command", "parameters": {
        "type": "object", "properties": {"cmd": {"type": "string"}}}});
    let body = json!({"model": "m", "stream": true, "input": input, "tools": [tool],
        "prompt_cache_key": thread});
    client.post_sse("/v1/responses", &[], &body)
}

/// The text of the last item of a response that ends as it should.
fn answer(stream: &mut EventStream) -> String {
    let done = stream.until("response.completed");
    let output = done["response"]["output"].as_array().expect("the output");
    let item = output.last().expect("an item");
    let text = item["content"][0]["text"].as_str();
    text.or(item["arguments"].as_str())
        .expect("a text")
        .to_owned()
}

/// Makes a script in the place's folder and returns its path.
fn script(place: &Sandbox, name: &str, body: &str) -> String {
    let path = place.path(name);
    fs::write(&path, format!("#!/bin/sh\n{body}\n")).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    path.display().to_string()
}

#[test]
fn a_request_rings_and_its_answer_streams_back() {
    let mut operator = Operator::start();
    let client = operator.client();
    assert_eq!(
        (operator.bells(), operator.title().as_str()),
        (0, "humanllm")
    );
    let mut stream = ask(&client, "a", json!("What is the answer?"));
    operator.wait_request("What is the answer?");
    assert_eq!(
        (operator.bells(), operator.title().as_str()),
        (1, "(1) humanllm")
    );

    operator.choose("Progress");
    operator.reply("let me think");
    assert_eq!(
        stream.until("response.output_text.delta")["delta"],
        "let me think"
    );
    operator.wait_for("commentary · delivered");
    operator.choose("Send");
    operator.reply("four, へえ");
    assert_eq!(answer(&mut stream), "four, へえ");
    operator.wait_for("final answer · delivered");
    assert_eq!(
        (operator.bells(), operator.title().as_str()),
        (1, "humanllm")
    );

    let mut stream = ask(&client, "a", json!("And the files?"));
    operator.wait_request("And the files?");
    assert_eq!(operator.bells(), 2);
    operator.key(Key::BackTab);
    operator.wait_for("[Reject]");
    operator.choose("Run command");
    operator.reply("ls -l");
    assert_eq!(answer(&mut stream), r#"{"cmd":"ls -l"}"#);
}

#[test]
fn drafts_belong_to_their_conversation_and_outlive_the_program() {
    let mut operator = Operator::start();
    let client = operator.client();
    let _a = ask(&client, "a", json!("first question"));
    operator.wait_request("first question");
    operator.type_text("to the first");
    let _b = ask(&client, "b", json!("second question"));
    operator.wait_for("new request · Alt+N opens it");
    operator.key(Key::Alt('n'));
    operator.wait_gone("> to the first");
    operator.type_text("to the second,");
    operator.key(Key::AltEnter);
    operator.type_text("in two lines");
    operator.wait_for("in two lines");
    operator.key(Key::AltUp);
    operator.wait_for("> to the first");
    operator.wait_saved("in two lines");
    operator.wait_saved("to the first");

    operator.signal(Signal::KILL);
    let mut operator = operator.restart();
    let mut b = ask(&client, "b", json!("second question"));
    let screen = operator.wait_for("> to the second,");
    assert!(screen.contains("in two lines"), "{screen}");
    operator.key(Key::Enter);
    assert_eq!(answer(&mut b), "to the second,\nin two lines");
    let _a = ask(&client, "a", json!("first question"));
    operator.wait_for("> to the first");
}

#[test]
fn a_client_that_hangs_up_is_shown_and_words_are_kept() {
    let mut operator = Operator::start();
    let stream = ask(&operator.client(), "a", json!("Anybody there?"));
    operator.wait_request("Anybody there?");
    operator.type_text("I am her");
    drop(stream);
    operator.wait_for("client gone");
    assert_eq!(operator.title(), "humanllm");
    operator.type_text("e");
    operator.key(Key::Enter);
    let screen = operator.wait_for("the text is kept");
    assert!(screen.contains("> I am here"), "{screen}");
    // The client comes back, as agents do.
    let mut stream = ask(&operator.client(), "a", json!("Anybody there?"));
    // The refusal above says "waiting" as well.
    operator.wait_for("1 waiting");
    operator.key(Key::Enter);
    assert_eq!(answer(&mut stream), "I am here");
}

#[test]
fn every_way_out_restores_the_terminal_and_tells_the_clients() {
    type Leave = fn(&mut Operator);
    let ways: [(&str, Leave, u32); 13] = [
        ("SIGTERM", |operator| operator.signal(Signal::TERM), 143),
        ("SIGHUP", |operator| operator.signal(Signal::HUP), 129),
        ("SIGINT", |operator| operator.signal(Signal::INT), 130),
        ("SIGQUIT", |operator| operator.signal(Signal::QUIT), 131),
        ("SIGABRT", |operator| operator.signal(Signal::ABORT), 134),
        ("SIGUSR1", |operator| operator.signal(Signal::USR1), 138),
        ("SIGUSR2", |operator| operator.signal(Signal::USR2), 140),
        ("SIGALRM", |operator| operator.signal(Signal::ALARM), 142),
        ("SIGXCPU", |operator| operator.signal(Signal::XCPU), 152),
        (
            "SIGVTALRM",
            |operator| operator.signal(Signal::VTALARM),
            154,
        ),
        ("SIGPROF", |operator| operator.signal(Signal::PROF), 155),
        ("SIGSYS", |operator| operator.signal(Signal::SYS), 159),
        (
            "Ctrl+Q",
            |operator| {
                operator.key(Key::Ctrl('q'));
                operator.wait_for("Quit? 1 waiting");
                operator.key(Key::Esc);
                operator.wait_gone("Quit?");
                operator.key(Key::Ctrl('c'));
                operator.wait_for("again to quit");
                operator.key(Key::Ctrl('c'));
                operator.wait_for("Quit? 1 waiting");
                operator.type_text("y");
            },
            0,
        ),
    ];
    for (name, leave, code) in ways {
        let mut operator = Operator::start();
        let mut stream = ask(&operator.client(), "a", json!("Stay!"));
        operator.wait_request("Stay!");
        leave(&mut operator);
        let failed = stream.until("response.failed");
        assert_eq!(
            failed["response"]["error"]["code"], "server_error",
            "{name}"
        );
        assert_eq!(operator.wait_exit().exit_code(), code, "{name}");
        assert!(operator.is_restored(), "{name}:\n{}", operator.screen());
    }
}

#[test]
fn a_terminal_that_is_closed_ends_the_program() {
    let mut operator = Operator::start();
    let mut stream = ask(&operator.client(), "a", json!("Stay!"));
    operator.wait_request("Stay!");
    operator.type_text("a last word");
    operator.wait_for("a last word");
    // A question hides the cursor, which nobody can be shown again.
    operator.send(b"\x11");
    operator.wait_for("Quit?");
    operator.hang_up();
    stream.until("response.failed");
    assert!(!operator.wait_exit().success());
    assert!(!any_file_contains(
        &operator.sandbox().state_dir(),
        "panicked"
    ));
    // Even what was typed a moment ago is kept.
    assert!(any_file_contains(
        &operator.sandbox().state_dir(),
        "a last word"
    ));
}

#[test]
fn the_line_discipline_is_as_it_was() {
    let place = Sandbox::new();
    let mut command = CommandBuilder::new("sh");
    let program = format!(
        "'{}' --listen {} --state-dir '{}'; echo code $?; stty -a",
        support::operator::PROGRAM,
        place.address,
        place.state_dir().display()
    );
    command.args(["-c", &program]);
    command.env_clear();
    for (name, value) in place.environment() {
        command.env(name, value);
    }
    let mut pty = Pty::spawn(command, (80, 24));
    pty.wait_for("F1 help");
    pty.key(Key::Ctrl('q'));
    pty.wait_exit();
    assert_is_cooked(&pty);
    assert!(pty.screen().contains("code 0"), "{}", pty.screen());
}

/// Checks what `stty -a` has printed.
fn assert_is_cooked(pty: &Pty) {
    let screen = pty.screen();
    for mode in ["icanon", "echo", "isig", "opost", "icrnl"] {
        let mut words = screen.split_whitespace();
        assert!(words.any(|word| word == mode), "no {mode} in\n{screen}");
    }
}

#[test]
fn ctrl_z_suspends_and_fg_comes_back() {
    let mut operator = Operator::builder().in_shell().start();
    let mut stream = ask(&operator.client(), "a", json!("Take your time."));
    operator.wait_request("Take your time.");
    operator.type_text("half");
    operator.wait_for("> half");
    for (round, more) in (1..).zip([" an", " answer"]) {
        let mark = operator.mark();
        operator.key(Key::Ctrl('z'));
        // The screen still shows what the shell said the last time.
        operator.wait_until("the shell", |screen| {
            screen.matches("Stopped").count() == round && screen.trim_end().ends_with("shell>")
        });
        for restored in ["\x1b[?1049l", "\x1b[?2004l", "\x1b[?1004l", "\x1b[?25h"] {
            assert!(contains(&operator.raw_since(mark), restored.as_bytes()));
        }
        operator.type_text("echo $((6 * 7)) at the shell\r");
        operator.wait_until("its answer", |screen| {
            screen.matches("42 at the shell").count() == round
        });
        operator.type_text("fg\r");
        operator.wait_request("Take your time.");
        operator.wait_gone("at the shell");
        operator.type_text(more);
        operator.wait_for(more);
    }
    operator.wait_for("> half an answer");
    operator.key(Key::Enter);
    assert_eq!(answer(&mut stream), "half an answer");
    operator.wait_for("delivered");
    operator.key(Key::Ctrl('q'));
    operator.wait_for("shell>");
    // Not every terminal says where its cursor is.
    assert!(!contains(&operator.raw_since(0), b"\x1b[6n"));
}

#[test]
fn the_draft_can_be_written_in_an_editor() {
    let place = Sandbox::new();
    // Announces itself past the screen, so that the test can type the moment it is gone.
    let good = script(
        &place,
        "good-editor",
        "[ \"$1\" = --wait ] && grep -q half \"$2\" && printf 'half\\nand more 日本' > \"$2\"\n\
         printf '\\033]0;edited\\007'",
    );
    let mut operator = Operator::at(place)
        .env("VISUAL", &format!("{good} --wait"))
        .start();
    let mut stream = ask(&operator.client(), "a", json!("Write a lot."));
    operator.wait_request("Write a lot.");
    operator.type_text("half");
    operator.wait_for("> half");
    let mut expected = "half\nand more 日本".to_owned();
    for round in 0..5 {
        let mark = operator.mark();
        operator.key(Key::Ctrl('g'));
        poll(
            "the editor",
            || contains(&operator.raw_since(mark), b"edited\x07").then_some(()),
            || operator.screen(),
        );
        let typed = format!(", round {round}");
        operator.type_text(&typed);
        operator.wait_for(&format!("and more 日本{typed}"));
        poll(
            "the title",
            || (operator.title() == "(1) humanllm").then_some(()),
            || operator.title(),
        );
        expected = format!("half\nand more 日本{typed}");
    }
    operator.key(Key::Enter);
    assert_eq!(answer(&mut stream), expected);
}

#[test]
fn an_editor_that_fails_changes_nothing() {
    let place = Sandbox::new();
    let bad = script(&place, "bad-editor", "echo rubbish > \"$1\"\nexit 3");
    let mut operator = Operator::at(place).env("EDITOR", &bad).start();
    let _stream = ask(&operator.client(), "a", json!("Write a lot."));
    operator.wait_request("Write a lot.");
    operator.type_text("half");
    operator.wait_for("> half");
    operator.key(Key::Ctrl('g'));
    let screen = operator.wait_for("bad-editor ended with exit");
    assert!(screen.contains("> half"), "{screen}");
    operator.type_text(" more");
    operator.wait_for("> half more");
}

#[test]
fn a_block_is_read_in_the_pager_and_the_screen_comes_back() {
    let place = Sandbox::new();
    let read = place.path("read");
    let body = format!(
        "cat > '{0}'; echo x >> '{0}.times'; echo paged $(wc -l < '{0}.times'); read answer < /dev/tty; [ \"$answer\" = good ]",
        read.display()
    );
    let pager = script(&place, "own-pager", &body);
    let mut operator = Operator::at(place).env("PAGER", &pager).start();
    let long = "a long line\n".repeat(50_000);
    let mut stream = ask(&operator.client(), "a", json!(format!("Look:\n{long}end")));
    operator.wait_request("Look:");
    operator.type_text("half");
    operator.wait_for("> half");
    operator.key(Key::Alt('v'));
    operator.wait_for("paged 1");
    assert_eq!(
        fs::read_to_string(&read).unwrap(),
        format!("Look:\n{long}end")
    );
    operator.type_text("good\r");
    operator.wait_for("> half");
    operator.type_text(" an answer");
    operator.wait_for("> half an answer");
    // One that fails is told of.
    operator.key(Key::Alt('v'));
    operator.wait_for("paged 2");
    operator.type_text("bad\r");
    operator.wait_for("own-pager ended with exit");
    operator.key(Key::Enter);
    assert_eq!(answer(&mut stream), "half an answer");
}

#[test]
fn addresses_are_links_where_the_terminal_takes_them() {
    let long = format!("https://example.com/{}?a=b#c", "path/".repeat(30));
    let text = format!(
        "See {long} and https://bank.example@evil.example/, \
         not [https://bank.example/](javascript://alert)"
    );
    for (term, takes_links) in [("xterm-256color", true), ("linux", false)] {
        let mut operator = Operator::builder().env("TERM", term).start();
        let _stream = ask(&operator.client(), "a", json!(text));
        operator.wait_request("javascript");
        let written = String::from_utf8_lossy(&operator.raw_since(0)).into_owned();
        let links: Vec<&str> = written
            .split("\x1b]8;")
            .skip(1)
            .filter_map(|rest| rest.split_once("\x1b\\"))
            .filter_map(|(link, _)| link.split_once(';'))
            .map(|(_, address)| address)
            .filter(|address| !address.is_empty())
            .collect();
        assert_eq!(links.contains(&long.as_str()), takes_links, "{links:?}");
        let others = |link: &&str| *link != long && *link != "https://bank.example/";
        assert_eq!(links.into_iter().find(others), None);
        operator.key(Key::Ctrl('q'));
        operator.type_text("y");
        operator.wait_exit();
    }
}

#[test]
fn pictures_become_files() {
    let place = Sandbox::new();
    let opened = place.path("opened.png");
    let opener = script(
        &place,
        "opener",
        &format!(
            "cp \"$2\" '{0}.new' && mv '{0}.new' '{0}'; echo rubbish",
            opened.display()
        ),
    );
    let mut operator = Operator::at(place)
        .env("HUMANLLM_OPEN", &format!("{opener} --now"))
        .start();
    let data = "iVBORw0KGgoAAAANSUhEUgAAAAIAAAACCAIAAAD91JpzAAAAE0lEQVR42mP4z8DAAMJAApX6DwAx+gX7AAAAAElFTkSuQmCC";
    let content = json!([{"type": "message", "role": "user", "content": [
        {"type": "input_text", "text": "Look at this."},
        {"type": "input_image", "image_url": format!("data:image/png;base64,{data}")}]}]);
    let _stream = ask(&operator.client(), "a", content);
    operator.wait_request("Look at this.");
    for name in ["picture.png", "picture-2.png"] {
        operator.key(Key::Alt('G'));
        operator.wait_for(&format!("saved {name}"));
        let saved = fs::read(operator.sandbox().path("home").join(name)).unwrap();
        assert!(
            saved.starts_with(b"\x89PNG") && saved.len() == 72,
            "{}",
            saved.len()
        );
    }
    operator.key(Key::Alt('g'));
    operator.wait_for("opened with");
    poll(
        "the picture",
        || fs::read(&opened).ok().filter(|bytes| bytes.len() == 72),
        || operator.screen(),
    );
    assert!(!operator.screen().contains("rubbish"));
}

#[test]
fn what_keeps_it_from_starting_is_said_in_one_line() {
    let first = Operator::start();
    let mut place = Sandbox::new();
    place.address = first.sandbox().address;
    let mut second = Operator::at(place).start_without_waiting();
    assert_eq!(second.wait_exit().exit_code(), 2);
    let screen = second.screen();
    assert!(screen.contains("is in use"), "{screen}");
    assert!(!contains(&second.raw_since(0), b"\x1b"), "nothing is drawn");
    let lines = String::from_utf8(second.raw_since(0)).unwrap();
    assert_eq!(lines.lines().count(), 1, "{lines}");

    let place = Sandbox::new();
    let address = place.address.to_string();
    let state = place.state_dir().display().to_string();
    let mut command = place.command(&["--listen", &address, "--state-dir", &state]);
    let output = command.stdin(Stdio::null()).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(String::from_utf8(output.stdout).unwrap(), "");
    let words = String::from_utf8(output.stderr).unwrap();
    assert_eq!(words.lines().count(), 1, "{words}");
    assert!(words.contains("terminal"), "{words}");
}

#[test]
fn the_screen_follows_the_window() {
    let mut operator = Operator::builder().size(200, 60).start();
    let stream = ask(
        &operator.client(),
        "a",
        json!("Where does this wrap? ".repeat(20)),
    );
    operator.wait_request("Where does this wrap?");
    operator.type_text("here");
    for (columns, rows) in [(40, 12), (80, 24), (19, 5), (200, 60), (80, 24)] {
        operator.resize(columns, rows);
        if columns < 20 {
            operator.wait_for("too small");
            continue;
        }
        operator.wait_until("the new size", |screen| {
            let last = screen.trim_end().lines().last().unwrap_or("");
            let rows = usize::from(rows);
            screen.trim_end().lines().count() == rows && last.ends_with("F1 help")
        });
        let screen = operator.wait_for("> here");
        assert!(screen.contains("Where does this wrap?"), "{screen}");
    }
    drop(stream);
    operator.wait_for("client gone");
}

#[test]
fn five_megabytes_open_scroll_and_resize() {
    let size = 5_000_000;
    let one_line = "word ".repeat(size / 5);
    let many_lines: String = (0..size / 20)
        .map(|n| format!("line number {n:07}\n"))
        .collect();
    for (name, text) in [("one line", one_line), ("many lines", many_lines)] {
        let mut operator = Operator::builder().size(80, 24).start();
        let prompt = format!("BEGIN\n{text}\nEND");
        let mut stream = ask(&operator.client(), name, json!(prompt));
        operator.wait_request("BEGIN");
        operator.wait_for(" 1%");
        operator.send(b"\x1b[1;5F");
        operator.wait_for("END");
        operator.key(Key::PageUp);
        operator.wait_gone("END");
        operator.resize(40, 12);
        operator.wait_for("9%");
        operator.resize(200, 60);
        operator.wait_for("inbox");
        operator.send(b"\x1b[1;5H");
        operator.wait_for("│ BEGIN");
        operator.key(Key::F(4));
        operator.wait_for("raw JSON");
        operator.key(Key::F(4));
        operator.reply("long");
        assert_eq!(answer(&mut stream), "long");
    }
}

#[test]
fn an_idle_program_writes_nothing_and_a_waiting_one_little_more_than_the_time() {
    let mut idle = Operator::start();
    let mut stream = ask(&idle.client(), "a", json!("A last question"));
    idle.wait_request("A last question");
    idle.reply("and the answer");
    answer(&mut stream);
    idle.wait_for("delivered");

    // Another one is the clock: while somebody waits there, the seconds are counted.
    let clock = Operator::start();
    let _waits = ask(&clock.client(), "a", json!("How late is it?"));
    clock.wait_for("waiting 1 s");
    let (mark, before, spent) = (clock.mark(), idle.mark(), cpu(&idle));
    clock.wait_for("waiting 3 s");
    assert_eq!(
        idle.raw_since(before),
        b"",
        "nothing changes, nothing is drawn"
    );
    assert!(cpu(&idle) <= spent + 1, "nothing to do, nothing done");
    let written = clock.raw_since(mark);
    let per_second = written.len() / 2;
    assert!(
        per_second < 200,
        "{}",
        String::from_utf8_lossy(&written).escape_debug()
    );
}

/// Hundredths of a second that a program has worked, where the system tells.
fn cpu(operator: &Operator) -> u64 {
    let stat = fs::read_to_string(format!("/proc/{}/stat", operator.pid().as_raw_nonzero()));
    let stat = stat.unwrap_or_default();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or("").split(' ').collect();
    let time = |at: usize| fields.get(at).and_then(|n| n.parse::<u64>().ok());
    time(12).unwrap_or(0) + time(13).unwrap_or(0)
}

#[test]
fn a_paste_of_many_lines_waits_for_enter() {
    let mut operator = Operator::start();
    let mut stream = ask(&operator.client(), "a", json!("Paste it here."));
    operator.wait_request("Paste it here.");
    operator.paste("first\nsecond\n\tthird");
    operator.wait_for("third");
    operator.key(Key::Enter);
    assert_eq!(answer(&mut stream), "first\nsecond\n\tthird");

    // A terminal that knows no brackets types the paste, in more pieces than one.
    let mut stream = ask(&operator.client(), "a", json!("And a long one."));
    operator.wait_request("And a long one.");
    let lines: Vec<String> = (0..1_000)
        .map(|n| format!("\tline {n} of a long paste"))
        .collect();
    let text = lines.join("\n");
    operator.type_text(&text.replace('\n', "\r"));
    operator.wait_for("> [pasted");
    operator.wait_saved("line 999 of a long paste");
    operator.key(Key::Enter);
    assert_eq!(answer(&mut stream), text);
}

#[test]
fn a_hundred_requests_at_once_are_answered_in_turn() {
    const COUNT: usize = 100;
    let mut operator = Operator::start();
    let client = operator.client();
    let mut streams: Vec<EventStream> = (0..COUNT)
        .map(|n| {
            ask(
                &client,
                &format!("thread {n}"),
                json!(format!("question {n:03}")),
            )
        })
        .collect();
    operator.wait_for(&format!("{COUNT} waiting"));
    poll(
        "every bell",
        || (operator.bells() == COUNT).then_some(()),
        || operator.screen(),
    );
    for n in 0..COUNT {
        // The title of the open conversation is in the first row, right of the inbox.
        let title = format!("│ question {n:03}");
        operator.wait_until(&title, |screen| {
            let row = screen.lines().next().unwrap_or("");
            row.contains(&title) && row.contains("waiting")
        });
        operator.type_text(&format!("answer {n:03}\r"));
        operator.wait_for("final answer");
        operator.key(Key::Alt('n'));
    }
    for (n, stream) in streams.iter_mut().enumerate() {
        assert_eq!(answer(stream), format!("answer {n:03}"));
    }
    poll(
        "the title",
        || (operator.title() == "humanllm").then_some(()),
        || operator.title(),
    );
}

#[test]
fn colour_can_be_refused() {
    let colours = |builder: OperatorBuilder| {
        let mut operator = builder.start();
        let stream = ask(&operator.client(), "a", json!("Which colour?"));
        operator.wait_request("Which colour?");
        operator.wait_for("▌● Which colour?");
        assert!(operator.is_reversed(1, 3), "the open one stands out");
        operator.reply("none");
        operator.wait_for("delivered");
        drop(stream);
        let raw = operator.raw_since(0);
        let raw = String::from_utf8_lossy(&raw).into_owned();
        let is_sgr = |c: char| c.is_ascii_digit() || c == ';';
        let mut sequences = raw.split("\x1b[").map(|rest| {
            let end = rest.find(|c| !is_sgr(c)).unwrap_or(rest.len());
            (&rest[..end], rest[end..].starts_with('m'))
        });
        sequences.any(|(codes, is_sgr)| {
            is_sgr
                && codes
                    .split(';')
                    .any(|code| code.len() == 2 && code.starts_with(['3', '4']))
                && !["39", "49", "39;49"].contains(&codes)
        })
    };
    assert!(colours(Operator::builder()));
    assert!(!colours(Operator::builder().env("NO_COLOR", "1")));
}

/// What the panic says in [`a_panic_restores_the_terminal_and_can_be_read`].
const LAST_WORDS: &str = "the roof is on fire";

#[test]
fn a_panic_restores_the_terminal_and_can_be_read() {
    let state = tempfile::tempdir().unwrap();
    let mut command = CommandBuilder::new("sh");
    let program = std::env::current_exe().unwrap();
    let line = "\"$0\" --exact terminal::a_program_that_panics --ignored --nocapture; stty -a";
    command.args(["-c", line]);
    command.arg(program);
    command.env("STATE_DIR", state.path());
    command.env("RUST_BACKTRACE", "0");
    let mut pty = Pty::spawn(command, (100, 40));
    let screen = pty.wait_for("drawn after a panic elsewhere");
    assert!(!screen.contains("trouble"), "{screen}");
    assert!(!pty.is_restored());
    pty.key(Key::Enter);
    pty.wait_exit();
    assert!(pty.is_restored());
    assert!(contains(&pty.raw_since(0), b"\x1b[<u"));
    assert_is_cooked(&pty);
    let screen = pty.screen();
    assert!(screen.contains(LAST_WORDS), "{screen}");
    assert!(screen.contains("tests/it/terminal.rs"), "where: {screen}");
    for words in [LAST_WORDS, "trouble in the background"] {
        assert!(any_file_contains(state.path(), words), "{words} in the log");
    }
}

#[test]
#[ignore = "run in a terminal by a_panic_restores_the_terminal_and_can_be_read"]
fn a_program_that_panics() {
    let state = std::env::var_os("STATE_DIR").expect("a state folder");
    let state = humanllm::state_dir::StateDir::open(state.as_ref()).unwrap();
    let _log = humanllm::logging::init(&state, None).unwrap();
    let mut screen = Screen::enter(false).unwrap();
    let elsewhere = std::thread::spawn(|| panic!("trouble in the background"));
    assert!(elsewhere.join().is_err());
    let words = "drawn after a panic elsewhere";
    screen
        .draw(|frame| {
            frame.render_widget(words, frame.area());
            Vec::new()
        })
        .unwrap();
    screen.enable_keyboard(Keyboard::Kitty).unwrap();
    // Reads do not wait while the screen is taken over, and the terminal answers what it was asked.
    let stdin = std::io::stdin();
    let mut bytes = [0; 64];
    loop {
        rustix::event::poll(&mut [PollFd::new(&stdin, PollFlags::IN)], None).unwrap();
        let count = rustix::io::read(&stdin, &mut bytes[..]).unwrap();
        if bytes[..count].contains(&b'\r') {
            break;
        }
    }
    panic!("{LAST_WORDS}");
}

#[test]
fn half_a_sequence_holds_nothing_up() {
    // Alt+O with Caps Lock on, Alt+[, half of an arrow key and of a character.
    for half in ["\x1bO", "\x1b[", "\x1b[1;", "\u{e9}"] {
        let mut operator = Operator::start();
        operator.send(&half.as_bytes()[..half.len() - usize::from(half == "\u{e9}")]);
        let mut stream = operator.client().post_sse(
            "/v1/responses",
            &[],
            &json!({"model": "m", "stream": true, "input": "Now?"}),
        );
        operator.wait_request("Now?");
        drop(stream.next_event());
        operator.signal(Signal::TERM);
        operator.wait_exit();
    }
}

#[test]
fn clusters_of_uncertain_width_leave_nothing_behind() {
    let mut operator = Operator::start();
    let lines = (0..60).map(|number| match number % 4 {
        0 => format!("🇩🇪 line {number}: 👍🏽"),
        1 => String::new(),
        2 => "family: 👨‍👩‍👧‍👦".to_owned(),
        _ => "short".to_owned(),
    });
    let text: Vec<String> = lines.collect();
    let _stream = ask(&operator.client(), "a", json!(text.join("\n")));
    operator.wait_for("line 0:");
    // Whole frames, by what ends one.
    let framed = |operator: &mut Operator, bytes: &[u8]| {
        let mark = operator.mark();
        operator.send(bytes);
        poll(
            "a frame",
            || contains(&operator.raw_since(mark), b"\x1b[?2026l").then_some(()),
            || operator.screen(),
        );
    };
    // Ctrl+Down and Ctrl+Up.
    let (down, up): (&[u8], &[u8]) = (b"\x1b[1;5B", b"\x1b[1;5A");
    for key in [vec![down; 25], vec![up; 11], vec![down; 7]].concat() {
        framed(&mut operator, key);
    }
    let transcript = |screen: &str| -> Vec<String> {
        let rows = screen.lines().filter(|row| row.contains("│ "));
        rows.map(str::to_owned).collect()
    };
    let scrolled = transcript(&operator.screen());
    assert!(scrolled.len() > 10, "{scrolled:?}");
    // This terminal takes more columns for them than there are: what has no room is not there.
    let left = |row: &&String| row.contains(['🏽', '👩', '👧', '👦']);
    assert_eq!(scrolled.iter().find(left), None, "{scrolled:#?}");
    framed(&mut operator, &Key::Ctrl('l').bytes());
    assert_eq!(transcript(&operator.screen()), scrolled);
}

#[test]
fn whoever_looks_elsewhere_gets_a_notification() {
    let mut operator = Operator::builder()
        .config("[tui]\nnotify = \"osc9\"\n")
        .start();
    let client = operator.client();
    assert!(contains(&operator.raw_since(0), b"\x1b[?1004h"));
    let notified = |operator: &Operator, mark: usize| {
        contains(&operator.raw_since(mark), b"\x1b]9;humanllm: ")
    };
    // The terminal says that it has the focus no more, and then that it has it again.
    operator.send(b"\x1b[O");
    // What is typed behind it tells that it has come.
    operator.type_text("away");
    operator.wait_for("> away");
    let _a = ask(&client, "a", json!("**Look** here"));
    operator.wait_request("Look");
    poll(
        "a notification",
        || {
            contains(
                &operator.raw_since(0),
                b"\x1b]9;humanllm: Look here \xc2\xb7 ",
            )
            .then_some(())
        },
        || operator.screen(),
    );
    let mark = operator.mark();
    operator.send(b"\x1b[I");
    operator.type_text(" and here");
    operator.wait_for("> away and here");
    let _b = ask(&client, "b", json!("Another one"));
    operator.wait_for("opens it · Another one");
    assert_eq!(operator.bells(), 2);
    assert!(!notified(&operator, mark));
}

#[test]
fn the_inbox_keeps_its_rows_while_requests_come_in() {
    let mut operator = Operator::builder().size(120, 30).start();
    let client = operator.client();
    let _a = ask(&client, "a", json!("first of all"));
    operator.wait_request("first of all");
    operator.key(Key::F(2));
    operator.wait_for("Enter open");
    let _b = ask(&client, "b", json!("second of all"));
    operator.wait_for("1 new · 2 waiting");
    let _c = ask(&client, "c", json!("third of all"));
    operator.wait_for("2 new · 3 waiting");
    operator.type_text("/third");
    operator.wait_gone("● second of all");
    operator.key(Key::Enter);
    operator.wait_for("Enter send");
    operator.type_text("typed");
    operator.wait_for("> typed");
}
