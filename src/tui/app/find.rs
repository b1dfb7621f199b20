//! The incremental search in the transcript, or in the view in its place.

use crossterm::event::{KeyCode, KeyEvent};

use super::{App, Dialog, Focus, Level};
use crate::tui::keys::action::{Action, Group};
use crate::tui::line::Edit;
use crate::tui::search::{Direction, Finder, SearchStep, Searchable};

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
            (_, Some(Action::Search)) if finder.query().is_empty() => {
                finder.paste(&self.last_query);
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
                if finder.on_key(key) == Edit::Changed {
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
        let (query, stand) = (finder.query().to_owned(), finder.position_before());
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
            finder.restart();
            self.notice = None;
            self.continue_search();
        }
    }

    fn find_next(&mut self, direction: Direction) {
        if let Dialog::Find(finder) = &mut self.dialog {
            finder.find(direction);
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
