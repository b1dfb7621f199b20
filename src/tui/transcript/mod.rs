//! The transcript of a conversation: its blocks, which of them are folded, and which part of them
//! is on the screen.

pub mod block;
mod code;
mod links;
mod output;
mod picture;
pub(super) mod view;

use std::sync::Arc;

use self::block::TranscriptBlock;
use self::code::CopiedCode;
use crate::api::Item;
use crate::inbox::Conversation;
use crate::tui::pictures::{Picture, PictureSetting};
use crate::tui::search::{ReadingPosition, SearchBlocks, SearchMatch, SearchPosition, Searchable};
use crate::tui::text::scroll::{RowPosition, ScrollSource};
use crate::tui::text::window::{ScrollProgress, Window};

/// Columns left of a header, for the marks of what is new, selected or folded.
pub const MARKS: u16 = 2;
/// Columns left of the text, in which a line is drawn. It tells text from headers: a text can imitate a
/// header, but not without the line.
pub const GUTTER: u16 = MARKS + 1;

/// What a header counts for in the scroll progress, in bytes of text.
const HEADER_BYTES: u64 = 80;

/// The transcript of one conversation.
#[derive(Debug, Default)]
pub struct Transcript {
    blocks: Vec<TranscriptBlock>,
    window: Window,
    /// The block that commands such as fold act on.
    selected: Option<usize>,
    /// The block that was unfolded to show a match in it, and is to be folded again.
    unfolded_by_search: Option<usize>,
    /// The code block that was copied last, which is highlighted.
    copied_code: Option<CopiedCode>,
    /// Where the next layout scrolls to: that needs the size of the pane.
    goal: Option<Goal>,
    /// For every block, the bytes above it; and last, the bytes of all blocks.
    bytes_above: Vec<u64>,
    /// The setting that pictures were laid out for.
    setting: PictureSetting,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Goal {
    /// The first new block.
    New,
    /// The end.
    Bottom,
    /// The header of a block.
    Block(usize),
    /// A block at the top of the screen.
    Top(usize),
    /// A byte of the text of a block.
    Byte(usize, usize),
}

/// A line of a block, as the transcript counts them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BlockLine {
    /// An empty line between blocks.
    Gap,
    /// The line above what is new.
    Divider(&'static str),
    /// The header.
    Header,
    /// A line of the text, by its number.
    Text(usize),
    /// A picture below the text, by its number.
    Picture(usize),
}

impl Transcript {
    /// Updates the blocks from the conversation. Blocks of items that were there before stay as they are,
    /// folded or not.
    pub fn sync(&mut self, conversation: &Conversation) {
        let before = self.blocks.len();
        let new_from = conversation.new_from();
        // Items from before mostly stay where they are, and there may be many.
        let read = conversation.items().iter().take(new_from);
        let mut same = 0;
        for (block, item) in self.blocks.iter_mut().zip(read) {
            if !block.takes_item(item) {
                break;
            }
            (block.is_new, block.divider) = (false, None);
            same += 1;
        }
        let mut old = self.blocks.split_off(same).into_iter().peekable();
        // Replies that were sent, which the client may send back as items.
        let mut said_before: Vec<TranscriptBlock> = Vec::new();
        let is_put_in = conversation.agent_inserted_items();
        let mut last_is_made = false;
        for (index, item) in conversation.items().iter().enumerate().skip(same) {
            if index == new_from
                && conversation.is_continued()
                && !conversation.changes().is_empty()
            {
                let mut note =
                    TranscriptBlock::of_note("changed", conversation.changes().join("\n"));
                (note.is_new, note.divider) = (true, Some("new"));
                self.blocks.push(note);
            }
            while old.next_if(TranscriptBlock::is_note).is_some() {}
            while let Some(said) = old.next_if(TranscriptBlock::is_sent) {
                said_before.push(said);
            }
            let same = if old.peek_mut().is_some_and(|block| block.takes_item(item)) {
                old.next()
            } else {
                None
            };
            last_is_made = same.is_none();
            let mut block = same.unwrap_or_else(|| {
                let call = call_of(conversation.items(), index);
                let reply = said_before.iter().find(|said| said.comes_back_as(item));
                let block =
                    TranscriptBlock::of_item(item, conversation.seen(index)).with_call(call);
                let block = block.with_reply(reply);
                block.with_boilerplate(is_put_in(index))
            });
            block.is_new = conversation.is_continued() && index >= new_from;
            let is_first = block.is_new && index == new_from;
            block.divider = (is_first && conversation.changes().is_empty()).then_some("new");
            self.blocks.push(block);
        }
        if last_is_made {
            self.open_what_is_new();
        }
        for said in conversation.replies() {
            let same = old.next_if(|block| block.is_of_sent(said));
            self.blocks
                .push(same.unwrap_or_else(|| TranscriptBlock::of_sent(said)));
        }
        self.selected = self.selected.filter(|&index| index < self.blocks.len());
        self.unfolded_by_search = self
            .unfolded_by_search
            .filter(|&index| index < self.blocks.len());
        if self.blocks.len() != before {
            self.copied_code = None;
        }
        self.update_bytes_above();
    }

