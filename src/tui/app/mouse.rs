//! The mouse, for those who switch it on.

use crossterm::event::{MouseButton, MouseEvent, MouseEventKind};
use ratatui::layout::Position;

use super::{App, Dialog};
use crate::tui::transcript::BlockLine;

/// Rows that one step of the wheel scrolls.
const WHEEL_ROWS: i64 = 3;

impl App {
    /// Handles a mouse event.
    pub fn on_mouse(&mut self, event: MouseEvent) {
        match event.kind {
            MouseEventKind::ScrollUp => self.wheel(-1),
            MouseEventKind::ScrollDown => self.wheel(1),
            MouseEventKind::Down(MouseButton::Left) if matches!(self.dialog, Dialog::None) => {
                self.click(Position::new(event.column, event.row));
            }
            _ => {}
        }
    }

    /// Scrolls the pane with the focus, or the transcript if the composer has it.
    fn wheel(&mut self, steps: i64) {
        if self.is_in_inbox() {
            self.list.go(steps, &self.inbox)
        } else {
            self.with_searchable(|reading| reading.scroll(steps * WHEEL_ROWS))
        }
    }

    /// Opens the clicked conversation, or selects the clicked block; a click on the header of the
    /// selected block folds it.
    fn click(&mut self, at: Position) {
        if let Some(id) = self.list.at(at) {
            return self.open_conversation(id);
        }
        let Some(area) = self.transcript_area.filter(|area| area.contains(at)) else {
            return;
        };
        let row = usize::from(at.y - area.y);
        self.with_transcript(|transcript| {
            let Some(position) = transcript.visible().get(row).copied() else {
                return;
            };
            let line = transcript.line(position.block, position.line);
            if !matches!(line, BlockLine::Gap | BlockLine::Divider(_)) {
                transcript.click(position.block, line == BlockLine::Header);
            }
        });
    }
}
