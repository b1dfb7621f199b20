//! Lays out lines as the rows of a pane.
//!
//! The text itself is not changed: tables are aligned and list items indented by blanks that are drawn
//! only.

use std::ops::Range;

use super::{Styled, Styles};
use crate::tui::text;

/// A piece of a row; pieces are drawn from left to right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RowPiece {
    /// A byte range of the line, in so many columns at most.
    Text(Range<usize>, u16),
    /// So many blank columns.
    Blank(u16),
    /// A character that is drawn but not in the text, repeated.
    Mark(char, u16),
}

impl Styled {
    /// The rows of a line at `width`: at least one. Together they have all of the line, except for the
    /// spaces around the cells of a table.
    ///
    /// The cost is that of the line and, in a table, of those near it when they are looked at first.
    pub fn rows(&self, line: usize, width: u16) -> Vec<Vec<RowPiece>> {
        let width = width.max(1);
        if let Styles::Markdown(markdown) = &self.styles
            && let Some(rows) = markdown.table_rows(&self.text, line, width)
        {
            return rows;
        }
        let hang = self.hanging_indent(line, width);
        let line = self.text.line(line);
        let first = text::rows(line, width).next().unwrap_or_default();
        let rest = first.end;
        let mut rows = vec![vec![RowPiece::Text(first, width)]];
        if rest < line.len() {
            rows.extend(text::rows(&line[rest..], width - hang).map(|range| {
                let range = range.start + rest..range.end + rest;
                let words = RowPiece::Text(range, width - hang);
                match hang {
                    0 => vec![words],
                    _ => vec![RowPiece::Blank(hang), words],
                }
            }));
        }
        rows
    }

    /// How many rows [`Self::rows`] gives.
    pub fn row_count(&self, line: usize, width: u16) -> usize {
        let width = width.max(1);
        if let Styles::Markdown(markdown) = &self.styles
            && let Some(rows) = markdown.table_rows(&self.text, line, width)
        {
            return rows.len();
        }
        let hang = self.hanging_indent(line, width);
        let line = self.text.line(line);
        if hang == 0 {
            return text::row_count(line, width);
        }
        let first = text::rows(line, width).next().unwrap_or_default();
        match &line[first.end..] {
            "" => 1,
            rest => 1 + text::row_count(rest, width - hang),
        }
    }

    /// The index of the row that shows a byte of the line.
    pub fn row_at(&self, line: usize, byte: usize, width: u16) -> usize {
        let rows = self.rows(line, width);
        let has_it = |row: &Vec<RowPiece>| {
            let mut pieces = row.iter();
            pieces.any(|piece| matches!(piece, RowPiece::Text(range, _) if range.contains(&byte)))
        };
        rows.iter().position(has_it).unwrap_or(0)
    }

    /// The columns that the rows of a line after its first one are indented by.
    fn hanging_indent(&self, line: usize, width: u16) -> u16 {
        match &self.styles {
            // In a narrow pane, words need the room more.
            Styles::Markdown(markdown) => markdown.hanging_indent(&self.text, line).min(width / 2),
            _ => 0,
        }
    }
}
