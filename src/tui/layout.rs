//! Draws the state, and changes nothing but where things are.
//!
//! Wide terminals show inbox, transcript and composer side by side, narrower ones the composer
//! under the transcript, and the narrowest one pane at a time.

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::text::Line;
use ratatui::widgets::{Block, Borders};

use super::app::{App, Hits, Pane};
use super::composer::view::{self as composer, Place, Words};
use super::status::Status;
use super::transcript::view as transcript;
use super::ui::Ui;
use super::{inbox, status};

/// Columns from which the inbox has a place of its own.
pub(super) const TWO_COLUMNS: u16 = 96;
/// Columns from which the composer has one too.
const THREE_COLUMNS: u16 = 160;
/// The smallest terminal that everything fits into.
const SMALLEST: (u16, u16) = (40, 12);

/// Draws everything.
pub fn draw(frame: &mut Frame, ui: &Ui, app: &mut App) {
    let area = frame.area();
    if area.width < SMALLEST.0 / 2 || area.height < SMALLEST.1 / 2 {
        let (columns, rows) = SMALLEST;
        let words = format!("too small: {columns}x{rows} needed");
        frame.render_widget(Line::raw(words), area);
        return;
    }
    app.hits = Hits {
        has_columns: area.width >= TWO_COLUMNS,
        ..Hits::default()
    };
    let status = Status::new(app, area.width);
    let rows = Constraint::Length(status.height());
    let [body, last] = Layout::vertical([Constraint::Min(0), rows]).areas(area);
    status.draw(frame, ui, last);
    let body = match body.width {
        0..TWO_COLUMNS => body,
        _ if app.hides_inbox => body,
        width => {
            let column = (width / 5).clamp(28, 40);
            let [list, rest] =
                Layout::horizontal([Constraint::Length(column), Constraint::Min(0)]).areas(body);
            let inner = border(frame, ui, list);
            inbox::draw(frame, ui, app, inner);
            rest
        }
    };
    if area.width >= THREE_COLUMNS {
        let [left, right] =
            Layout::horizontal([Constraint::Fill(3), Constraint::Fill(2)]).areas(body);
        let left = border(frame, ui, left);
        main_pane(frame, ui, app, left);
        let words = Words::new(app, right.width, Place::Beside);
        composer::draw(frame, ui, app, &words, right, Place::Beside);
        return;
    }
    let words = Words::new(app, body.width, Place::Below);
    let height = composer::height(app, &words, body.width, body.height);
    let [top, bottom] =
        Layout::vertical([Constraint::Min(0), Constraint::Length(height)]).areas(body);
    if area.width < TWO_COLUMNS && app.pane == Pane::Inbox {
        inbox::draw(frame, ui, app, top);
    } else {
        main_pane(frame, ui, app, top);
    }
    composer::draw(frame, ui, app, &words, bottom, Place::Below);
}

/// The pane in the middle: the transcript, or a pager in its place.
fn main_pane(frame: &mut Frame, ui: &Ui, app: &mut App, area: Rect) {
    let [title, rest] = Layout::vertical([Constraint::Length(1), Constraint::Min(0)]).areas(area);
    status::draw_title(frame, ui, app, title);
    if let Some(pager) = &mut app.pager {
        transcript::draw_pager(frame, ui, pager, rest);
    } else if let Some(words) = app.instead_of_transcript() {
        let words = format!(" {words}");
        frame.render_widget(Line::styled(words, ui.theme.dim()), rest);
    } else if app.conversation().is_some() {
        transcript::draw(frame, ui, app, rest);
    } else {
        transcript::draw_welcome(frame, app, rest);
    }
}

/// A line between a pane and what is right of it; returns what is left of the pane.
fn border(frame: &mut Frame, ui: &Ui, area: Rect) -> Rect {
    let block = Block::new()
        .borders(Borders::RIGHT)
        .border_style(ui.theme.rule());
    let inner = block.inner(area);
    frame.render_widget(block, area);
    inner
}
