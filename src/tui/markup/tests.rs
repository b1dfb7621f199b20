use proptest::prelude::*;
use ratatui::style::Style;

use super::*;
use crate::tui::text::{PIECE, rows, shown, shown_spans};
use crate::tui::theme::Theme;

fn markup() -> impl Strategy<Value = Markup> {
    prop::sample::select(vec![
        Markup::Plain,
        Markup::Markdown,
        Markup::Json,
        Markup::Patch,
        Markup::Shell,
        Markup::Output,
        Markup::Code("rust".into()),
        Markup::Code("diff".into()),
    ])
}

/// Texts in which there is much to style, and more that is almost so.
fn text() -> impl Strategy<Value = String> {
    let token = prop::sample::select(vec![
        "a",
        " ",
        "  ",
        "\n",
        "\n\n",
        "\r",
        "\r\n",
        "\t",
        "*",
        "**",
        "_",
        "`",
        "```",
        "~~~",
        "```rust\n",
        "# ",
        "- ",
        "1. ",
        "> ",
        "|",
        "|-|-|",
        "[",
        "](",
        ")",
        "<b>",
        "https://x.y",
        "\\",
        "\"",
        "'",
        "$",
        "$(",
        "{",
        "}",
        ":",
        ",",
        "1",
        "true",
        "<<E",
        "\nE\n",
        "+",
        "-",
        "@@",
        "--- ",
        "+++ ",
        "*** Begin Patch\n",
        "\x1b",
        "\x1b[",
        "\x1b[31m",
        "\x1b[0m",
        "\x1b[K",
        "\x1b[2D",
        "\x1b[3G",
        "\x1b]0;t\x07",
        "\x08",
        "\x07",
        "\u{9b}",
        "\0",
        "日本",
        "é",
        "e\u{301}",
        "👩‍❤️‍💋‍👨",
        "\u{202e}",
        "\u{200d}",
        "\u{301}",
        "&amp;",
        "===",
        "---",
    ]);
    let tokens = prop::collection::vec(token, 0..60).prop_map(|tokens| tokens.concat());
    let bytes = prop::collection::vec(any::<u8>(), 0..200);
    prop_oneof![
        4 => tokens,
        1 => any::<String>(),
        1 => bytes.prop_map(|bytes| String::from_utf8_lossy(&bytes).into_owned()),
        1 => ("[a-c \"\\\\*`]{3}", 1400..1600_usize).prop_map(|(unit, count)| unit.repeat(count)),
    ]
}

proptest! {
    #[test]
    fn spans_are_sorted_and_within_characters(text in text(), markup in markup()) {
        let styled = Styled::new(text.as_str(), markup.clone());
        let worker = Worker::new().unwrap();
        if markup != Markup::Output {
            prop_assert_eq!(styled.text().as_str(), text);
        }
        for index in 0..styled.text().len() + 1 {
            let line = styled.text().line(index);
            let mut end = 0;
            for (range, _) in styled.spans(index, &worker) {
                prop_assert!(end <= range.start && range.start < range.end);
                prop_assert!(line.get(range.clone()).is_some(), "{:?} of {:?}", range, line);
                end = range.end;
            }
        }
    }

    #[test]
    fn spans_show_what_is_shown(text in text(), markup in markup(), width in 0..40_u16) {
        let styled = Styled::new(text.as_str(), markup);
        let theme = Theme::dark();
        let worker = Worker::new().unwrap();
        for index in 0..styled.text().len() {
            let line = styled.text().line(index);
            let spans: Vec<_> = styled.spans(index, &worker).into_iter().map(|(range, tone)| (range, theme.tone(tone))).collect();
            for row in rows(line, width) {
                let drawn: String = shown_spans(line, row.clone(), width, &spans)
                    .iter()
                    .map(|span| span.content.as_ref())
                    .collect();
                prop_assert!(!drawn.chars().any(char::is_control), "{:?}", drawn);
                prop_assert_eq!(drawn, shown(&line[row], width));
            }
        }
    }

    #[test]
    fn any_spans_show_what_is_shown(
        line in text(),
        cuts in prop::collection::btree_set(0..300_usize, 0..20),
        from in 0..300_usize,
        width in 0..40_u16,
    ) {
        // These spans know nothing of characters.
        let cuts: Vec<usize> = cuts.into_iter().collect();
        let spans: Vec<_> = cuts
            .windows(2)
            .step_by(2)
            .enumerate()
            .map(|(at, cut)| (cut[0]..cut[1], if at % 2 == 0 { Style::new().bold() } else { Style::new().red() }))
            .collect();
        let drawn: String = shown_spans(&line, from..line.len(), width, &spans)
            .into_iter()
            .map(|span| span.content)
            .collect();
        let expected = line.get(from..).map(|row| shown(row, width)).unwrap_or_default();
        prop_assert_eq!(drawn, expected);
    }
}

#[test]
fn characters_take_the_style_of_where_they_start() {
    let (red, bold) = (Style::new().red(), Style::new().bold());
    let line = "x\te\u{301}\x1b日y";
    let spans = [(1..2, red), (2..3, bold), (5..8, red)];
    let drawn = shown_spans(line, 0..line.len(), 20, &spans);
    let told: Vec<_> = drawn
        .iter()
        .map(|span| (span.content.as_ref(), span.style))
        .collect();
    assert_eq!(
        told,
        [
            ("x", Style::new()),
            ("   ", red),
            ("e\u{301}", bold),
            ("␛日", red),
            ("y", Style::new())
        ]
    );
    assert_eq!(shown_spans(line, 3..4, 20, &spans), []);
    assert_eq!(shown_spans(line, 1..99, 20, &spans), []);
}

#[test]
fn what_is_far_away_costs_nothing_and_says_nothing() {
    let long = "x".repeat(3 * PIECE);
    let worker = Worker::new().unwrap();
    for markup in [
        Markup::Markdown,
        Markup::Json,
        Markup::Patch,
        Markup::Output,
    ] {
        let styled = Styled::new(long.as_str(), markup);
        assert_eq!(styled.spans(2, &worker), []);
        assert_eq!(styled.spans(usize::MAX, &worker), []);
    }
}
