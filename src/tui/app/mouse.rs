//! The mouse, for those who switch it on.

use crossterm::event::{MouseButton, MouseEvent, MouseEventKind};
use ratatui::layout::{Position, Rect};

use super::{App, Dialog};
use crate::inbox::ConversationId;

/// Rows that one step of the wheel scrolls.
const WHEEL_ROWS: i64 = 3;

/// What is where on the screen, as it was drawn last.
#[derive(Debug, Default)]
pub struct Hits {
    /// Whether there is room for the inbox beside the transcript.
    pub has_columns: bool,
    /// The rows of the inbox, and whose they are.
    pub inbox: Vec<(Rect, ConversationId)>,
    /// The rows of the transcript: which block, and whether it is the header.
    pub transcript: Vec<(Rect, usize, bool)>,
    /// Where the transcript is, if it is.
    pub transcript_area: Option<Rect>,
}

impl App {
    /// Takes something that was done with the mouse.
    pub fn on_mouse(&mut self, event: MouseEvent) {
        match event.kind {
            MouseEventKind::ScrollUp => self.scroll(-WHEEL_ROWS),
            MouseEventKind::ScrollDown => self.scroll(WHEEL_ROWS),
            MouseEventKind::Down(MouseButton::Left) if matches!(self.dialog, Dialog::None) => {
                self.click(Position::new(event.column, event.row));
            }
            _ => {}
        }
    }

    /// Opens the conversation, or selects the block; a click on a header that is selected folds.
    fn click(&mut self, at: Position) {
        let inbox = self.hits.inbox.iter();
        let conversation = inbox
            .clone()
            .find(|(area, _)| area.contains(at))
            .map(|(_, id)| *id);
        if let Some(id) = conversation {
            return self.show(id);
        }
        let mut transcript = self.hits.transcript.iter();
        let hit = transcript.find(|(area, ..)| area.contains(at)).copied();
        if let Some((_, block, is_header)) = hit {
            self.with_transcript(|transcript| transcript.click(block, is_header));
        }
    }
}
