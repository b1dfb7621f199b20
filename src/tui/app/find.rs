//! Finding text in the transcript.

use crossterm::event::{KeyCode, KeyEvent};
use tui_textarea::TextArea;

use super::{App, Dialog, Level};
use crate::tui::composer::field;
use crate::tui::keys::action::Action;
use crate::tui::transcript::Transcript;
use crate::tui::transcript::search::{self, Direction, Hit, Place, Scan, Search, Step};

/// A search under way.
#[derive(Debug)]
pub struct Finder {
    /// Where the query is typed.
    pub field: TextArea<'static>,
    search: Option<Search>,
    scan: Option<Scan>,
    /// Where the search began, for a query that is still being typed.
    from: Place,
    hit: Option<Hit>,
}

impl Finder {
    fn new(from: Place) -> Self {
        Self {
            field: field(""),
            search: None,
            scan: None,
            from,
            hit: None,
        }
    }

    /// What is searched for, to highlight it.
    pub fn search(&self) -> Option<&Search> {
        self.search.as_ref()
    }

    /// The match that was found last.
    pub fn hit(&self) -> Option<&Hit> {
        self.hit.as_ref()
    }

    /// Whether there is more to look through.
    pub fn is_searching(&self) -> bool {
        self.scan.is_some()
    }

    /// Adds pasted text to the query.
    pub fn paste(&mut self, text: &str) {
        let line: String = text.chars().filter(|c| !c.is_control()).collect();
        self.field.insert_str(line);
    }
}

impl App {
    /// Opens the search.
    pub(super) fn find(&mut self) {
        let Some(transcript) = self.transcript() else {
            return self.say(Level::Info, "no request has come in yet");
        };
        let from = transcript.place_at_top();
        self.pager = None;
        self.dialog = Dialog::Find(Box::new(Finder::new(from)));
        self.notice = None;
    }

    /// Takes a key for the search; says whether it was one.
    pub(super) fn key_in_find(&mut self, key: KeyEvent, action: Option<Action>) -> bool {
        let Dialog::Find(finder) = &mut self.dialog else {
            return false;
        };
        match (key.code, action) {
            (_, Some(Action::Cancel)) => {
                self.dialog = Dialog::None;
                self.notice = None;
            }
            (_, Some(Action::Submit | Action::Search)) | (KeyCode::Down, None) => {
                self.find_next(Direction::Next);
            }
            (KeyCode::Up, None) => self.find_next(Direction::Previous),
            (_, Some(Action::Newline | Action::NextKind | Action::PreviousKind)) => {}
            (_, Some(_)) => return false,
            (_, None) => {
                if finder.field.input(key) {
                    self.find_from_here();
                }
            }
        }
        true
    }

    /// Searches anew, because the query changed.
    pub(super) fn find_from_here(&mut self) {
        if let Dialog::Find(finder) = &mut self.dialog {
            finder.search = Search::new(&finder.field.lines().join(" "));
            finder.hit = None;
            let from = finder.from;
            finder.scan = finder
                .search
                .as_ref()
                .map(|search| search.scan(from, Direction::Next));
            self.notice = None;
            self.go_on_finding();
        }
    }

    fn find_next(&mut self, direction: Direction) {
        if let Dialog::Find(finder) = &mut self.dialog {
            let from = finder
                .hit
                .as_ref()
                .map_or(finder.from, |hit| hit.place(direction));
            finder.scan = finder
                .search
                .as_ref()
                .map(|search| search.scan(from, direction));
            self.go_on_finding();
        }
    }

    /// Looks a bit further.
    pub(super) fn go_on_finding(&mut self) {
        let open = self.open.and_then(|id| self.transcripts.get_mut(&id));
        let (Dialog::Find(finder), Some(transcript)) = (&mut self.dialog, open) else {
            return;
        };
        let Some(scan) = &mut finder.scan else {
            return;
        };
        match scan.step(&*transcript, search::STEP) {
            Step::Pending => {}
            Step::NotFound => {
                finder.scan = None;
                self.say(Level::Bad, "not found");
            }
            Step::Found(hit) => {
                finder.scan = None;
                transcript.show_match(hit.block, hit.range.start);
                let wrapped = hit.wrapped;
                finder.hit = Some(hit);
                self.notice = None;
                if wrapped {
                    self.say(Level::Info, "went on from the other end");
                }
            }
        }
    }
}

impl search::Blocks for Transcript {
    fn count(&self) -> usize {
        self.blocks().len()
    }

    fn text(&self, index: usize) -> &str {
        self.blocks()
            .get(index)
            .map_or("", |block| block.text().as_str())
    }
}
