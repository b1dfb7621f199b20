//! The status line at the bottom of the screen, and the title of the middle pane.

use std::borrow::Cow;

use jiff::Timestamp;
use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use crate::agents::{ALLOW, BLOCK};
use crate::api::{self, OutputFormat};
use crate::inbox::{self, Conversation};
use crate::tui::app::{App, Dialog, Level, PickerPurpose};
use crate::tui::composer::preview::mode_label;
use crate::tui::composer::{ComposedCall, ReplyKind};
use crate::tui::inbox::study_assignment;
use crate::tui::keys::action::Action;
use crate::tui::marks::marks_in_words;
use crate::tui::text::format::{elapsed, elapsed_seconds};
use crate::tui::text::paint::draw_line;
use crate::tui::text::{columns, one_line, rows as wrapped, sanitize};
use crate::tui::transcript::Transcript;
use crate::tui::ui::Ui;
use crate::tui::views::TextView;

/// The separator between two hints.
const BETWEEN: &str = " · ";
/// The most rows of the alert.
const MAX_ALERT: usize = 2;
/// Columns of the question whether to delete a conversation, with its answers but without the title.
const DELETE_QUESTION_COLUMNS: usize = 41;
/// Columns from which a notice leaves room for more than one hint.
const WIDE: usize = 60;

/// The last rows of the screen, computed once for each frame: the alert, the notice, and the hints
/// about what keys do now.
pub(super) struct StatusLine {
    alert: Vec<String>,
    notice: String,
    level: Level,
    hints: Vec<String>,
    /// Columns that a notice leaves to the hints.
    min_hint_columns: usize,
    /// Rows of the notice and the hints. A notice that would leave no room for hints has its own.
    rows: u16,
}

impl StatusLine {
    /// The status for a screen of this width.
    pub(super) fn new(app: &App, screen: u16) -> Self {
        let (notice, level) = notice(app, usize::from(screen));
        let notice = sanitize(&notice).into_owned();
        let width = usize::from(screen).saturating_sub(2);
        let hints = hints(app);
        let least = min_hint_columns(app, &hints, width);
        let is_cut = columns(&notice) + 3 + least > width;
        // News may come at any time, and must not move what is on the screen.
        let is_news = app.notice.as_ref().is_some_and(|said| said.is_news);
        let rows = if !is_cut || is_news || app.dialog.is_question() {
            1
        } else if columns(&notice) > width {
            3
        } else {
            2
        };
        Self {
            alert: alert(app, screen.saturating_sub(2)),
            notice,
            level,
            hints,
            min_hint_columns: least,
            rows,
        }
    }

    /// The height in rows.
    pub(super) fn height(&self) -> u16 {
        self.rows + u16::try_from(self.alert.len()).unwrap_or(0)
    }

    /// Draws it.
    pub(super) fn draw(&self, frame: &mut Frame, ui: &Ui, area: Rect) {
        let line = area.width.saturating_sub(2);
        let width = usize::from(line);
        let mut rows = area.rows();
        for (words, row) in self.alert.iter().zip(rows.by_ref()) {
            draw_line(
                frame.buffer_mut(),
                row,
                &Line::styled(format!(" {words}"), ui.theme.bad()),
            );
        }
        let mut notice = self.notice.as_str();
        for left in (1..self.rows).rev() {
            let first = wrapped(notice, line).next().unwrap_or_default();
            let rest = match left {
                1 => notice.len(),
                _ => first.end,
            };
            let words = one_line(&notice[..rest], line);
            notice = &notice[rest..];
            if let Some(row) = rows.next() {
                let line = Line::from(vec![
                    Span::raw(" "),
                    Span::styled(words, ui.theme.notice(self.level)),
                ]);
                draw_line(frame.buffer_mut(), row, &line);
            }
        }
        let Some(row) = rows.next() else {
            return;
        };
        let room = width.saturating_sub(self.min_hint_columns + 3);
        let notice = one_line(notice, u16::try_from(room).unwrap_or(u16::MAX));
        let taken = match columns(&notice) {
            0 => 0,
            n => n + 3,
        };
        let keys = fit_hints(&self.hints, width.saturating_sub(taken));
        let gap = width.saturating_sub(columns(&notice) + columns(&keys));
        let line = Line::from(vec![
            Span::raw(" "),
            Span::styled(notice, ui.theme.notice(self.level)),
            Span::raw(" ".repeat(gap)),
            Span::styled(keys, ui.theme.dim()),
        ]);
        draw_line(frame.buffer_mut(), row, &line);
    }
}

