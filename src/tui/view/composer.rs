//! The composer: the kinds of reply, and the text area under them.

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Position, Rect};
use ratatui::text::{Line, Span};
use ratatui::widgets::Paragraph;
use tui_textarea::{DataCursor, TextArea};

use super::style;
use crate::inbox::Conversation;
use crate::tui::app::{App, Dialog};
use crate::tui::composer::ReplyKind;
use crate::tui::text::{columns, one_line};

/// Where the composer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// Under the transcript, as high as its text.
    Below,
    /// Right of it, as high as the screen.
    Beside,
}

/// Rows that the composer takes under the transcript: the kinds, and the text up to a third of
/// the pane.
pub(super) fn height(app: &App, width: u16, height: u16) -> u16 {
    let rows = app.composer().rows(width.saturating_sub(2));
    let most = (height / 3).max(1);
    1 + u16::try_from(rows).unwrap_or(u16::MAX).clamp(1, most)
}

/// Draws the composer, and puts the cursor where the next key goes.
pub(super) fn draw(frame: &mut Frame, app: &App, area: Rect, place: Place) {
    let [kinds, rest] = Layout::vertical([Constraint::Length(1), Constraint::Min(0)]).areas(area);
    if let Dialog::Workdir(field) = &app.dialog {
        draw_workdir(frame, field, kinds);
        draw_text(frame, app, rest, false);
        return;
    }
    draw_kinds(frame, app, kinds);
    let mut text = rest;
    if place == Place::Beside {
        // Words that help are worth a line where there is room.
        let [about, below] =
            Layout::vertical([Constraint::Length(2), Constraint::Min(0)]).areas(rest);
        let words = one_line(&target(app), about.width.saturating_sub(2));
        let words = Line::styled(format!(" {words}"), style::dim());
        frame.render_widget(words, about);
        text = below;
    }
    draw_text(frame, app, text, !matches!(app.dialog, Dialog::Quit));
}

fn draw_kinds(frame: &mut Frame, app: &App, area: Rect) {
    let chosen = app.composer().kind;
    let mut spans = vec![Span::styled("─", style::rule())];
    for kind in ReplyKind::ALL {
        let label = kind.label();
        spans.push(match (kind == chosen, app.unavailable(kind)) {
            (true, None) => Span::styled(format!("[{label}]"), style::bar()),
            (true, Some(_)) => Span::styled(format!("[{label}]"), style::bad()),
            (false, None) => Span::raw(format!(" {label} ")),
            (false, Some(_)) => Span::styled(format!("({label})"), style::dim()),
        });
    }
    let taken: usize = spans.iter().map(|span| columns(&span.content)).sum();
    let left = usize::from(area.width).saturating_sub(taken);
    let target = match left {
        0..6 => String::new(),
        left => one_line(&target(app), u16::try_from(left - 4).unwrap_or(u16::MAX)),
    };
    let target = if target.is_empty() {
        target
    } else {
        format!(" {target} ")
    };
    let rule = left.saturating_sub(columns(&target) + 1);
    spans.push(Span::styled("─".repeat(rule), style::rule()));
    spans.push(Span::styled(target, style::dim()));
    spans.push(Span::styled("─", style::rule()));
    frame.render_widget(Line::from(spans), area);
}

/// What the reply becomes, or why it cannot be sent.
fn target(app: &App) -> String {
    let composer = app.composer();
    let Some(conversation) = app.conversation() else {
        return String::new();
    };
    if let Some(why) = app.unavailable(composer.kind) {
        return why.into();
    }
    match composer.kind {
        ReplyKind::Send | ReplyKind::Reject => "ends the response".into(),
        ReplyKind::Progress => "the response stays open".into(),
        ReplyKind::Command => {
            let shell = conversation.shell();
            let name = shell
                .map(|shell| shell.name().to_owned())
                .unwrap_or_default();
            match composer.workdir.as_str() {
                "" => name,
                workdir => format!("{name} in {workdir}"),
            }
        }
    }
}

fn draw_text(frame: &mut Frame, app: &App, area: Rect, has_cursor: bool) {
    let composer = app.composer();
    let [prompt, rest] =
        Layout::horizontal([Constraint::Length(2), Constraint::Min(0)]).areas(area);
    let mark = match composer.kind {
        ReplyKind::Command => "$ ",
        _ => "> ",
    };
    frame.render_widget(Line::styled(mark, style::strong()), prompt);
    if composer.is_empty() {
        let waits = app.conversation().is_some_and(Conversation::is_waiting);
        let words = match waits {
            true => composer.kind.placeholder(),
            false => "Nobody waits; what you type is kept",
        };
        let words = one_line(words, rest.width);
        frame.render_widget(Paragraph::new(words).style(style::dim()), rest);
        if has_cursor {
            frame.set_cursor_position(rest.as_position());
        }
        return;
    }
    draw_area(frame, composer.area(), rest, has_cursor);
}

fn draw_workdir(frame: &mut Frame, field: &TextArea<'static>, area: Rect) {
    let words = "─ working directory: ";
    let width = u16::try_from(columns(words)).unwrap_or(0);
    let [label, rest] =
        Layout::horizontal([Constraint::Length(width), Constraint::Min(0)]).areas(area);
    frame.render_widget(Line::styled(words, style::strong()), label);
    draw_area(frame, field, rest, true);
}

/// Draws a text area and puts the terminal's cursor where its own is.
fn draw_area(frame: &mut Frame, field: &TextArea<'static>, area: Rect, has_cursor: bool) {
    frame.render_widget(field, area);
    if !has_cursor || area.is_empty() {
        return;
    }
    let cursor = field.screen_cursor();
    let (top, left) = field.scroll_offset();
    let place = |at: usize, first: u16, start: u16, end: u16| {
        let at = u16::try_from(at).unwrap_or(u16::MAX).saturating_sub(first);
        start.saturating_add(at).min(end.saturating_sub(1))
    };
    frame.set_cursor_position(Position {
        x: place(cursor_column(field, cursor.row), left, area.x, area.right()),
        y: place(cursor.row, top, area.y, area.bottom()),
    });
}

/// The column of the cursor in its row. The text area counts the characters of an emoji that is
/// joined from several; the screen shows one.
fn cursor_column(field: &TextArea<'static>, row: usize) -> usize {
    let DataCursor(line, at) = field.cursor();
    let DataCursor(_, start) = field.screen_to_data(row, 0);
    let line = field
        .lines()
        .get(line)
        .map(String::as_str)
        .unwrap_or_default();
    let before: String = line.chars().take(at).skip(start).collect();
    columns(&before)
}
