//! The rows of the inbox that fit, and how wide they want to be.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use super::InboxView;
use super::row::{About, distinctions, folder};
use crate::inbox::{Conversation, ConversationId, Inbox, Status};
use crate::tui::app::App;
use crate::tui::status;
use crate::tui::text::format::{agent_name, day_or_time};
use crate::tui::text::{columns, one_line};
use crate::tui::ui::Ui;

/// Rows that a conversation takes.
const ROWS: usize = 2;
/// Columns left of its words: whether it is open, and what it is doing.
const MARKS: u16 = 3;
/// Says that something is typed and not sent.
const DRAFT: &str = "✎";
/// The least columns of the inbox beside the transcript, and the most that its content makes it.
const NARROWEST: u16 = 28;
const WIDEST: u16 = 48;
/// Columns that the transcript keeps beside it.
const LEFT: u16 = 60;
/// Seconds that a client still waits from which the list says so instead of how long it has waited.
const URGENT: u64 = 120;
/// Columns that a time of waiting takes.
const WAITING: usize = "waiting 0 m 00 s".len();

/// The columns that the inbox takes of a pane that it shares: those that its content wants, and
/// what the person has made of it.
pub(in crate::tui) fn width(app: &App, area: Rect) -> u16 {
    let view = &app.inbox_view;
    let fits = usize::from(area.height.saturating_sub(1)) / ROWS;
    let shown = app.inbox.conversations_from(view.top).take(fits);
    let wanted = shown.map(|conversation| {
        let title = columns(conversation.title());
        let agent = columns(agent_name(&conversation.agent));
        let below = WAITING + columns(folder(conversation)) + agent + 6;
        title.max(below)
    });
    let wanted = wanted.max().unwrap_or(0) + usize::from(MARKS) + 2;
    let wanted = u16::try_from(wanted).unwrap_or(u16::MAX);
    let own = wanted.clamp(NARROWEST, (area.width / 10 * 3).clamp(NARROWEST, WIDEST));
    let most = area.width.saturating_sub(LEFT).max(NARROWEST);
    own.saturating_add_signed(view.wider)
        .clamp(NARROWEST.min(most) / 2, most)
}

/// Draws the part of the list around the conversation that is open, or that the keys act on.
pub(in crate::tui) fn draw(frame: &mut Frame, ui: &Ui, app: &mut App, area: Rect) {
    let mut view = std::mem::take(&mut app.inbox_view);
    view.fits = usize::from(area.height.saturating_sub(1)) / ROWS;
    let shown = view.visible(&app.inbox, app.open);
    let mut known = std::mem::take(&mut view.abouts);
    for id in &shown {
        if let Some(conversation) = app.inbox.get(*id) {
            let about = known.remove(id).filter(|about| about.is_of(conversation));
            let about = about.unwrap_or_else(|| About::new(conversation));
            view.abouts.insert(*id, about);
        }
    }
    let mut rows = area.rows();
    if let Some(row) = rows.next() {
        frame.render_widget(view.title(ui, &app.inbox, row.width), row);
    }
    let lines = view.lines(ui, app, &shown, area.width);
    if lines.is_empty() {
        let nothing = match view.filter {
            Some(_) => " nothing matches",
            None => " nothing yet",
        };
        if let Some(row) = rows.next() {
            frame.render_widget(Line::styled(nothing, ui.theme.dim()), row);
        }
    }
    let mut hits = Vec::with_capacity(shown.len());
    for (id, lines) in lines {
        for line in lines {
            if let Some(row) = rows.next() {
                frame.render_widget(line, row);
                hits.push((row, id));
            }
        }
    }
    app.hits.inbox = hits;
    app.inbox_view = view;
}

