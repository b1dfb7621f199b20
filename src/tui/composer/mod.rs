//! The composer: the reply that the person is writing, with its kind, its options and its parts.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::style::{Modifier, Style};
use serde_json::{Map, Value};
use tui_textarea::{CursorMove, DataCursor, TextArea, WrapMode};

use self::origin_tracker::OriginTracker;
use self::pastes::Pastes;
use crate::draft::{self, Cursor, Draft, Origin, Source};
use crate::tui::text::row_count;

mod call;
mod kind;
mod origin_tracker;
mod pastes;
mod placeholders;

pub use call::{ArgumentsEditor, ComposedCall};
pub use kind::ReplyKind;

/// Columns for the mark in front of the text.
pub(super) const PROMPT: u16 = 2;

/// A draft with its kind. Every conversation has its own.
#[derive(Debug)]
pub struct Composer {
    /// The chosen kind of reply.
    pub kind: ReplyKind,
    /// What the next command is given besides the command line: directory, escalation, timeouts.
    pub options: Map<String, Value>,
    /// The call that is being put together.
    pub call: Option<ComposedCall>,
    /// Whether the call is there because the request wants it, and nobody has touched it.
    is_offered: bool,
    /// The parts collected so far, which are sent together.
    pub parts: Vec<ComposedPart>,
    /// Whether lines are sent as soon as they are complete.
    pub live: bool,
    area: TextArea<'static>,
    pastes: Pastes,
    /// Where the characters of the text come from: the person, a paste, a model.
    origin_tracker: OriginTracker,
    /// The draft that was cleared last, for undo.
    cleared: Option<Box<Draft>>,
    /// Texts that replaced all of the text. The text area counts two changes for each, undo takes
    /// them back as one.
    replacements: Vec<String>,
    /// The replacements that undo has taken back, for redo.
    undone_replacements: Vec<String>,
}

/// One part of a reply that has several.
#[derive(Debug)]
pub struct ComposedPart {
    /// The kind it was composed as, to change it again.
    pub kind: ReplyKind,
    /// The text as it was typed.
    pub typed: String,
    /// The options of a command.
    pub options: Map<String, Value>,
    /// The call, if it is one.
    pub call: Option<ComposedCall>,
    /// Where what was typed comes from.
    pub origin: Origin,
    /// Whether words of a model were taken out of it.
    pub cut: bool,
}

impl ComposedPart {
    /// What was typed for it.
    pub fn text(&self) -> String {
        match &self.call {
            Some(call) => call.text(),
            None => self.typed.clone(),
        }
    }

    fn to_draft(&self) -> draft::Part {
        draft::Part {
            kind: self.kind,
            text: self.typed.clone(),
            options: self.options.clone(),
            call: self.call.as_ref().map(ComposedCall::to_draft),
            origin: self.origin.clone(),
            cut: self.cut,
        }
    }

    fn from_draft(part: draft::Part) -> Self {
        Self {
            kind: part.kind,
            typed: part.text,
            options: part.options,
            call: part.call.map(ComposedCall::from_draft),
            origin: part.origin,
            cut: part.cut,
        }
    }
}

impl Default for Composer {
    fn default() -> Self {
        Self::new("")
    }
}

impl Composer {
    /// A composer that holds `text`, with the cursor at its end.
    pub fn new(text: &str) -> Self {
        let area = area(text);
        let mut composer = Self {
            origin_tracker: OriginTracker::new(area.lines()),
            kind: ReplyKind::default(),
            options: Map::new(),
            call: None,
            is_offered: false,
            parts: Vec::new(),
            live: false,
            area,
            pastes: Pastes::default(),
            cleared: None,
            replacements: Vec::new(),
            undone_replacements: Vec::new(),
        };
        put_cursor(&mut composer.area, None);
        composer
    }

    /// All that it holds, as plain data.
    pub fn to_draft(&self) -> Draft {
        let call = self.call.as_ref().filter(|_| !self.is_offered);
        Draft {
            kind: if self.is_offered {
                ReplyKind::Send
            } else {
                self.kind
            },
            text: self.text(),
            cursor: Some(self.cursor()),
            options: self.options.clone(),
            call: call.map(ComposedCall::to_draft),
            parts: self.parts.iter().map(ComposedPart::to_draft).collect(),
            live: self.live,
            origin: self.origin(),
            cut: self.origin_tracker.is_cut(),
            ..Draft::default()
        }
    }

