//! Draws the pictures of the transcript, row by row.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::Span;

use crate::tui::pictures::{Picture, RenderState};
use crate::tui::text::scroll::RowPosition;
use crate::tui::transcript::GUTTER;
use crate::tui::ui::Ui;

/// Where a row of a picture is drawn.
#[derive(Clone, Copy, Debug)]
pub(super) struct PictureRow {
    /// The row of the pane.
    pub row: Rect,
    /// The first row of the screen that belongs to something else.
    pub bottom: u16,
    /// Columns for text.
    pub width: u16,
}

impl PictureRow {
    /// The row from column `x` on.
    fn row_of(&self, x: u16) -> Rect {
        let width = self.row.right().saturating_sub(x);
        Rect {
            x,
            width,
            ..self.row
        }
    }
}

/// The picture that is being drawn in this frame.
#[derive(Debug, Default)]
pub(super) struct Pictures {
    /// Its block and line, and its state, which is the same for all of its rows even if the worker
    /// finishes meanwhile.
    current: Option<((usize, usize), RenderState)>,
    /// Whether all of its rows are drawn already.
    is_drawn: bool,
}

impl Pictures {
    /// Draws the row at `position` of a picture; returns a message if there is no picture to draw.
    ///
    /// Graphics can only be drawn whole. A picture that is partly off the screen is drawn in half blocks.
    pub(super) fn row(
        &mut self,
        frame: &mut Frame,
        ui: &Ui,
        picture: &Picture,
        position: RowPosition,
        place: PictureRow,
    ) -> Vec<Span<'static>> {
        let line = (position.block, position.line);
        let look = match &self.current {
            Some((current, look)) if *current == line => look.clone(),
            _ => {
                let look = picture.render_state(place.width, ui.pictures, &ui.worker);
                self.current = Some((line, look.clone()));
                self.is_drawn = false;
                look
            }
        };
        let words = match look {
            RenderState::Ready(_) if self.is_drawn => return Vec::new(),
            RenderState::Ready(rendition) => {
                let x = place.row.x + GUTTER;
                // A rendition for another size may be too large.
                let rows =
                    u16::try_from(picture.rows(place.width, ui.pictures)).unwrap_or(u16::MAX);
                let rest = Rect {
                    height: place.bottom.saturating_sub(place.row.y).min(rows),
                    ..place.row_of(x)
                };
                let buffer = frame.buffer_mut();
                if position.row == 0 && rendition.draw_graphics(rest, buffer) {
                    self.is_drawn = true;
                } else {
                    let row = u16::try_from(position.row).unwrap_or(u16::MAX);
                    rendition.draw_row(row, place.row_of(x), buffer);
                }
                return Vec::new();
            }
            RenderState::Loading => "loading".to_owned(),
            RenderState::Failed(fault) => fault.to_string(),
        };
        match position.row {
            0 => vec![Span::styled(words, ui.theme.dim())],
            _ => Vec::new(),
        }
    }
}
