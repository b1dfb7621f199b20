//! The inbox pane: the list of conversations, two rows for each, those that wait first.
//!
//! - `frozen_order` is the order as the person sees it: rows do not move between a look and the key after it
//! - `row` says what a conversation is, and what tells it from its neighbours
//! - `view` draws the rows that fit

mod frozen_order;
mod row;
mod view;

use std::collections::HashMap;

use crossterm::event::{KeyCode, KeyEvent};
use ratatui::layout::{Position, Rect};

pub(in crate::tui) use self::row::{folder, status_words, study_assignment, time_left};
pub(in crate::tui) use self::view::{ListSource, draw};

use self::frozen_order::FrozenOrder;
use self::row::RowSummary;
use self::view::InboxRows;
use crate::inbox::{Conversation, ConversationId, Inbox};
use crate::tui::line::{Edit, LineEditor};

/// Columns by which a key makes the inbox wider or narrower.
const STEP: i16 = 4;
/// The most columns that it can be made wider or narrower by.
const MAX_STEPS: i16 = 40;

/// The list of conversations on the screen.
#[derive(Debug, Default)]
pub struct InboxList {
    /// The frozen order; with `None`, the list is in the order of the inbox.
    frozen: Option<FrozenOrder>,
    /// Whether the list has the focus.
    has_focus: bool,
    /// The selected conversation, while the list has the focus.
    chosen: Option<ConversationId>,
    /// The query of the filter, while one is open.
    filter: Option<LineEditor>,
    /// Whether the person has hidden its column.
    is_hidden: bool,
    /// Whether there is room for such a column.
    has_column: bool,
    /// The index of the first visible conversation, and how many fit.
    first_visible: usize,
    visible_count: usize,
    /// Columns that the person has added to the width of the content.
    extra_columns: i16,
    /// The visible conversations, and their areas on the screen.
    shown: Vec<(Rect, ConversationId)>,
    /// Cached summaries of the visible conversations.
    summaries: HashMap<ConversationId, RowSummary>,
    /// The cached rows of the visible conversations.
    rows: InboxRows,
}

impl InboxList {
    /// Hides or shows its column.
    pub(super) fn hide(&mut self, is_hidden: bool) {
        self.is_hidden = is_hidden;
    }

    /// Whether its column is hidden.
    pub(super) fn is_hidden(&self) -> bool {
        self.is_hidden
    }

    /// Whether it has a column of its own.
    pub(super) fn has_column(&self) -> bool {
        self.has_column
    }

    /// Takes the focus, and selects a conversation.
    pub(super) fn enter(&mut self, at: Option<ConversationId>, inbox: &Inbox) {
        self.has_focus = true;
        self.chosen = at;
        self.sort(inbox);
    }

    /// Gives up the focus. The list follows the order of the inbox again.
    pub(super) fn leave(&mut self) {
        if std::mem::take(&mut self.has_focus) {
            self.filter = None;
            self.frozen = None;
        }
    }

    /// The selected conversation.
    pub(super) fn selected(&self, inbox: &Inbox) -> Option<ConversationId> {
        self.chosen.filter(|id| inbox.get(*id).is_some())
    }

    /// Moves the selection down by so many conversations, or up if negative.
    pub(super) fn go(&mut self, by: i64, inbox: &Inbox) {
        let most = if by < 0 { isize::MIN } else { isize::MAX };
        let by = isize::try_from(by).unwrap_or(most);
        let next = self.step_from(self.chosen, by, inbox);
        self.chosen = next.or(self.chosen);
    }

    /// Moves the selection down by so many pages, or up if negative.
    pub(super) fn go_pages(&mut self, pages: i64, inbox: &Inbox) {
        let page = i64::try_from(self.visible_count.max(1)).unwrap_or(i64::MAX);
        self.go(pages.saturating_mul(page), inbox);
    }

    /// Whether the filter is open, so that typing goes there.
    pub(super) fn is_filtering(&self) -> bool {
        self.filter.is_some()
    }

    /// Opens the filter.
    pub(super) fn begin_filter(&mut self, inbox: &Inbox) {
        self.filter = Some(LineEditor::query());
        self.sort(inbox);
    }

    /// Closes the filter, and shows all conversations.
    pub(super) fn end_filter(&mut self, inbox: &Inbox) {
        self.filter = None;
        self.sort(inbox);
    }

