//! A scrollable, searchable text that takes the place of the transcript.

use std::fmt::Debug;

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::keys::ViewCommand;
use crate::tui::keys::action::Action;
use crate::tui::markup::{Markup, Styled};
use crate::tui::search::{
    Finder, ReadingPosition, SearchBlocks, SearchMatch, SearchPosition, Searchable,
};
use crate::tui::text::paint::draw_line;
use crate::tui::text::scroll::RowPosition;
use crate::tui::text::window::{ScrollProgress, Window};
use crate::tui::text::{columns, row_count, rows};
use crate::tui::transcript::view::WrappedLine;
use crate::tui::ui::Ui;

/// Tabs of a view, of which one is shown at a time, and whose text may change while it is shown.
pub(super) trait Pages: Debug {
    /// The title of the current tab.
    fn title(&self) -> &'static str;

    /// The text of the current tab for this width, if it has changed since the last call.
    fn changed_text(&mut self, ui: &Ui, width: u16) -> Option<Styled>;

    /// Goes to another tab, so many after the current one, or before it if negative; returns whether
    /// there is one.
    fn turn(&mut self, pages: i64) -> bool;
}

/// A text and its scroll position.
#[derive(Debug)]
pub struct TextView {
    title: &'static str,
    /// The tabs that the text comes from, if it has any.
    pages: Option<Box<dyn Pages>>,
    /// The action that opens and closes it.
    action: Option<Action>,
    text: Styled,
    /// Whether the text was written by others, which a line at its left shows.
    is_foreign: bool,
    window: Window,
    /// The byte of the text that the next layout scrolls to.
    scroll_target: Option<usize>,
}

impl TextView {
    /// A view of a text by this program.
    pub(in crate::tui) fn new(title: &'static str, text: String) -> Self {
        Self {
            title,
            pages: None,
            action: None,
            text: Styled::new(text, Markup::Plain),
            is_foreign: false,
            window: Window::default(),
            scroll_target: None,
        }
    }

    /// A view of a text by others.
    pub(super) fn foreign(title: &'static str, text: String, markup: Markup) -> Self {
        Self {
            text: Styled::new(text, markup),
            is_foreign: true,
            ..Self::new(title, String::new())
        }
    }

    /// A view with several tabs.
    pub(super) fn paged(pages: Box<dyn Pages>) -> Self {
        Self {
            pages: Some(pages),
            ..Self::new("", String::new())
        }
    }

    pub(in crate::tui) fn opened_by(self, action: Action) -> Self {
        Self {
            action: Some(action),
            ..self
        }
    }

    /// Replaces the text, and keeps the scroll position.
    pub(in crate::tui) fn set_text(&mut self, text: String) {
        if text != self.as_str() {
            self.text = Styled::new(text, Markup::Plain);
        }
    }

    /// The title of the pane.
    pub fn title(&self) -> &'static str {
        let pages = self.pages.as_ref();
        pages.map_or(self.title, |pages| pages.title())
    }

    /// Whether it has tabs.
    pub fn has_pages(&self) -> bool {
        self.pages.is_some()
    }

    /// Whether this action opens and closes it.
    pub fn is_opened_by(&self, action: Action) -> bool {
        self.action == Some(action)
    }

    /// All of the text.
    pub fn as_str(&self) -> &str {
        self.text.text().as_str()
    }

    /// Runs a command.
    pub fn act(&mut self, command: ViewCommand) {
        match command {
            ViewCommand::Lines(lines) => self.scroll(lines),
            ViewCommand::Enter => self.scroll(1),
            ViewCommand::Pages(pages) => self.scroll_pages(pages),
            ViewCommand::Sideways(pages) => {
                if self.pages.as_mut().is_some_and(|own| own.turn(pages)) {
                    self.scroll(i64::MIN);
                }
            }
            ViewCommand::Search
            | ViewCommand::Close
            | ViewCommand::Other(_)
            | ViewCommand::Nothing => {}
        }
    }

    /// Fits the text into a pane of this size.
    pub fn layout(&mut self, ui: &Ui, width: u16, height: u16) {
        let width = width.saturating_sub(self.gutter_width()).max(1);
        let pages = self.pages.as_mut();
        if let Some(text) = pages.and_then(|pages| pages.changed_text(ui, width)) {
            self.text = text;
        }
        let text = self.text.text();
        self.window.fit(text, (width, height), false);
        if let Some(byte) = self.scroll_target.take() {
            let line = text.line_at(byte);
            let within = byte.saturating_sub(text.start(line));
            let row = rows(text.line(line), width).position(|row| within < row.end);
            let at = RowPosition {
                row: row.unwrap_or(0),
                ..RowPosition::new(0, line)
            };
            self.window.show_below(at, height / 3, text);
        }
    }

    /// Draws it, with what is looked for marked.
    pub fn draw(&self, frame: &mut Frame, ui: &Ui, area: Rect, finder: Option<&Finder>) {
        let width = area.width.saturating_sub(self.gutter_width());
        let mut wrapped = WrappedLine::new(ui);
        for (position, row) in self.window.rows().iter().zip(area.rows()) {
            let found =
                finder.map(|finder| finder.found_in(&ui.theme, self.text.text(), 0, position.line));
            let found = found.unwrap_or_default();
            let mut spans = vec![Span::styled(self.gutter(), ui.theme.rule())];
            spans.extend(wrapped.row(&self.text, position.line, *position, width, &found));
            draw_line(frame.buffer_mut(), row, &Line::from(spans));
        }
    }

    fn gutter(&self) -> &'static str {
        if self.is_foreign { "│ " } else { " " }
    }

    /// Columns that are not for text: one on the right stays free.
    fn gutter_width(&self) -> u16 {
        u16::try_from(columns(self.gutter()) + 1).unwrap_or(0)
    }
}

impl SearchBlocks for TextView {
    fn count(&self) -> usize {
        1
    }

    fn text(&self, index: usize) -> &str {
        match index {
            0 => self.text.text().as_str(),
            _ => "",
        }
    }
}

impl Searchable for TextView {
    fn scroll(&mut self, rows: i64) {
        self.scroll_target = None;
        self.window.scroll(self.text.text(), rows);
    }

    fn scroll_pages(&mut self, pages: i64) {
        self.scroll_target = None;
        self.window.scroll_pages(self.text.text(), pages);
    }

    fn progress(&self) -> ScrollProgress {
        let text = self.text.text();
        let (read, all) = self.window.rows().last().map_or((0, 1), |last| {
            let rows = row_count(text.line(last.line), self.window.width());
            last.within(text.len(), rows)
        });
        self.window.progress(read, all)
    }

    fn top_position(&self) -> SearchPosition {
        SearchPosition {
            block: 0,
            byte: self.text.text().start(self.window.top().line),
        }
    }

    fn show_hit(&mut self, hit: &SearchMatch) {
        self.scroll_target = Some(hit.range.start);
    }

    fn reading_position(&self) -> ReadingPosition {
        ReadingPosition {
            top: self.window.top(),
            ..ReadingPosition::default()
        }
    }

    fn restore_position(&mut self, stand: ReadingPosition) {
        self.scroll_target = None;
        self.window.show(stand.top, self.text.text());
    }

    fn keep_found_open(&mut self) {}
}
