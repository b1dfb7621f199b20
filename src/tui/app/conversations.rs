//! The list of all conversations: searching it, loading earlier ones, and deleting one for good.

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

/// Characters of an excerpt that are shown before the match.
const BEFORE: usize = 10;
/// Bytes of prompts that are searched where there is no journal.
const MAX_TEXT: usize = 4_000;
/// Why a conversation cannot be deleted or dismissed.
pub(super) const BUSY: &str = "a request is waiting here, or your answer is still being sent";

/// The search for a conversation, and which ones could not be loaded.
#[derive(Debug, Default)]
pub(super) struct ConversationSearch {
    /// The conversations in the picker: those of the inbox, and then those found in the journal.
    results: Vec<ConversationHeader>,
    /// How many of them are from the inbox.
    listed_count: usize,
    /// The last query that was sent to the journal.
    query: String,
    /// The conversations that could not be loaded.
    unreadable: HashSet<ConversationId>,
}

impl App {
    /// Opens the picker of conversations: those of the inbox in its order, and after them those of the
    /// journal.
    pub(super) fn find_conversation(&mut self) {
        let title = "find a conversation";
        let listed = self.inbox.conversations();
        let choices = listed.map(|found| self.choice_of(found)).collect();
        let found: Vec<ConversationHeader> = self
            .inbox
            .conversations()
            .map(Conversation::header)
            .collect();
        let picker = if self.store().has_journal() {
            let newest = Effect::FindConversations(String::new());
            self.effects.push(newest);
            Picker::with_search(title, choices)
        } else {
            // What the inbox lists is all that there is.
            Picker::new(title, choices)
        };
        self.conversation_search.query.clear();
        self.conversation_search.listed_count = found.len();
        self.conversation_search.results = found;
        self.notice = None;
        self.dialog = Dialog::Picker(PickerPurpose::Conversation, Box::new(picker));
    }

    /// Searches the journal for the query of the picker, if it has changed.
    pub(super) fn update_conversation_search(&mut self) {
        if let Dialog::Picker(PickerPurpose::Conversation, picker) = &self.dialog
            && picker.has_search()
            && picker.query() != self.conversation_search.query
        {
            self.conversation_search.query = picker.query().to_owned();
            let search = Effect::FindConversations(self.conversation_search.query.clone());
            self.effects.push(search);
        }
    }

    /// Handles the results of [`Effect::FindConversations`]. Returns whether the picker still shows
    /// that query; otherwise they are dropped.
    pub fn on_search_results(&mut self, query: &str, found: Vec<FoundConversation>) -> bool {
        let Dialog::Picker(PickerPurpose::Conversation, picker) = &self.dialog else {
            return false;
        };
        if picker.query() != query {
            return false;
        }
        let listed = self.conversation_search.listed_count;
        // Do not list a conversation twice if the picker already shows it. One of the inbox that the
        // picker hides was found by its text.
        let matching = picker.matching().iter().filter(|at| **at < listed);
        let matching = matching.filter_map(|at| self.conversation_search.results.get(*at));
        let matching: HashSet<ConversationId> = matching.map(|header| header.id).collect();
        let mut found = found;
        found.retain(|found| !matching.contains(&found.header.id));
        let choices = found
            .iter()
            .map(|found| self.result_choice(found))
            .collect();
        let chosen = picker.selected().filter(|_| picker.has_moved());
        let chosen = chosen
            .and_then(|at| self.conversation_search.results.get(at))
            .map(|one| one.id);
        self.conversation_search.results.truncate(listed);
        self.conversation_search
            .results
            .extend(found.into_iter().map(|found| found.header));
        if let Dialog::Picker(_, picker) = &mut self.dialog {
            // Keep the selection if the person has moved it; otherwise the best match is selected.
            picker.set_search_results(choices);
            let mut all = self.conversation_search.results.iter();
            if let Some(at) = chosen.and_then(|id| all.position(|one| one.id == id)) {
                picker.select_at(at);
            }
        }
        true
    }

    /// Opens the conversation at an index of the picker's list.
    pub(super) fn open_search_result(&mut self, index: usize) {
        if let Some(header) = self.conversation_search.results.get(index).cloned() {
            let id = header.id;
            self.inbox.insert(header);
            self.open_conversation(id);
        }
    }

