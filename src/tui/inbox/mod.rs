//! The inbox: a conversation in two rows, those that wait first.
//!
//! - `held` is the order as the person sees it: rows do not move between a look and the key after it
//! - `row` says what a conversation is, and what tells it from its neighbours
//! - `view` draws the rows that fit

mod held;
mod row;
mod view;

use std::collections::HashMap;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

pub(in crate::tui) use self::row::folder;
pub(in crate::tui) use self::view::{draw, width};

use self::held::Held;
use self::row::About;
use crate::inbox::{Conversation, ConversationId, Inbox};
use crate::tui::keys::action::Action;
use crate::tui::picker::Query;

/// Columns by which a key makes the inbox wider or narrower.
const STEP: i16 = 4;
/// The most columns that it can be made wider or narrower by.
const MOST_STEPS: i16 = 40;

/// What a key did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Something in the inbox, or nothing.
    Consumed,
    /// It is for the program.
    Ignored,
    /// Chose a conversation.
    Open(ConversationId),
    /// Wants a conversation off the list.
    Dismiss(ConversationId),
    /// Wants all off the list that nobody waits in.
    DismissDone,
    /// Went back to the conversation.
    Close,
}

/// What the person sees of the inbox, and where in it they are.
#[derive(Debug, Default)]
pub struct InboxView {
    /// The order that is held; else the list is as the inbox has it.
    held: Option<Held>,
    /// Whether the keys are for the list.
    is_focused: bool,
    /// The conversation that the keys act on.
    selected: Option<ConversationId>,
    filter: Option<Filter>,
    /// The place of the first row, and how many fit: what was drawn last.
    top: usize,
    fits: usize,
    /// Columns that the person has added to those that the content wants.
    wider: i16,
    /// What the rows that were drawn last say.
    abouts: HashMap<ConversationId, About>,
}

/// What the list is narrowed down to.
#[derive(Debug, Default)]
struct Filter {
    query: Query,
    /// Whether letters go there.
    is_typed: bool,
}

impl InboxView {
    /// Gives it the keys, which begin at the open conversation.
    pub fn focus(&mut self, inbox: &Inbox, open: Option<ConversationId>) {
        self.is_focused = true;
        self.selected = open;
        self.hold(inbox);
    }

    /// Takes the keys away. The list goes on as it is.
    pub fn blur(&mut self) {
        self.is_focused = false;
        self.filter = None;
        self.held = None;
    }

    /// Whether it has the keys.
    pub fn is_focused(&self) -> bool {
        self.is_focused
    }

    /// The conversation that the keys act on, while it has them.
    pub fn selected(&self) -> Option<ConversationId> {
        self.selected.filter(|_| self.is_focused)
    }

    /// Whether letters narrow the list down.
    pub fn is_filtering(&self) -> bool {
        self.filter.as_ref().is_some_and(|filter| filter.is_typed)
    }

    /// Takes a key, with what it means in the rest of the program.
    pub fn on_key(&mut self, key: KeyEvent, action: Option<Action>, inbox: &Inbox) -> Outcome {
        let chords = KeyModifiers::CONTROL | KeyModifiers::ALT;
        let is_chord = key.modifiers.intersects(chords);
        if self.is_filtering() && !is_chord {
            return self.on_key_in_filter(key, inbox);
        }
        let page = isize::try_from(self.fits.max(1)).unwrap_or(isize::MAX);
        match (key.code, action) {
            // These are for a draft that may not be on the screen.
            (KeyCode::Enter | KeyCode::Tab | KeyCode::BackTab, _) if is_chord => {}
            (_, Some(Action::Newline | Action::NextKind | Action::PreviousKind)) => {}
            _ if is_chord => return Outcome::Ignored,
            (KeyCode::Enter, _) => return self.selected().map_or(Outcome::Consumed, Outcome::Open),
            (KeyCode::Esc, _) if self.filter.take().is_some() => self.hold(inbox),
            (KeyCode::Esc | KeyCode::Char('q'), _) => return Outcome::Close,
            (KeyCode::Up | KeyCode::Char('k'), _) => self.go_by(-1, inbox),
            (KeyCode::Down | KeyCode::Char('j'), _) => self.go_by(1, inbox),
            (KeyCode::PageUp, _) => self.go_by(-page, inbox),
            (KeyCode::PageDown | KeyCode::Char(' '), _) => self.go_by(page, inbox),
            (KeyCode::Home | KeyCode::Char('g'), _) => self.go_by(isize::MIN, inbox),
            (KeyCode::End | KeyCode::Char('G'), _) => self.go_by(isize::MAX, inbox),
            (KeyCode::Char('/'), _) => {
                self.filter.get_or_insert_default().is_typed = true;
            }
            (KeyCode::Char('r'), _) => self.hold(inbox),
            (KeyCode::Char('d') | KeyCode::Delete, _) => {
                return self.selected().map_or(Outcome::Consumed, Outcome::Dismiss);
            }
            (KeyCode::Char('D'), _) => return Outcome::DismissDone,
            (KeyCode::Char('<'), _) => self.widen(false),
            (KeyCode::Char('>'), _) => self.widen(true),
            (_, Some(_)) => return Outcome::Ignored,
            _ => {}
        }
        Outcome::Consumed
    }