    /// What is going to be sent, as plain data: the call without the text where a call is composed,
    /// else the text without the call.
    pub fn reply_draft(&self) -> Draft {
        let draft = self.to_draft();
        match self.kind {
            ReplyKind::Tool => Draft {
                text: String::new(),
                options: Map::new(),
                origin: Origin::default(),
                cut: false,
                ..draft
            },
            _ => Draft {
                call: None,
                ..draft
            },
        }
    }

    /// What stays in the composer once [`Self::reply_draft`] was sent.
    pub fn remaining_draft(&self) -> Draft {
        let draft = self.to_draft();
        match self.kind {
            ReplyKind::Tool => Draft {
                text: draft.text,
                cursor: draft.cursor,
                origin: draft.origin,
                cut: draft.cut,
                ..Draft::default()
            },
            _ => Draft {
                call: draft.call,
                ..Draft::default()
            },
        }
    }

    /// A composer with the contents of a saved draft.
    pub fn from_draft(draft: Draft) -> Self {
        let mut composer = Self::new(&draft.text);
        composer.restore(draft);
        composer
    }

    /// Replaces the contents by those of a draft. The change of the text can be undone.
    fn restore(&mut self, draft: Draft) {
        self.withdraw_offer();
        self.kind = draft.kind;
        self.live = draft.live;
        self.options = draft.options;
        let stays = self.text() == draft.text && self.origin() == draft.origin;
        if !stays {
            let known = draft.origin.slice(0..draft.text.chars().count());
            self.replace_with_origin(&draft.text, known, draft.cut);
        }
        // Where something is folded, the cursor of the same text is where it was.
        if !stays || !self.has_folded() {
            put_cursor(&mut self.area, draft.cursor);
        }
        // What stays the same keeps its history.
        if self.call.as_ref().map(ComposedCall::to_draft) != draft.call {
            self.call = draft.call.map(ComposedCall::from_draft);
        }
        self.parts = draft
            .parts
            .into_iter()
            .map(ComposedPart::from_draft)
            .collect();
    }

    /// Replaces the contents by a draft of a model. A call is shown as a form where the form keeps all
    /// that the model wrote. The change of the text can be undone.
    pub fn take_draft(&mut self, mut draft: Draft) {
        draft.live |= self.live;
        let parts = draft.parts.iter_mut().map(|part| &mut part.call);
        for call in parts.chain([&mut draft.call]) {
            if let Some(fresh) = call.take_if(|call| call.drafted.is_some()) {
                *call = Some(ComposedCall::from_model_draft(fresh).to_draft());
            }
        }
        self.restore(draft);
    }

    /// The text, with all that was pasted.
    pub fn text(&self) -> String {
        self.pastes.expand(self.area.lines().join("\n"))
    }

    /// Where the cursor is in the text.
    fn cursor(&self) -> Cursor {
        let cursor = cursor_of(&self.area);
        if !self.has_folded() {
            return cursor;
        }
        let lines = self.area.lines().iter().take(cursor.line + 1);
        let mut before: Vec<String> = lines.cloned().collect();
        if let Some(last) = before.last_mut() {
            *last = last.chars().take(cursor.column).collect();
        }
        let before = self.pastes.expand(before.join("\n"));
        let column = before.rsplit('\n').next().unwrap_or_default();
        Cursor {
            line: before.matches('\n').count(),
            column: column.chars().count(),
        }
    }

    /// Where the characters of the text come from.
    pub fn origin(&self) -> Origin {
        if !self.has_folded() {
            return self.origin_tracker.origin().clone();
        }
        let mut origin = Origin::default();
        let (mut line_at, mut copied) = (0, 0);
        for line in self.area.lines() {
            for (mark, text) in self.pastes.placeholders_in(line) {
                let before = copied..line_at + mark.start;
                origin.extend(&self.origin_tracker.origin().slice(before));
                origin.push(text.chars().count(), Source::Pasted);
                copied = line_at + mark.end;
            }
            line_at += line.chars().count() + 1;
        }
        let all = self.origin_tracker.origin().chars();
        origin.extend(&self.origin_tracker.origin().slice(copied..all));
        origin
    }

    /// Whether words of a model were taken out of the text.
    pub fn is_cut(&self) -> bool {
        self.origin_tracker.is_cut()
    }

