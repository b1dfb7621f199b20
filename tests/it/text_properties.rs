//! What must hold for any text at any width, since a prompt may contain anything.

use humanllm::tui::text::scroll::{RowPosition, ScrollSource, Viewport};
use humanllm::tui::text::{PIECE, Text, columns, one_line, row_count, rows, sanitize, shown};
use proptest::prelude::*;
use ratatui::buffer::{Buffer, CellWidth};
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::Line;
use ratatui::widgets::Widget;
use unicode_segmentation::UnicodeSegmentation;

/// Characters that have special rules somewhere.
const ODD: &[char] = &[
    'a',
    'b',
    'e',
    ' ',
    ' ',
    '\t',
    '\r',
    '\n',
    '\0',
    '\u{1b}',
    '\u{7f}',
    '\u{85}',
    '\u{9b}',
    '\u{a0}',
    '\u{ad}',
    '\u{301}',
    '\u{302}',
    '\u{34f}',
    '\u{600}',
    '\u{605}',
    '\u{61c}',
    '\u{644}',
    '\u{627}',
    '\u{903}',
    '\u{915}',
    '\u{94d}',
    '\u{937}',
    '\u{e33}',
    '\u{1100}',
    '\u{1161}',
    '\u{11a8}',
    '\u{115f}',
    '\u{17d2}',
    '\u{1780}',
    '\u{180b}',
    '\u{180e}',
    '\u{1a15}',
    '\u{1a17}',
    '\u{1a10}',
    '\u{200b}',
    '\u{200c}',
    '\u{200d}',
    '\u{200d}',
    '\u{200e}',
    '\u{2018}',
    '\u{2028}',
    '\u{202e}',
    '\u{2066}',
    '\u{2069}',
    '\u{20e3}',
    '\u{2764}',
    '\u{2d31}',
    '\u{2d7f}',
    '\u{3000}',
    '。',
    '「',
    '日',
    '本',
    'ー',
    '\u{3099}',
    '\u{a4f8}',
    '\u{a4fc}',
    '한',
    'ﾊ',
    '\u{ff9e}',
    '\u{fe00}',
    '\u{fe01}',
    '\u{fe0e}',
    '\u{fe0f}',
    '\u{fe0f}',
    '\u{feff}',
    '\u{fff9}',
    '\u{fffd}',
    '\u{110bd}',
    '\u{16d63}',
    '\u{16d67}',
    '\u{16d68}',
    '\u{1f1ef}',
    '\u{1f1f5}',
    '\u{1f3fb}',
    '\u{1f468}',
    '\u{1f469}',
    '\u{1f3f4}',
    '\u{e0067}',
    '\u{e007f}',
    '\u{e0100}',
];

fn odd_char() -> impl Strategy<Value = char> {
    prop_oneof![
        6 => prop::sample::select(ODD),
        1 => any::<char>(),
        1 => (0_u32..0x3000).prop_map(|c| char::from_u32(c).unwrap_or('x')),
    ]
}

/// Text made of odd characters and of runs of one or two of them.
fn odd_text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        4 => prop::collection::vec(odd_char(), 1..20).prop_map(String::from_iter),
        2 => "[a-z ]{0,40}",
        1 => (odd_char(), odd_char(), 1_usize..60).prop_map(|(a, b, n)| [a, b].iter().collect::<String>().repeat(n)),
    ];
    prop::collection::vec(piece, 0..8).prop_map(|pieces| pieces.concat())
}

fn is_acted_on(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{ad}' | '\u{61c}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{feff}'
        )
        || matches!(c, '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{fff9}'..='\u{fffb}')
        || matches!(c, '\u{e0000}'..='\u{e007f}')
}

