//! Draws the visible rows of the transcript.

use std::ops::Range;

use jiff::tz::TimeZone;
use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};
use ratatui::text::{Line as Row, Span};

use super::picture::{self, Pictures};
use crate::tui::markup::{RowPiece, Styled, Tone};
use crate::tui::search::Finder;
use crate::tui::text::format::{size, time_of_day};
use crate::tui::text::paint::draw_line;
use crate::tui::text::scroll::RowPosition;
use crate::tui::text::{Text, columns, one_line, rows, shown, shown_spans};
use crate::tui::theme::{Role, Theme};
use crate::tui::transcript::block::{BlockKind, TranscriptBlock};
use crate::tui::transcript::{BlockLine, MARKS, Transcript, text_width};
use crate::tui::ui::Ui;

/// Draws a transcript as it was laid out, with times in this zone, and marks what is searched for.
pub(in crate::tui) fn draw(
    frame: &mut Frame,
    ui: &Ui,
    transcript: &Transcript,
    zone: &TimeZone,
    finder: Option<&Finder>,
    area: Rect,
) {
    let width = text_width(area.width);
    let mut wrapped = WrappedLine::new(ui);
    let mut pictures = Pictures::default();
    for (position, row) in transcript.visible().iter().copied().zip(area.rows()) {
        let Some(block) = transcript.blocks().get(position.block) else {
            continue;
        };
        let line = transcript.line(position.block, position.line);
        let (marks, content) = match line {
            BlockLine::Gap => continue,
            BlockLine::Divider(words) => {
                draw_line(frame.buffer_mut(), row, &divider(ui, words, area.width));
                continue;
            }
            BlockLine::Header => {
                let fold = if block.folded {
                    "▸"
                } else {
                    fold_mark(block)
                };
                let content = header(ui, block, zone, area.width.saturating_sub(MARKS));
                (fold, content)
            }
            BlockLine::Text(number) => {
                let base = if block.failed && block.kind != BlockKind::Output {
                    ui.theme.bad()
                } else {
                    text_style(&ui.theme, block.kind)
                };
                let found = finder
                    .map(|finder| finder.found_in(&ui.theme, block.text(), position.block, number));
                let found = found.unwrap_or_default();
                let mut content = wrapped.row(block.styled(), number, position, width, &found);
                for span in &mut content {
                    span.style = base.patch(span.style);
                }
                (" ", content)
            }
            BlockLine::Picture(index) => {
                let Some(picture) = block.pictures.get(index) else {
                    continue;
                };
                let place = picture::PictureRow {
                    row,
                    bottom: area.bottom(),
                    width,
                };
                (" ", pictures.row(frame, ui, picture, position, place))
            }
        };
        let is_selected = transcript.selected() == Some(position.block);
        let side = match (is_selected, block.is_new) {
            (true, _) => Span::styled("┃", ui.theme.strong()),
            (false, true) if marks == " " => Span::styled("▎", ui.theme.fresh()),
            (false, true) => Span::styled(marks, ui.theme.fresh()),
            (false, false) => Span::styled(marks, ui.theme.dim()),
        };
        let mut spans = vec![side];
        match line {
            BlockLine::Header => {
                let beside = if is_selected { marks } else { " " };
                spans.push(Span::styled(beside, ui.theme.dim()));
            }
            BlockLine::Text(number) if transcript.is_chosen_code(position.block, number) => {
                spans.push(Span::styled("┃ ", ui.theme.strong()));
            }
            _ => spans.push(Span::styled("│ ", ui.theme.rule())),
        }
        spans.extend(content);
        draw_line(frame.buffer_mut(), row, &Row::from(spans));
    }
}

/// The mark of an unfolded block: only for what agents inserted, to show that it can be folded again.
fn fold_mark(block: &TranscriptBlock) -> &'static str {
    match block.kind {
        BlockKind::Boilerplate => "▾",
        _ => " ",
    }
}

fn header(ui: &Ui, block: &TranscriptBlock, zone: &TimeZone, width: u16) -> Vec<Span<'static>> {
    let full = |text: &str| columns(&one_line(text, width));
    let width = usize::from(width).saturating_sub(1);
    let size = size(block.size);
    let time = block.at.filter(|_| !block.folded);
    let time = time.map(|at| format!("{} · {size}", time_of_day(at, zone)));
    // In a narrow pane, label and detail matter more than time and size.
    let told = block.header_detail();
    let between = if told.is_empty() { 0 } else { 2 };
    let needed = full(&block.label) + 1 + between + full(&told) + 1;
    let right = [time, Some(size)].into_iter().flatten();
    let right = right
        .into_iter()
        .find(|right| needed + columns(right) <= width);
    let right = right.unwrap_or_default();
    let mut left = width.saturating_sub(columns(&right) + 1);
    let mut spans = Vec::new();
    let mut push = |text: &str, style: Style| {
        let text = one_line(text, u16::try_from(left).unwrap_or(u16::MAX));
        left = left.saturating_sub(columns(&text) + 1);
        if !text.is_empty() {
            spans.push(Span::styled(text, style));
            spans.push(Span::raw(" "));
        }
    };
    push(&block.label, label_style(&ui.theme, block.kind));
    let detail = if block.failed {
        ui.theme.bad()
    } else {
        ui.theme.dim()
    };
    if between > 0 {
        push("·", ui.theme.dim());
    }
    push(&told, detail);
    if block.folded {
        push(block.preview(), ui.theme.dim());
    }
    let taken: usize = spans.iter().map(|span| columns(&span.content)).sum();
    spans.push(Span::raw(
        " ".repeat(width.saturating_sub(taken + columns(&right))),
    ));
    spans.push(Span::styled(right, ui.theme.dim()));
    spans
}