    /// Records a change of the text, whose new characters come from `source`.
    fn record_edit(&mut self, source: Source) {
        let cursor = cursor_of(&self.area);
        self.origin_tracker
            .record_edit(self.area.lines(), source, cursor);
    }

    /// Whether a placeholder stands for pasted text somewhere.
    fn has_folded(&self) -> bool {
        let mut lines = self.area.lines().iter();
        !self.pastes.is_empty() && lines.any(|line| !self.pastes.placeholders_in(line).is_empty())
    }

    /// Whether there is no text at all.
    pub fn is_empty(&self) -> bool {
        self.area.is_empty()
    }

    /// Whether the person has begun nothing here: no text, no call, no parts.
    pub fn is_idle(&self) -> bool {
        let has_call = self.call.is_some() && !self.is_offered;
        self.is_empty() && !has_call && self.parts.is_empty()
    }

    /// Shows a call that the request asks for. It counts as a draft once the person touches it.
    pub fn offer(&mut self, call: ComposedCall) {
        self.call = Some(call);
        self.kind = ReplyKind::Tool;
        self.is_offered = true;
    }

    /// Makes an offered call the person's own.
    pub fn touch(&mut self) {
        self.is_offered = false;
    }

    /// Removes an offered call that nobody has touched.
    pub fn withdraw_offer(&mut self) {
        if std::mem::take(&mut self.is_offered) {
            self.call = None;
            self.kind = ReplyKind::Send;
        }
    }

    /// The call, if that is what is being composed.
    pub fn open_call(&mut self) -> Option<&mut ComposedCall> {
        self.call.as_mut().filter(|_| self.kind == ReplyKind::Tool)
    }

    /// The text for an external editor, of the call or of the draft, and the suffix of its file.
    pub fn edited_text(&self) -> (String, &'static str) {
        match &self.call {
            Some(call) if self.kind == ReplyKind::Tool => (call.text(), call.suffix()),
            _ => (self.text(), self.kind.suffix()),
        }
    }

    /// All that was typed for what is going to be sent, as one text.
    pub fn typed_for_reply(&self) -> String {
        let last = match self.kind {
            ReplyKind::Tool => self.call.as_ref().map(ComposedCall::text),
            _ => Some(self.text()),
        };
        let texts = self.parts.iter().map(ComposedPart::text).chain(last);
        let texts: Vec<String> = texts.filter(|text| !text.is_empty()).collect();
        texts.join("\n")
    }

    /// All that was typed, as one text.
    pub fn all_typed(&self) -> String {
        let parts = self.parts.iter().map(ComposedPart::text);
        let last = self.call.as_ref().map(ComposedCall::text).into_iter();
        let texts = parts.chain(last).chain([self.text()]);
        let texts: Vec<String> = texts.filter(|text| !text.is_empty()).collect();
        texts.join("\n")
    }

    /// The text that the chosen kind of reply sends; empty for a call.
    pub fn reply_text(&self) -> String {
        match self.kind {
            ReplyKind::Tool => String::new(),
            _ => self.text(),
        }
    }

    /// Clears the text or the call, whichever is being composed, because it became a part or was sent.
    pub fn clear_current(&mut self) {
        self.cleared = None;
        if self.kind == ReplyKind::Tool {
            self.call = None;
        } else {
            self.clear();
            self.options.clear();
        }
    }

    /// Clears what was sent: the text stays when a call was sent, a call when the text was.
    pub fn clear_sent(&mut self) {
        self.clear_current();
        self.parts.clear();
    }

    /// Clears everything; undo brings it back.
    pub fn clear_all(&mut self) {
        let draft = self.to_draft();
        self.clear();
        *self = Self {
            live: self.live,
            area: std::mem::take(&mut self.area),
            pastes: std::mem::take(&mut self.pastes),
            origin_tracker: std::mem::replace(&mut self.origin_tracker, OriginTracker::new(&[])),
            replacements: std::mem::take(&mut self.replacements),
            undone_replacements: std::mem::take(&mut self.undone_replacements),
            cleared: Some(Box::new(draft)),
            ..Self::default()
        };
    }

    /// Puts replies that could not be delivered back into the composer, oldest first.
    pub fn restore_undelivered(&mut self, returned: Vec<Draft>) {
        let mut draft = self.to_draft();
        draft.restore(returned);
        self.restore(draft);
    }