    fn on_key_in_filter(&mut self, key: KeyEvent, inbox: &Inbox) -> Outcome {
        let Some(filter) = &mut self.filter else {
            return Outcome::Ignored;
        };
        match key.code {
            KeyCode::Enter => {
                filter.is_typed = false;
                return self.selected().map_or(Outcome::Consumed, Outcome::Open);
            }
            KeyCode::Esc => {
                self.filter = None;
                self.hold(inbox);
            }
            KeyCode::Up => self.go_by(-1, inbox),
            KeyCode::Down => self.go_by(1, inbox),
            KeyCode::F(_) | KeyCode::PageUp | KeyCode::PageDown => return Outcome::Ignored,
            _ => {
                if filter.query.on_key(key) {
                    self.narrow(inbox);
                }
            }
        }
        Outcome::Consumed
    }

    /// Takes pasted text; says whether it was for the list.
    pub fn paste(&mut self, text: &str, inbox: &Inbox) -> bool {
        if let Some(filter) = self.filter.as_mut().filter(|filter| filter.is_typed)
            && filter.query.insert(text)
        {
            self.narrow(inbox);
        }
        self.is_focused
    }

    /// Makes it a step wider or narrower.
    pub fn widen(&mut self, wider: bool) {
        let step = if wider { STEP } else { -STEP };
        self.wider = (self.wider + step).clamp(-MOST_STEPS, MOST_STEPS);
    }

    /// A request came in: a conversation that is not among those that are held stands behind them.
    pub fn on_arrival(&mut self, conversation: &Conversation) {
        let is_wanted = self.is_wanted(conversation);
        if let Some(held) = &mut self.held
            && is_wanted
        {
            held.add(conversation.id);
        }
    }

    /// Forgets a conversation that is off the list.
    pub fn forget(&mut self, id: ConversationId, inbox: &Inbox) {
        self.abouts.remove(&id);
        if self.selected == Some(id) {
            let by = self.step_from(Some(id), 1, inbox);
            self.selected = by.or_else(|| self.step_from(Some(id), -1, inbox));
        }
        if let Some(held) = &mut self.held {
            held.remove(id);
        }
    }

    /// The conversation after another one, or before it. The order is held from then on, so that
    /// the next step goes on from what the person sees.
    pub fn step(
        &mut self,
        from: Option<ConversationId>,
        forward: bool,
        inbox: &Inbox,
    ) -> Option<ConversationId> {
        if self.held.is_none() {
            self.hold(inbox);
        }
        self.step_from(from, if forward { 1 } else { -1 }, inbox)
    }

    /// The person does something else than going through the list, which need not be held any more.
    pub fn release(&mut self) {
        if !self.is_focused {
            self.held = None;
        }
    }

    /// Goes along with what was opened in another way.
    pub fn on_opened(&mut self, id: ConversationId) {
        self.selected = Some(id);
    }

    /// Holds the order as it is now.
    fn hold(&mut self, inbox: &Inbox) {
        let wanted = inbox.conversations().filter(|found| self.is_wanted(found));
        let held = Held::new(wanted.map(|found| found.id));
        if self.selected.is_none_or(|id| held.place(id).is_none()) {
            self.selected = held.from(0).next();
        }
        self.held = Some(held);
    }

    /// Holds what the filter leaves, and begins at the first of it.
    fn narrow(&mut self, inbox: &Inbox) {
        self.selected = None;
        self.hold(inbox);
    }

    /// Whether all words of the filter are in what is known of a conversation.
    fn is_wanted(&self, conversation: &Conversation) -> bool {
        let query = self
            .filter
            .as_ref()
            .map_or("", |filter| filter.query.text());
        query.is_empty() || {
            let known = row::known(conversation).to_lowercase();
            let query = query.to_lowercase();
            query.split_whitespace().all(|word| known.contains(word))
        }
    }

    fn go_by(&mut self, by: isize, inbox: &Inbox) {
        let next = self.step_from(self.selected, by, inbox);
        self.selected = next.or(self.selected);
    }

    /// The conversation so many rows after another one, as far as there are any; `None` if there is
    /// no other. What is gone from the inbox is passed over.
    fn step_from(
        &self,
        from: Option<ConversationId>,
        by: isize,
        inbox: &Inbox,
    ) -> Option<ConversationId> {
        let held = self.held.as_ref()?;
        let is_there = |id: &ConversationId| inbox.get(*id).is_some();
        let Some(at) = from.and_then(|id| held.place(id)) else {
            return held.from(0).find(is_there);
        };
        let last = held.len().saturating_sub(1);
        let goal = at.saturating_add_signed(by).min(last);
        let found = match by > 0 {
            true => held
                .from(goal)
                .find(is_there)
                .or_else(|| held.before(goal).find(is_there)),
            false => held
                .before(goal + 1)
                .find(is_there)
                .or_else(|| held.from(goal).find(is_there)),
        };
        found.filter(|id| Some(*id) != from)
    }
}
