//! The request, or the selected block, as JSON.

use super::{NO_REQUEST, TextView, View};
use crate::tui::form::pretty;
use crate::tui::keys::action::Action;
use crate::tui::markup::Markup;
use crate::tui::transcript::Transcript;
use crate::tui::transcript::block::TranscriptBlock;

pub(super) const VIEW: View = View {
    action: Action::ShowRaw,
    open: |source| {
        let conversation = source.conversation.ok_or(NO_REQUEST)?;
        let block = source.transcript.and_then(Transcript::selected_block);
        let text = match block.and_then(TranscriptBlock::raw) {
            Some(raw) => pretty(raw),
            None => pretty(&conversation.request().raw_body()),
        };
        Ok(TextView::foreign("raw JSON", text, Markup::Json))
    },
};