    /// Moves a part back into the composer, to change it.
    pub fn edit_part(&mut self, index: usize) {
        if index >= self.parts.len() {
            return;
        }
        let part = self.parts.remove(index);
        self.kind = part.kind;
        self.options = part.options;
        if let Some(call) = part.call {
            self.call = Some(call);
        }
        if !part.typed.is_empty() {
            self.replace_with_origin(&part.typed, part.origin, part.cut);
        }
    }

    /// The text area, to draw it.
    pub fn area(&self) -> &TextArea<'static> {
        &self.area
    }

    /// Handles a key that no action is bound to; returns whether the text changed.
    pub fn input(&mut self, key: KeyEvent) -> bool {
        if !self.has_folded() {
            let is_changed = self.edit(key);
            self.record_edit(Source::Typed);
            return is_changed;
        }
        let before = self.area.lines().to_vec();
        let from = cursor_of(&self.area);
        let is_changed = self.edit(key);
        if is_changed {
            self.delete_broken_placeholders(&before)
        } else {
            self.leave_placeholder(from)
        }
        self.record_edit(Source::Typed);
        is_changed
    }

    fn edit(&mut self, key: KeyEvent) -> bool {
        let ctrl = key.modifiers.contains(KeyModifiers::CONTROL);
        match key.code {
            // What every shell does; the library would undo.
            KeyCode::Char('u') if ctrl => self.area.delete_line_by_head(),
            _ => self.area.input(key),
        }
    }

    /// Inserts text as it is, line breaks included.
    pub fn insert(&mut self, text: &str, source: Source) {
        // What terminals send for a line break in pasted text is `\r`.
        let text = text.replace("\r\n", "\n").replace('\r', "\n");
        self.area.insert_str(text);
        self.record_edit(source);
    }

    /// Inserts pasted text; returns whether it is so long that a placeholder stands for it.
    pub fn paste(&mut self, text: &str) -> bool {
        let text = text.replace("\r\n", "\n").replace('\r', "\n");
        match self.pastes.fold(&text) {
            Some(mark) => {
                self.insert(&mark, Source::Pasted);
                true
            }
            None => {
                self.insert(&text, Source::Pasted);
                false
            }
        }
    }

    /// Whether Enter inserts a line break, because there is a backslash before the cursor as in shells.
    /// The backslash is removed, except in a command, where the shell reads it. Two of them are text.
    pub fn takes_line_break(&mut self) -> bool {
        if self.kind == ReplyKind::Tool {
            return false;
        }
        let DataCursor(line, column) = self.area.cursor();
        let line = self.area.lines().get(line).map_or("", String::as_str);
        let before: String = line.chars().take(column).collect();
        let backslashes = before.len() - before.trim_end_matches('\\').len();
        let breaks = backslashes % 2 == 1;
        if breaks && self.kind != ReplyKind::Command {
            self.area.delete_char();
            self.record_edit(Source::Typed);
        }
        breaks
    }

    /// Replaces the text; undo brings the old one back.
    pub fn replace(&mut self, text: &str, source: Source) {
        self.replace_with_origin(text, Origin::of(text, source), false);
    }

    /// Replaces the text by one whose characters have known origins.
    fn replace_with_origin(&mut self, text: &str, origin: Origin, is_cut: bool) {
        let yanked = self.area.yank_text();
        self.area.select_all();
        if self.area.cut() && !text.is_empty() {
            self.replacements.push(text.to_owned());
        }
        self.area.insert_str(text);
        // Keep what the person cut before.
        self.area.set_yank_text(yanked);
        self.origin_tracker
            .replace_all(self.area.lines(), origin, is_cut);
    }

    /// Replaces the text by what an external editor made of it.
    pub fn edited(&mut self, text: &str) {
        let mut trail = std::mem::replace(&mut self.origin_tracker, OriginTracker::new(&[]));
        let lines: Vec<String> = text.split('\n').map(str::to_owned).collect();
        trail.record_edit(&lines, Source::Typed, cursor_of(&self.area));
        let (origin, is_cut) = (trail.origin().clone(), trail.is_cut());
        self.replace_with_origin(text, origin, is_cut);
    }

    /// Clears the text; undo brings it back.
    pub fn clear(&mut self) {
        self.replace_with_origin("", Origin::default(), false);
    }

    /// Returns the selected text and ends the selection.
    pub fn take_selection(&mut self) -> Option<String> {
        self.area
            .selection_range()
            .filter(|(start, end)| start != end)?;
        self.area.copy();
        Some(self.pastes.expand(self.area.yank_text()))
    }

    /// Undoes the last change; returns whether there was one.
    pub fn undo(&mut self) -> bool {
        let was_idle = self.is_idle();
        if was_idle && let Some(draft) = self.cleared.take_if(|draft| draft.text.is_empty()) {
            self.restore(*draft);
            return true;
        }
        let before = self.area.lines().join("\n");
        if !self.area.undo() {
            return false;
        }
        if self.is_empty() && self.replacements.last() == Some(&before) {
            // For the text area, these are two changes.
            self.area.undo();
            self.undone_replacements.extend(self.replacements.pop());
        }
        self.origin_tracker.record_undo(self.area.lines(), false);
        let text = self.text();
        if was_idle && let Some(draft) = self.cleared.take_if(|draft| draft.text == text) {
            self.restore(*draft);
        }
        true
    }

    /// Redoes the change that was undone last; returns whether there was one.
    pub fn redo(&mut self) -> bool {
        if !self.area.redo() {
            return false;
        }
        if self.is_empty() && !self.undone_replacements.is_empty() && self.area.redo() {
            let text = self.area.lines().join("\n");
            match self.undone_replacements.pop_if(|again| *again == text) {
                Some(again) => self.replacements.push(again),
                None => {
                    self.area.undo();
                }
            }
        }
        self.origin_tracker.record_undo(self.area.lines(), true);
        true
    }

    /// Rows that the text takes at a width.
    pub fn rows(&self, width: u16) -> usize {
        rows_of(&self.area, width)
    }

    /// Fits the text, or the text of a call, into an area of this size.
    pub fn lay_out(&mut self, (width, height): (u16, u16)) {
        match self.open_call().map(|call| &mut call.editor) {
            Some(ArgumentsEditor::Text(area)) => fill_viewport(area, (width, height)),
            Some(ArgumentsEditor::Form(_)) => {}
            None => fill_viewport(&mut self.area, (width.saturating_sub(PROMPT), height)),
        }
    }
}

