//! The inbox: a conversation in two lines, the newest activity first.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use super::status;
use crate::api::{Body, Item};
use crate::inbox::{Conversation, Said, Status, Words};
use crate::tui::app::App;
use crate::tui::text::format::agent_name;
use crate::tui::text::{columns, one_line};
use crate::tui::transcript::block::Block;
use crate::tui::ui::Ui;

/// Rows that a conversation takes.
const ROWS: usize = 2;

/// Draws the part of the list around the open conversation.
pub(super) fn draw(frame: &mut Frame, ui: &Ui, app: &mut App, area: Rect) {
    let waiting = match app.inbox.waiting() {
        0 => String::new(),
        waiting => format!("{waiting} waiting"),
    };
    let width = usize::from(area.width).saturating_sub(2);
    let name = one_line("inbox", area.width.saturating_sub(2));
    let gap = width.saturating_sub(name.len() + waiting.len());
    let title = format!(" {name}{}{waiting} ", " ".repeat(gap));
    let mut lines = vec![Line::styled(title, ui.theme.bar())];
    let all = app.inbox.conversations();
    let fits = usize::from(area.height.saturating_sub(1)) / ROWS;
    let open = app.open.and_then(|id| app.inbox.position(id)).unwrap_or(0);
    let first = open.saturating_sub(fits.saturating_sub(1));
    let mut hits = Vec::with_capacity(fits);
    let mut known = std::mem::take(&mut app.abouts);
    let mut abouts = HashMap::with_capacity(fits);
    let rows = u16::try_from(ROWS).unwrap_or(1);
    let mut y = area.y.saturating_add(1);
    for conversation in all.skip(first).take(fits) {
        let known = known.remove(&conversation.id);
        let about = known.filter(|about| about.is_of(conversation));
        let about = about.unwrap_or_else(|| About::new(conversation));
        lines.extend(entry(ui, conversation, &about.words, app, area.width));
        abouts.insert(conversation.id, about);
        let place = Rect {
            y,
            height: rows,
            ..area
        };
        hits.push((place, conversation.id));
        y = y.saturating_add(rows);
    }
    if app.inbox.conversations().len() == 0 {
        lines.push(Line::styled(" nothing yet", ui.theme.dim()));
    }
    for (line, row) in lines.into_iter().zip(area.rows()) {
        frame.render_widget(line, row);
    }
    app.hits.inbox = hits;
    app.abouts = abouts;
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
    let (mark, mark_style) = match conversation.status() {
        Status::Waiting { .. } => ("●", ui.theme.waiting()),
        Status::ClientGone => ("✗", ui.theme.bad()),
        Status::Answered if conversation.automatic.is_some() => ("⋯", ui.theme.dim()),
        Status::Answered => ("✓", ui.theme.dim()),
    };
    let title_style = match (is_open, conversation.is_waiting()) {
        (true, _) => ui.theme.bar(),
        (false, true) => ui.theme.strong(),
        (false, false) => Style::new(),
    };
    let room = width.saturating_sub(4);
    let title = one_line(conversation.title(), room);
    let fill = usize::from(room).saturating_sub(columns(&title));
    let state = status::state(conversation, app);
    let second = one_line(&format!("{state} · {about}"), width.saturating_sub(4));
    [
        Line::from(vec![
            Span::styled(if is_open { "▌" } else { " " }, ui.theme.strong()),
            Span::styled(mark, mark_style),
            Span::styled(format!(" {title}{}", " ".repeat(fill)), title_style),
        ]),
        Line::from(vec![
            Span::styled(if is_open { "▌" } else { " " }, ui.theme.strong()),
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
