use crossterm::event::{Event, KeyCode, KeyEvent, KeyModifiers};
use proptest::collection::vec;
use proptest::prelude::*;
use ratatui::style::Color;

use super::super::{Input, Parser};

const ANSWER: &str = "\x1b]11;rgb:ffff/ffff/ffff\x1b\\";
const WHITE: Option<Color> = Some(Color::Rgb(255, 255, 255));

/// The keys of a text that has no sequences but those of Alt.
fn keys(text: &str) -> Vec<KeyEvent> {
    let mut keys = Vec::new();
    let mut rest = text.chars().peekable();
    let key = |c: char| match c {
        '\x07' => KeyEvent::new(KeyCode::Char('g'), KeyModifiers::CONTROL),
        c if c.is_uppercase() => KeyEvent::new(KeyCode::Char(c), KeyModifiers::SHIFT),
        c => KeyCode::Char(c).into(),
    };
    while let Some(c) = rest.next() {
        keys.push(match c {
            '\x1b' => match rest.next_if(|c| *c != '\x1b') {
                Some(c) => {
                    let mut key = key(c);
                    key.modifiers |= KeyModifiers::ALT;
                    key
                }
                None => KeyCode::Esc.into(),
            },
            c => key(c),
        });
    }
    keys
}

/// What was typed and what was answered, of what the parser has found.
fn taken(parser: &mut Parser) -> (Vec<KeyEvent>, Option<Color>) {
    let (mut typed, mut colour) = (Vec::new(), None);
    while let Some(input) = parser.take() {
        match input {
            Input::Event(Event::Key(key)) => typed.push(key),
            Input::Background(found) => colour = Some(found),
            other => panic!("{other:?}"),
        }
    }
    (typed, colour)
}

/// The same for what comes in these parts, one soon after the other.
fn read(parts: &[&str]) -> (Vec<KeyEvent>, Option<Color>) {
    let mut parser = Parser::default();
    for part in parts {
        parser.push(part.as_bytes());
    }
    parser.time_out();
    assert_eq!(parser.timeout(), None);
    taken(&mut parser)
}

#[test]
fn the_answer_is_taken_out_of_what_is_typed() {
    let blue = Some(Color::Rgb(0, 128, 255));
    for (parts, typed, colour) in [
        (&[ANSWER][..], "", WHITE),
        (&["\x1b]11;rgb:FFFF/FFFF/FFFF\x07"], "", WHITE),
        (&["\x1b]11;rgb:00/80/ff\x07"], "", blue),
        (&["\x1b]11;rgba:f/f/f/f\x07"], "", WHITE),
        (&["Hi", ANSWER, " there"], "Hi there", WHITE),
        (
            &["a", "\x1b]1", "1;rgb:ffff/f", "fff/ffff\x1b", "\\b"],
            "ab",
            WHITE,
        ),
        // What is no colour.
        (&["\x1b]11;pink\x07b"], "b", None),
    ] {
        assert_eq!(read(parts), (keys(typed), colour), "{parts:?}");
    }
}

#[test]
fn every_cut_of_the_answer_is_mended() {
    for cut in 1..ANSWER.len() {
        let (first, second) = ANSWER.split_at(cut);
        assert_eq!(read(&[first, second]), (Vec::new(), WHITE), "{cut}");
    }
}

#[test]
fn keys_are_typed_all_the_same() {
    for typed in [
        "\x1b",
        "\x1b]",
        "\x1b]1",
        "\x1b]11",
        "\x1b]x",
        "\x1b]12;",
        "]11;rgb:",
        "\x1bx\x07",
    ] {
        assert_eq!(read(&[typed]), (keys(typed), None), "{typed:?}");
    }
}

#[test]
fn what_is_typed_behind_half_an_answer_is_not_lost() {
    let long = "Hello ".repeat(20);
    for half in [
        "\x1b]11;",
        "\x1b]11;rg",
        "\x1b]11;rgb:",
        "\x1b]11;rgb:ff",
        "\x1b]11;rgba:ffff/ffff/ffff/ffff",
    ] {
        for typed in ["", "Hello", "Hi\x1b]", "Hi\x1b", "Hi\x1bx", long.as_str()] {
            assert_eq!(
                read(&[half, typed]),
                (keys(typed), None),
                "{half:?} {typed:?}"
            );
        }
        let (typed, colour) = read(&[half, "H\x1bx", ANSWER, "i"]);
        assert_eq!((typed, colour), (keys("H\x1bxi"), WHITE), "{half:?}");
    }
}

#[test]
fn the_rest_of_an_answer_has_more_time_than_that_of_a_key() {
    let timeout = |bytes: &str| {
        let mut parser = Parser::default();
        parser.push(bytes.as_bytes());
        parser.timeout()
    };
    assert!(timeout("\x1b") < timeout("\x1b]1"));
    assert!(timeout("\x1b]1") < timeout("\x1b]11;rgb:"));
    assert_eq!(timeout("a"), None);
}

proptest! {
    #[test]
    fn no_key_is_lost_or_out_of_order(
        parts in vec((part(), any::<bool>()), 0..12),
        size in 1_usize..9,
    ) {
        let mut parser = Parser::default();
        let (mut sent, mut typed) = (Vec::new(), Vec::new());
        // What came since nothing followed for a while.
        let mut run = String::new();
        for (part, is_slow) in parts.iter().chain([&(String::new(), true)]) {
            run.push_str(part);
            for piece in part.as_bytes().chunks(size) {
                parser.push(piece);
            }
            if *is_slow {
                parser.time_out();
                for between in std::mem::take(&mut run).split(ANSWER) {
                    prop_assume!(!between.contains("\x1b]11;"));
                    sent.extend(keys(between));
                }
            }
            typed.extend(taken(&mut parser).0);
        }
        prop_assert_eq!(typed, sent);
    }
}

/// What looks a little like an answer, or is one.
fn part() -> impl Strategy<Value = String> {
    let token = prop::sample::select(vec![
        "\x1b", "\x1b]", "]", "1", "11", ";", "rgb:", "ff/", "\x07", "\\", "a", ANSWER,
    ]);
    vec(token, 0..6).prop_map(|tokens| tokens.concat())
}
