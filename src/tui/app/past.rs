//! Conversations of the past: finding them, loading them, and deleting one for good.

use std::collections::HashSet;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use jiff::Timestamp;

use super::{App, Dialog, Effect, Focus, Level, Purpose};
use crate::inbox::{Conversation, ConversationId};
use crate::journal::Excerpt;
use crate::store::{Found, Header, Loaded};
use crate::tui::picker::{Choice, Picker};
use crate::tui::text::format::{agent_name, day_or_time};
use crate::tui::transcript::Transcript;

/// Characters of an excerpt that stand before what was found.
const BEFORE: usize = 10;
/// Why a conversation cannot be deleted.
const BUSY: &str = "somebody waits here, or your answer is still on its way";

/// What is known of the past besides what the inbox lists.
#[derive(Debug, Default)]
pub(super) struct Past {
    /// The conversations that can be picked from, as they are listed.
    found: Vec<Header>,
    /// The query that was asked last.
    asked: String,
    /// The conversations that could not be loaded.
    unreadable: HashSet<ConversationId>,
}

impl App {
    /// Lets the person choose a conversation, the newest first until they type.
    pub(super) fn find_conversation(&mut self) {
        let found = self.listed();
        let title = "find a conversation";
        let choices = self.choices(&found);
        let picker = match self.store().keeps() {
            true => {
                let newest = Effect::FindConversations(String::new());
                self.effects.push(newest);
                Picker::asking(title, choices)
            }
            // What the inbox lists is all that there is.
            false => Picker::new(title, choices),
        };
        self.past.asked.clear();
        self.past.found = found.into_iter().map(|found| found.header).collect();
        self.notice = None;
        self.dialog = Dialog::Picker(Purpose::Conversation, Box::new(picker));
    }

    /// Has the query of the list answered, if it has changed.
    pub(super) fn ask_for_found(&mut self) {
        if let Dialog::Picker(Purpose::Conversation, picker) = &self.dialog
            && picker.asks()
            && picker.query() != self.past.asked
        {
            self.past.asked = picker.query().to_owned();
            let search = Effect::FindConversations(self.past.asked.clone());
            self.effects.push(search);
        }
    }

    /// Takes in what was found for [`Effect::FindConversations`]; nothing if that is not what is
    /// asked any more. Tells whether it is.
    pub fn on_found(&mut self, query: &str, found: Vec<Found>) -> bool {
        let is_asked = |dialog: &Dialog| match dialog {
            Dialog::Picker(Purpose::Conversation, picker) => picker.query() == query,
            _ => false,
        };
        if !is_asked(&self.dialog) {
            return false;
        }
        let found = match query.trim().is_empty() {
            true => {
                let older = found.into_iter();
                let older = older.filter(|found| self.inbox.get(found.header.id).is_none());
                self.listed().into_iter().chain(older).collect()
            }
            false => found,
        };
        let choices = self.choices(&found);
        let found: Vec<Header> = found.into_iter().map(|found| found.header).collect();
        if let Dialog::Picker(_, picker) = &mut self.dialog {
            // Whoever has gone to one stays there, and who has not stays at the best.
            let chosen = picker.selected().filter(|at| *at > 0);
            let chosen = chosen
                .and_then(|at| self.past.found.get(at))
                .map(|one| one.id);
            picker.offer(choices);
            if let Some(at) = found.iter().position(|one| Some(one.id) == chosen) {
                picker.select_at(at);
            }
        }
        self.past.found = found;
        true
    }

    /// Opens the conversation at an index of the list that was picked from.
    pub(super) fn open_found(&mut self, index: usize) {
        if let Some(header) = self.past.found.get(index).cloned() {
            let id = header.id;
            self.inbox.insert(header);
            self.show(id);
        }
    }

    /// What the inbox lists.
    fn listed(&self) -> Vec<Found> {
        let listed = self.inbox.conversations().map(Conversation::header);
        let found = listed.map(|header| Found {
            header,
            excerpt: Excerpt::default(),
        });
        found.collect()
    }