    /// Unfolds the last new block if an agent inserted all that is new, such as the result of a sub-agent:
    /// it is what there is to answer.
    fn open_what_is_new(&mut self) {
        let new = self.blocks.iter().filter(|block| block.is_new);
        let mut items = new.filter(|block| !block.is_note());
        if items.all(|block| block.folded)
            && let Some(last) = self.blocks.last_mut().filter(|block| block.is_new)
        {
            last.folded = false;
        }
    }

    /// The blocks.
    pub fn blocks(&self) -> &[TranscriptBlock] {
        &self.blocks
    }

    /// The block that is selected.
    pub fn selected(&self) -> Option<usize> {
        self.selected
    }

    /// The block that is selected.
    pub fn selected_block(&self) -> Option<&TranscriptBlock> {
        self.blocks.get(self.selected?)
    }

    /// The pictures of the selected block; if none is selected, of the last block that has any.
    pub fn current_pictures(&self) -> &[Picture] {
        let has_any = |block: &&TranscriptBlock| !block.pictures.is_empty();
        let last = || self.blocks.iter().rev().find(has_any);
        let block = self.selected_block().or_else(last);
        block.map_or(&[], |block| &block.pictures)
    }

    /// The block that commands act on: the selected one, else the last.
    pub fn current_block(&self) -> Option<&TranscriptBlock> {
        self.selected_block().or(self.blocks.last())
    }

