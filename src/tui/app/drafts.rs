//! Which drafts have to be written down. That they are is somebody else's work: here is only known
//! what has changed since they were.

use std::collections::HashSet;
use std::time::Duration;

use serde_json::Value;

use super::beside::Beside;
use super::{App, Dialog, Level};
use crate::draft::Draft;
use crate::inbox::{Conversation, ConversationId, RequestId};
use crate::tui::composer::Composer;
use crate::tui::keys::action::Action;
use crate::tui::transcript::Transcript;

/// How long a change may wait for those that follow it: a draft may be large.
const GATHERING: Duration = Duration::from_millis(30);

/// Drafts that have changed since they were taken to be kept. `None` is what is typed before there
/// is a conversation to type it in.
#[derive(Debug, Default)]
pub(super) struct Unkept {
    changed: HashSet<Option<ConversationId>>,
    /// Conversations that have a draft on disk.
    on_disk: HashSet<ConversationId>,
    /// Drafts of conversations that the inbox has dropped.
    dropped: Vec<(ConversationId, Draft)>,
}

impl Unkept {
    /// Nothing of a conversation is to be kept any more.
    pub(super) fn forget(&mut self, id: ConversationId) {
        self.changed.remove(&Some(id));
    }
}

/// What the screen remembers of a conversation.
#[derive(Debug, Default)]
pub(super) struct Remembered {
    /// The draft.
    pub composer: Composer,
    /// What stands beside that.
    pub beside: Beside,
    /// What is read of it, and where one is in it; nothing before it was looked at.
    pub transcript: Option<Transcript>,
    /// The tool that the person took for a shell, which is not asked again.
    pub shell: Option<String>,
    /// The last request that was looked at for a call to offer.
    pub offered_to: Option<RequestId>,
}

impl App {
    /// How long the drafts that have changed may wait before they are written down; `None` if there
    /// are none.
    pub fn keeps_within(&self) -> Option<Duration> {
        let is_kept = self.unkept.changed.is_empty() && self.unkept.dropped.is_empty();
        (!is_kept).then_some(GATHERING)
    }

    /// The drafts that have changed since this was last asked, with their conversations; `None` is
    /// what was typed before there was one. An empty draft is one to forget.
    pub fn take_dirty_drafts(&mut self) -> Vec<(Option<ConversationId>, Draft)> {
        let changed = std::mem::take(&mut self.unkept.changed).into_iter();
        let changed = changed.map(|id| (id, self.draft_to_keep(id)));
        let changed: Vec<(Option<ConversationId>, Draft)> = changed.collect();
        let dropped = std::mem::take(&mut self.unkept.dropped).into_iter();
        let dropped = dropped.map(|(id, draft)| (Some(id), draft));
        let drafts: Vec<_> = changed.into_iter().chain(dropped).collect();
        for (id, draft) in &drafts {
            match id {
                Some(id) if draft.is_empty() => self.unkept.on_disk.remove(id),
                Some(id) => self.unkept.on_disk.insert(*id),
                None => false,
            };
        }
        drafts
    }

    /// Forgets what is known of a conversation that the inbox has dropped, but for a draft that is
    /// still to be written down.
    pub(super) fn forget(&mut self, id: ConversationId) {
        if self.unkept.changed.remove(&Some(id)) {
            let draft = self.draft_to_keep(Some(id));
            self.unkept.dropped.push((id, draft));
        }
        self.remembered.remove(&id);
        self.open.take_if(|open| *open == id);
    }

    /// Lists the conversations of earlier runs, and takes in what was typed before there was any.
    pub fn restore(&mut self) {
        self.inbox.restore();
        self.unkept.on_disk = self.store().drafts().into_iter().collect();
        if let Some(scratch) = self.inbox.store().draft(None) {
            self.scratch = Composer::from_draft(scratch);
        }
    }

    /// Takes in a text that was left behind when the program ended: it can be recalled, and is
    /// there to be sent to whoever asks first.
    pub fn on_left_behind(&mut self, text: &str) {
        self.scratch.bring_back(vec![text.into()]);
        self.unkept.changed.insert(None);
        self.remember(text.to_owned());
        let key = self.key_of(Action::Recall);
        self.tell(
            Level::Info,
            format!("text saved in an editor is back; {key} recalls it too"),
        );
    }

    /// Whether something is typed in a conversation that was not sent.
    pub(in crate::tui) fn has_draft(&self, id: ConversationId) -> bool {
        match self.remembered.get(&id) {
            Some(own) => !own.composer.is_idle(),
            None => self.unkept.on_disk.contains(&id),
        }
    }

    fn draft_to_keep(&self, id: Option<ConversationId>) -> Draft {
        let composer = match id {
            Some(id) => self.remembered.get(&id).map(|found| &found.composer),
            None => Some(&self.scratch),
        };
        let mut draft = composer.map(Composer::to_draft).unwrap_or_default();
        if let (Dialog::Options(form), true) = (&self.dialog, id == self.open)
            && let Value::Object(options) = form.value()
        {
            draft.options = options;
        }
        let beside = id.and_then(|id| self.remembered.get(&id));
        if let Some(beside) = beside.map(|own| &own.beside).filter(|own| own.has_own()) {
            if beside.shown.is_some() {
                // What the model wrote can be had again.
                draft = Draft::default();
            }
            draft.restore(beside.own().cloned().collect());
        }
        if let Some(held) = self.held_draft(id) {
            draft.restore(vec![held.clone()]);
        }
        draft
    }

    /// The composer of a conversation.
    pub(super) fn composer_of(&mut self, id: ConversationId) -> &mut Composer {
        &mut self.remembered_of(id).composer
    }

    /// What is remembered of a conversation. The draft that it had before the program was started
    /// is in it first: what comes back of what was said is older. Nothing is read from the disk where
    /// there is none: somebody waits to see a request that has just come in.
    pub(super) fn remembered_of(&mut self, id: ConversationId) -> &mut Remembered {
        let store = self.inbox.store();
        let is_on_disk = self.unkept.on_disk.contains(&id);
        self.remembered.entry(id).or_insert_with(|| {
            let kept = is_on_disk.then(|| store.draft(Some(id))).flatten();
            let composer = kept.map(Composer::from_draft);
            Remembered {
                composer: composer.unwrap_or_default(),
                ..Remembered::default()
            }
        })
    }

    /// What was typed before anybody asked is for whoever is answered first.
    pub(super) fn take_scratch(&mut self, id: ConversationId) {
        let own = self.remembered_of(id);
        // A draft that is being made takes the place of what is in the composer.
        let is_idle = own.composer.is_idle() && own.beside.shown.is_none();
        let waits = self.inbox.get(id).is_some_and(Conversation::is_waiting);
        if waits && is_idle && !self.scratch.is_idle() {
            let scratch = std::mem::take(&mut self.scratch);
            *self.composer_of(id) = scratch;
            self.unkept.changed.extend([None, Some(id)]);
        }
    }

    /// Follows a change of the draft on the screen.
    pub(super) fn keep_draft(&mut self) {
        self.composer_mut().touch();
        self.touch_draft();
        self.unkept.changed.insert(self.open);
        if let Some(id) = self.open
            && !self.composer().is_idle()
        {
            self.inbox.attend(id);
        }
    }

    /// Follows a change of the draft of a conversation.
    pub(super) fn keep_draft_of(&mut self, id: ConversationId) {
        self.unkept.changed.insert(Some(id));
    }
}
