//! Claude Code, without a terminal and in one. Measured with 2.1.330.

use std::fs;
use std::process::Command;

use crate::support::{Agent, ClientOutput, ClientRun, Key, Pty, has_row};

/// Claude Code, which trusts its folder.
fn claude() -> Option<(Agent, Command)> {
    let agent = Agent::claude()?;
    let command = agent.claude_command();
    Some((agent, command))
}

/// Lets Claude Code run any command without a question.
const UNGUARDED: [&str; 4] = ["--permission-mode", "default", "--allowedTools", "Bash"];

/// Claude Code's terminal interface, ready for a prompt, beside a poem.
fn terminal(args: &[&str]) -> Option<ClientRun<Pty>> {
    let (agent, mut command) = claude()?;
    command.args(args);
    agent.write("work/poem.txt", super::POEM);
    let play = agent.start_in_terminal(&command);
    play.client.wait_for("❯");
    Some(play)
}

/// Types a prompt and sends it.
fn ask(play: &mut ClientRun<Pty>, prompt: &str) {
    play.client.paste(prompt);
    play.client.wait_for(prompt);
    play.client.key(Key::Enter);
}

/// How many requests Claude Code has made for an answer.
fn posts<C: ClientOutput>(play: &ClientRun<C>) -> usize {
    play.wire.client_sent("POST /v1/messages?")
}

#[test]
fn claude_counts_words() {
    let Some((agent, mut command)) = claude() else {
        return;
    };
    command.args(UNGUARDED).args(["--print", "Count my words"]);
    super::count_words(agent, command);
}

#[test]
fn claude_is_turned_away() {
    let Some((agent, mut command)) = claude() else {
        return;
    };
    command.args(UNGUARDED).args(["--print", "Count my words"]);
    super::turn_away(agent, command);
}

#[test]
fn claude_in_its_terminal_runs_commands_and_is_answered() {
    let Some(mut play) = terminal(&UNGUARDED) else {
        return;
    };
    ask(&mut play, "Count all the words of my poem");
    play.operator.wait_request("Count all the words of my poem");
    play.operator.type_text("!");
    play.operator.wait_for("[Run command]");
    play.operator.reply("ls");
    play.operator.wait_until("the list of files", |screen| {
        screen.contains("waiting") && has_row(screen, "poem.txt")
    });

    play.operator.type_text("!");
    play.operator.wait_for("[Run command]");
    play.operator.type_text("echo $((10 + 1)) of them");
    play.operator.wait_for("of them");
    play.operator.key(Key::Alt('a'));
    play.operator.wait_for("part 1 added");
    play.operator.type_text("!");
    play.operator.wait_for("[Run command]");
    play.operator.reply(super::COUNT);
    play.operator.wait_until("both outputs", |screen| {
        let all = ["11 of them", super::COUNTED];
        screen.contains("waiting") && all.iter().all(|row| has_row(screen, row))
    });
    play.answer(super::COUNTED, "It has three of them");
    play.client.wait_for("● It has three of them");
    play.wait_inbox(&["Count all the words of my poem"]);

    ask(&mut play, "And how many letters?");
    play.answer("And how many letters?", "Eleven, I think");
    play.client.wait_for("● Eleven, I think");
    play.wait_inbox(&["Count all the words of my poem"]);
}

#[test]
fn a_prompt_that_was_taken_back_and_changed_is_the_same_conversation() {
    let Some(mut play) = terminal(&UNGUARDED) else {
        return;
    };
    ask(&mut play, "Praise the poem in my folder");
    play.answer("Praise the poem in my folder", "How it rises");
    play.client.wait_for("● How it rises");
    ask(&mut play, "Now say something bad about it");
    play.operator.wait_request("Now say something bad about it");
    play.client.key(Key::Esc);
    play.operator.wait_until("the client to go", |screen| {
        screen.contains("client is gone") || screen.contains("client gone")
    });
    // The prompt is back where it was typed.
    play.client.wait_until("the prompt in its field", |screen| {
        let field = screen.rsplit_once('❯').map_or("", |(_, field)| field);
        field
            .trim_start()
            .starts_with("Now say something bad about it")
    });
    play.client.type_text(", but mildly");
    play.client.wait_for("about it, but mildly");
    play.client.key(Key::Enter);
    play.answer("about it, but mildly", "It is short");
    play.client.wait_for("● It is short");
    play.wait_inbox(&["Praise the poem in my folder"]);
}

