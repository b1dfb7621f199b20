//! Which drafts have changed and must be saved. The loop saves them; this module only keeps track.

use std::collections::HashSet;
use std::time::Duration;

use serde_json::Value;

use super::composer_drafts::ComposerDrafts;
use super::{App, Dialog, Level};
use crate::draft::Draft;
use crate::inbox::{Conversation, ConversationId, RequestId};
use crate::tui::composer::Composer;
use crate::tui::keys::action::Action;
use crate::tui::transcript::Transcript;

/// How long a change may wait for the next ones, so that a large draft is not saved for every key.
const GATHERING: Duration = Duration::from_millis(30);

/// Drafts that have changed since they were last saved. `None` stands for the composer that is shown
/// while no conversation is open.
#[derive(Debug, Default)]
pub(super) struct UnsavedDrafts {
    changed: HashSet<Option<ConversationId>>,
    /// Conversations that have a draft on disk.
    on_disk: HashSet<ConversationId>,
    /// Drafts of conversations that the inbox has dropped.
    dropped: Vec<(ConversationId, Draft)>,
}

impl UnsavedDrafts {
    /// Saves nothing of a conversation any more.
    pub(super) fn forget(&mut self, id: ConversationId) {
        self.changed.remove(&Some(id));
    }
}

/// The state of the user interface for one conversation.
#[derive(Debug, Default)]
pub(super) struct ConversationUi {
    /// The composer, with the draft in it.
    pub composer: Composer,
    /// The drafts that the composer can show.
    pub composer_drafts: ComposerDrafts,
    /// The transcript and its scroll position; `None` until the conversation is opened.
    pub transcript: Option<Transcript>,
    /// The name of the tool that the person has confirmed to be a shell.
    pub shell: Option<String>,
    /// The last request for which a form of its only possible call was considered.
    pub offered_to: Option<RequestId>,
}

impl App {
    /// How long the changed drafts may wait before they are saved; `None` if there are none.
    pub fn save_drafts_within(&self) -> Option<Duration> {
        let is_kept =
            self.unsaved_drafts.changed.is_empty() && self.unsaved_drafts.dropped.is_empty();
        (!is_kept).then_some(GATHERING)
    }

    /// The drafts that have changed since the last call, with their conversations; `None` stands for
    /// the composer without one. An empty draft is to be deleted.
    pub fn take_dirty_drafts(&mut self) -> Vec<(Option<ConversationId>, Draft)> {
        let changed = std::mem::take(&mut self.unsaved_drafts.changed).into_iter();
        let changed = changed.map(|id| (id, self.draft_to_save(id)));
        let changed: Vec<(Option<ConversationId>, Draft)> = changed.collect();
        let dropped = std::mem::take(&mut self.unsaved_drafts.dropped).into_iter();
        let dropped = dropped.map(|(id, draft)| (Some(id), draft));
        let drafts: Vec<_> = changed.into_iter().chain(dropped).collect();
        for (id, draft) in &drafts {
            match id {
                Some(id) if draft.is_empty() => self.unsaved_drafts.on_disk.remove(id),
                Some(id) => self.unsaved_drafts.on_disk.insert(*id),
                None => false,
            };
        }
        drafts
    }

    /// Forgets a conversation that the inbox has dropped, except for a draft that is still to be saved.
    pub(super) fn forget(&mut self, id: ConversationId) {
        if self.unsaved_drafts.changed.remove(&Some(id)) {
            let draft = self.draft_to_save(Some(id));
            self.unsaved_drafts.dropped.push((id, draft));
        }
        self.conversation_uis.remove(&id);
        self.open.take_if(|open| *open == id);
    }

    /// Restores the conversations of earlier runs, and the draft that belongs to none.
    pub fn restore(&mut self) {
        self.inbox.restore();
        self.unsaved_drafts.on_disk = self.store().drafts().into_iter().collect();
        if let Some(scratch) = self.inbox.store().draft(None) {
            self.scratch = Composer::from_draft(scratch);
        }
    }

