use std::time::{Duration, Instant};

use proptest::prelude::*;
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::style::Modifier;

use super::*;
use crate::tui::theme::Theme;

fn choices(labels: &[(&str, &str)]) -> Vec<Choice> {
    let choice = |(label, detail): &(&str, &str)| Choice::new(*label, *detail);
    labels.iter().map(choice).collect()
}

fn tools() -> Picker {
    Picker::new(
        "call a tool",
        choices(&[
            ("exec_command", "Runs a command in a PTY"),
            ("write_stdin", "Writes characters to a session"),
            ("view_image", "View a local image"),
            ("multi_agent_v1.close_agent", "Close an agent"),
            ("mcp__files.read", "Reads a file, an image too"),
        ]),
    )
}

fn press(picker: &mut Picker, code: KeyCode) -> PickerOutcome {
    picker.on_key(KeyEvent::new(code, KeyModifiers::NONE))
}

fn control(picker: &mut Picker, c: char) -> PickerOutcome {
    picker.on_key(KeyEvent::new(KeyCode::Char(c), KeyModifiers::CONTROL))
}

fn typed(picker: &mut Picker, text: &str) {
    for c in text.chars() {
        assert_eq!(press(picker, KeyCode::Char(c)), PickerOutcome::Consumed);
    }
}

fn drawn(picker: &mut Picker, width: u16, height: u16) -> (Vec<String>, Option<Position>, Buffer) {
    let mut buffer = Buffer::empty(Rect::new(0, 0, width, height));
    let area = buffer.area;
    picker.layout(height);
    let cursor = picker.draw(&mut buffer, &Theme::dark(), area);
    let rows = buffer.area.rows().map(|row| {
        let cells = row.columns().map(|cell| buffer[(cell.x, cell.y)].symbol());
        cells.collect::<String>().trim_end().to_owned()
    });
    (rows.collect(), cursor, buffer)
}

#[test]
fn nothing_typed_keeps_the_order() {
    let mut picker = tools();
    assert_eq!(picker.counts(), (5, 5));
    assert_eq!(press(&mut picker, KeyCode::Enter), PickerOutcome::Picked(0));
    typed(&mut picker, "x");
    press(&mut picker, KeyCode::Backspace);
    assert_eq!(picker.matches, [0, 1, 2, 3, 4]);
}

#[test]
fn letters_in_the_label_come_before_words_in_the_detail() {
    let mut picker = tools();
    typed(&mut picker, "image");
    assert_eq!(picker.matches, [2, 4]);
    assert_eq!(press(&mut picker, KeyCode::Down), PickerOutcome::Consumed);
    assert_eq!(press(&mut picker, KeyCode::Enter), PickerOutcome::Picked(4));
    typed(&mut picker, " files");
    assert_eq!(picker.matches, [4]);
    control(&mut picker, 'u');
    typed(&mut picker, "clag");
    assert_eq!(picker.matches, [3]);
    typed(&mut picker, "zzz");
    assert_eq!(picker.matches, [] as [usize; 0]);
    assert_eq!(press(&mut picker, KeyCode::Enter), PickerOutcome::Consumed);
    control(&mut picker, 'u');
    picker.paste("PTY");
    assert_eq!(picker.matches, [0]);
    assert_eq!(press(&mut picker, KeyCode::Esc), PickerOutcome::Cancelled);
}

#[test]
fn the_selection_moves_by_rows_and_pages_and_stops_at_the_ends() {
    let many: Vec<String> = (0..100).map(|n| format!("choice {n}")).collect();
    let many: Vec<(&str, &str)> = many.iter().map(|label| (label.as_str(), "")).collect();
    let mut picker = Picker::new("", choices(&many));
    press(&mut picker, KeyCode::Up);
    assert_eq!(picker.selected(), Some(0));
    drawn(&mut picker, 38, 12);
    press(&mut picker, KeyCode::PageDown);
    assert_eq!(picker.selected(), Some(10));
    control(&mut picker, 'n');
    control(&mut picker, 'n');
    control(&mut picker, 'p');
    assert_eq!(picker.selected(), Some(11));
    let (rows, _, _) = drawn(&mut picker, 38, 12);
    assert_eq!(
        (rows[2].as_str(), rows[11].as_str()),
        ("  choice 2", "▸ choice 11")
    );
    press(&mut picker, KeyCode::Up);
    let (rows, _, _) = drawn(&mut picker, 38, 12);
    assert_eq!(
        (rows[2].as_str(), rows[10].as_str()),
        ("  choice 2", "▸ choice 10")
    );
    for _ in 0..20 {
        press(&mut picker, KeyCode::PageDown);
    }
    assert_eq!(picker.selected(), Some(99));
    let (rows, _, _) = drawn(&mut picker, 38, 12);
    assert_eq!(rows[11], "▸ choice 99");
    // A larger window shows more, and no gap at the end.
    let (rows, _, _) = drawn(&mut picker, 38, 22);
    assert_eq!(
        (rows[2].as_str(), rows[21].as_str()),
        ("  choice 80", "▸ choice 99")
    );
}

