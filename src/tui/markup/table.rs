//! Markdown tables: finds them and lays out their columns.

use std::ops::Range;

use super::layout::RowPiece;
use crate::tui::text::{Text, columns, rows};

/// The most lines of a table; further lines are laid out as plain text.
const MAX_LINES: usize = 512;

/// The most bytes of a table.
const MAX_BYTES: usize = 64 * 1024;

/// The width below which no column is shrunk to make room for others.
const MIN_COLUMN_WIDTH: u16 = 4;

/// A table in a Markdown text.
#[derive(Debug)]
pub(super) struct MarkdownTable {
    /// Its lines: the header row, the delimiter row, then the rest.
    pub lines: Range<usize>,
    /// Columns of indentation.
    indent: u16,
    /// Whether a bar stands at either end of a line.
    is_framed: bool,
    alignments: Vec<Align>,
    /// The width of each column if there is room.
    natural_widths: Vec<u16>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Align {
    #[default]
    Default,
    Left,
    Right,
    Centre,
}

impl MarkdownTable {
    /// The table that a line belongs to. `not_tables` caches lines that have bars but make no table, and
    /// is extended here: there are texts in which every line has a bar.
    pub(super) fn find(text: &Text, index: usize, not_tables: &mut Range<usize>) -> Option<Self> {
        if !is_row(text, index) {
            return None;
        }
        let first = index.saturating_sub(MAX_LINES);
        let mut start = index;
        while start > first {
            if not_tables.contains(&start) {
                // The line before the first of them has a bar too.
                start = not_tables.start.saturating_sub(1).max(first);
            } else if text.start(index) - text.start(start) > MAX_BYTES || !is_row(text, start - 1)
            {
                break;
            } else {
                start -= 1;
            }
        }
        // Find the delimiter row.
        let mut rule = start + 1;
        let align = loop {
            if not_tables.contains(&rule) {
                rule = not_tables.end;
            }
            if rule > index + 1 || !is_row(text, rule) {
                let none = start + 1..rule;
                if none.start <= not_tables.end && not_tables.start <= none.end {
                    *not_tables = none.start.min(not_tables.start)..none.end.max(not_tables.end);
                } else if !none.is_empty() {
                    *not_tables = none;
                }
                return None;
            }
            match alignments(text.line(rule)) {
                Some(align) if align.len() == cells(text.line(rule - 1)).len() => break align,
                _ => rule += 1,
            }
        };
        let head = rule - 1;
        let mut end = rule + 1;
        while end - head < MAX_LINES && end < text.len() && is_row(text, end) {
            end += 1;
            if text.start(end) - text.start(head) > MAX_BYTES {
                return None;
            }
        }
        let mut natural = vec![1; align.len()];
        for line in (head..end).filter(|line| *line != rule) {
            let line = text.line(line);
            for (column, cell) in cells(line).into_iter().enumerate() {
                let width = u16::try_from(columns(&line[cell])).unwrap_or(u16::MAX);
                match natural.get_mut(column) {
                    Some(widest) => *widest = width.max(*widest),
                    None => natural.push(width.max(1)),
                }
            }
        }
        let first = text.line(head);
        let content = first.trim_ascii_start();
        let indent = columns(&first[..first.len() - content.len()]);
        (head..end).contains(&index).then_some(Self {
            lines: head..end,
            indent: u16::try_from(indent).unwrap_or(u16::MAX),
            is_framed: content.starts_with('|'),
            alignments: align,
            natural_widths: natural,
        })
    }

    /// The rows of one of its lines; `None` if the pane is too narrow for the columns.
    pub(super) fn rows(&self, text: &Text, index: usize, width: u16) -> Option<Vec<Vec<RowPiece>>> {
        let widths = self.fitted(width)?;
        if index == self.lines.start + 1 {
            return Some(vec![self.delimiter_row(&widths)]);
        }
        let line = text.line(index);
        let cells = cells(line);
        let wrapped: Vec<Vec<Range<usize>>> = cells
            .iter()
            .zip(&widths)
            .map(|(cell, width)| {
                let from = cell.start;
                let parts = rows(&line[cell.clone()], *width);
                parts
                    .map(|part| part.start + from..part.end + from)
                    .collect()
            })
            .collect();
        let height = wrapped.iter().map(Vec::len).max().unwrap_or(1);
        let row = |row: usize| {
            let cell = |(column, width): (usize, &u16)| {
                let part = wrapped.get(column).and_then(|parts| parts.get(row));
                self.cell(line, part.cloned().unwrap_or_default(), column, *width)
            };
            self.framed(widths.iter().enumerate().map(cell))
        };
        Some((0..height).map(row).collect())
    }

