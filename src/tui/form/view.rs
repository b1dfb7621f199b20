//! Draws the form: a row for each field, its errors below it, and help in the last line.

use std::collections::HashMap;

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::style::Style;

use super::choice::{FixedChoice, are_words, label};
use super::spec::Spec;
use super::*;
use crate::tui::text::{columns, one_line};
use crate::tui::theme::Theme;

/// Options that are listed in a row; there is no room for more.
const MAX_CHOICES_SHOWN: usize = 64;
/// Columns before a name, for the mark of the row with the focus.
const MARK: u16 = 2;
/// Levels that are indented; deeper ones stand at the same column.
const INDENTS: usize = 5;
/// Errors shown for one row.
const ERRORS: usize = 2;

/// One line of the form.
enum FormLine<'a> {
    Row(&'a FormRow<'a>),
    Error(&'a str),
}

/// Text and how it looks, from left to right.
type StyledParts = Vec<(String, Style)>;

impl Form {
    /// How many lines it takes: rows, errors and help.
    pub fn lines(&self) -> usize {
        let rows = self.rows();
        self.form_lines(&rows).len() + 1
    }

    /// Draws the form; the row with the focus is always visible. Returns where the cursor belongs
    /// if the form has it.
    pub fn draw(
        &self,
        buffer: &mut Buffer,
        theme: &Theme,
        area: Rect,
        focused: bool,
    ) -> Option<Position> {
        let area = area.intersection(buffer.area);
        if area.is_empty() {
            return None;
        }
        let rows = self.rows();
        let items = self.form_lines(&rows);
        let help = u16::from(area.height > 1);
        let height = usize::from(area.height - help);
        let is_focus =
            |item: &FormLine| matches!(item, FormLine::Row(row) if row.place == self.focus);
        let at = items.iter().position(is_focus).unwrap_or(0);
        // Keep the row with the focus in the middle, as far as there are lines.
        let first = at
            .saturating_sub(height / 2)
            .min(items.len().saturating_sub(height));
        let names = self.name_width(&rows, area.width);
        let mut cursor = None;
        for (item, line) in items.iter().skip(first).zip(area.rows().take(height)) {
            match item {
                FormLine::Row(row) => {
                    let place = self.draw_row(buffer, theme, line, row, names, focused);
                    cursor = cursor.or(place);
                }
                FormLine::Error(message) => {
                    let words = format!("{}✗ {message}", " ".repeat(usize::from(MARK)));
                    put_spans(
                        buffer,
                        line,
                        &[(one_line_from(&words, line.width), theme.bad())],
                    );
                }
            }
        }
        if items.is_empty() {
            let words = one_line("nothing to fill in", area.width);
            put_spans(buffer, area, &[(words, theme.dim())]);
            cursor = focused.then(|| area.as_position());
        }
        if help > 0
            && let Some(line) = area.rows().next_back()
        {
            let hidden = items.len() > height;
            let place = hidden.then(|| self.focused_row()).flatten();
            let place = place.map(|at| format!(" {}/{}", at + 1, rows.len()));
            let place = place.unwrap_or_default();
            let taken = u16::try_from(columns(&place)).unwrap_or(0);
            let words = one_line(&self.help(), line.width.saturating_sub(taken));
            let gap = usize::from(line.width.saturating_sub(taken)) - columns(&words);
            put_spans(
                buffer,
                line,
                &[(format!("{words}{}{place}", " ".repeat(gap)), theme.dim())],
            );
        }
        cursor.filter(|_| focused)
    }