    /// Handles a key in the filter; returns whether it was handled.
    pub(super) fn on_filter_key(&mut self, key: KeyEvent, inbox: &Inbox) -> bool {
        let Some(filter) = &mut self.filter else {
            return false;
        };
        match key.code {
            KeyCode::Up => self.go(-1, inbox),
            KeyCode::Down => self.go(1, inbox),
            _ => match filter.on_key(key) {
                Edit::Changed => self.apply_filter(inbox),
                Edit::Moved => {}
                _ => return false,
            },
        }
        true
    }

    /// Adds pasted text to the filter.
    pub(super) fn paste(&mut self, text: &str, inbox: &Inbox) {
        if let Some(filter) = &mut self.filter {
            filter.insert(text);
            self.apply_filter(inbox);
        }
    }

    /// Makes it a step wider or narrower.
    pub(super) fn widen(&mut self, wider: bool) {
        let step = if wider { STEP } else { -STEP };
        self.extra_columns = (self.extra_columns + step).clamp(-MAX_STEPS, MAX_STEPS);
    }

    /// Handles a new request: a conversation that is not in the frozen order is added at its end.
    pub(super) fn on_arrival(&mut self, conversation: &Conversation) {
        let is_wanted = self.matches_filter(conversation);
        if let Some(frozen) = &mut self.frozen
            && is_wanted
        {
            frozen.add(conversation.id);
            // Select it if the list was empty.
            self.chosen.get_or_insert(conversation.id);
        }
    }

    /// Removes a conversation, and selects a neighbour if it was selected.
    pub(super) fn forget(&mut self, id: ConversationId, inbox: &Inbox) {
        if self.chosen == Some(id) {
            let next = self.step_from(Some(id), 1, inbox);
            self.chosen = next.or_else(|| self.step_from(Some(id), -1, inbox));
        }
        if let Some(frozen) = &mut self.frozen {
            frozen.remove(id);
        }
    }

    /// The conversation after another one, or before it. The order is frozen from then on, so that the
    /// next step continues from what the person sees.
    pub(super) fn step(
        &mut self,
        from: Option<ConversationId>,
        forward: bool,
        inbox: &Inbox,
    ) -> Option<ConversationId> {
        if self.frozen.is_none() {
            self.sort(inbox);
        }
        self.step_from(from, if forward { 1 } else { -1 }, inbox)
    }

    /// Unfreezes the order, because the person does something else than going through the list.
    pub(super) fn release(&mut self) {
        if !self.has_focus {
            self.frozen = None;
        }
    }

    /// Freezes the order as the inbox and the filter have it now.
    pub(super) fn sort(&mut self, inbox: &Inbox) {
        let wanted = inbox
            .conversations()
            .filter(|found| self.matches_filter(found));
        let frozen = FrozenOrder::new(wanted.map(|found| found.id));
        if self.chosen.is_none_or(|id| frozen.position(id).is_none()) {
            self.chosen = frozen.from(0).next();
        }
        self.frozen = Some(frozen);
    }

    /// The conversation at a position on the screen.
    pub(super) fn at(&self, at: Position) -> Option<ConversationId> {
        let mut shown = self.shown.iter();
        let found = shown.find(|(area, _)| area.contains(at));
        found.map(|(_, id)| *id)
    }

    /// Applies a changed filter, and selects its first match.
    fn apply_filter(&mut self, inbox: &Inbox) {
        self.chosen = None;
        self.sort(inbox);
    }

    /// Whether a conversation matches all words of the filter.
    fn matches_filter(&self, conversation: &Conversation) -> bool {
        let query = self.filter.as_ref().map_or("", |filter| filter.text());
        query.is_empty() || {
            let known = row::searchable_text(conversation).to_lowercase();
            let query = query.to_lowercase();
            query.split_whitespace().all(|word| known.contains(word))
        }
    }

    /// The conversation so many places after another one, or the nearest to that; `None` if there is no
    /// other. Those that are gone from the inbox are skipped.
    fn step_from(
        &self,
        from: Option<ConversationId>,
        by: isize,
        inbox: &Inbox,
    ) -> Option<ConversationId> {
        let frozen = self.frozen.as_ref()?;
        let is_there = |id: &ConversationId| inbox.get(*id).is_some();
        let Some(at) = from.and_then(|id| frozen.position(id)) else {
            return frozen.from(0).find(is_there);
        };
        let last = frozen.len().saturating_sub(1);
        let goal = at.saturating_add_signed(by).min(last);
        let (mut after, mut before) = (frozen.from(goal), frozen.before(goal + 1));
        let found = if by > 0 {
            after.find(is_there).or_else(|| before.find(is_there))
        } else {
            before.find(is_there).or_else(|| after.find(is_there))
        };
        found.filter(|id| Some(*id) != from)
    }
}