    /// The widths of the columns in a pane of this width: the widest are shrunk first.
    fn fitted(&self, width: u16) -> Option<Vec<u16>> {
        let count = u16::try_from(self.natural_widths.len()).ok()?;
        let bars = 3 * (count - 1) + if self.is_framed { 4 } else { 0 };
        let room = width.checked_sub(self.indent)?.checked_sub(bars)?;
        let sum = |most: u16| -> u32 {
            let widths = self.natural_widths.iter().map(|width| *width.min(&most));
            widths.map(u32::from).sum()
        };
        let most = (MIN_COLUMN_WIDTH..=room.max(MIN_COLUMN_WIDTH))
            .rev()
            .find(|most| sum(*most) <= room.into())?;
        let mut left = u32::from(room) - sum(most);
        let widths = self.natural_widths.iter().map(|natural| {
            let more = u16::from(*natural > most && left > 0);
            left -= u32::from(more);
            most.min(*natural) + more
        });
        Some(widths.collect())
    }

    /// The part of a cell that is in one row, aligned in its column.
    fn cell(&self, line: &str, part: Range<usize>, column: usize, width: u16) -> Vec<RowPiece> {
        let shown = line[part.clone()].trim_ascii_end();
        let part = part.start..part.start + shown.len();
        let taken = u16::try_from(columns(shown)).unwrap_or(width).min(width);
        let free = width - taken;
        let before = match self.alignments.get(column).copied().unwrap_or_default() {
            Align::Default | Align::Left => 0,
            Align::Right => free,
            Align::Centre => free / 2,
        };
        vec![
            RowPiece::Blank(before),
            RowPiece::Text(part, width - before),
            RowPiece::Blank(free - before),
        ]
    }

    /// The row that separates header and body.
    fn delimiter_row(&self, widths: &[u16]) -> Vec<RowPiece> {
        self.framed(widths.iter().enumerate().map(|(column, width)| {
            let align = self.alignments.get(column).copied().unwrap_or_default();
            let left = u16::from(matches!(align, Align::Left | Align::Centre));
            let right = u16::from(matches!(align, Align::Right | Align::Centre)).min(width - left);
            vec![
                RowPiece::Mark(':', left),
                RowPiece::Mark('-', width - left - right),
                RowPiece::Mark(':', right),
            ]
        }))
    }

    /// Cells with the bars around them.
    fn framed(&self, cells: impl Iterator<Item = Vec<RowPiece>>) -> Vec<RowPiece> {
        let bar = |before: u16, after: u16| {
            [
                RowPiece::Blank(before),
                RowPiece::Mark('|', 1),
                RowPiece::Blank(after),
            ]
        };
        let mut row = vec![RowPiece::Blank(self.indent)];
        for (column, cell) in cells.enumerate() {
            match column {
                0 if self.is_framed => row.extend(bar(0, 1)),
                0 => {}
                _ => row.extend(bar(1, 1)),
            }
            row.extend(cell);
        }
        if self.is_framed {
            row.extend(bar(1, 0));
        }
        row.retain(|piece| match piece {
            RowPiece::Text(range, _) => !range.is_empty(),
            RowPiece::Blank(columns) | RowPiece::Mark(_, columns) => *columns > 0,
        });
        row
    }
}

/// Whether a line can belong to a table: it is a whole line with a bar, and not a quotation.
fn is_row(text: &Text, index: usize) -> bool {
    let line = text.line(index);
    let is_whole = |index: usize| index + 1 == text.len() || !text.separator(index).is_empty();
    line.as_bytes().contains(&b'|')
        && !line.trim_ascii_start().starts_with('>')
        && is_whole(index)
        && (index == 0 || is_whole(index - 1))
}

/// The cells of a line, without the spaces around them.
fn cells(line: &str) -> Vec<Range<usize>> {
    let bytes = line.as_bytes();
    let is_bar = |at: &usize| bytes[*at] == b'|' && (*at == 0 || bytes[*at - 1] != b'\\');
    let bars = (0..bytes.len()).filter(is_bar);
    let mut cells = Vec::new();
    let mut start = 0;
    for bar in bars.chain([bytes.len()]) {
        let cell = &line[start..bar];
        let words = cell.trim_ascii();
        let from = start + cell.len() - cell.trim_ascii_start().len();
        // Outside of the bars at either end there is no cell.
        let is_outside = words.is_empty() && (start == 0 || bar == bytes.len());
        if !is_outside {
            cells.push(from..from + words.len());
        }
        start = bar + 1;
    }
    cells
}

/// The alignment of each column, if the line is a delimiter row.
fn alignments(line: &str) -> Option<Vec<Align>> {
    // A quick check first: every line above one with a bar is tried.
    if !line.bytes().all(|byte| b"|-: \t".contains(&byte)) {
        return None;
    }
    let aligned: Option<Vec<Align>> = cells(line)
        .into_iter()
        .map(|cell| {
            let cell = &line[cell];
            let dashes = cell.strip_prefix(':').unwrap_or(cell);
            let dashes = dashes.strip_suffix(':').unwrap_or(dashes);
            let is_rule = !dashes.is_empty() && dashes.bytes().all(|byte| byte == b'-');
            is_rule.then_some(match (cell.starts_with(':'), cell.ends_with(':')) {
                (false, false) => Align::Default,
                (true, false) => Align::Left,
                (false, true) => Align::Right,
                (true, true) => Align::Centre,
            })
        })
        .collect();
    aligned.filter(|aligned| !aligned.is_empty())
}
