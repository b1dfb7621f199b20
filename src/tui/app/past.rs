//! Conversations of the past: finding them, loading them, and deleting one for good.

use std::collections::HashSet;
use std::fmt::Write;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use jiff::Timestamp;

use super::{App, Dialog, Effect, Focus, Level, PickerPurpose};
use crate::inbox::{Conversation, ConversationId};
use crate::journal::Excerpt;
use crate::store::{ConversationHeader, FoundConversation, LoadedConversation};
use crate::tui::inbox::folder;
use crate::tui::picker::{Choice, Picker};
use crate::tui::text::format::{agent_name, day_or_time};
use crate::tui::transcript::Transcript;

/// Characters of an excerpt that stand before what was found.
const BEFORE: usize = 10;
/// Bytes of prompts by which a conversation is found where there is no journal to search.
const MAX_TEXT: usize = 4_000;
/// Why a conversation cannot be deleted or dismissed.
pub(super) const BUSY: &str = "a request is waiting here, or your answer is still being sent";

/// What is known of the past besides what the inbox lists.
#[derive(Debug, Default)]
pub(super) struct Past {
    /// The conversations that can be picked from: those that the inbox lists, and then what was
    /// found in the journal.
    found: Vec<ConversationHeader>,
    /// How many of them the inbox lists.
    listed: usize,
    /// The query that was asked last.
    asked: String,
    /// The conversations that could not be loaded.
    unreadable: HashSet<ConversationId>,
}

impl App {
    /// Lets the person choose a conversation by all that is known of it: those of the inbox in its
    /// order until they type, and after them what the journal has.
    pub(super) fn find_conversation(&mut self) {
        let title = "find a conversation";
        let listed = self.inbox.conversations();
        let choices = listed.map(|found| self.choice_of(found)).collect();
        let found: Vec<ConversationHeader> = self
            .inbox
            .conversations()
            .map(Conversation::header)
            .collect();
        let picker = match self.store().keeps() {
            true => {
                let newest = Effect::FindConversations(String::new());
                self.effects.push(newest);
                Picker::with_search(title, choices)
            }
            // What the inbox lists is all that there is.
            false => Picker::new(title, choices),
        };
        self.past.asked.clear();
        self.past.listed = found.len();
        self.past.found = found;
        self.notice = None;
        self.dialog = Dialog::Picker(PickerPurpose::Conversation, Box::new(picker));
    }

    /// Has the query of the list answered, if it has changed.
    pub(super) fn ask_for_found(&mut self) {
        if let Dialog::Picker(PickerPurpose::Conversation, picker) = &self.dialog
            && picker.has_search()
            && picker.query() != self.past.asked
        {
            self.past.asked = picker.query().to_owned();
            let search = Effect::FindConversations(self.past.asked.clone());
            self.effects.push(search);
        }
    }