/// The rows of the alert in this width: a lasting problem, and whether the study is paused.
fn alert(app: &App, width: u16) -> Vec<String> {
    let paused = Cow::from(app.study_pause_notice());
    let words = [
        app.alert.as_deref().map(sanitize).unwrap_or_default(),
        paused,
    ];
    let words = words.into_iter().filter(|words| !words.is_empty());
    let words = words.collect::<Vec<_>>().join(" · ");
    let mut lines: Vec<String> = wrapped(&words, width)
        .map(|row| words[row].trim_end().to_owned())
        .collect();
    if lines.len() > MAX_ALERT {
        let rest = lines.split_off(MAX_ALERT - 1).join(" ");
        lines.push(one_line(&rest, width));
    }
    lines.retain(|line| !line.is_empty());
    lines
}

/// The text of the notice, or of the question that is open.
fn notice(app: &App, screen: usize) -> (String, Level) {
    match (&app.dialog, &app.notice) {
        (Dialog::Delete(id), _) => {
            // A long title is cut so that the question stays readable.
            let words = screen.saturating_sub(DELETE_QUESTION_COLUMNS);
            let title = app.inbox.get(*id).map_or("", Conversation::title);
            let title = one_line(title, u16::try_from(words.max(4)).unwrap_or(u16::MAX));
            (format!("Delete «{title}» for good?"), Level::Bad)
        }
        (Dialog::Quit, _) => {
            let words = match app.inbox.waiting() {
                // The clients that elapsed when the question was opened are gone.
                0 => "Quit?".to_owned(),
                n => format!("Quit? {n} waiting"),
            };
            (words, Level::Bad)
        }
        (_, Some(notice)) => (notice.text.clone(), notice.level),
        (_, None) => (String::new(), Level::Info),
    }
}

/// Columns that a notice leaves to the hints. The answers to a question are always shown, and so is
/// the key that sends anyway; a narrow screen has room for the last hint only.
fn min_hint_columns(app: &App, hints: &[String], width: usize) -> usize {
    let all = columns(&hints.join(BETWEEN));
    let is_asked = app.dialog.is_question() || app.confirm_anyway.is_some();
    match hints.last() {
        Some(last) if width < WIDE && !is_asked => columns(last),
        _ if is_asked => all,
        _ => all.min(width * 2 / 5),
    }
}