    /// Goes to the next or the previous prompt, from the selected block or the top of the screen.
    pub fn go_to_prompt(&mut self, forward: bool) {
        let at = self.selected.unwrap_or(self.window.top().block);
        let is_prompt = |index: &usize| self.blocks[*index].kind == self::block::BlockKind::Prompt;
        let found = if forward {
            (at + 1..self.blocks.len()).find(is_prompt)
        } else {
            (0..at.min(self.blocks.len())).rev().find(is_prompt)
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

    /// Fits the transcript into a pane of this size and scrolls to the goal. Without one, the end stays on
    /// the screen if it was there.
    pub fn layout(&mut self, width: u16, height: u16, setting: PictureSetting) {
        self.setting = setting;
        let goal = self.goal.take();
        self.with_window(|window, this| {
            window.fit(this, (text_width(width), height), true);
            match goal {
                None => {}
                Some(Goal::Bottom) => window.show_end(this),
                Some(Goal::New) => window.show(RowPosition::new(this.first_new(), 0), this),
                Some(Goal::Top(index)) => {
                    window.show(
                        RowPosition::new(index, this.lines_above_header(index)),
                        this,
                    );
                }
                Some(Goal::Byte(index, byte)) => {
                    let at = this.position_of(index, byte, window.width());
                    // With some rows above it.
                    window.show_below(at, height / 3, this);
                }
                Some(Goal::Block(index)) => this.reveal(window, index),
            }
        });
    }

    /// The rows on the screen from top to bottom, as they were laid out.
    pub fn visible(&self) -> &[RowPosition] {
        self.window.rows()
    }

    /// What the line of a block is.
    pub fn line(&self, block: usize, line: usize) -> BlockLine {
        let Some(found) = self.blocks.get(block) else {
            return BlockLine::Gap;
        };
        let lead = self.lines_above_header(block);
        match line {
            0 if lead == 1 => found.divider.map_or(BlockLine::Gap, BlockLine::Divider),
            line if line == lead => BlockLine::Header,
            line => match (line - lead - 1).checked_sub(found.text().len()) {
                Some(picture) => BlockLine::Picture(picture),
                None => BlockLine::Text(line - lead - 1),
            },
        }
    }

    /// Whether the end is on the screen.
    pub fn is_at_bottom(&self) -> bool {
        self.window.is_at_end()
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

    /// Clears the selection; returns whether there was one.
    pub fn clear_selection(&mut self) -> bool {
        self.selected.take().is_some() | self.copied_code.take().is_some()
    }

    /// Folds or unfolds the selected block; without one, unfolds all, or folds what agents put in
    /// again once all is unfolded.
    pub fn toggle_fold(&mut self) {
        // What is unfolded is read from the current position.
        self.window.stop_following();
        self.unfolded_by_search = None;
        match self.selected.and_then(|index| self.blocks.get_mut(index)) {
            Some(block) => block.folded = !block.folded,
            None => {
                let fold = !self.blocks.iter().any(|block| block.folded);
                for block in &mut self.blocks {
                    block.folded = fold && block.kind == self::block::BlockKind::Boilerplate;
                }
            }
        }
        if let Some(index) = self.selected {
            self.goal = Some(Goal::Block(index));
        }
        self.update_bytes_above();
    }

    /// Folds the block that the search has unfolded.
    fn refold(&mut self) {
        if let Some(block) = self
            .unfolded_by_search
            .take()
            .and_then(|at| self.blocks.get_mut(at))
        {
            block.folded = true;
        }
        self.update_bytes_above();
    }

    /// Computes the bytes above each block. Bytes, because counting rows would mean laying out everything
    /// off the screen.
    fn update_bytes_above(&mut self) {
        let mut all = 0;
        self.bytes_above.clear();
        self.bytes_above.push(0);
        for block in &self.blocks {
            let text = if block.folded {
                0
            } else {
                u64::try_from(block.size).unwrap_or(u64::MAX)
            };
            all = HEADER_BYTES.saturating_add(text).saturating_add(all);
            self.bytes_above.push(all);
        }
    }

    /// Calls `act` with the window, which needs to read the blocks.
    fn with_window(&mut self, act: impl FnOnce(&mut Window, &Self)) {
        let mut window = std::mem::take(&mut self.window);
        act(&mut window, self);
        self.window = window;
    }

    /// The row in which a byte of the text of a block is.
    fn position_of(&self, block: usize, byte: usize, width: u16) -> RowPosition {
        let Some(found) = self.blocks.get(block) else {
            return RowPosition::default();
        };
        let text = found.text();
        let line = text.line_at(byte);
        let within = byte.saturating_sub(text.start(line));
        RowPosition {
            row: found.styled().row_at(line, within, width),
            ..RowPosition::new(block, self.lines_above_header(block) + 1 + line)
        }
    }

    /// Where reading begins: the first block since the last reply, or the last prompt if all is new.
    fn first_new(&self) -> usize {
        let new = self.blocks.iter().position(|block| block.is_new);
        let prompt = || {
            let prompt = |block: &TranscriptBlock| block.kind == self::block::BlockKind::Prompt;
            self.blocks.iter().rposition(prompt)
        };
        new.or_else(prompt).unwrap_or(0)
    }

    /// Scrolls just as far as it takes to see the header of a block and the beginning of its text.
    fn reveal(&self, window: &mut Window, index: usize) {
        let header = RowPosition::new(index, self.lines_above_header(index));
        let last = self.lines(index).saturating_sub(1);
        let after = RowPosition::new(index, last.min(self.lines_above_header(index) + 3));
        let (first, last) = (window.rows().first(), window.rows().last());
        let is_above = first.is_some_and(|first| header < *first);
        let is_below = last.is_some_and(|last| after > *last);
        let at = RowPosition::new(index, 0);
        if is_above {
            window.show(at, self);
        } else if is_below {
            window.show_below(at, window.height() / 2, self);
        }
    }

    /// The pictures of a block; none if pictures are not shown.
    fn pictures<'b>(&self, block: &'b TranscriptBlock) -> &'b [Picture] {
        if self.setting.shows_pictures() {
            &block.pictures
        } else {
            &[]
        }
    }

    /// Lines above the header: a divider or a gap, but neither at the very top, and no gap between
    /// folded blocks.
    fn lines_above_header(&self, index: usize) -> usize {
        let Some(block) = self.blocks.get(index) else {
            return 0;
        };
        let is_folded = |index: usize| self.blocks.get(index).is_some_and(|block| block.folded);
        let gap = index > 0 && !(block.folded && is_folded(index - 1));
        usize::from(block.divider.is_some() || gap)
    }
}

impl ScrollSource for Transcript {
    fn blocks(&self) -> usize {
        self.blocks.len()
    }

