//! Scrolling over rows that are counted only near the screen.
//!
//! A transcript is a list of blocks, a block a list of lines, a line as many rows as its text takes
//! at the current width. Numbering the rows from the top would mean wrapping everything above the
//! window, again at each resize. So the window is held by an anchor instead, the [`RowPosition`] of its
//! top row, and everything else is found by walking from there: the cost of each step depends on the
//! height of the window and on how far it moves, never on how much there is above or below.

use crate::tui::text::{Text, row_count};

/// Content that can be scrolled: blocks, which have lines, which have rows.
pub trait ScrollSource {
    /// How many blocks there are; there may be none.
    fn blocks(&self) -> usize;

    /// How many lines a block has now: at least one, fewer when it is folded. This must not take
    /// time that depends on the block.
    fn lines(&self, block: usize) -> usize;

    /// How many rows a line takes at `width`: at least one.
    fn rows(&self, block: usize, line: usize, width: u16) -> usize;
}

impl<S: ScrollSource + ?Sized> ScrollSource for &S {
    fn blocks(&self) -> usize {
        (**self).blocks()
    }

    fn lines(&self, block: usize) -> usize {
        (**self).lines(block)
    }

    fn rows(&self, block: usize, line: usize, width: u16) -> usize {
        (**self).rows(block, line, width)
    }
}

/// A text by itself is a single block.
impl ScrollSource for Text {
    fn blocks(&self) -> usize {
        1
    }

    fn lines(&self, _block: usize) -> usize {
        self.len()
    }

    fn rows(&self, _block: usize, line: usize, width: u16) -> usize {
        row_count(self.line(line), width)
    }
}

/// One row: the `row`th of the `line`th line of the `block`th block, in reading order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RowPosition {
    /// Which block.
    pub block: usize,
    /// Which line of the block.
    pub line: usize,
    /// Which row of the line, at the width in use.
    pub row: usize,
}

impl RowPosition {
    /// The first row of a line.
    pub fn new(block: usize, line: usize) -> Self {
        Self {
            block,
            line,
            row: 0,
        }
    }
}

impl RowPosition {
    /// How much of its block is above the bottom of this row, and how much there is, if the block has
    /// `lines` and the line has `rows`: all lines count the same, divided among their rows.
    pub fn within(&self, lines: usize, rows: usize) -> (u64, u64) {
        let count = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
        let rows = count(rows).max(1);
        let read = count(self.line).saturating_mul(rows);
        let row = count(self.row).saturating_add(1).min(rows);
        let all = count(lines).max(1).saturating_mul(rows);
        (read.saturating_add(row).min(all), all)
    }
}

/// Distances from here on mean "all the way": more rows than fit into memory, which are not walked line
/// by line.
const ALL_THE_WAY: u64 = 1 << 40;

/// The part of a [`ScrollSource`] that is on the screen.
///
/// To follow content as it grows, ask [`at_bottom`](Self::at_bottom) before it does and call
/// [`to_bottom`](Self::to_bottom) after.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Viewport {
    /// The row at the top of the screen.
    pub top: RowPosition,
}

impl Viewport {
    /// Moves by `delta` rows, down if it is positive; returns whether that changed anything.
    ///
    /// It stops at the first row, and where the last row is at the bottom of the screen. Distances
    /// such as `i64::MAX` and `i64::MIN` go all the way at once.
    pub fn scroll<S: ScrollSource>(
        &mut self,
        source: &S,
        width: u16,
        height: u16,
        delta: i64,
    ) -> bool {
        let before = self.top;
        let walk = RowWalk { source, width };
        let lowest = walk.lowest(height);
        let from = walk.existing(before).min(lowest);
        let distance = delta.unsigned_abs();
        self.top = match (delta > 0, distance >= ALL_THE_WAY) {
            (true, true) => lowest,
            (true, false) => walk.down(from, to_usize(distance), lowest),
            (false, true) => RowPosition::default(),
            (false, false) => walk.up(from, to_usize(distance)),
        };
        self.top != before
    }

