//! Finds the URLs on the screen, to make them links.

use std::ops::Range;
use std::sync::Arc;

use ratatui::layout::{Position, Rect};

use super::{BlockLine, GUTTER, Transcript, text_width};
use crate::tui::markup::{RowPiece, Styled, links};
use crate::tui::terminal::link::Link;
use crate::tui::text::columns;

/// The addresses of a line, and its rows if it has any.
struct Addresses {
    /// The block and the line.
    line: (usize, usize),
    ranges: Vec<Range<usize>>,
    rows: Vec<Vec<RowPiece>>,
}

impl Addresses {
    fn new(line: (usize, usize), text: &Styled, number: usize, width: u16) -> Self {
        let lines = text.text();
        let words = lines.line(number);
        // The next piece of a long line may continue the URL at its end.
        let ends = number + 1 == lines.len() || !lines.separator(number).is_empty();
        let ranges: Vec<Range<usize>> = links(words)
            .filter(|range| ends || range.end < words.len())
            .collect();
        let rows = if ranges.is_empty() {
            Vec::new()
        } else {
            text.rows(number, width)
        };
        Self { line, ranges, rows }
    }
}

impl Transcript {
    /// The URLs on the screen, as the transcript was laid out and is drawn in `area`.
    ///
    /// Only URLs that are written out: the label of a Markdown link could hide where it leads.
    pub fn links(&self, area: Rect) -> Vec<Link> {
        let mut found = Vec::new();
        // A line of many rows is read once.
        let mut target_conversation: Option<Addresses> = None;
        for (position, row) in self.visible().iter().zip(area.rows()) {
            let (Some(block), BlockLine::Text(number)) = (
                self.blocks.get(position.block),
                self.line(position.block, position.line),
            ) else {
                continue;
            };
            let key = (position.block, position.line);
            let addresses = match target_conversation.take() {
                Some(addresses) if addresses.line == key => addresses,
                _ => Addresses::new(key, block.styled(), number, text_width(area.width)),
            };
            let addresses = target_conversation.insert(addresses);
            let Some(pieces) = addresses.rows.get(position.row) else {
                continue;
            };
            let line = block.text().line(number);
            let mut x = row.x.saturating_add(GUTTER);
            for piece in pieces {
                let taken = match piece {
                    RowPiece::Blank(columns) | RowPiece::Mark(_, columns) => *columns,
                    RowPiece::Text(words, most) => {
                        let width = |words: Range<usize>| {
                            let width = line.get(words).map_or(0, columns);
                            u16::try_from(width).unwrap_or(u16::MAX).min(*most)
                        };
                        for address in &addresses.ranges {
                            let part = address.start.max(words.start)..address.end.min(words.end);
                            if part.is_empty() {
                                continue;
                            }
                            let at = x.saturating_add(width(words.start..part.start));
                            found.push(Link {
                                at: Position::new(at, row.y),
                                shown: line[part].to_owned(),
                                address: Arc::from(&line[address.clone()]),
                                id: (position.block, block.text().start(number) + address.start),
                            });
                        }
                        width(words.clone())
                    }
                };
                x = x.saturating_add(taken);
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tui::pictures::{Graphics, PictureSetting};
    use crate::tui::transcript::block::TranscriptBlock;

    #[test]
    fn an_address_leads_to_all_of_it_from_every_row_that_it_takes() {
        let long = format!("https://example.com/{}", "a".repeat(30));
        let text = format!("See it: {long} or [https://bank.example](http://b.c)");
        let mut transcript = Transcript {
            blocks: vec![TranscriptBlock::of_note("note", text)],
            ..Transcript::default()
        };
        transcript.layout(33, 20, PictureSetting::new(Graphics::Words));
        let area = Rect::new(5, 2, 33, 20);
        let found = transcript.links(area);
        let parts = |address: &str| -> Vec<(Position, String)> {
            let links = found.iter().filter(|link| &*link.address == address);
            links.map(|link| (link.at, link.shown.clone())).collect()
        };
        let left = area.x + GUTTER;
        assert_eq!(
            parts(&long),
            [
                (Position::new(left, 4), long[..30].to_owned()),
                (Position::new(left, 5), long[30..].to_owned())
            ]
        );
        // What is written in the place of an address is one itself.
        for address in ["https://bank.example", "http://b.c"] {
            let shown: String = parts(address).into_iter().map(|(_, shown)| shown).collect();
            assert_eq!(shown, address);
        }
        let ids: Vec<_> = found.iter().map(|link| link.id).collect();
        assert!(ids[0] == ids[1] && ids[1] != ids[2], "{ids:?}");
    }
}
