//! The inbox: a conversation in two lines, the newest activity first.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use ratatui::Frame;
use ratatui::layout::{Position, Rect};
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use super::status;
use crate::api::{Body, Item};
use crate::inbox::{Conversation, ConversationId, Inbox, Said, Status, Words};
use crate::tui::app::App;
use crate::tui::text::format::agent_name;
use crate::tui::text::{columns, one_line};
use crate::tui::transcript::block::Block;
use crate::tui::ui::Ui;

/// Rows that a conversation takes.
const ROWS: usize = 2;

/// The list of conversations on the screen.
#[derive(Debug, Default)]
pub struct List {
    /// The one that is chosen, and its place in the list, for when it is gone.
    chosen: (Option<ConversationId>, usize),
    /// Whether it stays away where it has a column of its own.
    is_hidden: bool,
    /// Whether there is room for such a column.
    has_column: bool,
    /// The place of the one that is drawn first, and how many fit.
    first: usize,
    fits: usize,
    /// Where those are that show.
    shown: Vec<(Rect, ConversationId)>,
    /// What is said of those that show.
    abouts: HashMap<ConversationId, About>,
}

impl List {
    /// Puts its column away, or back.
    pub(super) fn hide(&mut self, is_hidden: bool) {
        self.is_hidden = is_hidden;
    }

    /// Whether its column is away.
    pub(super) fn is_hidden(&self) -> bool {
        self.is_hidden
    }

    /// Whether it has a column of its own.
    pub(super) fn has_column(&self) -> bool {
        self.has_column
    }

    /// Chooses a conversation; the first one if there is no such one.
    pub(super) fn select(&mut self, id: Option<ConversationId>, inbox: &Inbox) {
        let at = id.and_then(|id| inbox.position(id)).unwrap_or(0);
        self.select_at(at, inbox);
    }

    /// The conversation that is chosen: where it is gone, the one that is in its place.
    pub(super) fn selected(&self, inbox: &Inbox) -> Option<ConversationId> {
        let (id, at) = self.chosen;
        let last = inbox.conversations().len().checked_sub(1)?;
        id.filter(|id| inbox.get(*id).is_some())
            .or_else(|| Some(inbox.conversations().nth(at.min(last))?.id))
    }

    /// Chooses another one, further down, or up if negative.
    pub(super) fn go(&mut self, by: i64, inbox: &Inbox) {
        let at = self.selected(inbox).and_then(|id| inbox.position(id));
        let by = isize::try_from(by).unwrap_or(if by < 0 { isize::MIN } else { isize::MAX });
        self.select_at(at.unwrap_or(0).saturating_add_signed(by), inbox);
    }

    /// Chooses another one by as many as fit.
    pub(super) fn go_pages(&mut self, pages: i64, inbox: &Inbox) {
        let page = i64::try_from(self.fits.max(1)).unwrap_or(i64::MAX);
        self.go(pages.saturating_mul(page), inbox);
    }

    fn select_at(&mut self, at: usize, inbox: &Inbox) {
        let at = at.min(inbox.conversations().len().saturating_sub(1));
        self.chosen = (inbox.conversations().nth(at).map(|found| found.id), at);
    }

    /// The conversation at a place of the screen.
    pub(super) fn at(&self, at: Position) -> Option<ConversationId> {
        let mut shown = self.shown.iter();
        let found = shown.find(|(area, _)| area.contains(at));
        found.map(|(_, id)| *id)
    }

    /// Fits the list into a pane, so that the conversation with this place is among those that show
    /// and the list moves no more than it has to. Without a pane, nothing of it shows.
    pub(super) fn layout(
        &mut self,
        inbox: &Inbox,
        area: Option<Rect>,
        has_column: bool,
        must_show: usize,
    ) {
        self.has_column = has_column;
        self.shown.clear();
        let mut known = std::mem::take(&mut self.abouts);
        let Some(area) = area else {
            return;
        };
        self.fits = (usize::from(area.height.saturating_sub(1)) / ROWS).max(1);
        let most = inbox.conversations().len().saturating_sub(self.fits);
        let least = (must_show + 1).saturating_sub(self.fits);
        self.first = self.first.clamp(least, must_show).min(most.max(least));
        let rows = u16::try_from(ROWS).unwrap_or(1);
        let mut y = area.y.saturating_add(1);
        for conversation in inbox.conversations().skip(self.first).take(self.fits) {
            let about = known.remove(&conversation.id);
            let about = about.filter(|about| about.is_of(conversation));
            let about = about.unwrap_or_else(|| About::new(conversation));
            self.abouts.insert(conversation.id, about);
            let place = Rect {
                y,
                height: rows,
                ..area
            };
            self.shown.push((place.intersection(area), conversation.id));
            y = y.saturating_add(rows);
        }
    }
}