    fn choices(&self, found: &[Found]) -> Vec<Choice> {
        let choice = |found: &Found| {
            let header = &found.header;
            let at = Timestamp::from_millisecond(header.active).unwrap_or_default();
            let agent = agent_name(&header.agent);
            let excerpt = around_found(&found.excerpt);
            let parts = [
                day_or_time(at, self.now, &self.settings.zone),
                excerpt,
                agent.to_owned(),
            ];
            Choice {
                label: header.title.clone(),
                detail: parts
                    .into_iter()
                    .filter(|part| !part.is_empty())
                    .collect::<Vec<_>>()
                    .join(" · "),
            }
        };
        found.iter().map(choice).collect()
    }

    /// Takes in a conversation of an earlier run that was asked for by [`Effect::Load`]; `None` if it
    /// cannot be read.
    pub fn on_loaded(&mut self, id: ConversationId, loaded: Option<Loaded>) {
        let Some(loaded) = loaded else {
            self.past.unreadable.insert(id);
            return;
        };
        self.inbox.load(loaded);
        self.sync(id);
        if self.open == Some(id) {
            self.with_transcript(Transcript::show_bottom);
        }
    }

    /// What stands in the place of the transcript of the open conversation while that is not there.
    pub(in crate::tui) fn instead_of_transcript(&self) -> Option<&'static str> {
        let conversation = self.conversation().filter(|found| !found.is_loaded())?;
        match self.past.unreadable.contains(&conversation.id) {
            true => Some("this conversation cannot be read from the journal"),
            false => Some("loading…"),
        }
    }

    /// Asks whether to delete the open conversation, or the chosen one where the inbox has the keys.
    pub(super) fn ask_to_delete(&mut self) {
        let at_hand = match self.is_in_inbox() {
            true => self.list.selected(&self.inbox),
            false => self.open,
        };
        match at_hand {
            None => self.say(Level::Info, "there is no conversation to delete"),
            Some(id) if self.inbox.is_busy(id) => self.say(Level::Info, BUSY),
            Some(id) => {
                self.notice = None;
                self.dialog = Dialog::Delete(id);
            }
        }
    }

    /// Takes a key that may answer the question whether to delete a conversation; says whether it
    /// did. Whoever goes on writing does not mean it.
    pub(super) fn key_in_delete(&mut self, id: ConversationId, key: KeyEvent) -> bool {
        let chords = KeyModifiers::CONTROL | KeyModifiers::ALT;
        self.dialog = Dialog::None;
        match key.code {
            _ if key.modifiers.intersects(chords) => false,
            KeyCode::Char('y' | 'Y') => {
                self.delete(id);
                true
            }
            KeyCode::Char('n' | 'N') | KeyCode::Esc => true,
            _ => false,
        }
    }

    /// Deletes a conversation for good, with all that is known of it here.
    fn delete(&mut self, id: ConversationId) {
        let at = self.inbox.position(id).unwrap_or(0);
        if !self.inbox.delete(id) {
            return self.say(Level::Bad, BUSY);
        }
        self.remembered.remove(&id);
        self.unkept.forget(id);
        self.announced.take_if(|announced| *announced == id);
        self.said_before.retain(|(_, said)| *said != Some(id));
        self.past.unreadable.remove(&id);
        if self.open == Some(id) {
            self.open = None;
            let focus = std::mem::take(&mut self.focus);
            let last = self.inbox.conversations().len().saturating_sub(1);
            let next = self.inbox.conversations().nth(at.min(last));
            if let Some(next) = next.map(|next| next.id) {
                self.show(next);
            }
            if matches!(focus, Focus::Inbox) {
                self.focus = focus;
            }
        }
        self.say(Level::Good, "deleted");
    }
}

/// The part of an excerpt that begins shortly before what was found.
fn around_found(excerpt: &Excerpt) -> String {
    let text = &excerpt.text;
    let found = excerpt.found.first().map_or(0, |found| found.start);
    let before = text.get(..found).unwrap_or_default();
    let start = before.char_indices().rev().nth(BEFORE).map(|(at, _)| at);
    match start {
        Some(start) => format!("…{}", &text[start..]),
        None => text.clone(),
    }
}
