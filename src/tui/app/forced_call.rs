//! Requests whose `tool_choice` leaves only one tool: the form of that call opens by itself.

use super::App;
use crate::api::Tool;
use crate::inbox::{Conversation, ConversationId};
use crate::tui::composer::{ComposedCall, ReplyKind};

impl App {
    /// Opens the form of the only call that a request allows, once for each request and only if
    /// nothing is being composed. Closes an untouched form of an earlier request.
    pub(super) fn offer_call(&mut self, id: ConversationId) {
        let found = self.inbox.get(id);
        let open = found.and_then(Conversation::open_request);
        let call = found
            .and_then(Conversation::forced_tool)
            .map(ComposedCall::new);
        let conversation_ui = self.conversation_ui(id);
        if conversation_ui.offered_to == open {
            return;
        }
        conversation_ui.offered_to = open;
        conversation_ui.composer.withdraw_offer();
        let is_free = conversation_ui.composer.is_idle()
            && conversation_ui.composer.kind == ReplyKind::Send
            && conversation_ui.composer_drafts.shown.is_none();
        if let Some(call) = call.filter(|_| open.is_some() && is_free) {
            conversation_ui.composer.offer(call);
        }
    }
}

impl Conversation {
    /// The tool that has to be called, if the request allows no other.
    pub(in crate::tui) fn forced_tool(&self) -> Option<&Tool> {
        let choice = &self.request().tool_choice;
        if !choice.requires_call() {
            return None;
        }
        let mut allowed = self
            .callable_tools()
            .filter(|tool| choice.allows(&tool.name));
        let first = allowed.next()?;
        allowed.next().is_none().then_some(first)
    }
}
