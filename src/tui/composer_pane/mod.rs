//! Layout and drawing of the composer's pane: the parts collected, the kinds of reply, and below them
//! the text area or what replaces it: a form, a list, a search.

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Position, Rect};
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::Paragraph;
use tui_textarea::{DataCursor, TextArea};

pub(super) use self::preview::mode_label;

use self::preview::{Preview, draft_status};
use crate::api::{self, Body};
use crate::inbox::{Conversation, Status};
use crate::tui::app::{App, Dialog, PickerPurpose};
use crate::tui::composer::{ArgumentsEditor, ComposedPart, Composer, PROMPT, ReplyKind};
use crate::tui::form::Form;
use crate::tui::keys::action::Action;
use crate::tui::text::paint::draw_line;
use crate::tui::text::{columns, one_line, rows, sanitize};
use crate::tui::transcript::block::TranscriptBlock;
use crate::tui::ui::Ui;

mod preview;

/// Where the composer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ComposerPlacement {
    /// Below the transcript, as high as its text needs.
    Below,
    /// To the right of the transcript, as high as the screen.
    Beside,
}

/// Rows for the parts that are collected; more of them scroll.
const MAX_PARTS: usize = 5;
/// Rows for what the request expects of the answer.
const MAX_EXPECTATION_ROWS: usize = 2;
/// Rows that are left for the transcript at least, its title included.
const MIN_TRANSCRIPT_ROWS: u16 = 4;
/// Rows that are left for the text at least, if it has as many.
const MIN_INPUT_ROWS: u16 = 3;

/// The labels around the text, made once a frame.
pub(super) struct ComposerLabels {
    /// The countdown of a reply that is about to be sent, and what the request expects of the answer.
    expected: Vec<String>,
    /// The status of drafts of models.
    draft_status: Vec<String>,
    /// What sending does, or why the reply cannot be sent.
    effect: String,
    /// Whether `effect` has a line of its own: it differs from reply to reply, and there is no room
    /// for it beside the kinds of reply.
    has_effect_line: bool,
    /// Rows that the text, form or list takes if there is room.
    rows: u16,
}

impl ComposerLabels {
    /// The labels for a composer of this width.
    pub(super) fn new(app: &App, width: u16, place: ComposerPlacement) -> Self {
        let composer = app.composer();
        // A dialog that has nothing to do with a reply has a title of its own.
        let effect = match app.dialog.title() {
            Some(_) => String::new(),
            None => reply_effect(app),
        };
        let tells = match composer.kind {
            _ if place == ComposerPlacement::Beside || !matches!(app.dialog, Dialog::None) => false,
            ReplyKind::Tool => composer.call.is_some(),
            ReplyKind::Command => !composer.options.is_empty(),
            ReplyKind::Progress | ReplyKind::Think => gets_all_at_once(app),
            _ => false,
        };
        let kinds = ReplyKind::ALL.map(|kind| columns(kind.label()) + 2);
        let taken = kinds.iter().sum::<usize>() + columns(&effect) + 5;
        let countdown = app.countdown(usize::from(width.saturating_sub(2)));
        let countdown = countdown.iter();
        let mut rows: Vec<String> = countdown
            .map(|words| one_line(words, width.saturating_sub(2)))
            .collect();
        rows.extend(expectations(app, width));
        Self {
            expected: rows,
            draft_status: draft_status(app, width),
            effect,
            has_effect_line: tells && taken > usize::from(width),
            rows: match place {
                ComposerPlacement::Below => u16::try_from(rows_of(app, width)).unwrap_or(u16::MAX),
                ComposerPlacement::Beside => u16::MAX,
            },
        }
    }

    /// Rows above the kinds of reply.
    fn rows_above(&self, app: &App) -> u16 {
        let parts = match Preview::of(app) {
            Some(preview) => preview.finished_items.len(),
            None => app.composer().parts.len(),
        };
        let parts = parts.min(MAX_PARTS);
        u16::try_from(parts + self.expected.len() + self.draft_status.len()).unwrap_or(0)
    }
}

