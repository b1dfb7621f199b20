//! Copies the code blocks of a message, one after the other.

use std::ops::Range;

use super::{BlockLine, Goal, Transcript};
use crate::tui::markup::code_blocks;
use crate::tui::text::scroll::RowPosition;

/// The code block that was copied last.
#[derive(Debug)]
pub(super) struct CopiedCode {
    block: usize,
    /// Its byte range in the text.
    body: Range<usize>,
}

impl Transcript {
    /// The last fenced code block of the selected block, or else of the last block that has any. Each
    /// further call takes the one before, and after the first the last again. It is shown and highlighted.
    pub fn next_code(&mut self) -> Option<String> {
        let codes = |index: usize| {
            let block = self.blocks.get(index);
            block.map_or_else(Vec::new, |block| code_blocks(block.text().as_str()))
        };
        let chosen = self.chosen_code();
        let index = match (self.selected, chosen) {
            (Some(index), _) => index,
            (None, Some(chosen)) => chosen.block,
            (None, None) => (0..self.blocks.len())
                .rev()
                .find(|index| !codes(*index).is_empty())?,
        };
        let codes = codes(index);
        let before = |chosen: &CopiedCode| {
            let mut all = codes.iter().rev();
            all.find(|code| code.body.start < chosen.body.start)
        };
        let code = chosen.and_then(before).or(codes.last())?;
        let body = code.body.clone();
        let copied = code.text.clone();
        self.show_code(index, body);
        Some(copied)
    }

    /// Whether a line of a block belongs to the code block that was copied last.
    pub fn is_chosen_code(&self, block: usize, line: usize) -> bool {
        self.chosen_code().is_some_and(|chosen| {
            let start =
                |found: &super::TranscriptBlock| chosen.body.contains(&found.text().start(line));
            chosen.block == block && self.blocks.get(block).is_some_and(start)
        })
    }

    /// The code block that was copied last, unless another block was selected since.
    fn chosen_code(&self) -> Option<&CopiedCode> {
        let is_here =
            |chosen: &&CopiedCode| self.selected.is_none_or(|index| index == chosen.block);
        self.copied_code.as_ref().filter(is_here)
    }

    /// Highlights a code block, and scrolls to its beginning if it is off the screen.
    fn show_code(&mut self, index: usize, body: Range<usize>) {
        let Some(block) = self.blocks.get_mut(index) else {
            return;
        };
        block.folded = false;
        let (line, start) = (block.text().line_at(body.start), body.start);
        self.copied_code = Some(CopiedCode { block: index, body });
        let is_it = |at: RowPosition| {
            at.block == index && self.line(at.block, at.line) == BlockLine::Text(line)
        };
        if !self.visible().iter().copied().any(is_it) {
            self.goal = Some(Goal::Byte(index, start));
        }
    }
}
