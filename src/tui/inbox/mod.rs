//! The inbox: a conversation in two rows, those that wait first.
//!
//! - `held` is the order as the person sees it: rows do not move between a look and the key after it
//! - `row` says what a conversation is, and what tells it from its neighbours
//! - `view` draws the rows that fit

mod frozen_order;
mod row;
mod view;

use std::collections::HashMap;

use crossterm::event::{KeyCode, KeyEvent};
use ratatui::layout::{Position, Rect};

pub(in crate::tui) use self::row::{assigned, folder};
pub(in crate::tui) use self::view::draw;

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
    /// The order that is held; else the list is as the inbox has it.
    frozen: Option<FrozenOrder>,
    /// Whether it has the keys.
    is_entered: bool,
    /// The conversation that the keys act on, while it has them.
    chosen: Option<ConversationId>,
    /// What it is narrowed down to.
    filter: Option<LineEditor>,
    /// Whether it stays away where it has a column of its own.
    is_hidden: bool,
    /// Whether there is room for such a column.
    has_column: bool,
    /// The place of the one that is drawn first, and how many fit.
    first: usize,
    fits: usize,
    /// Columns that the person has added to those that the content wants.
    wider: i16,
    /// Where those are that show.
    shown: Vec<(Rect, ConversationId)>,
    /// What is known of those that show.
    summaries: HashMap<ConversationId, RowSummary>,
    /// What they look like.
    rows: InboxRows,
}

impl InboxList {
    /// Puts its column away, or back.
    pub(super) fn hide(&mut self, is_hidden: bool) {
        self.is_hidden = is_hidden;
    }

    /// Whether its column is away.
    pub(super) fn is_hidden(&self) -> bool {
        self.is_hidden
    }

    /// Whether it has a column of its own.
    pub(super) fn has_column(&self) -> bool {
        self.has_column
    }

    /// Takes the keys, which begin at a conversation.
    pub(super) fn enter(&mut self, at: Option<ConversationId>, inbox: &Inbox) {
        self.is_entered = true;
        self.chosen = at;
        self.sort(inbox);
    }

    /// Gives the keys back. The list goes on as the inbox has it.
    pub(super) fn leave(&mut self) {
        if std::mem::take(&mut self.is_entered) {
            self.filter = None;
            self.frozen = None;
        }
    }

    /// The conversation that is chosen.
    pub(super) fn selected(&self, inbox: &Inbox) -> Option<ConversationId> {
        self.chosen.filter(|id| inbox.get(*id).is_some())
    }

    /// Chooses another one, further down, or up if negative.
    pub(super) fn go(&mut self, by: i64, inbox: &Inbox) {
        let most = if by < 0 { isize::MIN } else { isize::MAX };
        let by = isize::try_from(by).unwrap_or(most);
        let next = self.step_from(self.chosen, by, inbox);
        self.chosen = next.or(self.chosen);
    }

    /// Chooses another one by as many as fit.
    pub(super) fn go_pages(&mut self, pages: i64, inbox: &Inbox) {
        let page = i64::try_from(self.fits.max(1)).unwrap_or(i64::MAX);
        self.go(pages.saturating_mul(page), inbox);
    }

    /// Whether letters narrow it down.
    pub(super) fn is_filtering(&self) -> bool {
        self.filter.is_some()
    }

    /// Lets letters narrow it down.
    pub(super) fn begin_filter(&mut self, inbox: &Inbox) {
        self.filter = Some(LineEditor::query());
        self.sort(inbox);
    }

    /// Shows all of them again.
    pub(super) fn end_filter(&mut self, inbox: &Inbox) {
        self.filter = None;
        self.sort(inbox);
    }

    /// Takes a key for what narrows it down; says whether it was.
    pub(super) fn on_filter_key(&mut self, key: KeyEvent, inbox: &Inbox) -> bool {
        let Some(filter) = &mut self.filter else {
            return false;
        };
        match key.code {
            KeyCode::Up => self.go(-1, inbox),
            KeyCode::Down => self.go(1, inbox),
            _ => match filter.on_key(key) {
                Edit::Changed => self.narrow(inbox),
                Edit::Moved => {}
                _ => return false,
            },
        }
        true
    }

    /// Takes pasted text for what narrows it down.
    pub(super) fn paste(&mut self, text: &str, inbox: &Inbox) {
        if let Some(filter) = &mut self.filter {
            filter.insert(text);
            self.narrow(inbox);
        }
    }

    /// Makes it a step wider or narrower.
    pub(super) fn widen(&mut self, wider: bool) {
        let step = if wider { STEP } else { -STEP };
        self.wider = (self.wider + step).clamp(-MAX_STEPS, MAX_STEPS);
    }

    /// A request came in: a conversation that is not among those that are held stands behind them.
    pub(super) fn on_arrival(&mut self, conversation: &Conversation) {
        let is_wanted = self.is_wanted(conversation);
        if let Some(frozen) = &mut self.frozen
            && is_wanted
        {
            frozen.add(conversation.id);
            // Where there was none to choose, this is the one.
            self.chosen.get_or_insert(conversation.id);
        }
    }

    /// Forgets a conversation that is off the list.
    pub(super) fn forget(&mut self, id: ConversationId, inbox: &Inbox) {
        if self.chosen == Some(id) {
            let next = self.step_from(Some(id), 1, inbox);
            self.chosen = next.or_else(|| self.step_from(Some(id), -1, inbox));
        }
        if let Some(frozen) = &mut self.frozen {
            frozen.remove(id);
        }
    }

    /// The conversation after another one, or before it. The order is held from then on, so that
    /// the next step goes on from what the person sees.
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

    /// The person does something else than going through the list, which need not be held any more.
    pub(super) fn release(&mut self) {
        if !self.is_entered {
            self.frozen = None;
        }
    }

    /// Holds the order as it is now.
    pub(super) fn sort(&mut self, inbox: &Inbox) {
        let wanted = inbox.conversations().filter(|found| self.is_wanted(found));
        let frozen = FrozenOrder::new(wanted.map(|found| found.id));
        if self.chosen.is_none_or(|id| frozen.place(id).is_none()) {
            self.chosen = frozen.from(0).next();
        }
        self.frozen = Some(frozen);
    }

    /// The conversation at a place of the screen.
    pub(super) fn at(&self, at: Position) -> Option<ConversationId> {
        let mut shown = self.shown.iter();
        let found = shown.find(|(area, _)| area.contains(at));
        found.map(|(_, id)| *id)
    }

    /// Holds what the filter leaves, and begins at the first of it.
    fn narrow(&mut self, inbox: &Inbox) {
        self.chosen = None;
        self.sort(inbox);
    }

    /// Whether all words of the filter are in what is known of a conversation.
    fn is_wanted(&self, conversation: &Conversation) -> bool {
        let query = self.filter.as_ref().map_or("", |filter| filter.text());
        query.is_empty() || {
            let known = row::known(conversation).to_lowercase();
            let query = query.to_lowercase();
            query.split_whitespace().all(|word| known.contains(word))
        }
    }

    /// The conversation so many rows after another one, as far as there are any; `None` if there is
    /// no other. What is gone from the inbox is passed over.
    fn step_from(
        &self,
        from: Option<ConversationId>,
        by: isize,
        inbox: &Inbox,
    ) -> Option<ConversationId> {
        let frozen = self.frozen.as_ref()?;
        let is_there = |id: &ConversationId| inbox.get(*id).is_some();
        let Some(at) = from.and_then(|id| frozen.place(id)) else {
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
