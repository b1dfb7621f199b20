//! Requests that leave nothing but one call: its form opens by itself.

use super::App;
use crate::api::Tool;
use crate::inbox::{Conversation, ConversationId};
use crate::tui::composer::{ComposedCall, ReplyKind};

impl App {
    /// Opens the form of the only call that a request leaves, once for each request, where nothing
    /// is being composed; takes back one that nobody has touched and that is not wanted any more.
    pub(super) fn offer_call(&mut self, id: ConversationId) {
        let found = self.inbox.get(id);
        let open = found.and_then(Conversation::open_request);
        let call = found
            .and_then(Conversation::forced_tool)
            .map(ComposedCall::new);
        let remembered = self.remembered_of(id);
        if remembered.offered_to == open {
            return;
        }
        remembered.offered_to = open;
        remembered.composer.withdraw_offer();
        let is_free = remembered.composer.is_idle()
            && remembered.composer.kind == ReplyKind::Send
            && remembered.beside.shown.is_none();
        if let Some(call) = call.filter(|_| open.is_some() && is_free) {
            remembered.composer.offer(call);
        }
    }
}

impl Conversation {
    /// The tool that has to be called, where the request leaves no other.
    pub(in crate::tui) fn forced_tool(&self) -> Option<&Tool> {
        let choice = &self.request().tool_choice;
        if !choice.requires_call() {
            return None;
        }
        let mut allowed = self.callable().filter(|tool| choice.allows(&tool.name));
        let first = allowed.next()?;
        allowed.next().is_none().then_some(first)
    }
}
