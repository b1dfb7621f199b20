//! Counts the matches of a search, and numbers them.

use super::{BLOCK_COST, SearchBlocks, SearchPosition, SearchQuery};

/// Bytes between two checkpoints. The number of a match is found by counting from the nearest one, so
/// this bounds the cost.
const CHECKPOINT_INTERVAL: usize = 32 << 10;

/// What a match costs of the budget of a step, in bytes.
const MATCH_COST: usize = 64;

/// Counts the matches, in steps like those of a [`Scan`](super::Scan).
#[derive(Debug, Clone)]
pub struct MatchCount {
    query: SearchQuery,
    /// Where the next step continues.
    at: SearchPosition,
    count: usize,
    /// Positions with the number of matches before them, in order.
    checkpoints: Vec<(SearchPosition, usize)>,
    is_done: bool,
}

impl MatchCount {
    /// A count that has not begun.
    pub fn new(search: &SearchQuery) -> Self {
        Self {
            query: search.clone(),
            at: SearchPosition::default(),
            count: 0,
            checkpoints: Vec::new(),
            is_done: false,
        }
    }

    /// Counts in about `budget` bytes more; returns whether all is counted.
    pub fn step(&mut self, blocks: &(impl SearchBlocks + ?Sized), budget: usize) -> bool {
        let mut left = budget.max(1);
        while left > 0 && !self.is_done {
            if self.at.block >= blocks.count() {
                self.is_done = true;
                break;
            }
            self.checkpoints.push((self.at, self.count));
            let text = blocks.text(self.at.block);
            let start = self.at.byte.min(text.len());
            let end = text.floor_char_boundary(start.saturating_add(CHECKPOINT_INTERVAL));
            let (count, next) = self.query.count(text, start, end);
            self.count += count;
            self.at = if next < text.len() {
                SearchPosition {
                    byte: next,
                    ..self.at
                }
            } else {
                SearchPosition {
                    block: self.at.block + 1,
                    byte: 0,
                }
            };
            left = left.saturating_sub(end - start + count * MATCH_COST + BLOCK_COST);
        }
        self.is_done
    }

    /// Whether all is counted.
    pub fn is_done(&self) -> bool {
        self.is_done
    }

    /// How many matches there are, as far as they are counted.
    pub fn count(&self) -> usize {
        self.count
    }

    /// The number of the match that begins at a position, from 1; `None` where it is not counted yet.
    pub fn number(
        &self,
        place: SearchPosition,
        blocks: &(impl SearchBlocks + ?Sized),
    ) -> Option<usize> {
        if !self.is_done && place >= self.at {
            return None;
        }
        let near = self
            .checkpoints
            .partition_point(|(known, _)| *known <= place);
        let (known, before) = self.checkpoints.get(near.checked_sub(1)?)?;
        let (more, _) = self
            .query
            .count(blocks.text(known.block), known.byte, place.byte);
        Some(before + more + 1)
    }
}

impl SearchQuery {
    /// How many matches begin from `start` to `end` of `text`, and where to continue after them.
    fn count(&self, text: &str, start: usize, end: usize) -> (usize, usize) {
        let (mut count, mut at) = (0, start);
        while at < end
            && let Some(found) = self.first(text, at..end)
        {
            count += 1;
            at = found.end;
        }
        (count, at.max(end))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::{Direction, SearchStep};
    use super::*;

    fn counted(query: &str, blocks: &[&str], budget: usize) -> MatchCount {
        let mut tally = MatchCount::new(&SearchQuery::new(query).unwrap());
        for _ in 0..10_000 {
            if tally.step(blocks, budget) {
                return tally;
            }
        }
        panic!("no end");
    }

    #[test]
    fn matches_are_counted_and_numbered() {
        let blocks = ["a cat and a Cat", "", "dog", "cat"];
        let tally = counted("cat", &blocks, 1);
        assert_eq!(tally.count(), 3);
        let number = |block, byte| tally.number(SearchPosition { block, byte }, &blocks[..]);
        assert_eq!(
            (number(0, 2), number(0, 12), number(3, 0)),
            (Some(1), Some(2), Some(3))
        );
        assert_eq!(counted("cow", &blocks, 1).count(), 0);
        let fresh = MatchCount::new(&SearchQuery::new("cat").unwrap());
        assert_eq!(fresh.number(SearchPosition::default(), &blocks[..]), None);
    }

    #[test]
    fn nothing_is_counted_twice_where_it_is_cut() {
        let long = "é, cat".repeat(CHECKPOINT_INTERVAL / 7 * 3 + 1);
        let blocks = [long.as_str(), "cat"];
        assert_eq!(counted("CAT", &blocks, 10).count(), 0);
        assert_eq!(
            counted("cat", &blocks, 10).count(),
            CHECKPOINT_INTERVAL / 7 * 3 + 2
        );
    }

    proptest! {
        #[test]
        fn every_hit_has_its_number(texts in prop::collection::vec("[ab]{0,8}", 0..5), query in "[ab]{1,2}") {
            let blocks: Vec<&str> = texts.iter().map(String::as_str).collect();
            let tally = counted(&query, &blocks, 1);
            let search = SearchQuery::new(&query).unwrap();
            let mut from = SearchPosition::default();
            for number in 1..=tally.count() {
                let SearchStep::Found(hit) = search.scan(from, Direction::Next).step(&blocks[..], 1 << 20) else {
                    panic!("no hit {number}");
                };
                let place = SearchPosition { block: hit.block, byte: hit.range.start };
                prop_assert_eq!(tally.number(place, &blocks[..]), Some(number));
                from = hit.position(Direction::Next);
            }
        }
    }
}
