//! What happens to a block of the transcript outside of the program: links, pager, pictures.

use super::{App, Effect, Level};
use crate::tui::pictures::Picture;
use crate::tui::terminal::clipboard::without_controls;
use crate::tui::terminal::link::Link;
use crate::tui::transcript::Transcript;

impl App {
    /// The hyperlinks on the screen that was drawn last.
    pub(in crate::tui) fn links(&self) -> Vec<Link> {
        let area = self.transcript_area;
        let links = self.transcript().zip(area);
        links.map_or_else(Vec::new, |(transcript, area)| transcript.links(area))
    }

    /// Shows the selected block, or the last one, in the person's pager.
    pub(super) fn page(&mut self) {
        let block = self.transcript().and_then(Transcript::current_block);
        match block.map(|block| without_controls(block.text().as_str())) {
            Some(text) => self.effects.push(Effect::Page(text)),
            None => self.say(Level::Info, "nothing to read"),
        }
    }

    /// Whether the transcript is on the screen with a block of it selected.
    pub(super) fn has_selected_block(&self) -> bool {
        let selected = self.transcript().and_then(Transcript::selected_block);
        selected.is_some() && self.transcript_area.is_some() && self.is_composing()
    }

    /// Has the pictures of the selected block, or of the last one that has any, saved or opened.
    pub(super) fn take_pictures(&mut self, effect: fn(Vec<Picture>) -> Effect) {
        let pictures = self.transcript().map(Transcript::current_pictures);
        match pictures.unwrap_or_default() {
            [] => self.say(Level::Info, "no picture here"),
            pictures => {
                let pictures = pictures.to_vec();
                self.effects.push(effect(pictures));
            }
        }
    }
}