/// Scrolls up until the area is full. The text area itself keeps its scroll offset when text is
/// removed, and would leave rows empty.
pub(super) fn fill_viewport(area: &mut TextArea, (width, height): (u16, u16)) {
    let (top, _) = area.scroll_offset();
    let bottom = usize::from(top) + usize::from(height);
    if top == 0 || area.lines().len() >= bottom {
        return;
    }
    let excess = bottom.saturating_sub(rows_of(area, width));
    if let Ok(excess @ 1..) = i16::try_from(excess.min(usize::from(top))) {
        // Scrolling takes the cursor along.
        let cursor = cursor_of(area);
        area.scroll((-excess, 0));
        put_cursor(area, Some(cursor));
    }
}

/// Rows that a text takes at a width.
fn rows_of(area: &TextArea, width: u16) -> usize {
    // The cursor may stand behind the last column.
    let width = width.saturating_sub(1).max(1);
    let lines = area.lines().iter();
    lines.map(|line| row_count(line, width)).sum()
}

/// Where the cursor of a text area is.
fn cursor_of(area: &TextArea) -> Cursor {
    let DataCursor(line, column) = area.cursor();
    Cursor { line, column }
}

/// Moves the cursor to a position; to the end if there is none or it is out of range.
fn put_cursor(area: &mut TextArea, cursor: Option<Cursor>) {
    let place = cursor.and_then(|Cursor { line, column }| {
        let place = (u16::try_from(line).ok()?, u16::try_from(column).ok()?);
        (line < area.lines().len()).then_some(place)
    });
    match place {
        Some((line, column)) => area.move_cursor(CursorMove::Jump(line, column)),
        None => {
            area.move_cursor(CursorMove::Bottom);
            area.move_cursor(CursorMove::End);
        }
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

/// A field of one line that looks like the composer.
pub fn field(text: &str) -> TextArea<'static> {
    let mut field = area(text);
    field.set_wrap_mode(WrapMode::None);
    field.move_cursor(CursorMove::End);
    field
}