    /// Takes in what was found for [`Effect::FindConversations`]; nothing if that is not what is
    /// asked any more. Tells whether it is.
    pub fn on_found(&mut self, query: &str, found: Vec<FoundConversation>) -> bool {
        let Dialog::Picker(PickerPurpose::Conversation, picker) = &self.dialog else {
            return false;
        };
        if picker.query() != query {
            return false;
        }
        let listed = self.past.listed;
        // What the list has already is not offered twice; what it has and does not match is found
        // by its text.
        let matching = picker.matching().iter().filter(|at| **at < listed);
        let matching = matching.filter_map(|at| self.past.found.get(*at));
        let matching: HashSet<ConversationId> = matching.map(|header| header.id).collect();
        let mut found = found;
        found.retain(|found| !matching.contains(&found.header.id));
        let choices = found
            .iter()
            .map(|found| self.choice_of_found(found))
            .collect();
        let chosen = picker.selected().filter(|_| picker.has_moved());
        let chosen = chosen
            .and_then(|at| self.past.found.get(at))
            .map(|one| one.id);
        self.past.found.truncate(listed);
        self.past
            .found
            .extend(found.into_iter().map(|found| found.header));
        if let Dialog::Picker(_, picker) = &mut self.dialog {
            // Whoever has gone to one stays there, and who has not stays at the best.
            picker.set_search_results(choices);
            let mut all = self.past.found.iter();
            if let Some(at) = chosen.and_then(|id| all.position(|one| one.id == id)) {
                picker.select_at(at);
            }
        }
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

    /// A conversation that the inbox lists: where it is and with whom, and by what else it is found.
    fn choice_of(&self, conversation: &Conversation) -> Choice {
        let folder = folder(conversation);
        let mut more = format!(
            "{} {}",
            conversation.directory().unwrap_or_default(),
            conversation.request().model
        );
        if !self.store().keeps() {
            let prompts = conversation.request().prompts().rev();
            for prompt in prompts {
                // Writing into a string does not fail.
                let _ = write!(more, " {}", prompt.text());
                if more.len() > MAX_TEXT {
                    break;
                }
            }
        }
        let header = conversation.header();
        Choice {
            detail: self.detail(&header, folder.to_owned()),
            label: header.title,
            keywords: more,
            ..Choice::default()
        }
    }

    /// A conversation of the journal, with the words in which it was found.
    fn choice_of_found(&self, found: &FoundConversation) -> Choice {
        let detail = self.detail(&found.header, around_found(&found.excerpt));
        Choice::new(found.header.title.clone(), detail)
    }

    fn detail(&self, header: &ConversationHeader, what: String) -> String {
        let at = Timestamp::from_millisecond(header.active).unwrap_or_default();
        let parts = [
            day_or_time(at, self.now, &self.settings.zone),
            what,
            agent_name(&header.agent).to_owned(),
        ];
        let parts = parts.into_iter().filter(|part| !part.is_empty());
        parts.collect::<Vec<_>>().join(" · ")
    }

    /// Takes in a conversation of an earlier run that was asked for by [`Effect::Load`]; `None` if it
    /// cannot be read.
    pub fn on_loaded(&mut self, id: ConversationId, loaded: Option<LoadedConversation>) {
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
            true => Some("cannot read this conversation from the journal"),
            false => Some("loading…"),
        }
    }

    /// Asks whether to delete the open conversation, or the chosen one where the inbox has the keys.
    pub(super) fn ask_to_delete(&mut self) {
        match self.at_hand() {
            None => self.say(Level::Info, "no conversation to delete"),
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
        self.forget_deleted(id, at);
        self.say(Level::Good, "deleted");
    }

    /// Follows what a script has deleted.
    pub(super) fn follow_deleted(&mut self) {
        for (id, at) in self.inbox.take_deleted() {
            if matches!(self.dialog, Dialog::Delete(asked) if asked == id) {
                self.dialog = Dialog::None;
            }
            if self.open == Some(id) {
                self.tell(Level::Info, "this was deleted by a command");
            }
            self.forget_deleted(id, at);
        }
    }

    /// Forgets a conversation that is deleted, and stood at a place in the list.
    fn forget_deleted(&mut self, id: ConversationId, at: usize) {
        self.remembered.remove(&id);
        self.unkept.forget(id);
        self.said_before.retain(|(_, said)| *said != Some(id));
        self.past.unreadable.remove(&id);
        self.went(id, at);
    }

    /// Follows a conversation that is off the list, where it stood at a place: if it was open, the
    /// one that is there now opens.
    pub(super) fn went(&mut self, id: ConversationId, at: usize) {
        self.list.forget(id, &self.inbox);
        self.announced.take_if(|announced| *announced == id);
        if self.open != Some(id) {
            return;
        }
        self.open = None;
        let focus = std::mem::take(&mut self.focus);
        let last = self.inbox.conversations().len().saturating_sub(1);
        let next = self.inbox.conversations_from(at.min(last)).next();
        if let Some(next) = next.map(|next| next.id) {
            self.show(next);
        }
        // Somebody who clears the list up stays there.
        if matches!(focus, Focus::Inbox) {
            self.focus = focus;
        }
    }

    /// The open conversation, or the chosen one where the inbox has the keys.
    pub(super) fn at_hand(&self) -> Option<ConversationId> {
        match self.is_in_inbox() {
            true => self.list.selected(&self.inbox),
            false => self.open,
        }
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
