//! Shows the draft that a model is writing in the place of the composer, and the status lines of drafts.
//!
//! A draft may be long, and grows with every frame: only its end is looked at.

use std::borrow::Cow;

use jiff::{SignedDuration, Timestamp};
use ratatui::Frame;
use ratatui::layout::{Position, Rect};
use ratatui::text::{Line, Span};

use crate::api::Body;
use crate::draft::Draft;
use crate::inbox::{Conversation, DraftState, Mode, ModelDraft, Partial};
use crate::tui::app::App;
use crate::tui::composer::{PROMPT, ReplyKind};
use crate::tui::keys::action::Action;
use crate::tui::text::paint::draw_line;
use crate::tui::text::{columns, one_line, rows, sanitize, shown};
use crate::tui::ui::Ui;

/// Rows of a draft that are laid out at most.
const MAX_ROWS: usize = 100;
/// Rows for the error of a draft.
const MAX_OUTCOME_ROWS: usize = 3;
/// Columns from which the status line shows everything.
const ROOMY_WIDTH: u16 = 60;
/// Bytes of a token on average, where the server reports no count.
const BYTES_PER_TOKEN: usize = 4;

/// What a model has written of a draft so far.
pub(super) struct Preview<'a> {
    /// The kind of reply it becomes.
    pub kind: ReplyKind,
    /// The items before the one that is being made.
    pub finished_items: Vec<&'a Body>,
    /// The person's text that it continues.
    base: Option<Draft>,
    text: Cow<'a, str>,
    /// Whether `text` is reasoning, which is not sent.
    is_thought: bool,
}

impl<'a> Preview<'a> {
    pub(super) fn of(app: &'a App) -> Option<Self> {
        let draft = app.previewed_draft()?;
        let shell = app.conversation()?.shell();
        let (kind, text, is_thought) = match &draft.partial {
            // Reasoning stays on the screen until something else follows.
            Partial::Nothing => match draft.items.last() {
                Some(thought @ Body::Reasoning { .. }) => (ReplyKind::Send, thought.words(), true),
                _ => (ReplyKind::Send, "".into(), false),
            },
            Partial::Text(text) => {
                let rest = text.get(draft.sent_message_bytes..).unwrap_or_default();
                (ReplyKind::Send, rest.into(), false)
            }
            Partial::Thought(text) => (ReplyKind::Send, text.into(), true),
            Partial::Call { title, arguments } => {
                let shell = shell.filter(|shell| shell.name() == title);
                match shell.and_then(|shell| shell.partial_command(arguments)) {
                    Some(command) => (ReplyKind::Command, command.into(), false),
                    None if shell.is_some() => (ReplyKind::Command, "".into(), false),
                    None => (ReplyKind::Tool, arguments.into(), false),
                }
            }
        };
        let items = draft.items.iter().skip(draft.sent_items);
        Some(Self {
            kind,
            finished_items: items
                .filter(|item| !matches!(item, Body::Reasoning { .. }))
                .collect(),
            base: app.continued_words(draft),
            text,
            is_thought,
        })
    }

    /// Its last rows at a width.
    fn rows(&self, width: u16) -> Vec<String> {
        let mut last = last_rows(&self.text, width);
        if let Some(base) = &self.base
            && !self.is_thought
            && last.len() < MAX_ROWS
        {
            last = last_rows(&format!("{}{}", base.text, self.text), width);
        }
        last
    }

    /// How many rows it takes at a width, as far as it matters.
    pub(super) fn height(&self, width: u16) -> usize {
        self.rows(width.saturating_sub(PROMPT)).len().max(1)
    }

