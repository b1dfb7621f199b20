//! Searches a conversation, which may be tens of megabytes long, or a view.
//!
//! Texts are searched without laying them out, and in steps ([`Scan::step`]) short enough to run between
//! two frames. Matches on the screen are highlighted line by line with [`SearchQuery::matches_in`].
//!
//! Upper case in the query means that case matters, as in most pagers.

mod finder;
mod match_count;

use std::ops::Range;

pub use self::finder::Finder;
pub use self::match_count::MatchCount;

use regex::{Regex, RegexBuilder};

use crate::tui::text::scroll::RowPosition;
use crate::tui::text::window::ScrollProgress;

/// Bytes to search in one step. At worst this is some milliseconds.
pub const STEP: usize = 2 << 20;

/// Bytes searched at once when going backwards, where the last match is known only after all others.
const WINDOW: usize = 64 << 10;

/// What a block costs of the budget of a step at least, in bytes.
const BLOCK_COST: usize = 64;

/// The most characters of a query; more is a paste by mistake.
const MAX_LENGTH: usize = 500;

/// The texts to search, in order.
pub trait SearchBlocks {
    /// How many there are.
    fn count(&self) -> usize;
    /// One of them; past the end, an empty one.
    fn text(&self, index: usize) -> &str;
}

impl<T: AsRef<str>> SearchBlocks for [T] {
    fn count(&self) -> usize {
        self.len()
    }

    fn text(&self, index: usize) -> &str {
        self.get(index).map_or("", AsRef::as_ref)
    }
}

/// Content that is shown and can be searched: the transcript of a conversation, or a view.
pub trait Searchable: SearchBlocks {
    /// Moves by rows, down if positive.
    fn scroll(&mut self, rows: i64);
    /// Moves by pages, down if positive.
    fn scroll_pages(&mut self, pages: i64);
    /// How far down the screen is in the content.
    fn progress(&self) -> ScrollProgress;
    /// The position of the text at the top of the screen.
    fn top_position(&self) -> SearchPosition;
    /// Scrolls to a match.
    fn show_hit(&mut self, hit: &SearchMatch);
    /// The reading position, for [`Self::restore_position`].
    fn reading_position(&self) -> ReadingPosition;
    /// Goes back to a reading position, and folds what the search has unfolded.
    fn restore_position(&mut self, stand: ReadingPosition);
    /// Keeps the match that was found last unfolded, because reading continues there.
    fn keep_found_open(&mut self);
}

/// What was on the screen before a search.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ReadingPosition {
    /// The row at the top.
    pub top: RowPosition,
    /// Whether the end was on the screen.
    pub is_at_end: bool,
    /// The block that was selected.
    pub selected: Option<usize>,
}

/// Something to search for.
#[derive(Debug, Clone)]
pub struct SearchQuery {
    query: String,
    pattern: Regex,
    /// The most bytes that a match can have: upper and lower case may differ in size.
    longest: usize,
}

/// A position in the blocks, such as where to search from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct SearchPosition {
    /// The block.
    pub block: usize,
    /// The byte in it. Within a character, the nearest boundary is meant.
    pub byte: usize,
}

/// Which way to search.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// Towards the end: matches that start at the place or after it.
    Next,
    /// Towards the beginning: matches that end at the place or before it.
    Previous,
}

/// A match.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SearchMatch {
    /// The block it is in.
    pub block: usize,
    /// The bytes of the block it takes.
    pub range: Range<usize>,
    /// Whether the search passed the end, or the beginning, to find it.
    pub wrapped: bool,
}

impl SearchMatch {
    /// Where to search on from in this direction.
    pub fn position(&self, direction: Direction) -> SearchPosition {
        let byte = match direction {
            Direction::Next => self.range.end,
            Direction::Previous => self.range.start,
        };
        SearchPosition {
            block: self.block,
            byte,
        }
    }
}

/// The result of a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SearchStep {
    /// The nearest match.
    Found(SearchMatch),
    /// Nothing yet: step again on the next tick.
    Pending,
    /// There is no match in any block.
    NotFound,
}

impl SearchQuery {
    /// A search for `query`; `None` if it is empty, or too long to be meant.
    pub fn new(query: &str) -> Option<Self> {
        let chars = query.chars().count();
        if chars == 0 || chars > MAX_LENGTH {
            return None;
        }
        let exact = query.chars().any(char::is_uppercase);
        let pattern = RegexBuilder::new(&regex::escape(query))
            .case_insensitive(!exact)
            .build()
            .ok()?;
        Some(Self {
            query: query.to_owned(),
            pattern,
            longest: chars * '\u{10FFFF}'.len_utf8(),
        })
    }

    /// What is searched for.
    pub fn query(&self) -> &str {
        &self.query
    }

    /// The matches within a line, for highlighting. Matches do not overlap. An endless line is for
    /// the caller to cut, as [`Text`](crate::tui::text::Text) does.
    pub fn matches_in(&self, line: &str) -> Vec<Range<usize>> {
        let matches = self.pattern.find_iter(line);
        matches.map(|found| found.range()).collect()
    }

    /// Starts to look for the nearest match in a direction.
    pub fn scan(&self, from: SearchPosition, direction: Direction) -> Scan {
        Scan {
            query: self.clone(),
            direction,
            from,
            at: Some(from),
            wrapped: false,
        }
    }