/// The hints about what keys do now, the most useful first and help last.
fn hints(app: &App) -> Vec<String> {
    let key = |action: Action| app.settings.keymap.chord(action).map(ToString::to_string);
    let hint = |action, words: &str| key(action).map(|key| format!("{key} {words}"));
    let mut hints: Vec<Option<String>> = Vec::new();
    match &app.dialog {
        Dialog::Quit => return vec!["y quit".into(), "n stay".into()],
        Dialog::Delete(_) => return vec!["y delete".into(), "n keep".into()],
        Dialog::Picker(purpose, _) => {
            let enter = match purpose {
                PickerPurpose::Conversation => "Enter open",
                PickerPurpose::Action => "Enter run",
                PickerPurpose::Rule => "Enter save",
                PickerPurpose::Turn => "Enter ask again",
                PickerPurpose::Tool
                | PickerPurpose::Recall
                | PickerPurpose::Path
                | PickerPurpose::Model
                | PickerPurpose::Export
                | PickerPurpose::RuleAction => "Enter choose",
            };
            hints.extend([enter, "Esc cancel"].map(|key| Some(key.to_owned())));
        }
        Dialog::Options(_) => {
            hints.push(hint(Action::Options, "set"));
            hints.push(hint(Action::Cancel, "cancel"));
            hints.push(Some("Down next field".into()));
        }
        Dialog::Export(exporting) => {
            let words = match exporting.existing_file {
                Some(_) => "replace",
                None => "write",
            };
            hints.push(hint(Action::Submit, words));
            hints.push(hint(Action::Cancel, "cancel"));
            hints.push(Some("Down next field".into()));
        }
        Dialog::Marks(_) => {
            hints.push(hint(Action::Submit, "save"));
            hints.push(hint(Action::Cancel, "cancel"));
            hints.push(Some("Up Down fields".into()));
        }
        Dialog::Parts(_) => {
            hints.push(Some("Enter edit".into()));
            hints.push(Some("d remove".into()));
            hints.push(Some("K J move".into()));
            hints.push(hint(Action::Cancel, "back"));
        }
        Dialog::Find(_) => {
            hints.push(Some("Down next".into()));
            hints.push(hint(Action::Cancel, "cancel"));
            hints.push(hint(Action::Submit, "stay"));
            hints.push(Some("Up previous".into()));
        }
        Dialog::Prompt(prompt) => {
            hints.push(hint(Action::Submit, prompt.enter_hint()));
            let tab = prompt.tab_words();
            hints.extend(tab.map(|words| hint(Action::NextKind, words)));
            hints.push(hint(Action::Cancel, "cancel"));
        }
        Dialog::None if app.is_in_inbox() && app.list.is_filtering() => {
            hints.push(Some("Enter open".into()));
            hints.push(Some("Esc show all".into()));
        }
        Dialog::None if app.is_in_inbox() => {
            let keys = ["Enter open", "/ filter", "d dismiss", "D dismiss all done"];
            hints.extend(keys.map(|key| Some(key.to_owned())));
            hints.push(hint(Action::Cancel, "back"));
            if app.list.has_column() {
                hints.push(Some("h hide".into()));
            }
            hints.push(Some("r sort".into()));
            hints.push(hint(Action::DeleteConversation, "delete"));
        }
        Dialog::None if app.view().is_some() => {
            hints.push(hint(Action::Cancel, "close"));
            if app.view().is_some_and(TextView::has_pages) {
                hints.push(Some("Left Right days".into()));
            }
            hints.push(Some("Up Down scroll".into()));
            hints.push(Some("/ search".into()));
            hints.push(hint(Action::Copy, "copy"));
        }
        Dialog::None => match &app.confirm_anyway {
            Some(confirm_anyway) => {
                let words = match confirm_anyway.action {
                    Action::AddPart => "add anyway",
                    _ => "send anyway",
                };
                hints.push(hint(confirm_anyway.action, words));
            }
            None => {
                let now = suggested_actions(app).into_iter();
                hints.extend(now.map(|(action, words)| hint(action, words)));
            }
        },
    }
    hints.push(hint(Action::Help, "help"));
    hints.into_iter().flatten().collect()
}

