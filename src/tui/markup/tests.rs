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

/// The rows of all lines, as they are seen.
fn laid_out(text: &str, width: u16) -> Vec<String> {
    let styled = Styled::new(text, Markup::Markdown);
    let mut seen = Vec::new();
    for line in 0..styled.text().len() {
        let rows = styled.rows(line, width);
        assert_eq!(rows.len(), styled.row_count(line, width), "{text:?}");
        let source = styled.text().line(line);
        seen.extend(rows.into_iter().map(|row| {
            let pieces = row.into_iter().map(|piece| match piece {
                RowPiece::Text(range, columns) => shown(&source[range], columns).into_owned(),
                RowPiece::Blank(columns) => " ".repeat(columns.into()),
                RowPiece::Mark(mark, count) => mark.to_string().repeat(count.into()),
            });
            pieces.collect::<String>().trim_end().to_owned()
        }));
    }
    seen
}

#[test]
fn the_cells_of_a_table_stand_below_each_other() {
    let table = "Before it:\n| name | what it does|n |\n|--|:-:|--:|\n|a|日本語|1|\n|`long name`| x | 12345 |\nafter";
    let wide = [
        "Before it:",
        "| name        | what it does |     n |",
        "| ----------- | :----------: | ----: |",
        "| a           |    日本語    |     1 |",
        "| `long name` |      x       | 12345 |",
        "after",
    ];
    assert_eq!(laid_out(table, 60), wide);
    assert_eq!(laid_out(table, 40), wide, "there is just room");
    // The widest give way.
    let narrow = [
        "Before it:",
        "| name  | what  |     n |",
        "|       |  it   |       |",
        "|       | does  |       |",
        "| ----- | :---: | ----: |",
    ];
    assert_eq!(laid_out(table, 25)[..5], narrow);
    // Where there is no room at all, it is read as it came.
    assert_eq!(laid_out(table, 14)[1], "| name | what");
    let open = "a | b\n--|--\nlonger | x \\| y";
    assert_eq!(
        laid_out(open, 30),
        ["a      | b", "------ | ------", "longer | x \\| y"]
    );
}

#[test]
fn what_is_found_is_in_the_row_that_shows_it() {
    let text = "| name | what it does |\n|--|--|\n| a | one two three |\n- four five six seven";
    let styled = Styled::new(text, Markup::Markdown);
    let row = |words: &str, width: u16| {
        let at = text.find(words).unwrap();
        let line = styled.text().line_at(at);
        styled.row_at(line, at - styled.text().start(line), width)
    };
    assert_eq!(
        ["one", "two", "three", "a |"].map(|word| row(word, 16)),
        [0, 1, 2, 0]
    );
    assert_eq!(["one", "three"].map(|word| row(word, 60)), [0, 0]);
    assert_eq!(
        ["four", "five", "six", "seven"].map(|word| row(word, 8)),
        [0, 1, 2, 3]
    );
}

#[test]
fn what_is_no_table_is_left_alone() {
    for text in [
        "a | b\nc | d",
        "```\n|a|b|\n|-|-|\n|c|d|\n```",
        "|a|b|\n|-|",
        "> |a|b|\n> |-|-|",
        "|-|-|",
        "ls | wc",
    ] {
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(laid_out(text, 30), lines);
    }
}

#[test]
fn what_belongs_to_a_list_item_stays_right_of_its_bullet() {
    let list = "- one two three four\n  10. five six seven eight\n- [ ] nine ten eleven\n> quoted words here\nplain words go to the edge";
    assert_eq!(
        laid_out(list, 16),
        [
            "- one two three",
            "  four",
            "  10. five six",
            "      seven",
            "      eight",
            "- [ ] nine ten",
            "      eleven",
            "> quoted words",
            "  here",
            "plain words go",
            "to the edge"
        ]
    );
    let code = "```\n- one two three four\n```";
    assert_eq!(laid_out(code, 16)[2], "four");
    // Words need the room more.
    assert_eq!(laid_out("          - one two three", 8)[2], "    one");
}

proptest! {
    /// What was looked at before changes nothing.
    #[test]
    fn lines_are_laid_out_the_same_in_any_order(
        lines in prop::collection::vec(prop::sample::select(vec!["|a|b|", "|-|-|", "|-|", "x | yy", "", "words"]), 1..30),
        order in prop::collection::vec(0_usize..30, 1..60),
    ) {
        let text = lines.join("\n");
        let styled = Styled::new(text.as_str(), Markup::Markdown);
        for line in order.into_iter().filter(|line| *line < lines.len()) {
            let alone = Styled::new(text.as_str(), Markup::Markdown);
            prop_assert_eq!(styled.rows(line, 20), alone.rows(line, 20), "line {}", line);
        }
    }

    /// Nothing is lost between the rows, and no row is wider than the pane.
    #[test]
    fn rows_have_all_of_a_line_and_no_more_than_fits(text in text(), table in any::<bool>(), width in 1_u16..40) {
        let text = if table { format!("|{}|b|\n|-|-|\n|{}", text.replace('\n', "|x|\n|"), text) } else { text };
        let styled = Styled::new(text, Markup::Markdown);
        for line in 0..styled.text().len() {
            let source = styled.text().line(line);
            let rows = styled.rows(line, width);
            prop_assert_eq!(rows.len(), styled.row_count(line, width));
            let mut seen = vec![false; source.len()];
            for row in rows {
                let mut taken = 0;
                for piece in row {
                    taken += match piece {
                        RowPiece::Text(range, columns) => {
                            let words = shown(&source[range.clone()], columns).into_owned();
                            seen[range].fill(true);
                            crate::tui::text::columns(&words)
                        }
                        RowPiece::Blank(columns) | RowPiece::Mark(_, columns) => columns.into(),
                    };
                }
                prop_assert!(taken <= width.into(), "{taken} of {width} in {source:?}");
            }
            for (at, byte) in source.bytes().enumerate() {
                let is_mark = byte.is_ascii_whitespace() || b"|-:".contains(&byte);
                prop_assert!(seen[at] || is_mark, "{at} of {source:?}");
            }
        }
    }
}
