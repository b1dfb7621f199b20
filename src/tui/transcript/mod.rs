//! The transcript of a conversation: its blocks, which of them are folded, and which part of them
//! is on the screen.

pub mod block;
mod picture;
pub mod search;
pub(super) mod view;

use std::sync::Arc;

use self::block::Block;
use self::search::Place;
use crate::api::Item;
use crate::inbox::Conversation;
use crate::tui::pictures::{Picture, Setting};
use crate::tui::text::scroll::{Position, Source, Viewport};
use crate::tui::text::{Text, row_count};

/// Columns left of a header, for the marks of what is new, selected or folded.
pub const MARKS: u16 = 2;
/// Columns left of the text. A line in them tells it from a header: whoever wrote the text can draw
/// what looks like one, but not there.
pub const GUTTER: u16 = MARKS + 1;

/// The transcript of one conversation.
#[derive(Debug, Default)]
pub struct Transcript {
    blocks: Vec<Block>,
    viewport: Viewport,
    /// The block that fold acts on; all of them if none is selected.
    selected: Option<usize>,
    /// Where the next layout is to go, which needs the size of the pane.
    goal: Option<Goal>,
    width: u16,
    height: u16,
    /// What pictures were laid out for.
    setting: Setting,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Goal {
    /// What is new, from its beginning.
    New,
    /// The end.
    Bottom,
    /// The header of a block.
    Block(usize),
    /// A block at the top of the screen.
    Top(usize),
    /// A line of a block.
    Line(usize, usize),
}

/// A line of a block, as the transcript counts them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Line {
    /// An empty line between blocks.
    Gap,
    /// The line that sets what is new apart.
    Divider(&'static str),
    /// The header.
    Header,
    /// A line of the text, by its number.
    Text(usize),
    /// A picture below the text, by its number.
    Picture(usize),
}

impl Transcript {
    /// Takes in what the conversation has become. Blocks of items that were there before stay as
    /// they are, folded or not.
    pub fn sync(&mut self, conversation: &Conversation) {
        let was_at_bottom = self.is_at_bottom();
        let before = self.blocks.len();
        let mut old = std::mem::take(&mut self.blocks).into_iter().peekable();
        let new_from = conversation.new_from();
        for (index, item) in conversation.items().iter().enumerate() {
            if index == new_from
                && conversation.is_continued()
                && !conversation.changes().is_empty()
            {
                let mut note = Block::of_note("changed", conversation.changes().join("\n"));
                (note.is_new, note.divider) = (true, Some("new"));
                self.blocks.push(note);
            }
            while old.next_if(Block::is_note).is_some() {}
            let same = match old.peek_mut().is_some_and(|block| block.takes_item(item)) {
                true => old.next(),
                false => None,
            };
            let mut block = same.unwrap_or_else(|| {
                let call = call_of(conversation.items(), index);
                Block::of_item(item, conversation.seen(index)).of_call(call)
            });
            block.is_new = conversation.is_continued() && index >= new_from;
            let is_first = block.is_new && index == new_from;
            block.divider = (is_first && conversation.changes().is_empty()).then_some("new");
            self.blocks.push(block);
        }
        for said in conversation.said() {
            let same = old.next_if(|block| block.is_of_said(said));
            self.blocks
                .push(same.unwrap_or_else(|| Block::of_said(said)));
        }
        self.selected = self.selected.filter(|&index| index < self.blocks.len());
        if was_at_bottom && self.blocks.len() != before {
            self.goal.get_or_insert(Goal::Bottom);
        }
    }

    /// The blocks.
    pub fn blocks(&self) -> &[Block] {
        &self.blocks
    }

    /// The block that is selected.
    pub fn selected(&self) -> Option<usize> {
        self.selected
    }

    /// The block that is selected.
    pub fn selected_block(&self) -> Option<&Block> {
        self.blocks.get(self.selected?)
    }

    /// The block that a command without a name for one means: the selected one, else the last.
    pub fn block_at_hand(&self) -> Option<&Block> {
        self.selected_block().or(self.blocks.last())
    }

    /// The last fenced code block of the selected block; without one, the last of all.
    pub fn code_at_hand(&self) -> Option<String> {
        match self.selected_block() {
            Some(block) => last_code(block.text()),
            None => self
                .blocks
                .iter()
                .rev()
                .find_map(|block| last_code(block.text())),
        }
    }

    /// Where the text on the screen begins.
    pub fn place_at_top(&self) -> Place {
        let top = self.viewport.top;
        let byte = match (self.blocks.get(top.block), self.line(top.block, top.line)) {
            (Some(block), Line::Text(line)) => block.text().start(line),
            _ => 0,
        };
        Place {
            block: top.block,
            byte,
        }
    }

