//! How the program looks in light and dark terminals, and what changes while it runs.

use crate::support::operator::{Operator, OperatorBuilder};
use crate::support::pty::Key;
use crate::support::{EventStream, poll};
use serde_json::json;
use vt100::Color;

const WHITE: &str = "ffff/ffff/ffff";
const BLACK: &str = "0000/0000/0000";

/// The header of a prompt, in a theme for each ground.
const ON_DARK: Color = Color::Idx(6);
const ON_LIGHT: Color = Color::Idx(4);

/// A person with a prompt on the screen, and the client that waits.
fn asked(builder: OperatorBuilder) -> (Operator, EventStream) {
    let operator = builder.start();
    let stream = operator.client().post_sse(
        "/v1/responses",
        &[],
        &json!({"model": "m", "stream": true, "input": "Which colour?"}),
    );
    operator.wait_request("Which colour?");
    (operator, stream)
}

/// Waits until the header of the prompt has this colour.
fn wait_for_colour(operator: &Operator, colour: Color) {
    let is_there = || (operator.colour_of("user ") == Some(colour)).then_some(());
    poll(&format!("{colour:?}"), is_there, || {
        format!(
            "{:?} in\n{}",
            operator.colour_of("user "),
            operator.screen()
        )
    });
}

#[test]
fn the_theme_follows_the_terminal() {
    for (background, colorfgbg, colour) in [
        (Some(BLACK), None, ON_DARK),
        (Some(WHITE), None, ON_LIGHT),
        // What it says goes before what another may have set.
        (Some(WHITE), Some("15;0"), ON_LIGHT),
        (None, Some("0;15"), ON_LIGHT),
        (None, None, ON_DARK),
    ] {
        let mut builder = Operator::builder().background(background);
        if let Some(value) = colorfgbg {
            builder = builder.env("COLORFGBG", value);
        }
        let (operator, _stream) = asked(builder);
        wait_for_colour(&operator, colour);
    }
}

#[test]
fn a_theme_that_was_chosen_wins_and_asks_nothing() {
    let builder = Operator::builder().background(Some(WHITE));
    let (operator, _stream) = asked(builder.config("tui.theme = \"dark\""));
    wait_for_colour(&operator, ON_DARK);
    let written = String::from_utf8_lossy(&operator.raw_since(0)).into_owned();
    assert!(!written.contains("]11;"), "{written:?}");
}

#[test]
fn a_theme_of_ones_own_is_shown() {
    let config = "[tui]\ntheme = \"mine\"\n[theme.mine]\nprompt = \"#ff8700\"";
    let (operator, _stream) = asked(Operator::builder().config(config));
    wait_for_colour(&operator, Color::Rgb(255, 135, 0));
}

#[test]
fn an_answer_that_comes_late_and_in_parts_is_not_typed() {
    let (mut operator, _stream) = asked(Operator::builder().background(None));
    wait_for_colour(&operator, ON_DARK);
    // What only begins like one is typed.
    operator.send(b"\x1b]1");
    operator.wait_for("> 1");
    operator.key(Key::Backspace);
    operator.send(b"He");
    operator.wait_for("> He");
    operator.send(b"l\x1b]11;rgb:ff");
    operator.wait_for("> Hel");
    operator.send(b"ff/ffff/ffff\x1b\\lo");
    operator.wait_for("> Hello");
    wait_for_colour(&operator, ON_LIGHT);
}

#[test]
fn what_is_typed_behind_half_an_answer_is_not_lost() {
    let (mut operator, _stream) = asked(Operator::builder().background(None));
    operator.send(b"\x1b]11;rgb:ff");
    operator.send(b"Hello");
    operator.wait_for("> Hello");
    // Nor are keys that only begin like one.
    operator.send(b"\x1b]11 all");
    operator.wait_for("> Hello11 all");
    operator.send(b"\x1b]11;rgb:ffff/ffff/ffff\x07!");
    operator.wait_for("> Hello11 all!");
    wait_for_colour(&operator, ON_LIGHT);
}

#[test]
fn a_terminal_without_a_screen_is_refused() {
    for (term, words) in [("dumb", "TERM=dumb"), ("", "TERM is not set")] {
        let mut operator = Operator::builder()
            .env("TERM", term)
            .start_without_waiting();
        assert_eq!(operator.wait_exit().exit_code(), 2);
        let written = String::from_utf8(operator.raw_since(0)).unwrap();
        let said = operator.screen().replace('\n', "");
        assert!(
            said.contains(words) && said.contains("TERM=xterm-256color"),
            "{said}"
        );
        assert!(!written.contains('\x1b'), "{written:?}");
        assert_eq!(written.lines().count(), 1, "{written:?}");
    }
}

#[test]
fn the_configuration_is_read_again() {
    let builder = Operator::builder().config("tui.theme = \"dark\"");
    let (mut operator, _stream) = asked(builder);
    let file = operator.sandbox().path("config.toml");
    let write = |config: &str| std::fs::write(&file, config).expect("a file");
    wait_for_colour(&operator, ON_DARK);
    operator.type_text("half a draft");
    operator.wait_for("> half a draft");

    write("tui.theme = \"light\"\nkeys.help = \"F11\"\nsnippets.bye = \"Good night!\"");
    operator.key(Key::F(9));
    operator.wait_for("configuration reloaded");
    wait_for_colour(&operator, ON_LIGHT);
    operator.wait_for("F11 help");
    operator.wait_for("> half a draft");
    operator.key(Key::Ctrl('r'));
    operator.wait_for("Good night!");
    operator.key(Key::Esc);
    operator.wait_for("> half a draft");

    // What is wrong is named, and changes nothing.
    write("tui.theme = \"dark\"\ntui.bel = true");
    operator.key(Key::F(9));
    operator.wait_for("not applied: ");
    operator.wait_for("tui.bel: unknown key");
    operator.wait_for("`bell`?");
    wait_for_colour(&operator, ON_LIGHT);
    operator.wait_for("F11 help");

    // What cannot change now is named too.
    write("tui.theme = \"dark\"\nmodels = [\"other\"]\nserver.max_waiting = 5");
    operator.key(Key::F(9));
    operator.wait_for("models, server after a restart");
    wait_for_colour(&operator, ON_DARK);
    operator.wait_for("F1 help");
}