    /// Shows the first row at the top.
    pub fn to_top(&mut self) {
        self.top = RowPosition::default();
    }

    /// Shows the last row at the bottom of the screen, or everything if that is less than a screen.
    pub fn to_bottom<S: ScrollSource>(&mut self, source: &S, width: u16, height: u16) {
        self.top = RowWalk { source, width }.lowest(height);
    }

    /// Shows `position` at the top of the screen, or as near to it as the end of the content allows.
    pub fn show<S: ScrollSource>(
        &mut self,
        position: RowPosition,
        source: &S,
        width: u16,
        height: u16,
    ) {
        self.top = position;
        self.clamp(source, width, height);
    }

    /// Shows `position` with as many rows above it, or as near to that as the content allows.
    pub fn show_below<S: ScrollSource>(
        &mut self,
        position: RowPosition,
        above: u16,
        source: &S,
        (width, height): (u16, u16),
    ) {
        let walk = RowWalk { source, width };
        let top = walk.up(walk.existing(position), usize::from(above));
        self.top = top.min(walk.lowest(height));
    }

    /// Whether the last row is on the screen.
    pub fn at_bottom<S: ScrollSource>(&self, source: &S, width: u16, height: u16) -> bool {
        let walk = RowWalk { source, width };
        walk.existing(self.top) >= walk.lowest(height)
    }

    /// Makes the anchor valid again after the size, the content or the folding changed.
    ///
    /// The line at the top stays there if it still exists, otherwise the nearest one before it.
    pub fn clamp<S: ScrollSource>(&mut self, source: &S, width: u16, height: u16) {
        let walk = RowWalk { source, width };
        self.top = walk.existing(self.top).min(walk.lowest(height));
    }

    /// Like [`clamp`](Self::clamp) after the width changed, also keeping the place within a line of
    /// many rows: its rows hold other text at the new width, so the anchor moves in proportion.
    pub fn resize<S: ScrollSource>(&mut self, source: &S, from: u16, to: u16, height: u16) {
        let old = RowWalk {
            source,
            width: from,
        };
        let top = old.existing(self.top);
        if top.row > 0 && from != to {
            let before = old.rows(top.block, top.line);
            let after = RowWalk { source, width: to }.rows(top.block, top.line);
            self.top = RowPosition {
                row: top.row.saturating_mul(after) / before,
                ..top
            };
        }
        self.clamp(source, to, height);
    }

    /// The rows on the screen from top to bottom: at most `height`, fewer where the content ends.
    pub fn visible<'a, S: ScrollSource>(
        &self,
        source: &'a S,
        width: u16,
        height: u16,
    ) -> impl Iterator<Item = RowPosition> + use<'a, S> {
        let walk = RowWalk { source, width };
        let blocks = source.blocks();
        let mut at = walk.existing(self.top);
        // How many rows and lines there are where `at` is, so that each is asked for only once.
        let mut rows = None;
        let mut lines = None;
        (0..height).map_while(move |_| {
            if at.block >= blocks {
                return None;
            }
            let here = at;
            let row_count = *rows.get_or_insert_with(|| walk.rows(at.block, at.line));
            let line_count = *lines.get_or_insert_with(|| walk.lines(at.block));
            at.row += 1;
            if at.row >= row_count {
                at = RowPosition::new(at.block, at.line + 1);
                rows = None;
            }
            if at.line >= line_count {
                at = RowPosition::new(at.block + 1, 0);
                lines = None;
            }
            Some(here)
        })
    }
}

fn to_usize(distance: u64) -> usize {
    usize::try_from(distance).unwrap_or(usize::MAX)
}

/// Walks over the rows of a source at a width. A block without lines counts as one line, a line without
/// rows as one row.
struct RowWalk<'a, S> {
    source: &'a S,
    width: u16,
}