/// Draws `text` and checks that all of it appears, exactly once, in the columns it should take.
fn check_drawn(text: &str, width: u16) -> Result<u16, TestCaseError> {
    prop_assert!(!text.contains(is_acted_on), "{:?}", text);
    let area = Rect::new(0, 0, width, 1);
    let mut buffer = Buffer::empty(area);
    let (end, _) = buffer.set_stringn(0, 0, text, usize::from(width), Style::default());
    let mut drawn = String::new();
    let mut x = 0;
    while x < end {
        let symbol = buffer[(x, 0)].symbol();
        prop_assert!(!symbol.contains(is_acted_on));
        drawn.push_str(symbol);
        x += symbol.cell_width();
    }
    prop_assert_eq!(x, end);
    prop_assert_eq!(&drawn, text);
    let mut widget = Buffer::empty(area);
    Line::raw(text).render(area, &mut widget);
    prop_assert_eq!(widget, buffer);
    Ok(end)
}

fn check_line(line: &str, width: u16) -> Result<(), TestCaseError> {
    let mut next = 0;
    let mut count = 0;
    for range in rows(line, width) {
        prop_assert_eq!(range.start, next);
        prop_assert!(range.end > range.start || line.is_empty());
        next = range.end;
        count += 1;
        let row = &line[range];
        let shown = shown(row, width);
        let drawn = check_drawn(&shown, width)?;
        // Nothing is left out but the whitespace that hangs over the edge.
        let ink = row.trim_end();
        prop_assert!(
            columns(ink) <= usize::from(drawn) || shown.contains('\u{fffd}'),
            "{:?}",
            row
        );
    }
    prop_assert_eq!(next, line.len());
    prop_assert_eq!(row_count(line, width), count);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn lines_rebuild_the_text(parts in prop::collection::vec((odd_text(), 1_usize..80), 0..6)) {
        let source: String = parts.iter().map(|(part, times)| part.repeat(*times)).collect();
        let text = Text::new(source.as_str());
        let mut rebuilt = String::new();
        for i in 0..text.len() {
            prop_assert!(text.line(i).len() <= PIECE);
            prop_assert!(!text.line(i).contains('\n'));
            prop_assert_eq!(text.line_at(rebuilt.len()), i);
            rebuilt += text.line(i);
            rebuilt += text.separator(i);
        }
        prop_assert_eq!(&rebuilt, &source);
        let newlines = source.matches('\n').count();
        prop_assert!(text.len() > newlines && text.len() <= newlines + 1 + source.len() / 2);
    }

    #[test]
    fn rows_lose_nothing_and_fit(text in odd_text(), width in 1_u16..=300) {
        check_line(&text, width)?;
    }

    #[test]
    fn narrow_rows_lose_nothing_and_fit(text in odd_text(), width in 1_u16..=12) {
        check_line(&text, width)?;
    }

    #[test]
    fn any_string_is_shown_harmlessly(text in any::<String>(), width in 0_u16..=300) {
        check_line(&text, width.max(1))?;
        check_drawn(&shown(&text, width), width)?;
    }

    #[test]
    fn titles_and_previews_are_harmless(text in odd_text(), width in 0_u16..=300) {
        let title = sanitize(&text);
        let drawn = check_drawn(&title, 9000)?;
        prop_assert_eq!(usize::from(drawn), columns(&text));
        check_drawn(&shown(&text, width), width)?;
        let preview = one_line(&text, width);
        check_drawn(&preview, width)?;
        let graphemes: Vec<&str> = preview.graphemes(true).collect();
        prop_assert!(!graphemes.windows(2).any(|pair| pair == [" ", " "]));
    }
}

#[test]
fn every_character_is_drawn_as_measured() -> Result<(), TestCaseError> {
    for c in ('\0'..'\u{40000}').chain('\u{e0000}'..'\u{e2000}') {
        for text in [c.to_string(), format!("a{c}b"), format!("{c}日")] {
            let drawn = check_drawn(&sanitize(&text), 20)?;
            assert_eq!(usize::from(drawn), columns(&text), "{text:?}");
            assert!(drawn > 0, "{text:?}");
        }
    }
    Ok(())
}