/// The actions to hint at while the composer has the focus, the most useful first.
fn suggested_actions(app: &App) -> Vec<(Action, &'static str)> {
    let composer = app.composer();
    let conversation = app.conversation();
    let waiting = conversation.filter(|conversation| conversation.is_waiting());
    let call = composer.call.as_ref();
    let call = call.filter(|_| waiting.is_some() && composer.kind == ReplyKind::Tool);
    let mut found = Vec::new();
    if app.auto_sent_draft().is_some() {
        found.push((Action::Cancel, "take over"));
        found.push((Action::Mode, "mode"));
    } else if app.previewed_draft().is_some() {
        found.push((Action::Cancel, "stop"));
        found.push((Action::Draft, "another"));
    } else if let Some(conversation) = waiting {
        let in_form = call.and_then(ComposedCall::enter_hint);
        let words = in_form.unwrap_or_else(|| composer.kind.verb());
        found.push((Action::Submit, words));
        if !app.inbox.models().is_empty() {
            if composer.live && conversation.live_phase().is_some() {
                found.push((Action::ContinueDraft, "hand back"));
            } else if composer.is_idle() {
                found.push((Action::Draft, "draft"));
                found.push((Action::Mode, "mode"));
            }
        }
        let is_answer = composer.kind == ReplyKind::Send && composer.is_empty();
        let request = conversation.request();
        match request.purpose {
            _ if is_answer && request.tool_choice.requires_call() => {
                found.push((Action::Skeleton, "call form"));
            }
            api::Purpose::Summary if is_answer => found.push((Action::Skeleton, "draft summary")),
            api::Purpose::CommitMessage if is_answer => {
                found.push((Action::Skeleton, "draft message"));
            }
            api::Purpose::PermissionCheck if is_answer => {
                found.extend([(Action::Allow, ALLOW), (Action::Block, BLOCK)]);
            }
            _ if is_answer && request.output_format != OutputFormat::Text => {
                found.push((Action::Skeleton, "skeleton"));
            }
            _ => {}
        }
        if composer.is_idle() && conversation.has_running_process() {
            found.push((Action::ContinueProcess, "continue process"));
        }
    }
    if conversation.is_some_and(|found| waiting.is_none() && found.rejects(app.now)) {
        found.push((Action::LiftRejection, "lift rejection"));
    }
    let selected = app.transcript().and_then(Transcript::selected_block);
    if selected.is_some() {
        found.push((Action::Copy, "copy"));
        found.push((Action::Fold, "fold"));
        found.push((Action::Page, "pager"));
        found.push((Action::Cancel, "deselect"));
    }
    if waiting.is_some() {
        found.push((Action::NextKind, "kind"));
        if call.is_some_and(ComposedCall::is_to_process) {
            found.push((Action::InterruptProcess, "Ctrl+C"));
            found.push((Action::EndInput, "Ctrl+D"));
        }
        if call.is_some() {
            found.push((Action::ToggleForm, "form/JSON"));
            found.push((Action::Cancel, "cancel"));
        }
    }
    if app.inbox.waiting() > usize::from(waiting.is_some()) {
        found.push((Action::NextWaiting, "next waiting"));
    }
    if waiting.is_some() {
        if composer.kind == ReplyKind::Command {
            found.push((Action::Options, "options"));
        }
        found.push((Action::Newline, "newline"));
    }
    if conversation.is_some() {
        if selected.is_none() {
            found.push((Action::Fold, "fold"));
        }
        found.push((Action::ShowTools, "tools"));
        found.push((Action::ShowRaw, "raw"));
    }
    if app.inbox.conversations().len() > 1 {
        found.push((Action::Inbox, "inbox"));
    }
    found.push((Action::Palette, "actions"));
    found.push((Action::Editor, "editor"));
    found.push((Action::Quit, "quit"));
    found
}

/// As many hints as fit into the width, and always the last one.
fn fit_hints(hints: &[String], width: usize) -> String {
    let Some((last, rest)) = hints.split_last() else {
        return String::new();
    };
    let mut line = String::new();
    let mut left = width.saturating_sub(columns(last));
    for hint in rest {
        let needed = columns(hint) + columns(BETWEEN);
        if needed > left {
            break;
        }
        left -= needed;
        line.push_str(hint);
        line.push_str(BETWEEN);
    }
    line + last
}