    /// Restores a text that an editor had saved when the program ended: it goes into the composer of
    /// the next request, and can be recalled.
    pub fn on_left_behind(&mut self, text: &str) {
        self.scratch.restore_undelivered(vec![text.into()]);
        self.unsaved_drafts.changed.insert(None);
        self.add_recall(text.to_owned());
        let key = self.key_of(Action::Recall);
        self.say_news(
            Level::Info,
            format!("text saved in an editor is back; {key} recalls it too"),
        );
    }

    /// Whether a conversation has an unsent draft.
    pub(super) fn has_draft(&self, id: ConversationId) -> bool {
        match self.conversation_uis.get(&id) {
            Some(own) => !own.composer.is_idle(),
            None => self.unsaved_drafts.on_disk.contains(&id),
        }
    }

    fn draft_to_save(&self, id: Option<ConversationId>) -> Draft {
        let composer = match id {
            Some(id) => self.conversation_uis.get(&id).map(|found| &found.composer),
            None => Some(&self.scratch),
        };
        let mut draft = composer.map(Composer::to_draft).unwrap_or_default();
        if let (Dialog::Options(form), true) = (&self.dialog, id == self.open)
            && let Value::Object(options) = form.value()
        {
            draft.options = options;
        }
        let composer_drafts = id.and_then(|id| self.conversation_uis.get(&id));
        if let Some(composer_drafts) = composer_drafts
            .map(|own| &own.composer_drafts)
            .filter(|own| own.has_stashed())
        {
            if composer_drafts.shown.is_some() {
                // The journal has the model's own draft.
                draft = Draft::default();
            }
            draft.restore(composer_drafts.stashed().cloned().collect());
        }
        if let Some(held) = self.delayed_draft(id) {
            draft.restore(vec![held.clone()]);
        }
        draft
    }

    /// The composer of a conversation.
    pub(super) fn composer_of(&mut self, id: ConversationId) -> &mut Composer {
        &mut self.conversation_ui(id).composer
    }

    /// The state of the user interface for a conversation. If there is none yet, it begins with the
    /// draft that was saved by an earlier run. The disk is read only where there is such a draft,
    /// because somebody waits to see a request that has just come in.
    pub(super) fn conversation_ui(&mut self, id: ConversationId) -> &mut ConversationUi {
        let store = self.inbox.store();
        let is_on_disk = self.unsaved_drafts.on_disk.contains(&id);
        self.conversation_uis.entry(id).or_insert_with(|| {
            let kept = is_on_disk.then(|| store.draft(Some(id))).flatten();
            let composer = kept.map(Composer::from_draft);
            ConversationUi {
                composer: composer.unwrap_or_default(),
                ..ConversationUi::default()
            }
        })
    }

    /// Moves what was typed while no conversation was open into the composer of this one.
    pub(super) fn take_scratch(&mut self, id: ConversationId) {
        let own = self.conversation_ui(id);
        // A draft that is being made is shown in the place of the composer's text.
        let is_idle = own.composer.is_idle() && own.composer_drafts.shown.is_none();
        let waits = self.inbox.get(id).is_some_and(Conversation::is_waiting);
        if waits && is_idle && !self.scratch.is_idle() {
            let scratch = std::mem::take(&mut self.scratch);
            *self.composer_of(id) = scratch;
            self.unsaved_drafts.changed.extend([None, Some(id)]);
        }
    }

    /// Records that the person has changed the draft on the screen.
    pub(super) fn draft_changed(&mut self) {
        self.composer_mut().touch();
        self.detach_draft();
        self.unsaved_drafts.changed.insert(self.open);
        if let Some(id) = self.open
            && !self.composer().is_idle()
        {
            self.inbox.suspend_automation(id);
        }
    }

    /// Records that the draft of a conversation has to be saved.
    pub(super) fn mark_draft_changed(&mut self, id: ConversationId) {
        self.unsaved_drafts.changed.insert(Some(id));
    }
}