    /// The choice for a conversation of the inbox, with more text that it is found by.
    fn choice_of(&self, conversation: &Conversation) -> Choice {
        let folder = folder(conversation);
        let mut more = format!(
            "{} {}",
            conversation.directory().unwrap_or_default(),
            conversation.request().model
        );
        if !self.store().has_journal() {
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

    /// The choice for a conversation of the journal, with an excerpt around the match.
    fn result_choice(&self, found: &FoundConversation) -> Choice {
        let detail = self.detail(&found.header, excerpt_around_match(&found.excerpt));
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

    /// Handles the result of [`Effect::Load`]; `None` if the conversation cannot be read.
    pub fn on_loaded(&mut self, id: ConversationId, loaded: Option<LoadedConversation>) {
        let Some(loaded) = loaded else {
            self.conversation_search.unreadable.insert(id);
            return;
        };
        self.inbox.load(loaded);
        self.sync(id);
        if self.open == Some(id) {
            self.with_transcript(Transcript::show_bottom);
        }
    }

    /// The message in the place of a transcript that is being loaded or cannot be read.
    pub(in crate::tui) fn transcript_placeholder(&self) -> Option<&'static str> {
        let conversation = self.conversation().filter(|found| !found.is_loaded())?;
        if self
            .conversation_search
            .unreadable
            .contains(&conversation.id)
        {
            Some("cannot read this conversation from the journal")
        } else {
            Some("loading…")
        }
    }

    /// Asks whether to delete the open conversation, or the selected one if the inbox has the focus.
    pub(super) fn ask_to_delete(&mut self) {
        match self.target_conversation() {
            None => self.say(Level::Info, "no conversation to delete"),
            Some(id) if self.inbox.is_busy(id) => self.say(Level::Info, BUSY),
            Some(id) => {
                self.notice = None;
                self.dialog = Dialog::Delete(id);
            }
        }
    }

    /// Handles a key while it is asked whether to delete a conversation; returns whether it was an
    /// answer. Any other key closes the question and does what it does elsewhere.
    pub(super) fn on_delete_key(&mut self, id: ConversationId, key: KeyEvent) -> bool {
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

    /// Handles conversations that a script has deleted.
    pub(super) fn follow_deleted(&mut self) {
        for (id, at) in self.inbox.take_deleted() {
            if matches!(self.dialog, Dialog::Delete(asked) if asked == id) {
                self.dialog = Dialog::None;
            }
            if self.open == Some(id) {
                self.say_news(Level::Info, "this was deleted by a command");
            }
            self.forget_deleted(id, at);
        }
    }

    /// Forgets a deleted conversation; `at` is its index in the inbox before that.
    fn forget_deleted(&mut self, id: ConversationId, at: usize) {
        self.conversation_uis.remove(&id);
        self.unsaved_drafts.forget(id);
        self.recalls.retain(|(_, said)| *said != Some(id));
        self.conversation_search.unreadable.remove(&id);
        self.on_removed_from_list(id, at);
    }

    /// Handles the removal of a conversation from the inbox; `at` was its index there. If it was open,
    /// the one at that index now opens.
    pub(super) fn on_removed_from_list(&mut self, id: ConversationId, at: usize) {
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
            self.open_conversation(next);
        }
        // Keep the focus in the inbox for somebody who is cleaning it up.
        if matches!(focus, Focus::Inbox) {
            self.focus = focus;
        }
    }

    /// The conversation that actions apply to: the selected one if the inbox has the focus, else the
    /// open one.
    pub(super) fn target_conversation(&self) -> Option<ConversationId> {
        if self.is_in_inbox() {
            self.list.selected(&self.inbox)
        } else {
            self.open
        }
    }
}

/// The part of an excerpt that begins shortly before the first match.
fn excerpt_around_match(excerpt: &Excerpt) -> String {
    let text = &excerpt.text;
    let found = excerpt.found.first().map_or(0, |found| found.start);
    let before = text.get(..found).unwrap_or_default();
    let start = before.char_indices().rev().nth(BEFORE).map(|(at, _)| at);
    match start {
        Some(start) => format!("…{}", &text[start..]),
        None => text.clone(),
    }
}