    /// The first match that starts in `range` of `text`; it may reach beyond it.
    fn first(&self, text: &str, range: Range<usize>) -> Option<Range<usize>> {
        let until = text.floor_char_boundary(range.end.saturating_add(self.longest));
        let found = self.pattern.find_at(&text[..until], range.start)?;
        (found.start() < range.end).then(|| found.range())
    }

    /// The last match that starts in `range` of `text` and ends at `end` or before it.
    fn last(&self, text: &str, range: Range<usize>, end: usize) -> Option<Range<usize>> {
        let until = text.floor_char_boundary(range.end.saturating_add(self.longest).min(end));
        let part = text.get(range.start..until)?;
        let matches = self.pattern.find_iter(part).map(|found| found.range());
        let found = matches
            .take_while(|found| range.start + found.start < range.end)
            .last()?;
        Some(range.start + found.start..range.start + found.end)
    }
}

/// A search in progress. It holds no text, so that the texts may change between steps.
#[derive(Debug, Clone)]
pub struct Scan {
    query: SearchQuery,
    direction: Direction,
    /// Where it began, and where it ends after wrapping around.
    from: SearchPosition,
    /// Where the next step continues; `None` for the end of the texts.
    at: Option<SearchPosition>,
    wrapped: bool,
}

impl Scan {
    /// Searches about `budget` bytes further; [`STEP`] is a good budget.
    pub fn step(&mut self, blocks: &(impl SearchBlocks + ?Sized), budget: usize) -> SearchStep {
        let count = blocks.count();
        let mut left = budget.max(1);
        while left > 0 {
            // The end of the texts: wrap around, once.
            let Some(at) = self.at.filter(|at| at.block < count) else {
                if self.direction == Direction::Previous && self.at.is_some() && !self.wrapped {
                    // It began past the last block, which is where wrapping around leads too.
                    self.at = end_position(blocks);
                    self.from = self.at.unwrap_or_default();
                    if self.at.is_some() {
                        continue;
                    }
                }
                if self.wrapped || count == 0 {
                    return SearchStep::NotFound;
                }
                self.wrapped = true;
                self.at = match self.direction {
                    Direction::Next => Some(SearchPosition::default()),
                    Direction::Previous => end_position(blocks),
                };
                continue;
            };
            let text = blocks.text(at.block);
            let (hit, looked_at, next) = match self.direction {
                Direction::Next => self.forward(text, at, left),
                Direction::Previous => self.backward(text, at),
            };
            if let Some(range) = hit {
                return SearchStep::Found(SearchMatch {
                    block: at.block,
                    range,
                    wrapped: self.wrapped,
                });
            }
            if self.wrapped && self.is_around(at.block, next) {
                return SearchStep::NotFound;
            }
            self.at = next.or_else(|| match self.direction {
                Direction::Next => Some(SearchPosition {
                    block: at.block + 1,
                    byte: 0,
                }),
                Direction::Previous => {
                    let block = at.block.checked_sub(1)?;
                    let byte = blocks.text(block).len();
                    Some(SearchPosition { block, byte })
                }
            });
            left = left.saturating_sub(looked_at + BLOCK_COST);
        }
        SearchStep::Pending
    }

    /// Searches `text` from `at` on.
    fn forward(&self, text: &str, at: SearchPosition, left: usize) -> ScanResult {
        let start = text.ceil_char_boundary(at.byte);
        let end = text.floor_char_boundary(start.saturating_add(left.max('\u{10FFFF}'.len_utf8())));
        let hit = self.query.first(text, start..end);
        let next = (end < text.len()).then_some(SearchPosition {
            block: at.block,
            byte: end,
        });
        (hit, end - start, next)
    }

    /// Searches `text` backwards from `at`.
    fn backward(&self, text: &str, at: SearchPosition) -> ScanResult {
        let end = text.floor_char_boundary(at.byte);
        let start = text.floor_char_boundary(end.saturating_sub(WINDOW));
        // A match may reach beyond its window, but in the first text not beyond where the search began.
        let most = if at.block == self.from.block && !self.wrapped {
            self.from.byte
        } else {
            text.len()
        };
        let hit = self.query.last(text, start..end, most);
        let next = (start > 0).then_some(SearchPosition {
            block: at.block,
            byte: start,
        });
        (hit, end - start, next)
    }

    /// Whether a search that has wrapped is back where it began.
    fn is_around(&self, block: usize, next: Option<SearchPosition>) -> bool {
        match self.direction {
            Direction::Next => {
                block > self.from.block
                    || (block == self.from.block
                        && next.is_none_or(|next| next.byte >= self.from.byte))
            }
            Direction::Previous => {
                block < self.from.block
                    || (block == self.from.block
                        && next.is_none_or(|next| next.byte + self.query.longest <= self.from.byte))
            }
        }
    }
}

/// A match, the number of bytes searched, and where to continue in the same text.
type ScanResult = (Option<Range<usize>>, usize, Option<SearchPosition>);

/// The end of the last block.
fn end_position(blocks: &(impl SearchBlocks + ?Sized)) -> Option<SearchPosition> {
    let block = blocks.count().checked_sub(1)?;
    let byte = blocks.text(block).len();
    Some(SearchPosition { block, byte })
}

#[cfg(test)]
mod tests;