    fn form_lines<'a>(&'a self, rows: &'a [FormRow<'a>]) -> Vec<FormLine<'a>> {
        let mut errors: HashMap<&RowPath, Vec<&str>> = HashMap::new();
        for found in self.shown_errors.iter().flatten() {
            errors
                .entry(&found.place)
                .or_default()
                .push(&found.error.message);
        }
        let shown = |all: Option<Vec<&'a str>>| {
            let all = all.into_iter().flatten();
            all.take(ERRORS).map(FormLine::Error)
        };
        let mut items: Vec<FormLine> = Vec::new();
        for row in rows {
            let of_row = errors.remove(&row.place);
            items.push(FormLine::Row(row));
            items.extend(shown(of_row));
        }
        // Errors of the whole value, or of fields that are folded away.
        let root = shown(errors.remove(&RowPath::default()));
        let mut whole: Vec<FormLine> = root.collect();
        whole.extend(items);
        whole
    }

    fn name_width(&self, rows: &[FormRow], width: u16) -> u16 {
        let most = (width * 2 / 5).max(4);
        let widest = rows.iter().map(|row| columns(&name(row, most))).max();
        u16::try_from(widest.unwrap_or(0)).unwrap_or(most).min(most)
    }

    fn draw_row(
        &self,
        buffer: &mut Buffer,
        theme: &Theme,
        line: Rect,
        row: &FormRow,
        names: u16,
        focused: bool,
    ) -> Option<Position> {
        let has_focus = row.place == self.focus;
        let has_cursor = has_focus && focused;
        let name = name(row, names);
        let gap = usize::from(names).saturating_sub(columns(&name)) + 1;
        let mark = if has_focus { "› " } else { "  " };
        let name_style = if has_focus {
            theme.strong()
        } else {
            Style::new()
        };
        let left = put_spans(
            buffer,
            line,
            &[
                (mark.to_owned(), theme.strong()),
                (name + &" ".repeat(gap), name_style),
            ],
        );
        let rest = Rect {
            x: line.x + left,
            width: line.width - left,
            ..line
        };
        if rest.is_empty() {
            return has_cursor.then(|| Position::new(line.right() - 1, line.y));
        }
        let (parts, at) = value(theme, row, rest.width, has_cursor);
        put_spans(buffer, rest, &parts);
        let at = u16::try_from(at).unwrap_or(u16::MAX).min(rest.width - 1);
        has_cursor.then(|| Position::new(rest.x + at, rest.y))
    }

    /// Help on the row with the focus: keys, type and description.
    fn help(&self) -> String {
        let enter = format!("Enter {}", self.enter_hint());
        let Some(node) = self.node().filter(|_| self.focused_row().is_some()) else {
            return enter;
        };
        let hint = match &node.content {
            _ if node.choice_options().is_some() => "←→ or type to choose",
            NodeContent::Object(object) if object.open => "← fold",
            NodeContent::Object(_) => "→ open",
            _ if node.state == AnswerState::Unset && node.spec.default.is_some() => "→ use default",
            _ => "",
        };
        let need = match (node.role, node.spec.nullable) {
            (NodeRole::Required, false) => "required",
            (NodeRole::Required, true) | (NodeRole::Optional, _) => "optional",
            (NodeRole::Extra, _) => "unknown",
            (NodeRole::Root | NodeRole::Element, _) => "",
        };
        let kind = if node.is_misfit() {
            format!("JSON instead of {}", node.spec.words())
        } else {
            node.spec.words()
        };
        let about = match node.spec.description.as_str() {
            "" => node.chosen_description(),
            about => about.to_owned(),
        };
        let all = [&enter, hint, need, kind.as_str(), about.as_str()];
        let said: Vec<&str> = all.into_iter().filter(|words| !words.is_empty()).collect();
        said.join(" · ")
    }
}

/// Draws styled texts one after the other; returns how many columns they took.
fn put_spans(buffer: &mut Buffer, area: Rect, parts: &[(String, Style)]) -> u16 {
    let mut x = area.x;
    for (text, style) in parts {
        let left = usize::from(area.right().saturating_sub(x));
        if left == 0 {
            break;
        }
        x = buffer.set_stringn(x, area.y, text, left, *style).0;
    }
    x - area.x
}

/// The name of a row with its indentation, and a mark if it has to be filled in.
fn name(row: &FormRow, width: u16) -> String {
    let star = if row.node.role == NodeRole::Required && !row.node.spec.nullable {
        "*"
    } else {
        ""
    };
    let indent = " ".repeat((row.depth.min(INDENTS) * 2).min(usize::from(width / 2)));
    let taken = u16::try_from(indent.len() + star.len()).unwrap_or(u16::MAX);
    format!(
        "{indent}{}{star}",
        one_line(&row.name, width.saturating_sub(taken))
    )
}

