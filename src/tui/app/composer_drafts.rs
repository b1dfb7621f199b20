//! Which of several drafts a composer shows: one that a model made, or the person's own, which is
//! stashed while a model's draft is shown.

use std::collections::VecDeque;

use crate::draft::Draft;
use crate::inbox::{DraftId, ModelDraft, RequestId};
use crate::rules::Decision;

/// The drafts of one conversation's composer.
#[derive(Debug, Default)]
pub(in crate::tui) struct ComposerDrafts {
    /// The model's draft that the composer shows, for as long as it is unchanged. With `None`, what is
    /// in the composer is the person's.
    pub shown: Option<DraftId>,
    /// The person's own drafts that made room for a model's, oldest first.
    stashed: VecDeque<Draft>,
    /// Whether typing is live because the person took over from a model, and not because they switched
    /// it on.
    pub live_by_takeover: bool,
    /// The drafts for the request that was answered last.
    pub last_answered: Option<AnsweredDraft>,
}

/// The drafts for a request that is answered.
#[derive(Debug)]
pub(super) struct AnsweredDraft {
    /// The request.
    pub request: RequestId,
    /// The drafts, oldest first.
    pub drafts: Vec<ModelDraft>,
    /// The decision of a rule on the request, if there was one.
    pub decision: Option<Decision>,
}

impl ComposerDrafts {
    /// Stashes a draft of the person, unless it is empty.
    pub(super) fn stash(&mut self, own: Draft) {
        if !own.is_empty() {
            self.stashed.push_back(own);
        }
    }

    /// Takes back replies of the person that were not delivered, oldest first. With `is_continued`,
    /// the shown draft continues the first stashed one, which therefore stays as it is.
    pub(super) fn bring_back(&mut self, returned: Vec<Draft>, is_continued: bool) {
        let own = if is_continued {
            None
        } else {
            self.stashed.pop_front()
        };
        let is_first = own.is_some();
        let mut own = own.unwrap_or_default();
        own.restore(returned);
        if is_first {
            self.stashed.push_front(own)
        } else {
            self.stash(own)
        }
    }

    /// Removes and returns the draft that was stashed first.
    pub(super) fn unstash(&mut self) -> Option<Draft> {
        self.stashed.pop_front()
    }

    /// The stashed drafts, oldest first.
    pub(super) fn stashed(&self) -> impl Iterator<Item = &Draft> {
        self.stashed.iter()
    }

    /// Whether drafts of the person are stashed.
    pub(super) fn has_stashed(&self) -> bool {
        !self.stashed.is_empty()
    }

    /// The person's draft that a model's draft continues.
    pub(super) fn continued_draft(&self, draft: &ModelDraft) -> Option<Draft> {
        let text = draft.continues.as_ref()?;
        let own = self.stashed.iter().find(|own| own.text == *text);
        Some(own.cloned().unwrap_or_else(|| text.as_str().into()))
    }

    /// Drops the stashed draft that a model's draft continues, because it is a part of that now.
    pub(super) fn drop_continued(&mut self, draft: &ModelDraft) {
        if let Some(text) = &draft.continues
            && let Some(at) = self.stashed.iter().position(|own| own.text == *text)
        {
            self.stashed.remove(at);
        }
    }
}