    fn lines(&self, block: usize) -> usize {
        let text = match self.blocks.get(block) {
            Some(block) if !block.folded => block.text().len() + self.pictures(block).len(),
            _ => 0,
        };
        self.lines_above_header(block) + 1 + text
    }

    fn rows(&self, block: usize, line: usize, width: u16) -> usize {
        match (self.blocks.get(block), self.line(block, line)) {
            (Some(block), BlockLine::Text(line)) => block.styled().row_count(line, width),
            (Some(block), BlockLine::Picture(index)) => {
                let picture = block.pictures.get(index);
                picture.map_or(1, |picture| picture.rows(width, self.setting))
            }
            _ => 1,
        }
    }
}

impl SearchBlocks for Transcript {
    fn count(&self) -> usize {
        self.blocks.len()
    }

    fn text(&self, index: usize) -> &str {
        let block = self.blocks.get(index);
        block.map_or("", |block| block.text().as_str())
    }
}

impl Searchable for Transcript {
    fn scroll(&mut self, rows: i64) {
        self.goal = None;
        self.with_window(|window, this| window.scroll(this, rows));
    }

    fn scroll_pages(&mut self, pages: i64) {
        self.goal = None;
        self.with_window(|window, this| window.scroll_pages(this, pages));
    }

    fn progress(&self) -> ScrollProgress {
        let above = |block: usize| self.bytes_above.get(block).copied().unwrap_or(0);
        let all = self.bytes_above.last().copied().unwrap_or(0);
        let read = self.visible().last().map_or(0, |last| {
            let (from, to) = (above(last.block), above(last.block + 1));
            let rows = self.rows(last.block, last.line, self.window.width());
            let (read, all) = last.within(self.lines(last.block), rows);
            from + to.saturating_sub(from).saturating_mul(read) / all
        });
        self.window.progress(read, all)
    }

    fn top_position(&self) -> SearchPosition {
        let top = self.window.top();
        let byte = match (self.blocks.get(top.block), self.line(top.block, top.line)) {
            (Some(block), BlockLine::Text(line)) => block.text().start(line),
            _ => 0,
        };
        SearchPosition {
            block: top.block,
            byte,
        }
    }

    fn show_hit(&mut self, hit: &SearchMatch) {
        let index = hit.block;
        if self.unfolded_by_search != Some(index) {
            self.refold();
        }
        if let Some(block) = self.blocks.get_mut(index) {
            if std::mem::take(&mut block.folded) {
                self.unfolded_by_search = Some(index);
            }
            self.selected = Some(index);
            self.goal = Some(Goal::Byte(index, hit.range.start));
        }
        self.update_bytes_above();
    }

    fn reading_position(&self) -> ReadingPosition {
        ReadingPosition {
            top: self.window.top(),
            is_at_end: self.window.is_at_end(),
            selected: self.selected,
        }
    }

    fn restore_position(&mut self, stand: ReadingPosition) {
        self.refold();
        self.selected = stand.selected;
        self.goal = None;
        self.with_window(|window, this| {
            if stand.is_at_end {
                window.show_end(this)
            } else {
                window.show(stand.top, this)
            }
        });
    }

    fn keep_found_open(&mut self) {
        self.unfolded_by_search = None;
    }
}

/// The call that an output answers, unless it is the item right above it.
fn call_of(items: &[Arc<Item>], output: usize) -> Option<&Item> {
    /// How many items back to look: parallel calls are next to each other.
    const NEAR: usize = 64;
    let id = items.get(output)?.output_of()?;
    let start = output.saturating_sub(NEAR);
    let near = &items[start..output];
    let at = near.iter().rposition(|item| item.call_id() == Some(id))?;
    (at + 1 < near.len()).then(|| near[at].as_ref())
}

/// Columns for text in a pane of this width.
pub fn text_width(width: u16) -> u16 {
    width.saturating_sub(GUTTER).max(1)
}