#[test]
fn it_is_drawn_in_a_small_pane() {
    let mut picker = tools();
    typed(&mut picker, "com");
    let (rows, cursor, buffer) = drawn(&mut picker, 38, 4);
    assert_eq!(rows[0], " call a tool                      1/5");
    assert_eq!(rows[1], "> com");
    assert_eq!(rows[2], "▸ exec_command  Runs a command in a P…");
    assert_eq!(cursor, Some(Position::new(5, 1)));
    let underlined = buffer.area.columns().filter(|column| {
        let style = buffer[(column.x, 2)].style();
        style.add_modifier.contains(Modifier::UNDERLINED)
    });
    let underlined: Vec<u16> = underlined.map(|column| column.x).collect();
    assert_eq!(underlined, [7, 8, 9]);
}

#[test]
fn it_is_drawn_in_any_area() {
    let mut picker = tools();
    typed(
        &mut picker,
        "no such thing, and a query that is longer than the pane",
    );
    for (width, height) in [(0, 0), (1, 1), (2, 9), (5, 2), (38, 1), (200, 60)] {
        let (rows, cursor, _) = drawn(&mut picker, width, height);
        assert_eq!(cursor.is_none(), width == 0);
        if (width, height) == (38, 1) {
            assert_eq!(rows[0], ">  query that is longer than the pane");
        }
    }
    let (rows, _, _) = drawn(&mut Picker::new("t", Vec::new()), 38, 4);
    assert_eq!(rows[2], " nothing to choose from");
}

#[test]
fn hostile_texts_are_shown_as_they_are() {
    let mut picker = Picker::new(
        "\x1b[2J",
        choices(&[("a\x1b]0;x\x07\nb\u{202e}", "\r\u{9b}1m")]),
    );
    picker.paste("\u{200b}");
    control(&mut picker, 'u');
    let (rows, ..) = drawn(&mut picker, 60, 5);
    assert!(rows[0].starts_with(" ␛[2J"));
    assert_eq!(rows[2], "▸ a␛]0;x␇ b\u{FFFD}  \u{FFFD}1m");
}

#[test]
fn ten_thousand_choices_are_fluent() {
    let many: Vec<Choice> = (0..10_000)
        .map(|n| {
            let detail = "Lorem ipsum dolor sit amet, consectetur adipiscing elit, sed do eiusmod";
            let label = format!("snippets/{n}/answer to the question {}", n * 7919 % 10_000);
            Choice::new(label, detail)
        })
        .collect();
    let mut picker = Picker::new("many", many);
    for c in "quest 77".chars() {
        let start = Instant::now();
        press(&mut picker, KeyCode::Char(c));
        drawn(&mut picker, 80, 24);
        // Without optimisation, on a busy machine; with it, a hundredth of this.
        assert!(
            start.elapsed() < Duration::from_secs(2),
            "{:?}",
            start.elapsed()
        );
    }
    assert!(picker.counts().0 > 100);
}

proptest! {
    /// Looking only at the matches there were finds what looking at all would.
    #[test]
    fn adding_to_a_query_narrows_it(
        labels in prop::collection::vec(("[a-cA-Cä ]{0,8}", "[a-cA-C ]{0,8}"), 0..8),
        query in "[a-cA-Cä\\\\ ]{0,6}",
    ) {
        let list: Vec<(&str, &str)> = labels.iter().map(|(a, b)| (a.as_str(), b.as_str())).collect();
        let mut slow = Picker::new("", choices(&list));
        typed(&mut slow, &query);
        let mut fast = Picker::new("", choices(&list));
        fast.paste(&query);
        prop_assert_eq!(slow.matches, fast.matches);
    }

    #[test]
    fn anything_can_be_drawn(label in any::<String>(), query in any::<String>(), width in 0_u16..50, height in 0_u16..6) {
        let mut picker = Picker::new(label.clone(), choices(&[(&label, &label), (&query, "")]));
        picker.paste(&query);
        if let (_, Some(cursor), buffer) = drawn(&mut picker, width, height) {
            prop_assert!(buffer.area.contains(cursor));
        }
    }
}