    /// Shows the line of a block in which a byte of its text is, and selects the block.
    pub fn show_match(&mut self, index: usize, byte: usize) {
        let lead = self.lead(index);
        if let Some(block) = self.blocks.get_mut(index) {
            block.folded = false;
            self.selected = Some(index);
            self.goal = Some(Goal::Line(index, lead + 1 + block.text().line_at(byte)));
        }
    }

    /// Goes to the next prompt below the top of the screen, or the previous one above it.
    pub fn go_to_prompt(&mut self, forward: bool) {
        let at = self.selected.unwrap_or(self.viewport.top.block);
        let is_prompt = |index: &usize| self.blocks[*index].kind == self::block::Kind::Prompt;
        let found = match forward {
            true => (at + 1..self.blocks.len()).find(is_prompt),
            false => (0..at.min(self.blocks.len())).rev().find(is_prompt),
        };
        if let Some(index) = found {
            self.selected = Some(index);
            self.goal = Some(Goal::Top(index));
        }
    }

    /// Shows what is new from its beginning, at the next layout.
    pub fn show_new(&mut self) {
        self.goal = Some(Goal::New);
    }

    /// Shows the end, at the next layout.
    pub fn show_bottom(&mut self) {
        self.goal = Some(Goal::Bottom);
    }

    /// Fits the transcript into a pane of this size and goes where it was told to.
    pub fn layout(&mut self, width: u16, height: u16, setting: Setting) {
        self.setting = setting;
        let text_width = text_width(width);
        let mut viewport = self.viewport;
        if self.width != width {
            viewport.resize(
                &*self,
                text_width_or(self.width, text_width),
                text_width,
                height,
            );
        }
        (self.width, self.height) = (width, height);
        match self.goal.take() {
            None => viewport.clamp(&*self, text_width, height),
            Some(Goal::Bottom) => viewport.to_bottom(&*self, text_width, height),
            Some(Goal::New) => {
                let at = Position::new(self.first_new(), 0);
                viewport.show(at, &*self, text_width, height);
            }
            Some(Goal::Top(index)) => {
                viewport.show(
                    Position::new(index, self.lead(index)),
                    &*self,
                    text_width,
                    height,
                );
            }
            Some(Goal::Line(index, line)) => {
                viewport.show(Position::new(index, line), &*self, text_width, height);
                // With some of what is above it, but not where that is nowhere near.
                viewport.scroll(&*self, text_width, height, -i64::from(height / 3));
            }
            Some(Goal::Block(index)) => self.reveal(&mut viewport, index, text_width),
        }
        self.viewport = viewport;
    }

    /// The rows on the screen from top to bottom.
    pub fn visible(&self) -> impl Iterator<Item = Position> + use<'_> {
        self.viewport
            .visible(self, text_width(self.width), self.height)
    }

    /// What the line of a block is.
    pub fn line(&self, block: usize, line: usize) -> Line {
        let Some(found) = self.blocks.get(block) else {
            return Line::Gap;
        };
        let lead = self.lead(block);
        match line {
            0 if lead == 1 => found.divider.map_or(Line::Gap, Line::Divider),
            line if line == lead => Line::Header,
            line => match (line - lead - 1).checked_sub(found.text().len()) {
                Some(picture) => Line::Picture(picture),
                None => Line::Text(line - lead - 1),
            },
        }
    }

    /// Moves by rows, down if positive.
    pub fn scroll(&mut self, rows: i64) {
        let mut viewport = self.viewport;
        viewport.scroll(self, text_width(self.width), self.height, rows);
        self.viewport = viewport;
        self.goal = None;
    }

    /// Moves by pages, down if positive, with a row of overlap.
    pub fn scroll_pages(&mut self, pages: i64) {
        self.scroll(pages * i64::from(self.height.saturating_sub(1).max(1)));
    }

    /// Whether the end is on the screen.
    pub fn is_at_bottom(&self) -> bool {
        self.viewport
            .at_bottom(self, text_width(self.width), self.height)
    }

    /// Selects the next block, or the previous one.
    pub fn select(&mut self, forward: bool) {
        let last = match self.blocks.len().checked_sub(1) {
            Some(last) => last,
            None => return,
        };
        let next = match (self.selected, forward) {
            (None, _) => last,
            (Some(index), true) => (index + 1).min(last),
            (Some(index), false) => index.saturating_sub(1),
        };
        self.selected = Some(next);
        self.goal = Some(Goal::Block(next));
    }

    /// Selects a block that was clicked; its header folds it when it is selected already.
    pub fn click(&mut self, index: usize, is_header: bool) {
        if is_header && self.selected == Some(index) {
            self.toggle_fold();
        }
        self.selected = Some(index);
    }

