//! Which pane is where. A frame is made in two steps: layout, which may change scroll positions, and
//! drawing, which changes no state.
//!
//! Wide terminals show inbox, transcript and composer side by side, narrower ones the composer
//! under the transcript, and the narrowest one pane at a time.

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::text::Line;
use ratatui::widgets::{Block, Borders, Widget};

use super::app::{App, Dialog, Focus};
use super::composer_pane::{self as composer, ComposerLabels, ComposerPlacement};
use super::status::StatusLine;
use super::text::paint::draw_line;
use super::transcript::view as transcript;
use super::ui::Ui;
use super::{inbox, status};

/// Columns from which the inbox has a column of its own.
const TWO_COLUMNS: u16 = 96;
/// Columns from which the composer has one, too.
const THREE_COLUMNS: u16 = 160;
/// The columns and rows of the smallest terminal that everything fits into.
const MIN_SIZE: (u16, u16) = (40, 12);

/// Lays out and draws a frame.
pub fn draw(frame: &mut Frame, ui: &Ui, app: &mut App) {
    let area = frame.area();
    if area.width < MIN_SIZE.0 / 2 || area.height < MIN_SIZE.1 / 2 {
        let (columns, rows) = MIN_SIZE;
        let words = format!("too small: {columns}x{rows} needed");
        draw_line(frame.buffer_mut(), area, &Line::raw(words));
        return;
    }
    app.sync_if_needed();
    let panes = Panes::new(app, area);
    panes.lay_out(app, ui);
    panes.draw(frame, ui, app);
}

/// The areas of all panes, and the texts that their heights depend on.
struct Panes {
    /// The inbox.
    inbox: Option<Rect>,
    /// The title of the view or transcript, and its text.
    main: Option<(Rect, Rect)>,
    /// The marks of the conversation, below the title.
    marks: Option<Rect>,
    composer: Option<(Rect, ComposerLabels, ComposerPlacement)>,
    /// Lines between panes: each takes the last column of its area.
    borders: Vec<Rect>,
    status: (StatusLine, Rect),
}

impl Panes {
    fn new(app: &App, area: Rect) -> Self {
        let status = StatusLine::new(app, area.width);
        let rows = Constraint::Length(status.height());
        let [body, last] = Layout::vertical([Constraint::Min(0), rows]).areas(area);
        let mut panes = Self {
            inbox: None,
            main: None,
            marks: None,
            composer: None,
            borders: Vec::new(),
            status: (status, last),
        };
        let body = match body.width {
            0..TWO_COLUMNS => body,
            _ if app.list.is_hidden() => body,
            _ => {
                let column = app.list.width(&app.inbox, body);
                let [list, rest] =
                    Layout::horizontal([Constraint::Length(column), Constraint::Min(0)])
                        .areas(body);
                panes.inbox = Some(panes.with_border(list));
                rest
            }
        };
        let read = if area.width >= THREE_COLUMNS {
            let [left, right] =
                Layout::horizontal([Constraint::Fill(3), Constraint::Fill(2)]).areas(body);
            let words = ComposerLabels::new(app, right.width, ComposerPlacement::Beside);
            panes.composer = Some((right, words, ComposerPlacement::Beside));
            panes.with_border(left)
        } else if covers_composer(app, panes.inbox.is_some()) {
            body
        } else {
            let words = ComposerLabels::new(app, body.width, ComposerPlacement::Below);
            let height = composer::height(app, &words, body.height);
            let [top, bottom] =
                Layout::vertical([Constraint::Min(0), Constraint::Length(height)]).areas(body);
            panes.composer = Some((bottom, words, ComposerPlacement::Below));
            top
        };
        if panes.inbox.is_none() && app.is_in_inbox() {
            panes.inbox = Some(read);
        } else {
            let is_marked = app.view().is_none()
                && app
                    .conversation()
                    .is_some_and(|conversation| !conversation.marks().is_empty());
            let [title, marks, rest] = Layout::vertical([
                Constraint::Length(1),
                Constraint::Length(u16::from(is_marked)),
                Constraint::Min(0),
            ])
            .areas(read);
            panes.main = Some((title, rest));
            panes.marks = is_marked.then_some(marks);
        }
        panes
    }

    /// Leaves a column for the border on the right of a pane.
    fn with_border(&mut self, area: Rect) -> Rect {
        self.borders.push(area);
        right_border().inner(area)
    }

    /// Lays out the content of the panes, and scrolls it into view.
    fn lay_out(&self, app: &mut App, ui: &Ui) {
        if !app.is_in_inbox() {
            app.list.leave();
        }
        let has_column = self.inbox.is_some() && self.main.is_some();
        app.lay_out_list(ui, self.inbox, has_column);
        app.transcript_area = None;
        if let Some((_, area)) = self.main {
            if let Focus::View(view) = &mut app.focus {
                view.layout(ui, area.width, area.height);
            } else if let Some(transcript) = app.transcript_mut() {
                transcript.layout(area.width, area.height, ui.pictures);
                app.transcript_area = Some(area);
            }
        }
        if let Some((area, words, place)) = &self.composer {
            composer::lay_out(app, words, *area, *place);
        }
    }

    fn draw(&self, frame: &mut Frame, ui: &Ui, app: &App) {
        for area in &self.borders {
            // Only this column, because a block styles its whole area.
            let column = Rect {
                x: area.right().saturating_sub(1),
                width: area.width.min(1),
                ..*area
            };
            right_border()
                .border_style(ui.theme.rule())
                .render(column, frame.buffer_mut());
        }
        if let Some(area) = self.inbox {
            inbox::draw(frame, ui, &app.list, &app.inbox, app.is_in_inbox(), area);
        }
        if let Some((title, area)) = self.main {
            status::draw_title(frame, ui, app, title);
            if let Some(area) = self.marks {
                status::draw_marks(frame, ui, app, area);
            }
            draw_main(frame, ui, app, area);
        }
        if let Some((area, words, place)) = &self.composer {
            composer::draw(frame, ui, app, words, *area, *place);
        }
        let (status, area) = &self.status;
        status.draw(frame, ui, *area);
    }
}

/// Whether the composer is hidden to make room: nothing can be typed there while a view has the focus,
/// or the inbox in the place of the transcript.
fn covers_composer(app: &App, has_column: bool) -> bool {
    let has_keys = match app.focus {
        Focus::Composer => false,
        Focus::Inbox => !has_column,
        Focus::View(_) => true,
    };
    has_keys && (matches!(app.dialog, Dialog::None) || app.dialog.is_question())
}

/// Draws the view, the transcript, a placeholder for it, or the welcome screen.
fn draw_main(frame: &mut Frame, ui: &Ui, app: &App, area: Rect) {
    if let Some(view) = app.view() {
        view.draw(frame, ui, area, app.finder());
    } else if let Some(words) = app.transcript_placeholder() {
        let words = format!(" {words}");
        draw_line(
            frame.buffer_mut(),
            area,
            &Line::styled(words, ui.theme.dim()),
        );
    } else if app.conversation().is_some() {
        if let Some(shown) = app.transcript() {
            let zone = &app.settings.zone;
            transcript::draw(frame, ui, shown, zone, app.finder(), area);
        }
    } else {
        let settings = &app.settings;
        transcript::draw_welcome(frame, &settings.base_url, &settings.setup, area);
    }
}

fn right_border() -> Block<'static> {
    Block::new().borders(Borders::RIGHT)
}