/// Rows of the text, or of the form or list in its place.
fn rows_of(app: &App, width: u16) -> usize {
    let composer = app.composer();
    match (&app.dialog, &composer.call) {
        // Nothing moves while the list changes with every letter.
        (Dialog::Picker(PickerPurpose::Conversation, _), _) => usize::MAX,
        (Dialog::Picker(_, picker), _) => picker.counts().1 + 2,
        (dialog, _) if dialog.form().is_some() => dialog.form().map_or(0, Form::lines),
        (Dialog::Find(_) | Dialog::Prompt(_), _) => 1,
        (_, Some(call)) if composer.kind == ReplyKind::Tool => match &call.editor {
            ArgumentsEditor::Form(form) => form.lines(),
            ArgumentsEditor::Text(area) => area.lines().len() + 1,
        },
        _ => match Preview::of(app) {
            Some(preview) => preview.height(width),
            None => composer.rows(width.saturating_sub(PROMPT)),
        },
    }
}

/// Rows that the composer takes below the transcript: a text up to a third of the pane, a form or
/// a list up to half of it. Some rows are always left for the transcript.
pub(super) fn height(app: &App, labels: &ComposerLabels, height: u16) -> u16 {
    let composer = app.composer();
    let most = match (&app.dialog, &composer.call) {
        (Dialog::Picker(..), _) => height / 2,
        (dialog, _) if dialog.form().is_some() => height / 2,
        (_, Some(_)) if composer.kind == ReplyKind::Tool => height / 2,
        _ => height / 3,
    };
    let rows = labels.rows.clamp(1, most.max(1));
    let around = 1 + labels.rows_above(app) + u16::from(labels.has_effect_line);
    let left = MIN_TRANSCRIPT_ROWS.max(height / 3);
    (rows + around).min(height.saturating_sub(left).max(2))
}

/// What the request expects of the answer; nothing if it sets no constraints.
fn expectations(app: &App, width: u16) -> Vec<String> {
    let waiting = app
        .conversation()
        .filter(|conversation| conversation.is_waiting());
    let mut asked = waiting.map_or_else(Vec::new, |c| c.request().constraints());
    let keys: &[(Action, &str)] = match waiting.map(|c| c.request().purpose) {
        Some(api::Purpose::Summary | api::Purpose::CommitMessage) => {
            &[(Action::Skeleton, "drafts it")]
        }
        Some(api::Purpose::PermissionCheck) => {
            &[(Action::Allow, "allows it"), (Action::Block, "blocks it")]
        }
        _ => &[],
    };
    for (action, words) in keys {
        let key = app.settings.keymap.chord(*action);
        asked.extend(key.map(|key| format!("{key} {words}")));
    }
    let asked = asked.join(" · ");
    if asked.is_empty() {
        return Vec::new();
    }
    let width = width.saturating_sub(2);
    let asked = format!("Expected: {}", sanitize(&asked));
    let mut rows: Vec<String> = rows(&asked, width)
        .map(|row| asked[row].to_owned())
        .collect();
    if rows.len() > MAX_EXPECTATION_ROWS {
        let rest = rows.split_off(MAX_EXPECTATION_ROWS - 1).concat();
        rows.push(one_line(&rest, width));
    }
    rows
}

/// The parts of the composer, from top to bottom.
struct Areas {
    above: Rect,
    kinds: Rect,
    effect: Rect,
    body: Rect,
}

impl Areas {
    fn new(app: &App, labels: &ComposerLabels, area: Rect, place: ComposerPlacement) -> Self {
        let effect = match place {
            ComposerPlacement::Beside => 2,
            ComposerPlacement::Below => u16::from(labels.has_effect_line),
        };
        let effect = effect.min(area.height.saturating_sub(2));
        // The text needs some of the room, but where a part is being chosen the parts come first.
        let least = match app.dialog {
            Dialog::Parts(_) => 1,
            _ => labels.rows.clamp(1, MIN_INPUT_ROWS),
        };
        let room = area.height.saturating_sub(1 + effect + least);
        let above = labels.rows_above(app).min(room);
        let [above, kinds, effect, body] = Layout::vertical([
            Constraint::Length(above),
            Constraint::Length(1),
            Constraint::Length(effect),
            Constraint::Min(0),
        ])
        .areas(area);
        Self {
            above,
            kinds,
            effect,
            body,
        }
    }
}

