//! The composer: what the person is about to say, and how.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::style::{Modifier, Style};
use tui_textarea::{CursorMove, TextArea, WrapMode};

use super::text::row_count;

/// The kinds of reply, in the order in which they are chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ReplyKind {
    /// The final answer, which ends the response.
    #[default]
    Send,
    /// A note; the response stays open.
    Progress,
    /// A shell command for the agent to run.
    Command,
    /// An error in the person's words, which ends the turn.
    Reject,
}

impl ReplyKind {
    /// All kinds.
    pub const ALL: [Self; 4] = [Self::Send, Self::Progress, Self::Command, Self::Reject];

    /// The name on the screen.
    pub fn label(self) -> &'static str {
        match self {
            Self::Send => "Send",
            Self::Progress => "Progress",
            Self::Command => "Run command",
            Self::Reject => "Reject",
        }
    }

    /// What Enter does with this kind, in a word or two.
    pub fn verb(self) -> &'static str {
        match self {
            Self::Send => "send",
            Self::Progress => "send note",
            Self::Command => "run",
            Self::Reject => "reject",
        }
    }

    /// What to type.
    pub fn placeholder(self) -> &'static str {
        match self {
            Self::Send => "The final answer",
            Self::Progress => "A note on what you are doing",
            Self::Command => "A shell command for the agent to run",
            Self::Reject => "Why you will not do this",
        }
    }

    /// The next kind, or the previous one.
    pub fn step(self, forward: bool) -> Self {
        let count = Self::ALL.len();
        let at = Self::ALL.iter().position(|kind| *kind == self).unwrap_or(0);
        Self::ALL[(at + if forward { 1 } else { count - 1 }) % count]
    }
}

/// A draft with its kind. Every conversation has its own.
#[derive(Debug)]
pub struct Composer {
    /// The chosen kind of reply.
    pub kind: ReplyKind,
    /// Where the next command is to run; where the agent likes if empty.
    pub workdir: String,
    area: TextArea<'static>,
}

impl Default for Composer {
    fn default() -> Self {
        Self::new("")
    }
}

impl Composer {
    /// A composer that holds `text`, with the cursor at its end.
    pub fn new(text: &str) -> Self {
        let mut composer = Self {
            kind: ReplyKind::default(),
            workdir: String::new(),
            area: area(text),
        };
        composer.area.move_cursor(CursorMove::Bottom);
        composer.area.move_cursor(CursorMove::End);
        composer
    }

    /// The text.
    pub fn text(&self) -> String {
        self.area.lines().join("\n")
    }

    /// Whether there is no text at all.
    pub fn is_empty(&self) -> bool {
        self.area.is_empty()
    }

    /// The text area, to draw it.
    pub fn area(&self) -> &TextArea<'static> {
        &self.area
    }

    /// Takes a key that no action is bound to; says whether the text changed.
    pub fn input(&mut self, key: KeyEvent) -> bool {
        let ctrl = key.modifiers.contains(KeyModifiers::CONTROL);
        match key.code {
            // What every shell does; the library would undo.
            KeyCode::Char('u') if ctrl => self.area.delete_line_by_head(),
            _ => self.area.input(key),
        }
    }

    /// Inserts text as it is, line breaks included.
    pub fn insert(&mut self, text: &str) {
        // What terminals send for a line break in pasted text is `\r`.
        let text = text.replace("\r\n", "\n").replace('\r', "\n");
        self.area.insert_str(text);
    }

    /// Replaces the text; undo brings the old one back.
    pub fn replace(&mut self, text: &str) {
        let yanked = self.area.yank_text();
        self.area.select_all();
        self.area.cut();
        self.area.insert_str(text);
        // What was cut before is still what can be pasted.
        self.area.set_yank_text(yanked);
    }

    /// Forgets the text, because it was sent; undo brings it back.
    pub fn clear(&mut self) {
        self.replace("");
    }

    /// Takes the last change back.
    pub fn undo(&mut self) -> bool {
        self.area.undo()
    }

    /// Does the last change again.
    pub fn redo(&mut self) -> bool {
        self.area.redo()
    }

    /// Rows that the text takes at a width.
    pub fn rows(&self, width: u16) -> usize {
        // The cursor may stand behind the last column.
        let width = width.saturating_sub(1).max(1);
        self.area
            .lines()
            .iter()
            .map(|line| row_count(line, width))
            .sum()
    }
}

/// A text area that looks like the rest of the screen: no line marked, and the terminal's own
/// cursor, so that input methods know where to open.
pub fn area(text: &str) -> TextArea<'static> {
    let mut area = TextArea::new(text.split('\n').map(str::to_owned).collect());
    area.set_cursor_line_style(Style::default());
    area.set_cursor_style(Style::default());
    area.set_placeholder_style(Style::default().add_modifier(Modifier::DIM));
    area.set_wrap_mode(WrapMode::WordOrGlyph);
    area.set_max_histories(500);
    area
}
