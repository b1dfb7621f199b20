//! Draws lines into a buffer faster than ratatui does.
//!
//! Most of what is drawn are single characters of a known width. ratatui segments all text into grapheme
//! clusters and styles it cell by cell, which takes longer than all the rest of a frame.

use ratatui::buffer::Buffer;
use ratatui::layout::{Alignment, Rect};
use ratatui::style::Style;
use ratatui::text::Line;
use ratatui::widgets::Widget;

use super::simple_width;

/// Draws a line into the first row of an area, as ratatui does; what does not fit is cut off.
pub fn draw_line(buffer: &mut Buffer, area: Rect, line: &Line<'_>) {
    let area = Rect { height: 1, ..area }.intersection(buffer.area);
    if area.is_empty() {
        return;
    }
    let is_left = matches!(line.alignment, None | Some(Alignment::Left));
    let is_simple = |text: &str| text.chars().all(|c| simple_width(c).is_some());
    if !is_left || !line.spans.iter().all(|span| is_simple(&span.content)) {
        return line.render(area, buffer);
    }
    if line.style != Style::default() && line.spans.iter().any(|span| !span.content.is_empty()) {
        buffer.set_style(area, line.style);
    }
    let start = buffer.index_of(area.x, area.y);
    let mut cells = buffer.content[start..start + usize::from(area.width)].iter_mut();
    for span in &line.spans {
        for c in span.content.chars() {
            let width = simple_width(c).unwrap_or(1);
            if cells.len() < width {
                return;
            }
            if let Some(cell) = cells.next() {
                cell.set_char(c).set_style(span.style);
            }
            // The cells behind a wide character are not drawn.
            cells.by_ref().take(width - 1).for_each(|cell| cell.reset());
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use ratatui::style::Color;
    use ratatui::text::Span;

    use super::*;

    fn span() -> impl Strategy<Value = Span<'static>> {
        let text = prop_oneof![
            "[ -~]{0,12}",
            "[ -~äß─│█●…—日本한ｶﾞ]{0,8}",
            "[a🇩🇪👍🏽é\u{301}\u{200d}\t\n\u{7f}]{0,6}",
        ];
        let style = prop_oneof![
            Just(Style::default()),
            Just(Style::new().red().on_blue().bold()),
            Just(Style::new().not_bold().reversed()),
        ];
        (text, style).prop_map(|(text, style)| Span::styled(text, style))
    }

    proptest! {
        #[test]
        fn a_line_is_drawn_as_ratatui_draws_it(
            spans in prop::collection::vec(span(), 0..5),
            is_styled in any::<bool>(),
            alignment in prop::option::of(prop_oneof![Just(Alignment::Left), Just(Alignment::Right)]),
            area in (0u16..30, 0u16..3, 0u16..40, 0u16..3),
        ) {
            let mut line = Line::from(spans);
            line.alignment = alignment;
            if is_styled {
                line.style = Style::new().fg(Color::Green).italic();
            }
            let area = Rect::new(area.0, area.1, area.2, area.3);
            let mut expected = Buffer::filled(Rect::new(0, 0, 24, 2), ratatui::buffer::Cell::new("日"));
            let mut drawn = expected.clone();
            (&line).render(Rect { height: area.height.min(1), ..area }, &mut expected);
            draw_line(&mut drawn, area, &line);
            if area.height > 0 {
                prop_assert_eq!(drawn, expected);
            }
        }
    }
}
