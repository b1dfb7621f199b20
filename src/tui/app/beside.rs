//! What stands beside what is in a composer: drafts of models, and the person's own words while a
//! draft is in their place.

use std::collections::VecDeque;

use crate::draft::Draft;
use crate::inbox::{DraftId, ModelDraft, RequestId};
use crate::rules::Decision;

/// What the composer of a conversation shows, and what it could show instead.
#[derive(Debug, Default)]
pub(in crate::tui) struct Beside {
    /// The draft that it shows, for as long as that is as the model made it. What is in the composer
    /// without one is the person's.
    pub shown: Option<DraftId>,
    /// The person's words that made room for a draft.
    own: VecDeque<Draft>,
    /// Whether what is typed leaves line by line because the person took over, and not because they
    /// wanted it.
    pub has_taken_over: bool,
    /// What was drafted for the request that was answered last.
    pub last: Option<AnsweredDraft>,
}

/// What was drafted for a request that is answered.
#[derive(Debug)]
pub(in crate::tui) struct AnsweredDraft {
    /// The request.
    pub request: RequestId,
    /// The drafts, oldest first.
    pub drafts: Vec<ModelDraft>,
    /// What a rule decided.
    pub decision: Option<Decision>,
}

impl Beside {
    /// Puts words of the person aside.
    pub(super) fn put(&mut self, own: Draft) {
        if !own.is_empty() {
            self.own.push_back(own);
        }
    }

    /// Takes in words of the person that did not arrive, oldest first. What the draft that is shown
    /// goes on with stays as it is.
    pub(super) fn bring_back(&mut self, returned: Vec<Draft>, is_continued: bool) {
        let own = match is_continued {
            true => None,
            false => self.own.pop_front(),
        };
        let is_first = own.is_some();
        let mut own = own.unwrap_or_default();
        own.restore(returned);
        match is_first {
            true => self.own.push_front(own),
            false => self.put(own),
        }
    }

    /// The words of the person that have been aside longest.
    pub(super) fn take(&mut self) -> Option<Draft> {
        self.own.pop_front()
    }

    /// All words of the person that are aside, oldest first.
    pub(super) fn own(&self) -> impl Iterator<Item = &Draft> {
        self.own.iter()
    }

    /// Whether words of the person are aside.
    pub(super) fn has_own(&self) -> bool {
        !self.own.is_empty()
    }

    /// The words that a draft goes on with, as the person composed them.
    pub(super) fn base(&self, draft: &ModelDraft) -> Option<Draft> {
        let text = draft.continues.as_ref()?;
        let own = self.own.iter().find(|own| own.text == *text);
        Some(own.cloned().unwrap_or_else(|| text.as_str().into()))
    }

    /// The words that a draft goes on with are in it, and not aside any more.
    pub(super) fn drop_base(&mut self, draft: &ModelDraft) {
        if let Some(text) = &draft.continues
            && let Some(at) = self.own.iter().position(|own| own.text == *text)
        {
            self.own.remove(at);
        }
    }
}