/// Draws the title of the middle pane: the conversation and its state, or the view.
pub(super) fn draw_title(frame: &mut Frame, ui: &Ui, app: &App, area: Rect) {
    let width = area.width.saturating_sub(2);
    let is_wide = area.width >= u16::try_from(WIDE).unwrap_or(0);
    let (name, mut state) = match (app.view(), app.conversation()) {
        (Some(view), _) => (view.title().to_owned(), String::new()),
        (None, None) => ("humanllm".to_owned(), String::new()),
        (None, Some(conversation)) => {
            let place = app.inbox.position(conversation.id).map_or(0, |at| at + 1);
            let count = app.inbox.conversations().len();
            let mut state = match (state(conversation, app), time_left(conversation, app.now)) {
                (state, None) => state,
                (_, Some((_, left))) if !is_wide => left,
                (state, Some((_, left))) => format!("{state} · {left}"),
            };
            if count > 1 {
                state = format!("{state} · {place}/{count}");
            }
            let whose = if is_wide {
                sanitize(&study_assignment(conversation)).into_owned()
            } else {
                String::new()
            };
            for words in [mode_label(app, conversation, is_wide), whose] {
                if !words.is_empty() {
                    state = format!("{words}{BETWEEN}{state}");
                }
            }
            (conversation.title().to_owned(), state)
        }
    };
    if let (Some(phase), None) = (app.inbox.phase(), app.view()) {
        let between = if state.is_empty() { "" } else { BETWEEN };
        state = format!("phase {}{between}{state}", sanitize(&phase.name));
    }
    let progress = app
        .searchable()
        .map(|reading| reading.progress().to_string());
    if let Some(progress) = progress.filter(|progress| !progress.is_empty()) {
        if !state.is_empty() {
            state.push_str(BETWEEN);
        }
        state.push_str(&progress);
    }
    let state_width = u16::try_from(columns(&state)).unwrap_or(u16::MAX);
    let name = one_line(&name, width.saturating_sub(state_width + 1));
    let gap = usize::from(width).saturating_sub(columns(&name) + columns(&state));
    let line = format!(" {name}{}{state} ", " ".repeat(gap));
    let style = if app.is_in_inbox() {
        ui.theme.strong()
    } else {
        ui.theme.bar()
    };
    draw_line(frame.buffer_mut(), area, &Line::styled(line, style));
}

/// Draws the marks of the open conversation.
pub(super) fn draw_marks(frame: &mut Frame, ui: &Ui, app: &App, area: Rect) {
    let marks = app.conversation().map_or(&[][..], Conversation::marks);
    let words = one_line(&marks_in_words(marks), area.width.saturating_sub(2));
    let line = Line::styled(format!(" {words}"), ui.theme.dim());
    draw_line(frame.buffer_mut(), area, &line);
}

/// The status of a conversation, as text.
pub(super) fn state(conversation: &Conversation, app: &App) -> String {
    match conversation.status() {
        inbox::Status::Waiting { since } => {
            let behind = match conversation.waiting() {
                0 | 1 => String::new(),
                n => format!(" (+{} behind)", n - 1),
            };
            format!("waiting {}{behind}", elapsed(since, app.now))
        }
        inbox::Status::Answered => {
            match (&conversation.automatic, conversation.refused_retries()) {
                (Some(_), _) => "auto-answered".into(),
                (None, 0) => "answered".into(),
                (None, n) => format!("refused again ×{n}"),
            }
        }
        inbox::Status::ClientGone => "client gone".into(),
    }
}

/// How long the client of a conversation still waits, if it has said so: in seconds, and as text.
pub(super) fn time_left(conversation: &Conversation, now: Timestamp) -> Option<(u64, String)> {
    let inbox::Status::Waiting { since } = conversation.status() else {
        return None;
    };
    let patience = conversation.request().gives_up_after()?;
    let until = since.checked_add(patience).ok()?;
    Some(match elapsed_seconds(now, until) {
        0 => (0, "out of time".into()),
        seconds => (seconds, format!("{} left", elapsed(now, until))),
    })
}