/// The value of a row, and the column of the cursor in it.
fn value(theme: &Theme, row: &FormRow, width: u16, has_cursor: bool) -> (StyledParts, usize) {
    let node = row.node;
    let state = node.state;
    if state == AnswerState::Null {
        return (vec![hint(theme, "null", width)], 0);
    }
    if let Some(choice_options) = node.choice_options() {
        return choice_value(theme, node, choice_options, width, has_cursor);
    }
    match &node.content {
        NodeContent::Line(line) | NodeContent::Raw(line) => {
            if !line.is_empty() {
                let (text, at) = line.window(width, has_cursor);
                (vec![(text, Style::new())], at)
            } else if state == AnswerState::Set {
                (vec![hint(theme, "empty", width)], 0)
            } else {
                (vec![hint(theme, &hint_text(node), width)], 0)
            }
        }
        NodeContent::Object(object) => {
            let mark = if object.open { "▾ " } else { "▸ " };
            let mut parts = vec![(mark.to_owned(), theme.dim())];
            let rest = width.saturating_sub(2);
            if !node.is_sent() {
                parts.push(hint(theme, "not sent", rest));
            } else if !object.open {
                parts.push((preview(node, rest), Style::new()));
            }
            (parts, 0)
        }
        NodeContent::List(items) => {
            let words = Spec::of(&node.spec.items()).short();
            let mut parts = Vec::new();
            if items.is_empty() && state == AnswerState::Set {
                parts.push(("[] ".to_owned(), Style::new()));
            }
            let add = one_line(&format!("+ add {words}"), width);
            parts.push((add, theme.dim()));
            (parts, 0)
        }
        // Rows without options are drawn above.
        NodeContent::Choice(_) => (Vec::new(), 0),
    }
}

fn choice_value(
    theme: &Theme,
    node: &Node,
    (choice, options): (&FixedChoice, &[JsonValue]),
    width: u16,
    has_cursor: bool,
) -> (StyledParts, usize) {
    let Some(picked) = node.option(choice) else {
        return (vec![hint(theme, &hint_text(node), width)], 0);
    };
    let picked = label(picked, are_words(options));
    let text = one_line(&picked, width);
    let typed = choice.typed();
    let at = if picked.to_lowercase().starts_with(&typed.to_lowercase()) {
        columns(typed)
    } else {
        0
    };
    let taken = u16::try_from(columns(&text) + 1).unwrap_or(u16::MAX);
    let mut parts = vec![(text, Style::new())];
    if has_cursor && options.len() > 1 {
        let among = choice.matching(options).into_iter().take(MAX_CHOICES_SHOWN);
        let words = are_words(options);
        let all: Vec<String> = among.map(|at| label(&options[at], words)).collect();
        let (words, style) = hint(theme, &all.join(", "), width.saturating_sub(taken));
        parts.push((format!(" {words}"), style));
    }
    (parts, at)
}

/// What a field without an answer shows: its default, its options or its type.
fn hint_text(node: &Node) -> String {
    match (&node.spec.kind, &node.spec.default) {
        (_, Some(default)) => format!("default: {default}"),
        (FieldKind::Choice(options) | FieldKind::Union(options), None) => {
            let all = options.iter().take(MAX_CHOICES_SHOWN);
            let words = are_words(options);
            let all: Vec<String> = all.map(|one| label(one, words)).collect();
            all.join(", ")
        }
        (_, None) if node.role == NodeRole::Required && node.spec.nullable => "null".into(),
        (_, None) => node.spec.words(),
    }
}

/// A text that is not an answer: dim, and in brackets for those who do not see that.
fn hint(theme: &Theme, words: &str, width: u16) -> (String, Style) {
    let words = match width {
        0..4 => String::new(),
        width => format!("({})", one_line(words, width - 2)),
    };
    (words, theme.dim())
}

/// The beginning of the JSON of a node.
fn preview(node: &Node, width: u16) -> String {
    let json = node.json().map(|json| json.to_string());
    one_line(&json.unwrap_or_default(), width)
}

/// [`one_line`], but with the spaces at the start.
fn one_line_from(text: &str, width: u16) -> String {
    let words = text.trim_start();
    let indent = u16::try_from(text.len() - words.len())
        .unwrap_or(0)
        .min(width);
    " ".repeat(usize::from(indent)) + &one_line(words, width - indent)
}
