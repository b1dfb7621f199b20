//! Characters of which terminals do not agree how wide they are, such as flags, skin tones and
//! joined emoji, and what it takes to have their rows right all the same.
//!
//! Where a terminal takes more columns for one than is left for it, or fewer, it leaves something
//! behind in columns that have not changed and would not be sent. So a row that has one, or had one,
//! is sent whole when anything in it changes; and [`draw`] clears the columns of each, and tells the
//! terminal where to go on.

use std::io::{self, Write};
use std::iter;
use std::num::NonZeroU16;

use crossterm::queue;
use crossterm::terminal::{DisableLineWrap, EnableLineWrap};
use ratatui::backend::{Backend, CrosstermBackend};
use ratatui::buffer::{Buffer, Cell, CellDiffOption, CellWidth};
use ratatui::layout::Rect;

/// What is known of the rows that were drawn last.
#[derive(Debug, Default)]
pub(super) struct Rows {
    area: Rect,
    rows: Vec<Row>,
}

#[derive(Clone, Debug, Default)]
struct Row {
    /// What is in it, if the terminal may have it elsewhere.
    uncertain: Option<Vec<Cell>>,
    /// Whether its cells have their width forced upon them. That changes nothing but that they differ
    /// from cells that have not, so that all of a row is sent when this turns.
    is_forced: bool,
}

impl Rows {
    /// Has the rows of the next frame sent whole that must be.
    pub(super) fn prepare(&mut self, buffer: &mut Buffer) {
        if self.area != buffer.area {
            // The screen was cleared.
            self.area = buffer.area;
            self.rows = vec![Row::default(); usize::from(buffer.area.height)];
        }
        let width = usize::from(buffer.area.width).max(1);
        for (row, cells) in self.rows.iter_mut().zip(buffer.content.chunks_mut(width)) {
            row.prepare(cells);
        }
    }
}

impl Row {
    fn prepare(&mut self, cells: &mut [Cell]) {
        let is_own = |cell: &Cell| cell.diff_option == CellDiffOption::None;
        let is_uncertain = cells
            .iter()
            .any(|cell| is_uncertain(cell.symbol()) && is_own(cell));
        let is_changed = match &self.uncertain {
            Some(before) => before != cells,
            None => is_uncertain,
        };
        if is_changed {
            self.is_forced = !self.is_forced;
            self.uncertain = is_uncertain.then(|| cells.to_vec());
        }
        if self.is_forced {
            for cell in cells.iter_mut().filter(|cell| is_own(cell)) {
                let width = NonZeroU16::new(cell.cell_width()).unwrap_or(NonZeroU16::MIN);
                cell.set_diff_option(CellDiffOption::ForcedWidth(width));
            }
        }
    }
}

/// Draws cells, in the order of the screen, so that those behind a cluster are where they belong
/// whatever width it has for the terminal.
///
/// # Errors
///
/// If the terminal is gone.
pub(super) fn draw<'a, W: Write>(
    terminal: &mut CrosstermBackend<W>,
    content: impl Iterator<Item = (u16, u16, &'a Cell)>,
) -> io::Result<()> {
    let mut content = content.peekable();
    loop {
        let is_certain = |(_, _, cell): &(u16, u16, &Cell)| !is_uncertain(cell.symbol());
        terminal.draw(iter::from_fn(|| content.next_if(is_certain)))?;
        let Some((x, y, cell)) = content.next() else {
            return Ok(());
        };
        let mut blank = cell.clone();
        blank.set_symbol(" ");
        let end = x.saturating_add(cell.cell_width().max(1));
        terminal.draw((x..end).map(|x| (x, y, &blank)))?;
        // What has no room in the row is not to go on in the next one.
        queue!(terminal, DisableLineWrap)?;
        terminal.draw(iter::once((x, y, cell)))?;
        queue!(terminal, EnableLineWrap)?;
        while content
            .next_if(|(column, row, _)| *row == y && *column < end)
            .is_some()
        {}
    }
}

/// Whether terminals do not agree how wide this is.
fn is_uncertain(symbol: &str) -> bool {
    // Nearly all of them.
    if symbol.len() <= 3 || symbol.starts_with('\x1b') {
        return false;
    }
    let mut chars = symbol.chars();
    match (chars.next(), chars.next()) {
        (Some(only), None) => is_flag_letter(only) || is_recent(only),
        _ => symbol.chars().any(is_joining) || width_by_char(symbol) != symbol.cell_width(),
    }
}

/// Half of a flag.
fn is_flag_letter(c: char) -> bool {
    matches!(c, '\u{1F1E6}'..='\u{1F1FF}')
}

/// Emoji that are still added to, which older terminals do not know.
fn is_recent(c: char) -> bool {
    matches!(c, '\u{1FA70}'..='\u{1FAFF}')
}

/// What makes one emoji of several characters, or another one of it: joiners, selectors, keycaps,
/// skin tones.
fn is_joining(c: char) -> bool {
    is_flag_letter(c)
        || matches!(
            c,
            '\u{200D}' | '\u{20E3}' | '\u{FE0E}' | '\u{FE0F}' | '\u{1F3FB}'..='\u{1F3FF}'
        )
}

fn width_by_char(symbol: &str) -> u16 {
    let widths = symbol
        .chars()
        .map(|c| c.encode_utf8(&mut [0; 4]).cell_width());
    widths.sum()
}

#[cfg(test)]
mod tests;
