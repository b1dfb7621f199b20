//! Layout and drawing of the inbox pane.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use super::InboxList;
use super::row::{RowSummary, distinctions, folder, status_words, study_assignment, time_left};
use crate::inbox::{Conversation, ConversationId, Inbox, Mode, Status};
use crate::tui::marks::short_summary;
use crate::tui::text::format::{agent_name, day_or_time};
use crate::tui::text::paint::draw_line;
use crate::tui::text::{columns, one_line};
use crate::tui::theme::Theme;
use crate::tui::ui::Ui;

/// Rows that a conversation takes.
const ROWS: usize = 2;
/// Columns for the marks at the left: whether the conversation is open, and its status.
const MARK_COLUMNS: u16 = 3;
/// Columns for the title of the parent conversation.
const PARENT_COLUMNS: u16 = 20;
/// The mark of an unsent draft.
const DRAFT_MARK: &str = "✎";
/// The least columns of the inbox beside the transcript, and the most that its content makes it.
const MIN_COLUMNS: u16 = 28;
const MAX_COLUMNS: u16 = 48;
/// Columns that are left to the transcript.
const MIN_TRANSCRIPT_COLUMNS: u16 = 60;
/// If a client gives up in less than this many seconds, the list shows the time that is left instead
/// of the time it has waited.
const URGENT: u64 = 120;
/// Columns of the longest usual waiting time.
const WAITING_COLUMNS: usize = "waiting 0 m 00 s".len();

/// The state of the program that the list shows.
pub(in crate::tui) struct ListSource<'a> {
    pub inbox: &'a Inbox,
    /// The open conversation.
    pub open: Option<ConversationId>,
    /// Whether the list has the focus.
    pub has_focus: bool,
    pub now: Timestamp,
    /// The time zone of all times that are shown.
    pub zone: &'a TimeZone,
    /// The mode of a conversation.
    pub mode: &'a dyn Fn(ConversationId) -> Mode,
    /// Whether a conversation has an unsent draft.
    pub has_draft: &'a dyn Fn(ConversationId) -> bool,
}

/// Draws the list as it was laid out.
pub(in crate::tui) fn draw(
    frame: &mut Frame,
    ui: &Ui,
    list: &InboxList,
    inbox: &Inbox,
    has_focus: bool,
    area: Rect,
) {
    if let Some(row) = area.rows().next() {
        let title = list.title(ui, inbox, has_focus, row.width);
        draw_line(frame.buffer_mut(), row, &title);
    }
    for (place, lines) in &list.rows.lines {
        for (line, row) in lines.iter().zip(place.rows()) {
            draw_line(frame.buffer_mut(), row, line);
        }
    }
    if list.shown.is_empty()
        && let Some(row) = area.rows().nth(1)
    {
        let nothing = match list.filter {
            Some(_) => " nothing matches",
            None => " nothing yet",
        };
        draw_line(
            frame.buffer_mut(),
            row,
            &Line::styled(nothing, ui.theme.dim()),
        );
    }
}