/// Fits the contents of the composer into its area.
pub(super) fn lay_out(
    app: &mut App,
    labels: &ComposerLabels,
    area: Rect,
    place: ComposerPlacement,
) {
    let body = Areas::new(app, labels, area, place).body;
    match &mut app.dialog {
        Dialog::Picker(_, picker) => picker.layout(body.height),
        Dialog::Options(_)
        | Dialog::Find(_)
        | Dialog::Prompt(_)
        | Dialog::Export(_)
        | Dialog::Marks(_) => {}
        Dialog::None | Dialog::Quit | Dialog::Delete(_) | Dialog::Parts(_) => {
            app.composer_mut().lay_out((body.width, body.height));
        }
    }
}

/// Draws the composer, and puts the cursor where the next key goes.
pub(super) fn draw(
    frame: &mut Frame,
    ui: &Ui,
    app: &App,
    labels: &ComposerLabels,
    area: Rect,
    place: ComposerPlacement,
) {
    let areas = Areas::new(app, labels, area, place);
    let body = areas.body;
    draw_above(frame, ui, app, labels, areas.above);
    // The effect stands beside the kinds of reply, unless it has a line of its own.
    let beside = match place {
        ComposerPlacement::Below if !labels.has_effect_line => labels.effect.as_str(),
        _ => "",
    };
    match app.dialog.title() {
        Some(title) => draw_title(frame, ui, areas.kinds, &title),
        None => draw_kinds(frame, ui, app, areas.kinds, beside),
    }
    if !areas.effect.is_empty() {
        let style = match place {
            ComposerPlacement::Below => ui.theme.strong(),
            ComposerPlacement::Beside => ui.theme.dim(),
        };
        let words = one_line(&labels.effect, area.width.saturating_sub(2));
        draw_line(
            frame.buffer_mut(),
            areas.effect,
            &Line::styled(format!(" {words}"), style),
        );
    }
    let composer = app.composer();
    let cursor = match (&app.dialog, &composer.call) {
        (Dialog::Picker(_, picker), _) => picker.draw(frame.buffer_mut(), &ui.theme, body),
        (dialog, _) if dialog.form().is_some() => dialog
            .form()
            .and_then(|form| form.draw(frame.buffer_mut(), &ui.theme, body, true)),
        (Dialog::Find(finder), _) => finder.draw(frame, ui, body),
        (Dialog::Prompt(prompt), _) => prompt.draw(frame, ui, body),
        (_, Some(call)) if composer.kind == ReplyKind::Tool => match &call.editor {
            ArgumentsEditor::Form(form) => form.draw(frame.buffer_mut(), &ui.theme, body, true),
            ArgumentsEditor::Text(area) => draw_area(frame, area, body),
        },
        _ => match Preview::of(app) {
            Some(preview) => preview.draw(frame, ui, body),
            None => draw_text(frame, ui, app, body),
        },
    };
    let has_keys = match &app.dialog {
        Dialog::None => app.is_composing(),
        Dialog::Parts(_) => false,
        dialog => !dialog.is_question(),
    };
    if let Some(cursor) = cursor.filter(|_| has_keys) {
        frame.set_cursor_position(cursor);
    }
}

