//! Keyboard focus: the composer, the inbox, or a view.

use crossterm::event::{KeyCode, KeyEvent};

use super::{App, Level};
use crate::tui::keys::action::{Action, Group};
use crate::tui::views::{self, TextView, ViewCommand, ViewSource};

/// The pane that has the keyboard focus while no dialog is open.
#[derive(Debug, Default)]
pub enum Focus {
    /// The composer.
    #[default]
    Composer,
    /// The list of conversations.
    Inbox,
    /// A view in the place of the transcript.
    View(Box<TextView>),
}

impl App {
    /// The open view.
    pub(in crate::tui) fn view(&self) -> Option<&TextView> {
        match &self.focus {
            Focus::View(view) => Some(view),
            Focus::Composer | Focus::Inbox => None,
        }
    }

    /// Whether the list of conversations has the focus.
    pub(in crate::tui) fn is_in_inbox(&self) -> bool {
        matches!(self.focus, Focus::Inbox)
    }

    /// Whether the composer has the focus.
    pub(in crate::tui) fn is_composing(&self) -> bool {
        matches!(self.focus, Focus::Composer)
    }

    /// Handles a key for the view or the inbox; returns whether it was handled. While one of them has
    /// the focus it gets all keys, so that nothing is typed or sent that is not on the screen.
    pub(super) fn on_focused_key(&mut self, key: KeyEvent, action: Option<Action>) -> bool {
        if self.is_in_inbox() && self.list.is_filtering() && self.on_filter_key(key) {
            return true;
        }
        match (&self.focus, ViewCommand::of(key, action)) {
            (Focus::Composer, _) => return false,
            (Focus::Inbox, ViewCommand::Nothing) => self.on_inbox_list_key(key),
            (_, command) => self.run_view_command(command),
        }
        true
    }

    /// Runs a command in the view or the inbox.
    pub(super) fn run_view_command(&mut self, command: ViewCommand) {
        match (&mut self.focus, command) {
            (Focus::Composer, _) => {}
            (_, ViewCommand::Close) => {
                self.focus = Focus::Composer;
                self.notice = None;
            }
            (Focus::Inbox, command) => self.on_inbox_command(command),
            (_, ViewCommand::Other(action)) => self.act_outside_composer(action),
            (_, ViewCommand::Search) => self.find(),
            (Focus::View(view), command) => view.act(command),
        }
    }

    /// Runs a command in the list of conversations. Moving in the list opens none of them.
    fn on_inbox_command(&mut self, command: ViewCommand) {
        match command {
            ViewCommand::Enter => {
                if let Some(id) = self.list.selected(&self.inbox) {
                    self.open_conversation(id);
                }
            }
            ViewCommand::Search => self.list.begin_filter(&self.inbox),
            ViewCommand::Other(Action::NextConversation) => self.list.go(1, &self.inbox),
            ViewCommand::Other(Action::PreviousConversation) => self.list.go(-1, &self.inbox),
            ViewCommand::Other(action) => self.act_outside_composer(action),
            ViewCommand::Lines(rows) => self.list.go(rows, &self.inbox),
            ViewCommand::Pages(pages) => self.list.go_pages(pages, &self.inbox),
            ViewCommand::Sideways(_) | ViewCommand::Close | ViewCommand::Nothing => {}
        }
    }

    /// Handles the keys that only the list of conversations has.
    fn on_inbox_list_key(&mut self, key: KeyEvent) {
        match key.code {
            KeyCode::Char('d') | KeyCode::Delete => self.dismiss(self.target_conversation()),
            KeyCode::Char('D') => self.dismiss_done(),
            KeyCode::Char('r') => self.list.sort(&self.inbox),
            KeyCode::Char('<') => self.list.widen(false),
            KeyCode::Char('>') => self.list.widen(true),
            KeyCode::Char('h') => {
                // Where the list takes the whole pane, giving up the focus hides it.
                self.list.hide(self.list.has_column());
                self.focus = Focus::Composer;
            }
            _ => {}
        }
    }

    /// Handles a key in the filter of the list of conversations; returns whether it was handled.
    fn on_filter_key(&mut self, key: KeyEvent) -> bool {
        match key.code {
            KeyCode::Enter => {
                if let Some(id) = self.list.selected(&self.inbox) {
                    self.open_conversation(id);
                }
                true
            }
            KeyCode::Esc => {
                self.list.end_filter(&self.inbox);
                true
            }
            _ => self.list.on_filter_key(key, &self.inbox),
        }
    }

    /// Runs an action if it is allowed while the composer has no focus.
    fn act_outside_composer(&mut self, action: Action) {
        if self.works_outside_composer(action) {
            self.act(action, false);
        }
    }

    /// Whether an action changes neither the draft nor the transcript, which may not be on the screen
    /// while the composer has no focus.
    pub(super) fn works_outside_composer(&self, action: Action) -> bool {
        match action.group() {
            Group::Reply => false,
            Group::Drafts => action == Action::Mode,
            Group::Read => action == Action::Copy && !self.is_in_inbox(),
            _ => true,
        }
    }

    /// What views are made of.
    fn view_source(&self) -> ViewSource<'_> {
        let answered = self.last_answered_drafts();
        ViewSource {
            keymap: &self.settings.keymap,
            zone: &self.settings.zone,
            now: self.now,
            inbox: &self.inbox,
            conversation: self.conversation(),
            transcript: self.transcript(),
            answered_drafts: answered.map_or(&[], |answered| &answered.drafts),
            answered_decision: answered.and_then(|answered| answered.decision.as_ref()),
        }
    }

    /// Opens a view, or closes it if it is open.
    pub(super) fn toggle_view(&mut self, action: Action) {
        if self.view().is_some_and(|view| view.is_opened_by(action)) {
            self.focus = Focus::Composer;
            return;
        }
        match views::open(action, &self.view_source()) {
            Some(Ok(view)) => self.focus = Focus::View(Box::new(view)),
            Some(Err(why)) => self.say(Level::Info, why),
            None => {}
        }
    }

    /// Moves the focus to the list of conversations, which is shown if it was hidden, or back to the
    /// composer.
    pub(super) fn toggle_inbox(&mut self) {
        self.focus = match self.focus {
            Focus::Inbox => Focus::Composer,
            Focus::Composer | Focus::View(_) => {
                self.list.enter(self.open, &self.inbox);
                self.list.hide(false);
                Focus::Inbox
            }
        };
    }
}