    /// Selects nothing; says whether something was selected.
    pub fn clear_selection(&mut self) -> bool {
        self.selected.take().is_some()
    }

    /// Folds or unfolds the selected block; without one, unfolds all, or folds what agents put in
    /// again once all is unfolded.
    pub fn toggle_fold(&mut self) {
        match self.selected.and_then(|index| self.blocks.get_mut(index)) {
            Some(block) => block.folded = !block.folded,
            None => {
                let fold = !self.blocks.iter().any(|block| block.folded);
                for block in &mut self.blocks {
                    block.folded = fold && block.kind == self::block::Kind::Boilerplate;
                }
            }
        }
        if let Some(index) = self.selected {
            self.goal = Some(Goal::Block(index));
        }
    }

    /// Where reading begins: what is new since the last reply, or the last prompt if all is new.
    fn first_new(&self) -> usize {
        let new = self.blocks.iter().position(|block| block.is_new);
        let prompt = || {
            let prompt = |block: &Block| block.kind == self::block::Kind::Prompt;
            self.blocks.iter().rposition(prompt)
        };
        new.or_else(prompt).unwrap_or(0)
    }

    /// Scrolls just as far as it takes to see the header of a block and the beginning of its text.
    fn reveal(&self, viewport: &mut Viewport, index: usize, width: u16) {
        let header = Position::new(index, self.lead(index));
        let last = self.lines(index).saturating_sub(1);
        let after = Position::new(index, last.min(self.lead(index) + 3));
        viewport.clamp(self, width, self.height);
        let rows: Vec<Position> = viewport.visible(self, width, self.height).collect();
        let (first, last) = (rows.first(), rows.last());
        if first.is_some_and(|first| header < *first) {
            viewport.show(Position::new(index, 0), self, width, self.height);
        } else if last.is_some_and(|last| after > *last) {
            viewport.show(Position::new(index, 0), self, width, self.height);
            viewport.scroll(self, width, self.height, -i64::from(self.height / 2));
        }
    }

    /// The pictures of a block, unless words have to do.
    fn pictures<'b>(&self, block: &'b Block) -> &'b [Picture] {
        match self.setting.shows_pictures() {
            true => &block.pictures,
            false => &[],
        }
    }

    /// Lines above the header: a divider or a gap, but neither at the very top, and no gap between
    /// folded blocks.
    fn lead(&self, index: usize) -> usize {
        let Some(block) = self.blocks.get(index) else {
            return 0;
        };
        let is_folded = |index: usize| self.blocks.get(index).is_some_and(|block| block.folded);
        let gap = index > 0 && !(block.folded && is_folded(index - 1));
        usize::from(block.divider.is_some() || gap)
    }
}

impl Source for Transcript {
    fn blocks(&self) -> usize {
        self.blocks.len()
    }

    fn lines(&self, block: usize) -> usize {
        let text = match self.blocks.get(block) {
            Some(block) if !block.folded => block.text().len() + self.pictures(block).len(),
            _ => 0,
        };
        self.lead(block) + 1 + text
    }

    fn rows(&self, block: usize, line: usize, width: u16) -> usize {
        match (self.blocks.get(block), self.line(block, line)) {
            (Some(block), Line::Text(line)) => row_count(block.text().line(line), width),
            (Some(block), Line::Picture(index)) => {
                let picture = block.pictures.get(index);
                picture.map_or(1, |picture| picture.rows(width, self.setting))
            }
            _ => 1,
        }
    }
}

/// The call that an output answers, if it is not right above it, where anybody would look.
fn call_of(items: &[Arc<Item>], output: usize) -> Option<&Item> {
    /// Parallel calls come together; nobody looks further.
    const NEAR: usize = 64;
    let id = items.get(output)?.output_of()?;
    let start = output.saturating_sub(NEAR);
    let near = &items[start..output];
    let at = near.iter().rposition(|item| item.call_id() == Some(id))?;
    (at + 1 < near.len()).then(|| near[at].as_ref())
}

/// The inside of the last fenced code block of a text.
fn last_code(text: &Text) -> Option<String> {
    let is_fence = |line: &usize| {
        let line = text.line(*line).trim_start();
        line.starts_with("```") || line.starts_with("~~~")
    };
    let mut fences = (0..text.len()).rev().filter(is_fence);
    let (end, start) = (fences.next()?, fences.next()?);
    let lines: Vec<&str> = (start + 1..end).map(|line| text.line(line)).collect();
    Some(lines.join("\n"))
}

/// Columns for text in a pane of this width.
pub fn text_width(width: u16) -> u16 {
    width.saturating_sub(GUTTER).max(1)
}

fn text_width_or(width: u16, default: u16) -> u16 {
    match width {
        0 => default,
        width => text_width(width),
    }
}