/// Draws what the request expects, and the parts collected so far.
fn draw_above(frame: &mut Frame, ui: &Ui, app: &App, labels: &ComposerLabels, area: Rect) {
    let mut rows = area.rows();
    let parts = &app.composer().parts;
    let previewed_draft = Preview::of(app).map_or_else(Vec::new, |preview| preview.finished_items);
    let count = parts.len().max(previewed_draft.len());
    // Where there is little room, one part shows all the same, and what models do before what is asked.
    let said = labels.expected.len() + labels.draft_status.len();
    let fits = usize::from(area.height).saturating_sub(said);
    let fits = fits.max(usize::from(count > 0));
    let room = usize::from(area.height).saturating_sub(fits);
    let strip = labels.draft_status.iter().take(room);
    let asks = labels.expected.iter().take(room - strip.len());
    let asks = asks.map(|words| (words, ui.theme.waiting()));
    let strip = strip.map(|words| (words, draft_status_style(ui, app)));
    for ((words, style), row) in asks.chain(strip).zip(rows.by_ref()) {
        let line = Line::styled(format!(" {words}"), style);
        draw_line(frame.buffer_mut(), row, &line);
    }
    let last = previewed_draft
        .iter()
        .enumerate()
        .skip(count.saturating_sub(fits));
    if !previewed_draft.is_empty() {
        for ((index, item), row) in last.zip(rows) {
            let words = item_line(item, index, area.width.saturating_sub(2));
            let line = Line::styled(format!(" {words}"), ui.theme.dim());
            draw_line(frame.buffer_mut(), row, &line);
        }
        return;
    }
    let selected = match app.dialog {
        Dialog::Parts(selected) => Some(selected),
        _ => None,
    };
    let last = selected.unwrap_or(parts.len());
    let first = (last + 1).saturating_sub(fits);
    let first = first.min(parts.len().saturating_sub(fits));
    for ((index, part), row) in parts.iter().enumerate().skip(first).zip(rows) {
        let mark = if selected == Some(index) { "┃" } else { " " };
        let words = part_line(app, part, index, area.width.saturating_sub(2));
        let style = if selected == Some(index) {
            ui.theme.bar()
        } else {
            ui.theme.dim()
        };
        let line = Line::from(vec![
            Span::styled(mark, ui.theme.strong()),
            Span::styled(words, style),
        ]);
        draw_line(frame.buffer_mut(), row, &line);
    }
}

/// The style of the draft status: errors stand out.
fn draft_status_style(ui: &Ui, app: &App) -> Style {
    let draft = app.shown_draft();
    let drafts = app.conversation().map_or(&[][..], Conversation::drafts);
    match draft.or(drafts.last()) {
        Some(draft) if app.auto_sent_draft().is_none() && !draft.outcome().is_empty() => {
            ui.theme.bad()
        }
        _ => ui.theme.info(),
    }
}

/// An item that a model has made, as the part that it becomes.
fn item_line(item: &Body, index: usize, width: u16) -> String {
    let block = TranscriptBlock::of_output(item);
    let text = block.text().line(0);
    one_line(&format!("{}. {}: {text}", index + 1, block.label), width)
}

/// A part in one line: its number, what it is, and how it begins.
fn part_line(app: &App, part: &ComposedPart, index: usize, width: u16) -> String {
    let block = match app.item_of(part) {
        Ok(item) => TranscriptBlock::of_output(&item),
        // It cannot be sent now, but it can be seen and changed.
        Err(_) => TranscriptBlock::of_note(part.kind.label(), part.text()),
    };
    let text = block.text().line(0);
    one_line(&format!("{}. {}: {text}", index + 1, block.label), width)
}

/// Draws the title of a dialog that replaces the reply.
fn draw_title(frame: &mut Frame, ui: &Ui, area: Rect, title: &str) {
    let title = one_line(title, area.width.saturating_sub(5));
    let rest = usize::from(area.width).saturating_sub(columns(&title) + 3);
    let line = Line::from(vec![
        Span::styled("─", ui.theme.rule()),
        Span::styled(format!("[{title}]"), ui.theme.bar()),
        Span::styled("─".repeat(rest), ui.theme.rule()),
    ]);
    draw_line(frame.buffer_mut(), area, &line);
}