    /// Draws its end; returns where the next word goes.
    pub(super) fn draw(&self, frame: &mut Frame, ui: &Ui, area: Rect) -> Option<Position> {
        let width = area.width.saturating_sub(PROMPT);
        let rows = self.rows(width);
        let first = rows.len().saturating_sub(usize::from(area.height));
        let style = if self.is_thought {
            ui.theme.dim()
        } else {
            ratatui::style::Style::new()
        };
        let mut cursor = None;
        let last = rows.into_iter().enumerate().skip(first);
        for ((at, row), place) in last.zip(area.rows()) {
            let mark = match (at, self.kind) {
                (0, ReplyKind::Command) => "$ ",
                (0, _) => "> ",
                _ => "  ",
            };
            let row = shown(&row, width).into_owned();
            let x = place.x.saturating_add(PROMPT);
            let x = x.saturating_add(u16::try_from(columns(&row)).unwrap_or(0));
            cursor = Some(Position {
                x: x.min(area.right().saturating_sub(1)),
                y: place.y,
            });
            let spans = vec![
                Span::styled(mark, ui.theme.strong()),
                Span::styled(row, style),
            ];
            draw_line(frame.buffer_mut(), place, &Line::from(spans));
        }
        cursor
    }
}

/// The last rows of a text at a width.
fn last_rows(text: &str, width: u16) -> Vec<String> {
    let width = width.saturating_sub(1).max(1);
    // As much as can be on that many rows.
    let most = MAX_ROWS * usize::from(width) * 4;
    let from = text.ceil_char_boundary(text.len().saturating_sub(most));
    let mut found = Vec::new();
    for line in text[from..].rsplit('\n') {
        let line = line.trim_end_matches('\r');
        let own = rows(line, width).map(|row| line[row].to_owned());
        let own: Vec<String> = own.collect();
        found.extend(own.into_iter().rev());
        if found.len() >= MAX_ROWS {
            break;
        }
    }
    found.reverse();
    found
}

/// The status of the drafts: which model writes, how much and how fast. Several lines for an error;
/// none where no model is involved.
pub(super) fn draft_status(app: &App, width: u16) -> Vec<String> {
    let room = width.saturating_sub(2);
    let Some(conversation) = app.conversation().filter(|found| found.is_waiting()) else {
        return Vec::new();
    };
    let is_roomy = width >= ROOMY_WIDTH;
    let key = |action: Action| {
        let key = app.settings.keymap.chord(action);
        key.map(ToString::to_string).unwrap_or_default()
    };
    if let Some(draft) = app.auto_sent_draft() {
        let writes = if is_roomy { " writes" } else { "" };
        let takes = key(Action::Cancel);
        let mut words = format!("auto · {}{writes} · {takes} takes over", draft.model);
        if is_roomy {
            words += &token_stats(draft, app.now);
        }
        return vec![one_line(&sanitize(&words), room)];
    }
    if app.is_auto_pending(conversation.id) {
        let words = format!("auto in 1 s · {} stops that", key(Action::Mode));
        return vec![one_line(&words, room)];
    }
    let is_worth = |draft: &&ModelDraft| {
        let has_failed = matches!(draft.state, DraftState::Failed(_));
        draft.is_streaming() || draft.has_unsent() || has_failed
    };
    let drafts = conversation.drafts().iter().filter(is_worth);
    let drafts: Vec<&ModelDraft> = drafts.collect();
    let shown = app.shown_draft();
    let Some(draft) = shown.or(drafts.last().copied()) else {
        return hold_reason(conversation, room);
    };
    let at = drafts
        .iter()
        .position(|one| one.id == draft.id)
        .unwrap_or(0)
        + 1;
    let next = key(Action::NextDraft);
    let name = match (drafts.len(), shown.is_some()) {
        (1, true) => "draft".to_owned(),
        (1, false) => format!("draft beside: {next}"),
        (count, true) => format!("draft {at}/{count}"),
        (count, false) => format!("{count} drafts beside: {next}"),
    };
    let why = draft.outcome();
    if !why.is_empty() && !matches!(draft.state, DraftState::Cancelled) {
        let words = match (is_roomy, drafts.len()) {
            (true, 2..) => format!("{name} · {why}"),
            _ => why,
        };
        return wrapped(&sanitize(&words), room);
    }
    let mut words = if is_roomy {
        format!("{name} · {}", draft.model)
    } else {
        name
    };
    words += &match (&draft.state, &draft.partial) {
        (DraftState::Cancelled, _) => " · stopped".to_owned(),
        (DraftState::Streaming, Partial::Nothing) if draft.items.is_empty() => {
            format!(" · asked{}", elapsed(draft.begun, app.now))
        }
        (DraftState::Streaming, Partial::Thought(_)) => {
            format!(" · thinking…{}", token_stats(draft, app.now))
        }
        (DraftState::Streaming, Partial::Call { title, .. }) if is_roomy => {
            format!(" · {title}{}", token_stats(draft, app.now))
        }
        _ => token_stats(draft, app.now),
    };
    if shown.is_some() && is_roomy && app.has_stashed_words() {
        words += &format!(" · {} your words", key(Action::PreviousDraft));
    }
    if let Some(hint) = draft.hint.as_ref().filter(|_| is_roomy) {
        words += &format!(" · «{hint}»");
    }
    vec![one_line(&sanitize(&words), room)]
}