impl<S: ScrollSource> RowWalk<'_, S> {
    fn lines(&self, block: usize) -> usize {
        self.source.lines(block).max(1)
    }

    fn rows(&self, block: usize, line: usize) -> usize {
        self.source.rows(block, line, self.width).max(1)
    }

    /// `at` if it exists, otherwise the last row of its line, the start of the last line of its
    /// block, or the last row there is.
    fn existing(&self, at: RowPosition) -> RowPosition {
        let blocks = self.source.blocks();
        if blocks == 0 {
            return RowPosition::default();
        }
        if at.block >= blocks {
            return self.last();
        }
        let lines = self.lines(at.block);
        if at.line >= lines {
            return RowPosition::new(at.block, lines - 1);
        }
        if at.row == 0 {
            return at;
        }
        RowPosition {
            row: at.row.min(self.rows(at.block, at.line) - 1),
            ..at
        }
    }

    fn last(&self) -> RowPosition {
        let Some(block) = self.source.blocks().checked_sub(1) else {
            return RowPosition::default();
        };
        let line = self.lines(block) - 1;
        RowPosition {
            block,
            line,
            row: self.rows(block, line) - 1,
        }
    }

    /// The top of the screen when the last row is at the bottom.
    fn lowest(&self, height: u16) -> RowPosition {
        self.up(self.last(), usize::from(height.max(1)) - 1)
    }

    /// `distance` rows before `at`, or the first row.
    fn up(&self, mut at: RowPosition, mut distance: usize) -> RowPosition {
        while distance > at.row {
            distance -= at.row + 1;
            if at.line > 0 {
                at.line -= 1;
            } else if at.block > 0 {
                at.block -= 1;
                at.line = self.lines(at.block) - 1;
            } else {
                return RowPosition::default();
            }
            at.row = self.rows(at.block, at.line) - 1;
        }
        at.row -= distance;
        at
    }

    /// `distance` rows after `at`, or `lowest` if that comes first.
    fn down(&self, mut at: RowPosition, mut distance: usize, lowest: RowPosition) -> RowPosition {
        let mut lines = None;
        while at < lowest {
            // In the line of the limit, the limit ends the walk: its rows need no counting.
            if (at.block, at.line) == (lowest.block, lowest.line) {
                at.row = at.row.saturating_add(distance);
                return at.min(lowest);
            }
            let left = self.rows(at.block, at.line).saturating_sub(at.row).max(1);
            if distance < left {
                at.row += distance;
                return at;
            }
            distance -= left;
            let line_count = *lines.get_or_insert_with(|| self.lines(at.block));
            at = RowPosition::new(at.block, at.line + 1);
            if at.line >= line_count {
                at = RowPosition::new(at.block + 1, 0);
                lines = None;
            }
        }
        at.min(lowest)
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    /// Blocks of lines of rows, counting what is asked.
    struct RowCounter {
        blocks: Vec<Vec<usize>>,
        asked: Cell<usize>,
    }

    impl RowCounter {
        fn new(blocks: &[&[usize]]) -> Self {
            Self {
                blocks: blocks.iter().map(|block| block.to_vec()).collect(),
                asked: Cell::new(0),
            }
        }

        fn asked_by<T>(&self, work: impl FnOnce() -> T) -> usize {
            self.asked.set(0);
            work();
            self.asked.get()
        }
    }

    impl ScrollSource for RowCounter {
        fn blocks(&self) -> usize {
            self.blocks.len()
        }

        fn lines(&self, block: usize) -> usize {
            self.blocks[block].len()
        }

        fn rows(&self, block: usize, line: usize, width: u16) -> usize {
            self.asked.set(self.asked.get() + 1);
            self.blocks[block][line].div_ceil(usize::from(width))
        }
    }

    fn at(block: usize, line: usize, row: usize) -> RowPosition {
        RowPosition { block, line, row }
    }

    #[test]
    fn nothing_can_be_scrolled() {
        let empty = RowCounter::new(&[]);
        let mut view = Viewport { top: at(3, 2, 1) };
        assert!(view.at_bottom(&empty, 1, 5));
        assert_eq!(view.visible(&empty, 1, 5).count(), 0);
        assert!(view.scroll(&empty, 1, 5, 1));
        assert!(!view.scroll(&empty, 1, 5, i64::MAX));
        assert_eq!(view.top, RowPosition::default());
    }

    #[test]
    fn short_content_stays_at_the_top() {
        let source = RowCounter::new(&[&[1, 2], &[1]]);
        let mut view = Viewport::default();
        assert!(!view.scroll(&source, 1, 4, 3));
        assert!(view.at_bottom(&source, 1, 4));
        let rows: Vec<_> = view.visible(&source, 1, 9).collect();
        assert_eq!(rows, [at(0, 0, 0), at(0, 1, 0), at(0, 1, 1), at(1, 0, 0)]);
    }

    #[test]
    fn the_last_row_stops_at_the_bottom() {
        let source = RowCounter::new(&[&[1, 2], &[3]]);
        let mut view = Viewport::default();
        assert!(!view.at_bottom(&source, 1, 4));
        assert!(view.scroll(&source, 1, 4, 1));
        assert!(view.scroll(&source, 1, 4, 9));
        assert_eq!(view.top, at(0, 1, 1));
        assert!(!view.scroll(&source, 1, 4, 1));
        assert_eq!(view.visible(&source, 1, 4).last(), Some(at(1, 0, 2)));
        assert!(view.scroll(&source, 1, 4, -1));
        assert_eq!(view.top, at(0, 1, 0));
        assert!(view.scroll(&source, 1, 4, i64::MIN));
        assert_eq!(view.top, at(0, 0, 0));
    }

    #[test]
    fn a_position_is_shown_at_the_top() {
        let source = RowCounter::new(&[&[1, 2], &[3], &[1, 1]]);
        let mut view = Viewport::default();
        view.show(at(1, 0, 1), &source, 1, 2);
        assert_eq!(view.top, at(1, 0, 1));
        view.show(at(2, 1, 0), &source, 1, 3);
        assert_eq!(view.top, at(1, 0, 2));
        view.show_below(at(2, 0, 0), 2, &source, (1, 4));
        assert_eq!(view.top, at(1, 0, 1));
        // What is at the end is not pushed off the screen.
        view.show_below(at(2, 1, 0), 1, &source, (1, 4));
        assert_eq!(view.visible(&source, 1, 4).last(), Some(at(2, 1, 0)));
        view.show_below(at(0, 1, 0), 9, &source, (1, 4));
        assert_eq!(view.top, at(0, 0, 0));
    }

    #[test]
    fn the_anchor_survives_changes() {
        let mut source = RowCounter::new(&[&[9], &[4, 4, 40], &[9, 9]]);
        let mut view = Viewport { top: at(1, 2, 30) };
        view.clamp(&source, 2, 3);
        assert_eq!(view.top, at(1, 2, 19));
        view.resize(&source, 2, 4, 3);
        assert_eq!(view.top, at(1, 2, 9));
        source.blocks[1].truncate(1);
        view.clamp(&source, 4, 3);
        assert_eq!(view.top, at(1, 0, 0));
        source.blocks.truncate(1);
        view.clamp(&source, 1, 3);
        assert_eq!(view.top, at(0, 0, 6));
    }

    #[test]
    fn work_does_not_grow_with_the_content() {
        let block: Vec<usize> = vec![3; 1000];
        let source = RowCounter::new(&vec![block.as_slice(); 100]);
        let mut view = Viewport::default();
        let asked =
            |view: &mut Viewport, delta| source.asked_by(|| view.scroll(&source, 1, 30, delta));
        assert!(asked(&mut view, 30) < 30);
        assert!(asked(&mut view, i64::MAX) < 30);
        assert!(view.at_bottom(&source, 1, 30));
        assert!(asked(&mut view, -30) < 30);
        assert!(source.asked_by(|| view.visible(&source, 1, 30).count()) < 15);
        assert!(source.asked_by(|| view.resize(&source, 1, 2, 30)) < 30);
        assert!(asked(&mut view, i64::MIN) < 30);
    }
}