impl InboxView {
    /// The conversations that show, so that the one the person is at is among them and the list
    /// moves no more than it has to.
    fn visible(&mut self, inbox: &Inbox, open: Option<ConversationId>) -> Vec<ConversationId> {
        let goal = self.selected().or(open);
        let (count, at) = match &self.held {
            Some(held) => (held.len(), goal.and_then(|id| held.place(id))),
            None => (
                inbox.conversations().len(),
                goal.and_then(|id| inbox.position(id)),
            ),
        };
        let at = at.unwrap_or(0);
        let least = (at + 1).saturating_sub(self.fits);
        let most = count.saturating_sub(self.fits);
        self.top = self.top.clamp(least, at).min(most.max(least));
        let listed = inbox.conversations_from(self.top).map(|found| found.id);
        match &self.held {
            Some(held) => {
                let held = held.from(self.top).filter(|id| inbox.get(*id).is_some());
                held.take(self.fits).collect()
            }
            None => listed.take(self.fits).collect(),
        }
    }

    /// The title: what the list is narrowed down to, or its name, and how many wait.
    fn title(&self, ui: &Ui, inbox: &Inbox, width: u16) -> Line<'static> {
        let name = match &self.filter {
            Some(filter) => {
                let cursor = if filter.is_typed { "▏" } else { "" };
                format!("/{}{cursor}", filter.query.text())
            }
            None => "inbox".to_owned(),
        };
        let counts = match (&self.filter, &self.held) {
            (Some(_), Some(held)) => format!("{} of {}", held.len(), inbox.conversations().len()),
            (_, held) => {
                let came = held.as_ref().map_or(0, |held| held.later());
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
        Line::styled(
            format!(" {name}{}{counts} ", " ".repeat(gap)),
            ui.theme.bar(),
        )
    }

    /// The rows of these conversations.
    fn lines(
        &self,
        ui: &Ui,
        app: &App,
        shown: &[ConversationId],
        width: u16,
    ) -> Vec<(ConversationId, [Line<'static>; ROWS])> {
        let room = width.saturating_sub(MARKS + 1);
        let found = shown
            .iter()
            .filter_map(|id| app.inbox.get(*id).zip(self.abouts.get(id)));
        let rows: Vec<_> = found
            .map(|(conversation, about)| {
                (one_line(conversation.title(), room), conversation, about)
            })
            .collect();
        let apart = distinctions(&rows);
        let rows = rows.into_iter().zip(apart);
        let lines = rows.map(|((title, conversation, about), apart)| {
            (
                conversation.id,
                self.entry((ui, app), conversation, about, (title, apart), width),
            )
        });
        lines.collect()
    }

    fn entry(
        &self,
        (ui, app): (&Ui, &App),
        conversation: &Conversation,
        about: &About,
        (title, apart): (String, String),
        width: u16,
    ) -> [Line<'static>; ROWS] {
        let is_open = app.open == Some(conversation.id);
        let is_chosen = match self.selected() {
            Some(selected) => selected == conversation.id,
            None => is_open,
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
        let room = width.saturating_sub(MARKS + 1);
        let draft = if app.has_draft(conversation.id) {
            DRAFT
        } else {
            ""
        };
        // What tells it apart may take half of the row.
        let apart = one_line(&apart, room / 2);
        let behind = [apart.as_str(), draft]
            .into_iter()
            .filter(|part| !part.is_empty());
        let behind: String = behind.map(|part| format!(" {part}")).collect();
        let taken = u16::try_from(columns(&behind)).unwrap_or(u16::MAX);
        let title = one_line(&title, room.saturating_sub(taken));
        let fill = usize::from(room).saturating_sub(columns(&title) + columns(&behind));
        let edge = || Span::styled(if is_open { "▌" } else { " " }, ui.theme.strong());
        let second = one_line(&below(app, conversation, about), room);
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

/// What a conversation is doing, where, with whom, and what came last.
fn below(app: &App, conversation: &Conversation, about: &About) -> String {
    let mut state = status::state(conversation, app);
    if let Some((seconds, left)) = status::left(conversation, app.now)
        && seconds < URGENT
    {
        state = left;
    }
    if !conversation.is_waiting() {
        let since = day_or_time(conversation.last_activity, app.now, &app.settings.zone);
        state = format!("{state} {since}");
    }
    let parts = match conversation.automatic {
        Some(_) => vec![state.as_str(), about.news.as_str()],
        None => vec![
            state.as_str(),
            folder(conversation),
            agent_name(&conversation.agent),
            about.news.as_str(),
        ],
    };
    let parts: Vec<&str> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    parts.join(" · ")
}