/// Which rule held a request of which there is no draft, and why.
fn hold_reason(conversation: &Conversation, room: u16) -> Vec<String> {
    let decision = conversation.decision();
    let words = decision.map(|decision| {
        let (rule, matched) = (&decision.rule, &decision.matched);
        format!("held by \"{rule}\": {matched}")
    });
    words.map_or_else(Vec::new, |words| wrapped(&sanitize(&words), room))
}

/// Wraps a text into [`MAX_OUTCOME_ROWS`] at most; the last one is cut.
fn wrapped(words: &str, room: u16) -> Vec<String> {
    let words = words.replace('\n', " ");
    let all: Vec<String> = rows(&words, room)
        .map(|row| words[row].trim_end().to_owned())
        .collect();
    if all.len() > MAX_OUTCOME_ROWS {
        let (first, rest) = all.split_at(MAX_OUTCOME_ROWS - 1);
        let mut first = first.to_vec();
        first.push(one_line(&rest.join(" "), room));
        first
    } else {
        all
    }
}

/// How many tokens, how fast, and how long it took.
fn token_stats(draft: &ModelDraft, now: Timestamp) -> String {
    let counted = draft.usage.as_ref().map(|usage| usage.output);
    let about = if counted.is_some() { "" } else { "~" };
    let tokens = counted.unwrap_or_else(|| {
        let items: usize = draft.items.iter().map(|item| item.words().len()).sum();
        let partial = match &draft.partial {
            Partial::Nothing => 0,
            Partial::Text(text) | Partial::Thought(text) => text.len(),
            Partial::Call { arguments, .. } => arguments.len(),
        };
        u64::try_from((items + partial).div_ceil(BYTES_PER_TOKEN)).unwrap_or(0)
    });
    let end = draft.ended.unwrap_or(now);
    let writing = draft.first_piece.map(|first| end.duration_since(first));
    let writing = writing.map_or(0.0, |writing| writing.as_secs_f64());
    let speed = match writing > 0.0 {
        #[expect(clippy::cast_precision_loss)]
        true => format!(" · {:.0}/s", tokens as f64 / writing),
        false => String::new(),
    };
    let unit = if tokens == 1 { "token" } else { "tokens" };
    format!(
        " · {about}{tokens} {unit}{speed}{}",
        elapsed(draft.begun, end)
    )
}

fn elapsed(from: Timestamp, to: Timestamp) -> String {
    let took: SignedDuration = to.duration_since(from);
    format!(" · {:.1} s", took.as_secs_f64().max(0.0))
}

/// The mode of a conversation, with the model's name if there is room for it; empty where there is no
/// model and so only one mode.
pub(in crate::tui) fn mode_label(app: &App, conversation: &Conversation, is_roomy: bool) -> String {
    let model = app.inbox.models().first();
    match (app.mode(conversation.id), model) {
        (Mode::Manual, None) => String::new(),
        (mode, Some(model)) if is_roomy && mode != Mode::Manual => {
            format!("{} {model}", mode.label())
        }
        (mode, _) => mode.label().into(),
    }
}
