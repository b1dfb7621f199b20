use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

/// All that the bytes say, and then nothing follows.
fn read(bytes: &[u8]) -> Vec<Input> {
    let mut parser = Parser::default();
    parser.push(bytes);
    parser.time_out();
    std::iter::from_fn(|| parser.take()).collect()
}

/// The keys that the bytes say, as they are written in the configuration.
fn keys(bytes: &str) -> String {
    let names = read(bytes.as_bytes()).into_iter().map(|input| match input {
        Input::Event(Event::Key(key)) => name(&key),
        other => format!("{other:?}"),
    });
    names.collect::<Vec<_>>().join(" ")
}

fn name(key: &KeyEvent) -> String {
    use crate::tui::keys::chord::KeyChord;
    KeyChord::from_event(key).expect("a chord").to_string()
}

#[test]
fn one_key_is_the_same_in_every_terminal() {
    for (key, ways) in [
        (
            "Enter",
            &["\r", "\x1b[13u", "\x1b[57414u", "\x1bOM", "\x1b[109;5u"][..],
        ),
        (
            "Shift+Enter",
            &["\x1b[13;2u", "\x1b[27;2;13~", "\x1b[13;2:1u", "\x1b[13;66u"],
        ),
        ("Alt+Enter", &["\x1b\r", "\x1b[13;3u", "\x1b[27;3;13~"]),
        (
            "Ctrl+J",
            &["\n", "\x1b[106;5u", "\x1b[27;5;106~", "\x1b[106;69u"],
        ),
        ("Esc", &["\x1b", "\x1b[27u", "\x1b[91;5u"]),
        ("Tab", &["\t", "\x1b[9u", "\x1b[105;5u"]),
        ("Shift+Tab", &["\x1b[Z", "\x1b[9;2u", "\x1b[27;2;9~"]),
        ("Backspace", &["\x7f", "\x1b[127u"]),
        (
            "Ctrl+_",
            &["\x1f", "\x1b[45:95;6u", "\x1b[27;6;95~", "\x1b[47;5u"],
        ),
        ("Ctrl+Space", &["\0", "\x1b[32;5u"]),
        ("Alt+N", &["\x1bn", "\x1b[110;3u", "\x1b[27;3;110~"]),
        (
            "Alt+Shift+N",
            &["\x1bN", "\x1b[110:78;4u", "\x1b[110;4u", "\x1b[27;4;78~"],
        ),
        ("Alt+Shift+P", &["\x1bP"]),
        ("Alt+]", &["\x1b]"]),
        ("Up", &["\x1b[A", "\x1bOA", "\x1b[1;1A", "\x1b[57419u"]),
        ("Ctrl+Up", &["\x1b[1;5A"]),
        ("Alt+Up", &["\x1b[1;3A", "\x1b\x1b[A"]),
        ("Ctrl+End", &["\x1b[1;5F", "\x1b[4;5~", "\x1b[8;5~"]),
        ("PageUp", &["\x1b[5~"]),
        ("F1", &["\x1bOP", "\x1b[11~", "\x1b[[A", "\x1b[P"]),
        ("F3", &["\x1bOR", "\x1b[13~"]),
        ("F5", &["\x1b[15~", "\x1b[[E"]),
        ("F12", &["\x1b[24~"]),
        ("Alt+É", &["\x1bé"]),
    ] {
        for way in ways {
            assert_eq!(keys(way), key, "{way:?}");
        }
    }
    assert_eq!(keys("\x1b\x1b"), "Esc Esc");
    assert_eq!(
        read(b"\x1b\x1b[200~a\rb\x1b[201~")[1],
        Input::Event(Event::Paste("a\rb".into()))
    );
    assert_eq!(keys("aÄ日"), "A Shift+Ä 日");
}

#[test]
fn what_is_no_key_here_types_nothing() {
    for bytes in [
        "\x1b[99;9u",
        "\x1b[57441;2u",
        "\x1b[?2026;2$y",
        "\x1b[99999999999u",
        "\x1b[1;5X",
        "\x1bOz",
    ] {
        assert_eq!(keys(bytes), "", "{bytes:?}");
    }
    assert_eq!(keys("\x1b[?62;22c"), "DeviceAttributes");
    assert_eq!(keys("\x1b[?1u\x1b[?62c"), "KittyKeyboard DeviceAttributes");
    // What breaks a sequence off is still what it is.
    assert_eq!(keys("\x1b[1;\rx"), "Enter X");
    assert!(read(b"\xff\xfe\xc3(").len() == 1);
}

#[test]
fn pieces_are_put_together() {
    let text = "日é\x1b[27;2;13~\x1b[200~one\rtwo \x1b[A\x1b[201~\x1b[<0;3;4M\x1b[1;5Axy";
    let whole = read(text.as_bytes());
    assert_eq!(whole.len(), 8);
    assert!(whole.contains(&Input::Event(Event::Paste("one\rtwo \x1b[A".into()))));
    for size in 1..8 {
        let mut parser = Parser::default();
        for piece in text.as_bytes().chunks(size) {
            parser.push(piece);
        }
        let pieces: Vec<Input> = std::iter::from_fn(|| parser.take()).collect();
        assert_eq!(pieces, whole, "{size}");
    }
}

#[test]
fn the_mouse_is_where_it_is() {
    let at = |bytes: &[u8]| match &read(bytes)[..] {
        [Input::Event(Event::Mouse(mouse))] => (mouse.kind, mouse.column, mouse.row),
        other => panic!("{other:?}"),
    };
    use MouseEventKind::*;
    assert_eq!(at(b"\x1b[<0;3;4M"), (Down(MouseButton::Left), 2, 3));
    assert_eq!(at(b"\x1b[<2;300;4m"), (Up(MouseButton::Right), 299, 3));
    assert_eq!(at(b"\x1b[<32;3;4M"), (Drag(MouseButton::Left), 2, 3));
    assert_eq!(at(b"\x1b[<35;3;4M"), (Moved, 2, 3));
    assert_eq!(at(b"\x1b[<65;3;4M"), (ScrollDown, 2, 3));
    assert_eq!(at(b"\x1b[96;3;4M"), (ScrollUp, 2, 3));
    assert_eq!(at(b"\x1b[M #$"), (Down(MouseButton::Left), 2, 3));
}

proptest! {
    #[test]
    fn it_does_not_matter_how_it_comes(tokens in vec(token(), 0..12), size in 1_usize..9) {
        let bytes = tokens.concat();
        let mut parser = Parser::default();
        for piece in bytes.chunks(size) {
            parser.push(piece);
        }
        parser.time_out();
        let pieces: Vec<Input> = std::iter::from_fn(|| parser.take()).collect();
        prop_assert_eq!(pieces, read(&bytes));
    }
}

/// What sequences are made of.
fn token() -> impl Strategy<Value = Vec<u8>> {
    let known = [
        "\x1b",
        "\x1b[",
        "\x1bO",
        "[",
        "O",
        "1",
        "27",
        "200~",
        "\x1b[200~",
        "\x1b[201~",
        ";",
        ":",
        "2",
        "u",
        "~",
        "A",
        "M",
        "m",
        "<",
        "?",
        "c",
        "é",
        "日",
        "x",
        "\r",
        "\x07",
        "\\",
        "\x1b]",
        "\x1b]11;",
        "11;",
        "rgb:",
        "ff/ff/ff",
    ];
    let known = prop::sample::select(known.map(|token| token.as_bytes().to_vec()).to_vec());
    prop_oneof![6 => known, 1 => vec(any::<u8>(), 1..3)]
}
