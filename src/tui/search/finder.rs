//! The state of an incremental search: the query, its matches, and where the search began.

use std::ops::Range;

use crossterm::event::KeyEvent;
use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Position, Rect};
use ratatui::style::Style;
use ratatui::text::Line as Row;

use super::{
    Direction, MatchCount, ReadingPosition, STEP, Scan, SearchMatch, SearchPosition, SearchQuery,
    SearchStep, Searchable,
};
use crate::tui::line::{Edit, LineEditor};
use crate::tui::text::paint::draw_line;
use crate::tui::text::{Text, columns};
use crate::tui::theme::Theme;
use crate::tui::ui::Ui;

/// The state of a search.
#[derive(Debug)]
pub struct Finder {
    /// Where the query is typed.
    field: LineEditor,
    search: Option<SearchQuery>,
    scan: Option<Scan>,
    /// How many matches there are.
    tally: Option<MatchCount>,
    /// Where each search for a changed query begins.
    from: SearchPosition,
    /// The scroll position before the search, which cancelling goes back to.
    position_before: ReadingPosition,
    hit: Option<SearchMatch>,
    /// The number of the current match, counted from 1.
    number: Option<usize>,
}

impl Finder {
    /// A search that begins at what is on the screen.
    pub(in crate::tui) fn new(reading: &dyn Searchable) -> Self {
        Self {
            field: LineEditor::query(),
            search: None,
            scan: None,
            tally: None,
            from: reading.top_position(),
            position_before: reading.reading_position(),
            hit: None,
            number: None,
        }
    }

    /// The matches in a line of a block, with their styles: the current match looks different.
    pub fn found_in(
        &self,
        theme: &Theme,
        text: &Text,
        block: usize,
        line: usize,
    ) -> Vec<(Range<usize>, Style)> {
        let Some(search) = &self.search else {
            return Vec::new();
        };
        let start = text.start(line);
        let hit = self.hit.as_ref().filter(|hit| hit.block == block);
        let matches = search.matches_in(text.line(line)).into_iter();
        let matches = matches.map(|range| {
            let is_hit = hit.is_some_and(|hit| hit.range.start == start + range.start);
            let style = if is_hit { theme.bar() } else { theme.found() };
            (range, style)
        });
        matches.collect()
    }

    /// The number of the current match and of all matches, as text; empty without a query.
    fn count(&self) -> String {
        match (&self.tally, self.number) {
            (Some(tally), Some(number)) if tally.is_done() => {
                // Where matches overlap, searching backwards may find others.
                format!("{}/{}", number.min(tally.count()), tally.count())
            }
            (Some(tally), None) if tally.is_done() => tally.count().to_string(),
            (Some(_), _) => "…".into(),
            (None, _) => String::new(),
        }
    }

    /// Draws the query and the number of matches; returns where the cursor belongs.
    pub(in crate::tui) fn draw(&self, frame: &mut Frame, ui: &Ui, area: Rect) -> Option<Position> {
        let (label, count) = ("search: ", format!(" {} ", self.count()));
        let width = |text: &str| u16::try_from(columns(text)).unwrap_or(0);
        let [label_area, field, count_area] = Layout::horizontal([
            Constraint::Length(width(label)),
            Constraint::Min(1),
            Constraint::Length(width(&count)),
        ])
        .areas(area);
        let (text, at) = self.field.window(field.width, true);
        draw_line(
            frame.buffer_mut(),
            label_area,
            &Row::styled(label, ui.theme.strong()),
        );
        draw_line(frame.buffer_mut(), field, &Row::raw(text));
        draw_line(
            frame.buffer_mut(),
            count_area,
            &Row::styled(count, ui.theme.dim()),
        );
        let at = u16::try_from(at).unwrap_or(u16::MAX);
        let x = field.x.saturating_add(at);
        (!field.is_empty()).then(|| Position {
            x: x.min(field.right().saturating_sub(1)),
            y: field.y,
        })
    }

    /// Whether searching or counting is not finished.
    pub fn is_searching(&self) -> bool {
        self.scan.is_some() || self.tally.as_ref().is_some_and(|tally| !tally.is_done())
    }

    /// What is searched for.
    pub fn query(&self) -> &str {
        self.field.text()
    }

    /// The scroll position before the search.
    pub(in crate::tui) fn position_before(&self) -> ReadingPosition {
        self.position_before
    }

    /// Adds pasted text to the query.
    pub fn paste(&mut self, text: &str) {
        self.field.insert(text);
    }

    /// Hands a key to the query.
    pub(in crate::tui) fn on_key(&mut self, key: KeyEvent) -> Edit {
        self.field.on_key(key)
    }

    /// Begins to search from where the search began, because the query has changed.
    pub(in crate::tui) fn restart(&mut self) {
        self.search = SearchQuery::new(self.field.text());
        self.hit = None;
        self.recount();
        self.look(self.from, Direction::Next);
    }

    /// Begins to search for the match after or before the current one.
    pub(in crate::tui) fn find(&mut self, direction: Direction) {
        let hit = self.hit.as_ref();
        let from = hit.map_or(self.from, |hit| hit.position(direction));
        self.look(from, direction);
    }

    /// Counts the matches again, because the text or the query has changed.
    pub(in crate::tui) fn recount(&mut self) {
        self.tally = self.search.as_ref().map(MatchCount::new);
        self.number = None;
    }

    /// Searches a limited amount of text further, so that no frame is delayed.
    pub(in crate::tui) fn go_on(&mut self, reading: &mut dyn Searchable) -> SearchStep {
        let come_to = match &mut self.scan {
            Some(scan) => scan.step(&*reading, STEP),
            None => SearchStep::Pending,
        };
        if come_to != SearchStep::Pending {
            self.scan = None;
        }
        if let SearchStep::Found(hit) = &come_to {
            reading.show_hit(hit);
            (self.hit, self.number) = (Some(hit.clone()), None);
        }
        // All matches are counted once the first one is on the screen.
        if let (None, Some(tally)) = (&self.scan, &mut self.tally) {
            tally.step(&*reading, STEP);
            let hit = self.hit.as_ref().filter(|_| self.number.is_none());
            let place = hit.map(|hit| hit.position(Direction::Previous));
            if let Some(place) = place {
                self.number = tally.number(place, &*reading);
            }
        }
        come_to
    }

    /// Begins to look for the next match from a position.
    fn look(&mut self, from: SearchPosition, direction: Direction) {
        let search = self.search.as_ref();
        self.scan = search.map(|search| search.scan(from, direction));
    }
}