/// The style of the label in the header of a block.
fn label_style(theme: &Theme, kind: BlockKind) -> Style {
    let style = match kind {
        BlockKind::Prompt => theme.of(Role::Prompt),
        BlockKind::Assistant => theme.of(Role::Assistant),
        BlockKind::Call => theme.of(Role::Call),
        BlockKind::Output => theme.of(Role::Output),
        BlockKind::Boilerplate => return theme.dim(),
        BlockKind::Other => Style::new(),
    };
    style.add_modifier(Modifier::BOLD)
}

/// The style of the text of a block, where no tone says more.
fn text_style(theme: &Theme, kind: BlockKind) -> Style {
    match kind {
        BlockKind::Call => theme.strong(),
        _ => Style::new(),
    }
}

fn divider(ui: &Ui, words: &str, width: u16) -> Row<'static> {
    let width = usize::from(width);
    let before = "─".repeat(usize::from(MARKS));
    let after = width.saturating_sub(columns(words) + usize::from(MARKS) + 2);
    Row::styled(
        format!("{before} {words} {}", "─".repeat(after)),
        ui.theme.fresh(),
    )
}

/// Draws the first steps, while there are no requests: the base URL for agents, and the command that
/// sets Codex up.
pub(in crate::tui) fn draw_welcome(frame: &mut Frame, url: &str, setup: &str, area: Rect) {
    let text = Text::new(format!(
        "You are the model. Nobody has asked anything yet.\n\n\
         Listening on {url}\n\n\
         To let Codex ask, run in another pane:\n\n  \
         {setup}\n  \
         codex --profile humanllm\n\n\
         A request opens here by itself."
    ));
    let is_roomy = area.height > 12;
    let area = Rect {
        x: area.x + 1,
        y: area.y + u16::from(is_roomy),
        width: area.width.saturating_sub(2),
        height: area.height.saturating_sub(u16::from(is_roomy)),
    };
    let worth = |number: &usize| is_roomy || !text.line(*number).is_empty();
    let lines = (0..text.len()).filter(worth).flat_map(|number| {
        let line = text.line(number);
        rows(line, area.width).map(move |range| shown(&line[range], area.width).into_owned())
    });
    for (line, row) in lines.zip(area.rows()) {
        draw_line(frame.buffer_mut(), row, &Row::raw(line));
    }
}

/// Caches the rows of the line that is being drawn, so that a line of many rows is wrapped once.
pub(in crate::tui) struct WrappedLine<'u> {
    ui: &'u Ui,
    at: Option<(usize, usize)>,
    rows: Vec<Vec<RowPiece>>,
    styles: Vec<(Range<usize>, Style)>,
}

impl<'u> WrappedLine<'u> {
    pub(in crate::tui) fn new(ui: &'u Ui) -> Self {
        Self {
            ui,
            at: None,
            rows: Vec::new(),
            styles: Vec::new(),
        }
    }

    /// The row at `position`, which is in line `number` of `text`, with the matches `found` highlighted.
    pub(in crate::tui) fn row(
        &mut self,
        text: &Styled,
        number: usize,
        position: RowPosition,
        width: u16,
        found: &[(Range<usize>, Style)],
    ) -> Vec<Span<'static>> {
        let line = text.text().line(number);
        if self.at != Some((position.block, position.line)) {
            self.at = Some((position.block, position.line));
            self.rows = text.rows(number, width);
            let tones = text.spans(number, &self.ui.worker).into_iter();
            let styles: Vec<_> = tones
                .map(|(range, tone)| (range, self.ui.theme.tone(tone)))
                .collect();
            self.styles = overlay(styles, found);
        }
        let row = self.rows.get(position.row).into_iter().flatten();
        row.flat_map(|piece| match piece {
            RowPiece::Text(range, columns) => {
                shown_spans(line, range.clone(), *columns, &self.styles)
            }
            RowPiece::Blank(columns) => vec![Span::raw(" ".repeat((*columns).into()))],
            RowPiece::Mark(mark, count) => {
                let marks = mark.to_string().repeat((*count).into());
                vec![Span::styled(marks, self.ui.theme.tone(Tone::Marker))]
            }
        })
        .collect()
    }
}

/// Lays the styles of matches over those of a line.
fn overlay(
    styles: Vec<(Range<usize>, Style)>,
    found: &[(Range<usize>, Style)],
) -> Vec<(Range<usize>, Style)> {
    if found.is_empty() {
        return styles;
    }
    let mut result = Vec::new();
    for (range, style) in styles {
        // Keep what is left of the range between and beside the matches.
        let mut start = range.start;
        let found = found.iter().map(|(hit, _)| hit);
        for hit in found.filter(|hit| hit.end > range.start && hit.start < range.end) {
            if start < hit.start {
                result.push((start..hit.start, style));
            }
            start = start.max(hit.end);
        }
        if start < range.end {
            result.push((start..range.end, style));
        }
    }
    result.extend(found.iter().cloned());
    result.sort_by_key(|(range, _)| range.start);
    result
}
