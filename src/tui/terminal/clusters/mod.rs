//! Draws characters whose width differs between terminals, such as flags, skin tones and joined emoji,
//! so that the rest of their row stays in place.
//!
//! Where a terminal takes more columns for one than is left for it, or fewer, it leaves something
//! behind in columns that have not changed and would not be sent. So a row that has one, or had one,
//! is sent whole when anything in it changes; and [`draw`] clears the columns of each, and tells the
//! terminal where to go on. A row whose links are others is sent whole too: its cells are the same.

use std::io::{self, Write};
use std::iter;
use std::num::NonZeroU16;

use crossterm::queue;
use crossterm::style::Print;
use crossterm::terminal::{DisableLineWrap, EnableLineWrap};
use ratatui::backend::{Backend, CrosstermBackend};
use ratatui::buffer::{Buffer, Cell, CellDiffOption, CellWidth};
use ratatui::layout::Rect;

use super::link::{CLOSE, Link};

/// What is known of the rows that were drawn last.
#[derive(Debug, Default)]
pub(super) struct DrawnRows {
    area: Rect,
    rows: Vec<DrawnRow>,
}

#[derive(Clone, Debug, Default)]
struct DrawnRow {
    /// Its cells, if it has a character of uncertain width.
    uncertain_cells: Option<Vec<Cell>>,
    links: Vec<Link>,
    /// Whether its cells have their width forced upon them. That changes nothing but that they differ
    /// from cells that have not, so that all of a row is sent when this turns.
    is_forced: bool,
}

impl DrawnRows {
    /// Marks the rows of the next frame that have to be sent whole. The links are in the order of the
    /// screen.
    pub(super) fn prepare(&mut self, buffer: &mut Buffer, links: &[Link]) {
        if self.area != buffer.area {
            // The screen was cleared.
            self.area = buffer.area;
            self.rows = vec![DrawnRow::default(); usize::from(buffer.area.height)];
        }
        let width = usize::from(buffer.area.width).max(1);
        let top = buffer.area.y;
        let rows = self.rows.iter_mut().zip(buffer.content.chunks_mut(width));
        for ((row, cells), y) in rows.zip(top..) {
            row.prepare(cells, links_of(y, links));
        }
    }
}

impl DrawnRow {
    fn prepare(&mut self, cells: &mut [Cell], links: &[Link]) {
        let is_own = |cell: &Cell| cell.diff_option == CellDiffOption::None;
        let is_uncertain = cells
            .iter()
            .any(|cell| has_uncertain_width(cell.symbol()) && is_own(cell));
        let is_changed = match &self.uncertain_cells {
            Some(before) => before != cells,
            None => is_uncertain,
        };
        if is_changed || self.links != links {
            self.is_forced = !self.is_forced;
            self.links = links.to_vec();
            self.uncertain_cells = is_uncertain.then(|| cells.to_vec());
        }
        if self.is_forced {
            for cell in cells.iter_mut().filter(|cell| is_own(cell)) {
                let width = NonZeroU16::new(cell.cell_width()).unwrap_or(NonZeroU16::MIN);
                cell.set_diff_option(CellDiffOption::ForcedWidth(width));
            }
        }
    }
}

/// The links that are in a row.
fn links_of(y: u16, links: &[Link]) -> &[Link] {
    let start = links.partition_point(|link| link.at.y < y);
    let end = links.partition_point(|link| link.at.y <= y);
    &links[start..end]
}

/// Draws cells, in the order of the screen, so that those behind a cluster are where they belong
/// whatever width it has for the terminal.
///
/// # Errors
///
/// If the terminal is gone.
pub(super) fn draw<'a, W: Write>(
    terminal: &mut CrosstermBackend<W>,
    links: &[Link],
    content: impl Iterator<Item = (u16, u16, &'a Cell)>,
) -> io::Result<()> {
    let mut content = content.peekable();
    loop {
        let link_at = |x: u16, y: u16| links_of(y, links).iter().find(|link| link.covers(x, y));
        let is_certain = |(x, y, cell): &(u16, u16, &Cell)| {
            !has_uncertain_width(cell.symbol()) && link_at(*x, *y).is_none()
        };
        terminal.draw(iter::from_fn(|| content.next_if(is_certain)))?;
        let Some(&(x, y, _)) = content.peek() else {
            return Ok(());
        };
        if let Some(link) = link_at(x, y) {
            queue!(terminal, Print(link.open()))?;
            let is_in_it = |(x, y, _): &(u16, u16, &Cell)| link.covers(*x, *y);
            terminal.draw(iter::from_fn(|| content.next_if(is_in_it)))?;
            queue!(terminal, Print(CLOSE))?;
            continue;
        }
        let Some((x, y, cell)) = content.next() else {
            return Ok(());
        };
        let mut blank = cell.clone();
        blank.set_symbol(" ");
        let end = x.saturating_add(cell.cell_width().max(1));
        terminal.draw((x..end).map(|x| (x, y, &blank)))?;
        // A character without room in the row must not wrap into the next one.
        queue!(terminal, DisableLineWrap)?;
        terminal.draw(iter::once((x, y, cell)))?;
        queue!(terminal, EnableLineWrap)?;
        while content
            .next_if(|(column, row, _)| *row == y && *column < end)
            .is_some()
        {}
    }
}

/// Whether the width of this grapheme cluster differs between terminals.
fn has_uncertain_width(symbol: &str) -> bool {
    // A quick check, which covers nearly all cells.
    if symbol.len() <= 3 || symbol.starts_with('\x1b') {
        return false;
    }
    let mut chars = symbol.chars();
    match (chars.next(), chars.next()) {
        (Some(only), None) => is_flag_letter(only) || is_recent(only),
        _ => symbol.chars().any(is_joining) || width_by_char(symbol) != symbol.cell_width(),
    }
}

/// A regional indicator: half of a flag.
fn is_flag_letter(c: char) -> bool {
    matches!(c, '\u{1F1E6}'..='\u{1F1FF}')
}

/// A block of emoji that new ones are added to, which older terminals do not know.
fn is_recent(c: char) -> bool {
    matches!(c, '\u{1FA70}'..='\u{1FAFF}')
}

/// Characters that join emoji or change the one before them: joiners, selectors, keycaps, skin tones.
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
