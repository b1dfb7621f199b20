//! The incremental search in the transcript, or in the view in its place.

use std::ops::Range;

use crossterm::event::{KeyCode, KeyEvent};
use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Position, Rect};
use ratatui::style::Style;
use ratatui::text::Line as Row;

use super::{App, Dialog, Focus, Level};
use crate::tui::keys::action::{Action, Group};
use crate::tui::line::{Edit, LineEditor};
use crate::tui::search::{
    self, Direction, MatchCount, ReadingPosition, Scan, SearchMatch, SearchPosition, SearchQuery,
    SearchStep, Searchable,
};
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
    stand: ReadingPosition,
    hit: Option<SearchMatch>,
    /// The number of the current match, counted from 1.
    number: Option<usize>,
}

impl Finder {
    fn new(reading: &dyn Searchable) -> Self {
        Self {
            field: LineEditor::query(),
            search: None,
            scan: None,
            tally: None,
            from: reading.top_position(),
            stand: reading.reading_position(),
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

    /// Adds pasted text to the query.
    pub fn paste(&mut self, text: &str) {
        self.field.insert(text);
    }

    /// Counts the matches again, because the text or the query has changed.
    fn recount(&mut self) {
        self.tally = self.search.as_ref().map(MatchCount::new);
        self.number = None;
    }

    /// Searches a limited amount of text further, so that no frame is delayed.
    fn go_on(&mut self, reading: &mut dyn Searchable) -> SearchStep {
        let come_to = match &mut self.scan {
            Some(scan) => scan.step(&*reading, search::STEP),
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
            tally.step(&*reading, search::STEP);
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

impl App {
    /// The text that can be scrolled and searched: the open view, or else the transcript.
    pub(in crate::tui) fn searchable(&self) -> Option<&dyn Searchable> {
        match &self.focus {
            Focus::View(view) => Some(view.as_ref()),
            Focus::Composer | Focus::Inbox => Some(self.transcript()?),
        }
    }

    pub(super) fn searchable_mut(&mut self) -> Option<&mut dyn Searchable> {
        match &mut self.focus {
            Focus::View(view) => Some(view.as_mut()),
            Focus::Composer | Focus::Inbox => {
                let conversation_ui = self.conversation_uis.get_mut(&self.open?)?;
                Some(conversation_ui.transcript.as_mut()?)
            }
        }
    }

    /// The open search.
    pub(in crate::tui) fn finder(&self) -> Option<&Finder> {
        match &self.dialog {
            Dialog::Find(finder) => Some(finder),
            _ => None,
        }
    }

    /// Opens the search.
    pub(super) fn find(&mut self) {
        let Some(reading) = self.searchable() else {
            return self.say(Level::Info, "no request yet");
        };
        self.dialog = Dialog::Find(Box::new(Finder::new(reading)));
        self.notice = None;
    }

    /// Handles a key while the search is open; returns whether it was handled.
    pub(super) fn on_find_key(&mut self, key: KeyEvent, action: Option<Action>) -> bool {
        let Dialog::Find(finder) = &mut self.dialog else {
            return false;
        };
        match (key.code, action) {
            (_, Some(Action::Cancel | Action::Interrupt)) => self.close_search(true),
            (_, Some(Action::Submit)) | (KeyCode::Enter, _) => self.close_search(false),
            (_, Some(Action::Search)) if finder.field.is_empty() => {
                finder.field.insert(&self.last_query);
                self.search_from_start();
            }
            (_, Some(Action::Search)) | (KeyCode::Down, None) => self.find_next(Direction::Next),
            (KeyCode::Up, None) => self.find_next(Direction::Previous),
            // The composer is not on the screen.
            (_, Some(action)) if action.group() == Group::Reply => {}
            (_, Some(action)) => {
                if action.group() != Group::Read {
                    self.close_search(false);
                }
                return false;
            }
            (_, None) => {
                if finder.field.on_key(key) == Edit::Changed {
                    self.search_from_start();
                }
            }
        }
        true
    }

    /// Closes the search if it is open, and scrolls back to where it began with `goes_back`.
    pub(super) fn close_search(&mut self, goes_back: bool) {
        let Dialog::Find(finder) = &self.dialog else {
            return;
        };
        let (query, stand) = (finder.field.text().to_owned(), finder.stand);
        if !query.is_empty() {
            self.last_query = query;
        }
        self.dialog = Dialog::None;
        self.notice = None;
        match self.searchable_mut() {
            Some(reading) if goes_back => reading.restore_position(stand),
            Some(reading) => reading.keep_found_open(),
            None => {}
        }
    }

    /// Searches from where the search began, because the query has changed.
    pub(super) fn search_from_start(&mut self) {
        if let Dialog::Find(finder) = &mut self.dialog {
            finder.search = SearchQuery::new(finder.field.text());
            finder.hit = None;
            finder.recount();
            finder.look(finder.from, Direction::Next);
            self.notice = None;
            self.continue_search();
        }
    }

    fn find_next(&mut self, direction: Direction) {
        if let Dialog::Find(finder) = &mut self.dialog {
            let hit = finder.hit.as_ref();
            let from = hit.map_or(finder.from, |hit| hit.position(direction));
            finder.look(from, direction);
            self.continue_search();
        }
    }

    /// Counts the matches again, because the conversation has changed.
    pub(super) fn recount(&mut self) {
        if let Dialog::Find(finder) = &mut self.dialog {
            finder.recount();
            self.continue_search();
        }
    }

    /// Does the next step of the search, and shows its result.
    pub(super) fn continue_search(&mut self) {
        let mut dialog = std::mem::take(&mut self.dialog);
        let come_to = match (&mut dialog, self.searchable_mut()) {
            (Dialog::Find(finder), Some(reading)) => finder.go_on(reading),
            _ => SearchStep::Pending,
        };
        self.dialog = dialog;
        match come_to {
            SearchStep::Pending => {}
            SearchStep::NotFound => self.say(Level::Bad, "not found"),
            SearchStep::Found(hit) if hit.wrapped => {
                self.say(Level::Info, "search wrapped around");
            }
            SearchStep::Found(_) => self.notice = None,
        }
    }
}