#[test]
fn what_was_compacted_goes_on_in_its_conversation() {
    let Some(mut play) = terminal(&UNGUARDED) else {
        return;
    };
    ask(&mut play, "Praise the poem in my folder");
    play.answer("Praise the poem in my folder", "How it rises");
    play.client.wait_for("● How it rises");
    ask(&mut play, "/compact");
    play.operator.wait_request("summary");
    play.operator.key(Key::Alt('i'));
    play.operator.wait_for("</summary>");
    play.operator.key(Key::Enter);
    play.client.wait_for("Compacted");
    ask(&mut play, "Once more from the top");
    play.answer("Once more from the top", "How it still rises");
    play.client.wait_for("● How it still rises");
    play.wait_inbox(&["Praise the poem in my folder"]);
}

#[test]
fn a_rejection_ends_the_turn_and_is_one_entry() {
    let Some(mut play) = terminal(&UNGUARDED) else {
        return;
    };
    ask(&mut play, "Do all of my homework");
    play.reject("Do all of my homework", "Do it yourself");
    let screen = play.client.wait_for("Do it yourself");
    assert_eq!(screen.matches("Do it yourself").count(), 1, "{screen}");
    play.operator.wait_gone("waiting");
    play.wait_inbox(&["Do all of my homework"]);
    assert!(posts(&play) >= 2, "it does not insist any more");
    // It may go on from there.
    ask(&mut play, "Then help me with it");
    play.answer("Then help me with it", "With pleasure");
    play.client.wait_for("● With pleasure");
    play.wait_inbox(&["Do all of my homework"]);
}

#[test]
fn a_permission_check_is_shown_as_such_and_answered_with_a_key() {
    let Some(mut play) = terminal(&[]) else {
        return;
    };
    ask(&mut play, "Write a number to a file");
    play.run(
        "Write a number to a file",
        "echo $((40 + 2)) | tee made.txt",
    );
    // It says once that it is going to check in another way.
    play.client.press_enter_until_gone("Enter to continue");
    play.operator.wait_request("permission check");
    let made = play.operator.sandbox().path("work/made.txt");
    assert!(!made.exists(), "it ran before anybody allowed it");
    play.operator.key(Key::Alt('1'));
    play.operator.wait_until("the number", |screen| {
        screen.contains("waiting") && has_row(screen, "42")
    });
    assert_eq!(fs::read_to_string(made).expect("a file"), "42\n");
    play.answer("42", "There it is");
    play.client.wait_for("● There it is");
    let check = r#"permission check: {"Bash":"echo $((40 + 2)) | tee made.txt"}"#;
    play.wait_inbox(&["Write a number to a file", check]);
}

#[test]
fn a_sub_agent_is_a_conversation_of_its_own() {
    let Some((agent, mut command)) = claude() else {
        return;
    };
    command
        .args(UNGUARDED)
        .args(["--print", "Have somebody count"]);
    let mut play = agent.start(command);
    let task = [
        ("description", "Count words"),
        ("prompt", "Count all words here"),
    ];
    play.call("Have somebody count", "Agent", &task);
    // It works in the background, so both wait, in the order in which they asked.
    let screen = play.operator.wait_for("2 waiting");
    if !is_open(&screen, "Count all words here") {
        play.operator.key(Key::Alt('n'));
    }
    play.operator
        .wait_until("the sub-agent's conversation", |screen| {
            is_open(screen, "Count all words here") && screen.contains("↳ Have some")
        });
    play.answer("Count all words here", "There are three words");
    play.operator.wait_for("1 waiting");
    play.operator.key(Key::Alt('n'));
    play.operator.wait_until("the conversation", |screen| {
        is_open(screen, "Have somebody count")
    });
    play.answer("Have somebody count", "Somebody is at it");
    play.answer("There are three words", "Three, they say");
    let said = play.client.wait_answer();
    assert!(said.contains("Three, they say"), "{said}");
    play.wait_inbox(&["Have somebody count", "Count all words here"]);
}

/// Whether the conversation of this title is open, beside the inbox.
fn is_open(screen: &str, title: &str) -> bool {
    let head = screen.lines().next().and_then(|row| row.split_once('│'));
    head.is_some_and(|(_, head)| head.trim_start().starts_with(title))
}