/// Blocks of lines of so many columns.
#[derive(Debug)]
struct Blocks(Vec<Vec<usize>>);

impl ScrollSource for Blocks {
    fn blocks(&self) -> usize {
        self.0.len()
    }

    fn lines(&self, block: usize) -> usize {
        self.0[block].len()
    }

    fn rows(&self, block: usize, line: usize, width: u16) -> usize {
        self.0[block][line].div_ceil(usize::from(width)).max(1)
    }
}

impl Blocks {
    fn all(&self, width: u16) -> Vec<RowPosition> {
        let mut all = Vec::new();
        for block in 0..self.blocks() {
            for line in 0..self.lines(block) {
                for row in 0..self.rows(block, line, width) {
                    all.push(RowPosition { block, line, row });
                }
            }
        }
        all
    }
}

fn blocks() -> impl Strategy<Value = Blocks> {
    prop::collection::vec(prop::collection::vec(0_usize..60, 1..6), 1..6).prop_map(Blocks)
}

fn anywhere() -> impl Strategy<Value = RowPosition> {
    (0_usize..8, 0_usize..8, 0_usize..80).prop_map(|(block, line, row)| RowPosition {
        block,
        line,
        row,
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn scrolling_is_moving_along_all_rows(
        source in blocks(),
        start in anywhere(),
        width in 1_u16..20,
        height in 1_u16..30,
        moves in prop::collection::vec(prop_oneof![-40_i64..40, Just(i64::MAX), Just(i64::MIN)], 1..10),
    ) {
        let all = source.all(width);
        let lowest = all.len().saturating_sub(usize::from(height));
        let mut view = Viewport::default();
        view.show(start, &source, width, height);
        let mut index = all.iter().position(|position| *position == view.top).expect("a row");
        prop_assert!(index <= lowest);
        for delta in moves {
            let to = (index as i64).saturating_add(delta).clamp(0, lowest as i64) as usize;
            let moved = view.scroll(&source, width, height, delta);
            prop_assert_eq!(moved, to != index);
            prop_assert_eq!(view.top, all[to]);
            index = to;
            prop_assert_eq!(view.at_bottom(&source, width, height), index == lowest);
            let visible: Vec<_> = view.visible(&source, width, height).collect();
            let end = (index + usize::from(height)).min(all.len());
            prop_assert_eq!(&visible[..], &all[index..end]);
        }
    }

    #[test]
    fn down_and_up_is_where_it_was(source in blocks(), width in 1_u16..20, height in 1_u16..30, n in 0_i64..90) {
        let mut view = Viewport::default();
        let all = source.all(width).len() as i64;
        if n <= (all - i64::from(height)).max(0) {
            view.scroll(&source, width, height, n);
            view.scroll(&source, width, height, -n);
            prop_assert_eq!(view, Viewport::default());
        }
    }

    #[test]
    fn the_bottom_shows_the_last_row(source in blocks(), width in 1_u16..20, height in 1_u16..30) {
        let mut view = Viewport::default();
        view.to_bottom(&source, width, height);
        let all = source.all(width);
        prop_assert_eq!(view.visible(&source, width, height).last(), all.last().copied());
        prop_assert_eq!(view.visible(&source, width, height).count(), all.len().min(usize::from(height)));
    }

    #[test]
    fn changes_keep_the_line_at_the_top(
        source in blocks(), start in anywhere(), width in 1_u16..20, to in 1_u16..20, height in 1_u16..30,
    ) {
        let mut view = Viewport::default();
        view.show(start, &source, width, height);
        let before = view.top;
        view.resize(&source, width, to, height);
        prop_assert!(source.all(to).contains(&view.top));
        let mut bottom = view;
        bottom.to_bottom(&source, to, height);
        prop_assert!(
            (view.top.block, view.top.line) == (before.block, before.line) || view.top == bottom.top
        );
    }
}
