//! The scroll state of a pane: the rows on the screen, whether they follow the end, and how far down
//! they are.

use std::fmt;

use super::scroll::{RowPosition, ScrollSource, Viewport};

/// How far down the screen is in the content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ScrollProgress {
    /// All of it is on the screen.
    Whole,
    /// The percentage of the content above the bottom of the screen, from 1 to 99.
    Percent(u8),
    /// The end is on the screen.
    End,
}

impl fmt::Display for ScrollProgress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Whole => Ok(()),
            Self::Percent(percent) => write!(f, "{percent}%"),
            Self::End => f.write_str("end"),
        }
    }
}

/// A [`Viewport`] with the size of its pane and the rows on the screen.
#[derive(Debug, Default)]
pub struct Window {
    viewport: Viewport,
    width: u16,
    height: u16,
    rows: Vec<RowPosition>,
    is_at_end: bool,
}

impl Window {
    /// Fits the source into a pane of this size. If the end was on the screen and `follows` is set, it
    /// stays there, whatever changed; otherwise the line at the top stays.
    pub fn fit<S: ScrollSource>(&mut self, source: &S, (width, height): (u16, u16), follows: bool) {
        let from = match self.width {
            0 => width,
            from => from,
        };
        (self.width, self.height) = (width, height);
        if self.is_at_end && follows {
            self.viewport.to_bottom(source, width, height);
        } else {
            self.viewport.resize(source, from, width, height);
        }
        self.update_rows(source);
    }

    /// Scrolls so that a row is at the top, or as near to it as the end of the content allows.
    pub fn show<S: ScrollSource>(&mut self, at: RowPosition, source: &S) {
        self.viewport.show(at, source, self.width(), self.height);
        self.update_rows(source);
    }

    /// Scrolls so that `above` rows are above a row, or as near to that as the content allows.
    pub fn show_below<S: ScrollSource>(&mut self, at: RowPosition, above: u16, source: &S) {
        let size = (self.width(), self.height);
        self.viewport.show_below(at, above, source, size);
        self.update_rows(source);
    }

    /// Shows the end.
    pub fn show_end<S: ScrollSource>(&mut self, source: &S) {
        self.viewport.to_bottom(source, self.width(), self.height);
        self.update_rows(source);
    }

    /// Moves by rows, down if positive.
    pub fn scroll<S: ScrollSource>(&mut self, source: &S, rows: i64) {
        let width = self.width();
        self.viewport.scroll(source, width, self.height, rows);
        self.update_rows(source);
    }

    /// Moves by pages, down if positive, with a row of overlap.
    pub fn scroll_pages<S: ScrollSource>(&mut self, source: &S, pages: i64) {
        let page = i64::from(self.height.saturating_sub(1).max(1));
        self.scroll(source, pages.saturating_mul(page));
    }

    /// Keeps the line at the top at the next [`Self::fit`], even if the end is on the screen.
    pub fn stop_following(&mut self) {
        self.is_at_end = false;
    }

    /// Whether the end is on the screen, and is to stay there.
    pub fn is_at_end(&self) -> bool {
        self.is_at_end
    }

    /// The rows on the screen from top to bottom.
    pub fn rows(&self) -> &[RowPosition] {
        &self.rows
    }

    /// The row at the top.
    pub fn top(&self) -> RowPosition {
        self.viewport.top
    }

    /// Columns for text; at least one.
    pub fn width(&self) -> u16 {
        self.width.max(1)
    }

    /// Rows for text.
    pub fn height(&self) -> u16 {
        self.height
    }

    /// How far down the screen is, where `read` of `all` is above its bottom.
    pub fn progress(&self, read: u64, all: u64) -> ScrollProgress {
        match (self.is_at_end, self.viewport.top == RowPosition::default()) {
            (true, true) => ScrollProgress::Whole,
            (true, false) => ScrollProgress::End,
            _ => {
                let percent = read.saturating_mul(100) / all.max(1);
                ScrollProgress::Percent(u8::try_from(percent.clamp(1, 99)).unwrap_or(99))
            }
        }
    }

    fn update_rows<S: ScrollSource>(&mut self, source: &S) {
        let width = self.width();
        self.is_at_end = self.viewport.at_bottom(source, width, self.height);
        let rows = self.viewport.visible(source, width, self.height);
        self.rows.clear();
        self.rows.extend(rows);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tui::text::Text;

    fn text(lines: usize) -> Text {
        Text::new(vec!["x"; lines].join("\n"))
    }

    fn shown(window: &Window) -> (usize, usize) {
        let line = |row: Option<&RowPosition>| row.map_or(0, |row| row.line);
        (line(window.rows().first()), line(window.rows().last()))
    }

    #[test]
    fn who_is_at_the_end_stays_there_if_it_is_followed() {
        let mut window = Window::default();
        window.fit(&text(10), (5, 4), true);
        assert_eq!(shown(&window), (0, 3));
        window.show_end(&text(10));
        for (lines, height, last) in [(10, 2, 9), (30, 2, 29), (30, 9, 29), (3, 9, 2)] {
            window.fit(&text(lines), (5, height), true);
            assert_eq!(shown(&window).1, last, "{lines} in {height}");
        }
        window.fit(&text(30), (5, 4), false);
        assert_eq!(shown(&window), (0, 3));
    }

    #[test]
    fn who_is_elsewhere_stays_too() {
        let mut window = Window::default();
        window.fit(&text(30), (5, 4), true);
        window.scroll(&text(30), 7);
        for height in [2, 9, 4] {
            window.fit(&text(30), (5, height), true);
            assert_eq!(shown(&window).0, 7);
        }
        window.show_end(&text(30));
        window.stop_following();
        window.fit(&text(40), (5, 4), true);
        assert_eq!(shown(&window), (26, 29));
    }

    #[test]
    fn how_far_one_has_come_is_said_in_percent_only_on_the_way() {
        let mut window = Window::default();
        let progress = |window: &Window| window.progress(1, 3).to_string();
        window.fit(&text(3), (5, 4), true);
        assert_eq!(progress(&window), "");
        window.fit(&text(9), (5, 4), false);
        assert_eq!(progress(&window), "33%");
        assert_eq!(window.progress(9, 9).to_string(), "99%");
        assert_eq!(window.progress(0, 9).to_string(), "1%");
        window.show_end(&text(9));
        assert_eq!(progress(&window), "end");
    }
}
