//! Draws the picker: its title and counts, the query, and the matches that fit.

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Clear, Widget};
use unicode_segmentation::UnicodeSegmentation;

use crate::tui::picker::{Picker, PickerRow};
use crate::tui::text::{columns, one_line};
use crate::tui::theme::Theme;

/// In front of the query.
const PROMPT: &str = "> ";

impl Picker {
    /// Fits the list into `height` rows, so that the selected match is visible and the list scrolls no
    /// more than it has to.
    pub fn layout(&mut self, height: u16) {
        // The title and the query are above them.
        let visible = usize::from(height.saturating_sub(if height > 1 { 2 } else { 1 })).max(1);
        let least = (self.selected + 1).saturating_sub(visible);
        let most = self.matches.len().saturating_sub(visible);
        self.height = visible;
        self.top = self.top.clamp(least, self.selected).min(most.max(least));
    }

    /// Draws over what is in `area`, and returns the position of the cursor. In a small area the title is
    /// left out first, the query never.
    pub fn draw(&self, buffer: &mut Buffer, theme: &Theme, area: Rect) -> Option<Position> {
        let area = area.intersection(buffer.area);
        if area.is_empty() {
            return None;
        }
        Clear.render(area, buffer);
        let mut rows = area.rows();
        if area.height > 1
            && let Some(row) = rows.next()
        {
            self.title(theme, row.width).render(row, buffer);
        }
        let query = rows.next()?;
        let (line, column) = self.query_line(theme, query.width);
        line.render(query, buffer);
        let visible = usize::from(area.bottom().saturating_sub(query.bottom()));
        let matches = self.matches.iter().enumerate().skip(self.top);
        for ((at, index), row) in matches.zip(rows.by_ref()) {
            let choice = &self.rows[*index];
            self.choice(theme, choice, at == self.selected, row.width)
                .render(row, buffer);
        }
        if self.matches.is_empty() && visible > 0 {
            let nothing = match self.rows.len() {
                0 => "nothing to choose from",
                _ => "nothing matches",
            };
            let row = Rect {
                y: query.bottom(),
                ..query
            };
            let nothing = format!(" {}", one_line(nothing, row.width.saturating_sub(1)));
            Line::styled(nothing, theme.dim()).render(row, buffer);
        }
        Some(Position {
            x: query.x + column,
            y: query.y,
        })
    }

    /// The title, and how many match.
    fn title(&self, theme: &Theme, width: u16) -> Line<'static> {
        let (matching, all) = self.counts();
        let counts = format!(" {matching}/{all} ");
        let taken = u16::try_from(counts.len()).unwrap_or(u16::MAX);
        let room = width.saturating_sub(taken.saturating_add(1));
        let name = one_line(&self.title, room);
        let gap = usize::from(room).saturating_sub(columns(&name));
        Line::styled(format!(" {name}{}{counts}", " ".repeat(gap)), theme.bar())
    }

    /// The part of the query around the cursor, and the column of the cursor.
    fn query_line(&self, theme: &Theme, width: u16) -> (Line<'static>, u16) {
        let taken = u16::try_from(PROMPT.len()).unwrap_or(0);
        let (text, at) = self.query.window(width.saturating_sub(taken), true);
        let column = u16::try_from(PROMPT.len() + at).unwrap_or(u16::MAX);
        let line = Line::from(vec![Span::styled(PROMPT, theme.dim()), Span::raw(text)]);
        (line, column.min(width.saturating_sub(1)))
    }

    fn choice(&self, theme: &Theme, row: &PickerRow, selected: bool, width: u16) -> Line<'static> {
        let (mark, plain) = if selected {
            ("▸ ", theme.strong())
        } else {
            ("  ", Style::new())
        };
        let side = one_line(&row.side, width / 2);
        let taken = match columns(&side) {
            0 => 0,
            columns => u16::try_from(columns + 1).unwrap_or(u16::MAX),
        };
        let room = width.saturating_sub(2).saturating_sub(taken);
        // A search result has its match in the detail, which must have room beside a long label.
        let kept = if row.is_search_result {
            columns(&row.detail).min(usize::from(room) * 3 / 5)
        } else {
            0
        };
        let kept = u16::try_from(kept).unwrap_or(u16::MAX);
        let label = one_line(&row.label, room.saturating_sub(kept));
        let hit = theme.found();
        let mut hits = self.highlights(row).into_iter().peekable();
        let mut spans = vec![Span::styled(mark, plain)];
        let mut run = (String::new(), false);
        for (at, grapheme) in label.graphemes(true).enumerate() {
            let is_hit = hits.next_if(|hit| *hit as usize == at).is_some();
            if is_hit != run.1 && !run.0.is_empty() {
                let style = if run.1 { hit } else { plain };
                spans.push(Span::styled(std::mem::take(&mut run.0), style));
            }
            run.0.push_str(grapheme);
            run.1 = is_hit;
        }
        spans.push(Span::styled(run.0, if run.1 { hit } else { plain }));
        let left = usize::from(room).saturating_sub(columns(&label));
        let detail = match left {
            0..=2 => String::new(),
            left => one_line(&row.detail, u16::try_from(left - 2).unwrap_or(u16::MAX)),
        };
        if !detail.is_empty() {
            spans.push(Span::styled(format!("  {detail}"), theme.dim()));
        }
        if !side.is_empty() {
            let taken = columns(&detail) + if detail.is_empty() { 0 } else { 2 };
            spans.push(Span::raw(" ".repeat(left.saturating_sub(taken) + 1)));
            spans.push(Span::styled(side, theme.strong()));
        }
        Line::from(spans)
    }
}