fn draw_kinds(frame: &mut Frame, ui: &Ui, app: &App, area: Rect, effect: &str) {
    let composer = app.composer();
    let chosen = chosen_kind(app);
    // Without the keyboard focus it is dim.
    let bar = if app.is_composing() {
        ui.theme.bar()
    } else {
        ui.theme.dim()
    };
    let labels = |name: fn(ReplyKind) -> &'static str, pad: &str| {
        ReplyKind::ALL.map(|kind| {
            let live = composer.live && kind.can_be_live();
            let label = format!("{}{}", name(kind), if live { " live" } else { "" });
            match (kind == chosen, app.unavailable(kind)) {
                (true, None) => Span::styled(format!("[{label}]"), bar),
                (true, Some(_)) => Span::styled(format!("[{label}]"), ui.theme.bad()),
                (false, None) => Span::raw(format!("{pad}{label}{pad}")),
                (false, Some(_)) => Span::styled(format!("({label})"), ui.theme.dim()),
            }
        })
    };
    let room = usize::from(area.width).saturating_sub(2);
    let width = |spans: &[Span]| {
        spans
            .iter()
            .map(|span| columns(&span.content))
            .sum::<usize>()
    };
    let mut spans = vec![Span::styled("─", ui.theme.rule())];
    let whole = labels(ReplyKind::label, " ");
    let close = spaced(labels(ReplyKind::short, ""));
    spans.extend(if width(&whole) <= room {
        whole.into()
    } else if width(&close) <= room {
        // All of them, with one blank between two.
        close
    } else {
        fitting_kinds(ui, labels(ReplyKind::short, " "), chosen, room)
    });
    let taken: usize = spans.iter().map(|span| columns(&span.content)).sum();
    let left = usize::from(area.width).saturating_sub(taken);
    let effect = one_line(effect, area.width);
    // All of it or nothing: half a word says nothing.
    let effect = match columns(&effect) {
        0 => String::new(),
        width if width + 4 > left => String::new(),
        _ => format!(" {effect} "),
    };
    let rule = left.saturating_sub(columns(&effect) + 1);
    spans.push(Span::styled("─".repeat(rule), ui.theme.rule()));
    spans.push(Span::styled(effect, ui.theme.dim()));
    spans.push(Span::styled("─", ui.theme.rule()));
    draw_line(frame.buffer_mut(), area, &Line::from(spans));
}

