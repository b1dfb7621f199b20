//! How the program looks in light and dark terminals, and what changes while it runs.

use crate::support::person::{Builder, Person};
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
fn asked(builder: Builder) -> (Person, EventStream) {
    let person = builder.start();
    let stream = person.client().post_sse(
        "/v1/responses",
        &[],
        &json!({"model": "m", "stream": true, "input": "Which colour?"}),
    );
    person.wait_request("Which colour?");
    (person, stream)
}

/// Waits until the header of the prompt has this colour.
fn wait_for_colour(person: &Person, colour: Color) {
    let is_there = || (person.colour_of("user ") == Some(colour)).then_some(());
    poll(&format!("{colour:?}"), is_there, || {
        format!("{:?} in\n{}", person.colour_of("user "), person.screen())
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
        let mut builder = Person::builder().background(background);
        if let Some(value) = colorfgbg {
            builder = builder.env("COLORFGBG", value);
        }
        let (person, _stream) = asked(builder);
        wait_for_colour(&person, colour);
    }
}

#[test]
fn a_theme_that_was_chosen_wins_and_asks_nothing() {
    let builder = Person::builder().background(Some(WHITE));
    let (person, _stream) = asked(builder.config("tui.theme = \"dark\""));
    wait_for_colour(&person, ON_DARK);
    let written = String::from_utf8_lossy(&person.raw_since(0)).into_owned();
    assert!(!written.contains("]11;"), "{written:?}");
}

#[test]
fn a_theme_of_ones_own_is_shown() {
    let config = "[tui]\ntheme = \"mine\"\n[theme.mine]\nprompt = \"#ff8700\"";
    let (person, _stream) = asked(Person::builder().config(config));
    wait_for_colour(&person, Color::Rgb(255, 135, 0));
}

#[test]
fn an_answer_that_comes_late_and_in_parts_is_not_typed() {
    let (mut person, _stream) = asked(Person::builder().background(None));
    wait_for_colour(&person, ON_DARK);
    // What only begins like one is typed.
    person.send(b"\x1b]1");
    person.wait_for("> 1");
    person.key(Key::Backspace);
    person.send(b"He");
    person.wait_for("> He");
    person.send(b"l\x1b]11;rgb:ff");
    person.wait_for("> Hel");
    person.send(b"ff/ffff/ffff\x1b\\lo");
    person.wait_for("> Hello");
    wait_for_colour(&person, ON_LIGHT);
}

#[test]
fn what_is_typed_behind_half_an_answer_is_not_lost() {
    let (mut person, _stream) = asked(Person::builder().background(None));
    person.send(b"\x1b]11;rgb:ff");
    person.send(b"Hello");
    person.wait_for("> Hello");
    // Nor are keys that only begin like one.
    person.send(b"\x1b]11 all");
    person.wait_for("> Hello11 all");
    person.send(b"\x1b]11;rgb:ffff/ffff/ffff\x07!");
    person.wait_for("> Hello11 all!");
    wait_for_colour(&person, ON_LIGHT);
}

#[test]
fn a_terminal_without_a_screen_is_refused() {
    for (term, words) in [("dumb", "TERM=dumb"), ("", "TERM is not set")] {
        let mut person = Person::builder().env("TERM", term).start_unchecked();
        assert_eq!(person.wait_exit().exit_code(), 2);
        let written = String::from_utf8(person.raw_since(0)).unwrap();
        let said = person.screen().replace('\n', "");
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
    let builder = Person::builder().config("tui.theme = \"dark\"");
    let (mut person, _stream) = asked(builder);
    let file = person.place().path("config.toml");
    let write = |config: &str| std::fs::write(&file, config).expect("a file");
    wait_for_colour(&person, ON_DARK);
    person.type_text("half a draft");
    person.wait_for("> half a draft");

    write("tui.theme = \"light\"\nkeys.help = \"F11\"\nsnippets.bye = \"Good night!\"");
    person.key(Key::F(9));
    person.wait_for("configuration reloaded");
    wait_for_colour(&person, ON_LIGHT);
    person.wait_for("F11 help");
    person.wait_for("> half a draft");
    person.key(Key::Ctrl('r'));
    person.wait_for("Good night!");
    person.key(Key::Esc);
    person.wait_for("> half a draft");

    // What is wrong is named, and changes nothing.
    write("tui.theme = \"dark\"\ntui.bel = true");
    person.key(Key::F(9));
    person.wait_for("not applied: ");
    person.wait_for("tui.bel: unknown key");
    person.wait_for("`bell`?");
    wait_for_colour(&person, ON_LIGHT);
    person.wait_for("F11 help");

    // What cannot change now is named too.
    write("tui.theme = \"dark\"\nmodels = [\"other\"]\nserver.max_waiting = 5");
    person.key(Key::F(9));
    person.wait_for("models, server after a restart");
    wait_for_colour(&person, ON_DARK);
    person.wait_for("F1 help");
}