/// Draws the list as it was laid out.
pub(super) fn draw(frame: &mut Frame, ui: &Ui, app: &App, area: Rect) {
    let waiting = match app.inbox.waiting() {
        0 => String::new(),
        waiting => format!("{waiting} waiting"),
    };
    let width = usize::from(area.width).saturating_sub(2);
    // What has the keys says so, in the colour of its title and without.
    let (name, title_style) = match app.is_in_inbox() {
        true => ("▸ inbox", ui.theme.bar()),
        false => ("inbox", ui.theme.strong()),
    };
    let name = one_line(name, area.width.saturating_sub(2));
    let gap = width.saturating_sub(columns(&name) + waiting.len());
    let title = format!(" {name}{}{waiting} ", " ".repeat(gap));
    if let Some(row) = area.rows().next() {
        frame.render_widget(Line::styled(title, title_style), row);
    }
    for (place, id) in &app.list.shown {
        let (Some(conversation), Some(about)) = (app.inbox.get(*id), app.list.abouts.get(id))
        else {
            continue;
        };
        let lines = entry(ui, conversation, &about.words, app, place.width);
        for (line, row) in lines.into_iter().zip(place.rows()) {
            frame.render_widget(line, row);
        }
    }
    if app.list.shown.is_empty()
        && let Some(row) = area.rows().nth(1)
    {
        frame.render_widget(Line::styled(" nothing yet", ui.theme.dim()), row);
    }
}

/// What a line of the inbox says of the newest item, until there is another.
#[derive(Debug)]
pub(in crate::tui) struct About {
    newest: Option<Arc<Item>>,
    said: usize,
    words: String,
}

impl About {
    fn new(conversation: &Conversation) -> Self {
        Self {
            newest: conversation.newest().cloned(),
            said: conversation.said().len(),
            words: about(conversation),
        }
    }

    /// Whether it still says what is so.
    fn is_of(&self, conversation: &Conversation) -> bool {
        let is_newest = match (&self.newest, conversation.newest()) {
            (Some(own), Some(newest)) => Arc::ptr_eq(own, newest),
            (own, newest) => own.is_none() && newest.is_none(),
        };
        is_newest && self.said == conversation.said().len()
    }
}

fn entry(
    ui: &Ui,
    conversation: &Conversation,
    about: &str,
    app: &App,
    width: u16,
) -> [Line<'static>; ROWS] {
    let is_open = app.open == Some(conversation.id);
    let is_chosen = match app.is_in_inbox() {
        true => app.list.selected(&app.inbox) == Some(conversation.id),
        false => is_open,
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
    let side = match (is_open, is_chosen) {
        (_, true) if app.is_in_inbox() => "▸",
        (true, _) => "▌",
        (false, _) => " ",
    };
    let room = width.saturating_sub(4);
    let title = one_line(conversation.title(), room);
    let fill = usize::from(room).saturating_sub(columns(&title));
    let state = status::state(conversation, app);
    let second = one_line(&format!("{state} · {about}"), width.saturating_sub(4));
    [
        Line::from(vec![
            Span::styled(side, ui.theme.strong()),
            Span::styled(mark, mark_style),
            Span::styled(format!(" {title}{}", " ".repeat(fill)), title_style),
        ]),
        Line::from(vec![
            Span::styled(side, ui.theme.strong()),
            Span::raw("  "),
            Span::styled(second, ui.theme.dim()),
        ]),
    ]
}

/// What came last, and from whom.
fn about(conversation: &Conversation) -> String {
    let agent = agent_name(&conversation.agent);
    if let (
        Some(_),
        Some(Said {
            words: Words::Item(answer @ Body::Message { .. }),
            ..
        }),
    ) = (&conversation.automatic, conversation.said().last())
    {
        let text = answer.words();
        // The answer itself, where it stands in JSON.
        let json: Result<BTreeMap<String, String>, _> = serde_json::from_str(&text);
        let values = json.map(|fields| fields.into_values().collect::<Vec<_>>().join(", "));
        return one_line(&values.unwrap_or_else(|_| text.into_owned()), 60);
    }
    match conversation.newest() {
        Some(item) if conversation.is_continued() => {
            let block = Block::of_item(item, None);
            let detail = match block.detail.as_str() {
                "" => one_line(block.beginning(), 60),
                detail => detail.to_owned(),
            };
            format!("{}: {detail} · {agent}", block.label)
        }
        _ => agent.to_owned(),
    }
}