/// Labels with a blank between each two, and before the first unless that has a bracket.
fn spaced(labels: [Span<'static>; ReplyKind::ALL.len()]) -> Vec<Span<'static>> {
    let mut spans = Vec::with_capacity(2 * labels.len());
    for label in labels {
        if !spans.is_empty() || !label.content.starts_with(['[', '(']) {
            spans.push(Span::raw(" "));
        }
        spans.push(label);
    }
    spans
}

/// As many kinds as fit, the chosen one among them, and `‹` or `›` where there are more.
fn fitting_kinds(
    ui: &Ui,
    labels: [Span<'static>; ReplyKind::ALL.len()],
    chosen: ReplyKind,
    width: usize,
) -> Vec<Span<'static>> {
    let widths = labels.each_ref().map(|label| columns(&label.content));
    let at = ReplyKind::ALL
        .iter()
        .position(|kind| *kind == chosen)
        .unwrap_or(0);
    let (mut first, mut last) = (0, labels.len() - 1);
    // From both ends, the one that is further from what is chosen first.
    while first < last && widths[first..=last].iter().sum::<usize>() + 2 > width {
        if last - at >= at - first {
            last -= 1;
        } else {
            first += 1;
        }
    }
    let is_whole = last - first + 1 == labels.len();
    let mut spans = Vec::new();
    if first > 0 {
        spans.push(Span::styled("‹", ui.theme.dim()));
    }
    spans.extend(labels.iter().take(last + 1).skip(first).cloned());
    if !is_whole && last + 1 < labels.len() {
        spans.push(Span::styled("›", ui.theme.dim()));
    }
    spans
}

/// The kind of reply that is being composed; a call while a tool is being looked for.
fn chosen_kind(app: &App) -> ReplyKind {
    match app.dialog {
        Dialog::Picker(PickerPurpose::Tool, _) => ReplyKind::Tool,
        _ if app.previewed_draft().is_some() => {
            Preview::of(app).map_or(ReplyKind::Send, |preview| preview.kind)
        }
        _ => app.composer().kind,
    }
}

/// What sending does, or why the reply cannot be sent.
fn reply_effect(app: &App) -> String {
    let composer = app.composer();
    let kind = chosen_kind(app);
    let Some(conversation) = app.conversation() else {
        return String::new();
    };
    if let Some(why) = app.unavailable(kind) {
        return why.into();
    }
    match kind {
        ReplyKind::Send | ReplyKind::Reject => "ends the response".into(),
        ReplyKind::Progress | ReplyKind::Think if gets_all_at_once(app) => {
            "arrives with the answer".into()
        }
        ReplyKind::Progress | ReplyKind::Think => "stays open".into(),
        ReplyKind::Tool if kind != composer.kind => "type part of its name".into(),
        ReplyKind::Tool => match &composer.call {
            Some(call) => call.summary(),
            None => "type part of its name".into(),
        },
        ReplyKind::Command => {
            let shell = conversation.shell();
            let name = shell
                .map(|shell| shell.name().to_owned())
                .unwrap_or_default();
            name + &options_summary(composer)
        }
    }
}

/// Whether the waiting client receives nothing before the response has ended.
fn gets_all_at_once(app: &App) -> bool {
    let waiting = app.conversation().filter(|found| found.is_waiting());
    waiting.is_some_and(|found| found.request().gets_all_at_once())
}

/// The options of a command, as far as they are set.
fn options_summary(composer: &Composer) -> String {
    let options = composer.options.iter().map(|(name, value)| match value {
        serde_json::Value::String(text) => format!(" · {name} {text}"),
        value => format!(" · {name} {value}"),
    });
    options.collect()
}

fn draw_text(frame: &mut Frame, ui: &Ui, app: &App, area: Rect) -> Option<Position> {
    let composer = app.composer();
    let [prompt, rest] =
        Layout::horizontal([Constraint::Length(PROMPT), Constraint::Min(0)]).areas(area);
    let mark = match composer.kind {
        ReplyKind::Command => "$ ",
        _ => "> ",
    };
    draw_line(
        frame.buffer_mut(),
        prompt,
        &Line::styled(mark, ui.theme.strong()),
    );
    if !composer.is_empty() {
        return draw_area(frame, composer.area(), rest);
    }
    let waits = app.conversation().is_some_and(Conversation::is_waiting);
    let words = if waits {
        composer.kind.placeholder()
    } else {
        &idle_placeholder(app)
    };
    let words = one_line(words, rest.width);
    frame.render_widget(Paragraph::new(words).style(ui.theme.dim()), rest);
    (!rest.is_empty()).then(|| rest.as_position())
}

/// The placeholder where nobody waits for a reply: whether other conversations do.
fn idle_placeholder(app: &App) -> String {
    let done = app.conversation().map(Conversation::status);
    let done = match (app.inbox.waiting(), done) {
        (0, _) | (_, None | Some(Status::Waiting { .. })) => {
            return "Nothing to answer; your text is kept".into();
        }
        (_, Some(Status::Answered)) => "Answered",
        (_, Some(Status::ClientGone)) => "Client gone",
    };
    match app.inbox.waiting() {
        1 => format!("{done} · 1 other waiting"),
        others => format!("{done} · {others} others waiting"),
    }
}

/// Draws a text area; returns where its cursor is.
fn draw_area(frame: &mut Frame, field: &TextArea<'static>, area: Rect) -> Option<Position> {
    frame.render_widget(field, area);
    if area.is_empty() {
        return None;
    }
    // The text area leaves control characters out, but takes these for letters.
    let breaks = |symbol: &str| symbol.contains(['\u{2028}', '\u{2029}']);
    let buffer = frame.buffer_mut();
    for row in area.intersection(buffer.area).rows() {
        let start = buffer.index_of(row.x, row.y);
        for cell in &mut buffer.content[start..start + usize::from(row.width)] {
            if breaks(cell.symbol()) {
                cell.set_symbol("↵");
            }
        }
    }
    let cursor = field.screen_cursor();
    let (top, left) = field.scroll_offset();
    let place = |at: usize, first: u16, start: u16, end: u16| {
        let at = u16::try_from(at).unwrap_or(u16::MAX).saturating_sub(first);
        start.saturating_add(at).min(end.saturating_sub(1))
    };
    Some(Position {
        x: place(cursor_column(field, cursor.row), left, area.x, area.right()),
        y: place(cursor.row, top, area.y, area.bottom()),
    })
}

/// The column of the cursor in its row. The text area counts each character of a joined emoji; the
/// screen shows a single one.
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