/// The cached rows of the visible conversations, rebuilt only when their key has changed: most key
/// presses change none of them, and most events few.
#[derive(Debug, Default)]
pub(super) struct InboxRows {
    key: Option<RowsKey>,
    /// What distinguishes each of them from others with the same title.
    apart: Vec<String>,
    lines: Vec<(Rect, [Line<'static>; ROWS])>,
}

impl InboxRows {
    /// The cached lines of a conversation, if they are still valid.
    fn take(&mut self, now: &RowsKey, at: usize, apart: &str) -> Option<[Line<'static>; ROWS]> {
        let seen = now.shown.get(at)?;
        let key = self.key.as_ref().filter(|before| before.looks_same(now))?;
        let at = key.shown.iter().position(|before| before == seen)?;
        let is_same = self.apart.get(at).is_some_and(|before| before == apart);
        is_same.then(|| std::mem::take(&mut self.lines[at].1))
    }
}

/// Everything that the rows depend on.
#[derive(Debug, PartialEq)]
struct RowsKey {
    area: Rect,
    theme: Theme,
    /// The current second, because waiting times are shown.
    second: i64,
    has_focus: bool,
    shown: Vec<RowKey>,
}

impl RowsKey {
    /// Whether the rows look the same for a conversation that has not changed.
    fn looks_same(&self, other: &Self) -> bool {
        self.area.width == other.area.width
            && self.theme == other.theme
            && self.second == other.second
            && self.has_focus == other.has_focus
    }
}

/// Everything that the rows of one conversation depend on.
#[derive(Debug, PartialEq)]
struct RowKey {
    id: ConversationId,
    is_open: bool,
    is_chosen: bool,
    has_draft: bool,
    mode: Mode,
    status: Status,
    waiting: usize,
    active: Timestamp,
    /// Whether its items are loaded from the journal, which the summary is made from.
    is_loaded: bool,
    /// The title of the parent conversation.
    parent: String,
    /// Its marks, in words.
    marks: String,
}

impl InboxList {
    /// The width of its column: that of the content, adjusted by the person.
    pub(in crate::tui) fn width(&self, inbox: &Inbox, area: Rect) -> u16 {
        let fits = usize::from(area.height.saturating_sub(1)) / ROWS;
        let shown = inbox.conversations_from(self.first_visible).take(fits);
        let wanted = shown.map(|conversation| {
            let title = columns(conversation.title());
            let agent = columns(agent_name(&conversation.agent));
            let below = WAITING_COLUMNS + columns(folder(conversation)) + agent + 6;
            title.max(below)
        });
        let wanted = wanted.max().unwrap_or(0) + usize::from(MARK_COLUMNS) + 2;
        let wanted = u16::try_from(wanted).unwrap_or(u16::MAX);
        let own = wanted.clamp(
            MIN_COLUMNS,
            (area.width / 10 * 3).clamp(MIN_COLUMNS, MAX_COLUMNS),
        );
        let most = area
            .width
            .saturating_sub(MIN_TRANSCRIPT_COLUMNS)
            .max(MIN_COLUMNS);
        own.saturating_add_signed(self.extra_columns)
            .clamp(MIN_COLUMNS.min(most) / 2, most)
    }

    /// Lays it out in a pane. Scrolls no further than it has to so that the selected conversation is
    /// visible, or the open one if the focus is elsewhere. Without a pane it is not shown.
    pub(in crate::tui) fn layout(
        &mut self,
        ui: &Ui,
        source: &ListSource,
        area: Option<Rect>,
        has_column: bool,
    ) {
        let (inbox, open) = (source.inbox, source.open);
        self.has_column = has_column;
        self.shown.clear();
        let mut known = std::mem::take(&mut self.summaries);
        let Some(area) = area else {
            self.rows = InboxRows::default();
            return;
        };
        self.visible_count = (usize::from(area.height.saturating_sub(1)) / ROWS).max(1);
        let mut y = area.y.saturating_add(1);
        for id in self.visible(inbox, open) {
            let Some(conversation) = inbox.get(id) else {
                continue;
            };
            let summary = known
                .remove(&id)
                .filter(|summary| summary.is_current(conversation));
            let summary = summary.unwrap_or_else(|| RowSummary::new(conversation));
            self.summaries.insert(id, summary);
            let height = u16::try_from(ROWS).unwrap_or(1);
            let place = Rect { y, height, ..area };
            self.shown.push((place.intersection(area), id));
            y = y.saturating_add(height);
        }
        let key = self.rows_key(ui, source, area);
        if self.rows.key.as_ref() != Some(&key) {
            let before = std::mem::take(&mut self.rows);
            self.rows = self.build_rows(ui, source, key, before);
        }
    }

    fn rows_key(&self, ui: &Ui, source: &ListSource, area: Rect) -> RowsKey {
        let shown = self.shown.iter().filter_map(|(_, id)| {
            let conversation = source.inbox.get(*id)?;
            Some(RowKey {
                id: *id,
                is_open: source.open == Some(*id),
                is_chosen: self.chosen == Some(*id),
                has_draft: (source.has_draft)(*id),
                mode: (source.mode)(*id),
                status: conversation.status(),
                waiting: conversation.waiting(),
                active: conversation.last_activity,
                is_loaded: conversation.is_loaded(),
                parent: parent_of(source.inbox, conversation),
                marks: short_summary(conversation.marks()),
            })
        });
        RowsKey {
            area,
            theme: ui.theme.clone(),
            second: source.now.as_second(),
            has_focus: source.has_focus,
            shown: shown.collect(),
        }
    }

    /// The conversations that are visible, after scrolling.
    fn visible(&mut self, inbox: &Inbox, open: Option<ConversationId>) -> Vec<ConversationId> {
        let goal = if self.has_focus { self.chosen } else { open };
        let (count, at) = match &self.frozen {
            Some(frozen) => (frozen.len(), goal.and_then(|id| frozen.position(id))),
            None => (
                inbox.conversations().len(),
                goal.and_then(|id| inbox.position(id)),
            ),
        };
        let at = at.unwrap_or(0);
        let least = (at + 1).saturating_sub(self.visible_count);
        let most = count.saturating_sub(self.visible_count);
        self.first_visible = self.first_visible.clamp(least, at).min(most.max(least));
        match &self.frozen {
            Some(frozen) => {
                let frozen = frozen.from(self.first_visible);
                let there = frozen.filter(|id| inbox.get(*id).is_some());
                there.take(self.visible_count).collect()
            }
            None => {
                let listed = inbox
                    .conversations_from(self.first_visible)
                    .take(self.visible_count);
                listed.map(|found| found.id).collect()
            }
        }
    }

    /// The title: the filter or the name, and how many conversations wait.
    fn title(&self, ui: &Ui, inbox: &Inbox, has_focus: bool, width: u16) -> Line<'static> {
        // The pane with the focus is marked by colour and by a character.
        let (mark, style) = if has_focus {
            ("▸ ", ui.theme.bar())
        } else {
            ("", ui.theme.strong())
        };
        let name = match &self.filter {
            Some(filter) => format!("{mark}/{}▏", filter.text()),
            None => format!("{mark}inbox"),
        };
        let counts = match (&self.filter, &self.frozen) {
            (Some(_), Some(frozen)) => {
                format!("{} of {}", frozen.len(), inbox.conversations().len())
            }
            (_, frozen) => {
                let came = frozen.as_ref().map_or(0, |frozen| frozen.added());
                let parts = [(came, "new"), (inbox.waiting(), "waiting")].into_iter();
                let parts = parts.filter(|(count, _)| *count > 0);
                let parts: Vec<String> = parts
                    .map(|(count, what)| format!("{count} {what}"))
                    .collect();
                parts.join(" · ")
            }
        };
        let width = width.saturating_sub(2);
        let taken = u16::try_from(columns(&counts)).unwrap_or(u16::MAX);
        let name = one_line(&name, width.saturating_sub(taken.saturating_add(1)));
        let counts = one_line(&counts, width);
        let gap = usize::from(width).saturating_sub(columns(&name) + columns(&counts));
        Line::styled(format!(" {name}{}{counts} ", " ".repeat(gap)), style)
    }

    /// Builds the rows of the visible conversations, each with its area.
    fn build_rows(
        &self,
        ui: &Ui,
        source: &ListSource,
        key: RowsKey,
        mut before: InboxRows,
    ) -> InboxRows {
        let width = key.area.width;
        let room = width.saturating_sub(MARK_COLUMNS + 1);
        let found = self.shown.iter().filter_map(|(place, id)| {
            let summary = self.summaries.get(id)?;
            Some((*place, source.inbox.get(*id)?, summary))
        });
        let found: Vec<_> = found.collect();
        let rows = found.iter().map(|(_, conversation, summary)| {
            (
                one_line(conversation.title(), room),
                *conversation,
                *summary,
            )
        });
        let rows: Vec<_> = rows.collect();
        let apart = distinctions(&rows);
        let lines = rows.into_iter().zip(&apart).zip(&found).enumerate();
        let lines = lines.map(|(at, (((title, conversation, summary), apart), found))| {
            let lines = before.take(&key, at, apart);
            let lines = lines.unwrap_or_else(|| {
                self.entry((ui, source), conversation, summary, (title, apart), width)
            });
            (found.0, lines)
        });
        InboxRows {
            lines: lines.collect(),
            apart,
            key: Some(key),
        }
    }

    fn entry(
        &self,
        (ui, source): (&Ui, &ListSource),
        conversation: &Conversation,
        summary: &RowSummary,
        (title, apart): (String, &str),
        width: u16,
    ) -> [Line<'static>; ROWS] {
        let is_open = source.open == Some(conversation.id);
        let is_chosen = if source.has_focus {
            self.chosen == Some(conversation.id)
        } else {
            is_open
        };
        let side = match (is_open, is_chosen) {
            (_, true) if source.has_focus => "▸",
            (true, _) => "▌",
            (false, _) => " ",
        };
        let (mark, mark_style) = match conversation.status() {
            Status::Waiting { .. } => ("●", ui.theme.waiting()),
            Status::ClientGone => ("✗", ui.theme.bad()),
            Status::Answered if conversation.automatic.is_some() => ("⋯", ui.theme.dim()),
            Status::Answered => ("✓", ui.theme.dim()),
        };
        let title_style = match (is_chosen, conversation.is_waiting()) {
            (true, _) => ui.theme.bar(),
            (false, true) => ui.theme.strong(),
            (false, false) => Style::new(),
        };
        let room = width.saturating_sub(MARK_COLUMNS + 1);
        let draft = if (source.has_draft)(conversation.id) {
            DRAFT_MARK
        } else {
            ""
        };
        // What distinguishes it may take half of the row.
        let apart = one_line(apart, room / 2);
        let mode = match (source.mode)(conversation.id) {
            Mode::Manual => "",
            mode => mode.label(),
        };
        let behind = [apart.as_str(), mode, draft]
            .into_iter()
            .filter(|part| !part.is_empty());
        let behind: String = behind.map(|part| format!(" {part}")).collect();
        let taken = u16::try_from(columns(&behind)).unwrap_or(u16::MAX);
        let title = one_line(&title, room.saturating_sub(taken));
        let fill = usize::from(room).saturating_sub(columns(&title) + columns(&behind));
        let edge = || Span::styled(side, ui.theme.strong());
        let second = one_line(&second_row(source, conversation, summary), room);
        [
            Line::from(vec![
                edge(),
                Span::styled(mark, mark_style),
                Span::styled(format!(" {title}{}", " ".repeat(fill)), title_style),
                Span::styled(behind, title_style),
            ]),
            Line::from(vec![
                edge(),
                Span::raw("  "),
                Span::styled(second, ui.theme.dim()),
            ]),
        ]
    }
}

/// The second row: status, folder, agent and the latest item, among others.
fn second_row(source: &ListSource, conversation: &Conversation, summary: &RowSummary) -> String {
    let mut state = status_words(conversation, source.now);
    if let Some((seconds, left)) = time_left(conversation, source.now)
        && seconds < URGENT
    {
        state = left;
    }
    if !conversation.is_waiting() {
        let since = day_or_time(conversation.last_activity, source.now, source.zone);
        state = format!("{state} {since}");
    }
    let parent = parent_of(source.inbox, conversation);
    let whose = study_assignment(conversation);
    let marks = short_summary(conversation.marks());
    let parts = match conversation.automatic {
        Some(_) => vec![state.as_str(), summary.latest.as_str()],
        None => vec![
            state.as_str(),
            parent.as_str(),
            whose.as_str(),
            marks.as_str(),
            folder(conversation),
            agent_name(&conversation.agent),
            summary.latest.as_str(),
        ],
    };
    let parts: Vec<&str> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    parts.join(" · ")
}

/// The parent of a conversation that was begun by a subagent, in words; empty if there is none.
fn parent_of(inbox: &Inbox, conversation: &Conversation) -> String {
    let parent = conversation.parent.and_then(|id| inbox.get(id));
    parent.map_or_else(String::new, |parent| {
        format!("↳ {}", one_line(parent.title(), PARENT_COLUMNS))
    })
}
