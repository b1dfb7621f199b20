//! The charts of the statistics. Widgets of ratatui draw them into a buffer of their own, which is then
//! turned into text, so that charts scroll, are searched and copied like any other text. All that a
//! chart shows is also there in words.

use std::ops::Range;

use jiff::civil::Date;
use ratatui::buffer::Buffer;
use ratatui::layout::{Alignment, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::symbols::Marker;
use ratatui::text::{Line, Span};
use ratatui::widgets::{
    Axis, Bar, BarChart, Chart, Dataset, GraphType, LineGauge, Sparkline, Widget,
};

use crate::statistics::{JournalStatistics, Measure, TurnStatistics};
use crate::tui::markup::{Sgr, Tone};
use crate::tui::text::{columns, one_line};
use crate::tui::theme::Theme;

/// Columns from which two charts stand beside each other.
const TWO_COLUMNS: u16 = 90;
/// Columns between them.
const BETWEEN: u16 = 4;
/// Agents that have a bar of their own.
const MAX_AGENTS: usize = 10;
/// Columns of the longest name of an agent.
const LONGEST_NAME: u16 = 18;
/// Columns for the names of numbers, with the gap after them.
const NAMES: usize = 23;
/// Rows of a chart over days.
const ROWS: u16 = 7;
/// Columns of the widest bar that stands for a day.
const WIDEST_BAR: u16 = 6;
/// The factor by which values are scaled for widgets that take integers, so that there are bars for
/// less than one.
const SCALE: f64 = 1_000.0;

/// A text, and the styles of its ranges.
type TonedText = (String, Vec<(Range<usize>, Tone)>);

/// The names of the tabs, and the index of the current one.
pub(super) struct Tabs<const N: usize> {
    pub names: [&'static str; N],
    pub at: usize,
}

impl<const N: usize> Tabs<N> {
    /// The current tab has brackets, for those who see no colours.
    fn line(&self, theme: &Theme) -> Line<'static> {
        let tabs = self.names.iter().enumerate();
        let tabs = tabs.map(|(at, name)| {
            if at == self.at {
                Span::styled(format!("[{name}]"), theme.strong())
            } else {
                Span::styled(format!(" {name} "), theme.dim())
            }
        });
        tabs.collect::<Vec<_>>().into()
    }
}

/// A tab with text.
pub(super) fn words<const N: usize>(
    theme: &Theme,
    tabs: &Tabs<N>,
    words: &str,
    width: u16,
) -> TonedText {
    let mut sheet = Buffer::empty(Rect::new(0, 0, width, 2));
    tabs.line(theme).render(sheet.area, &mut sheet);
    let (mut text, tones) = toned_text(&sheet);
    text.push('\n');
    text.push_str(words);
    (text, tones)
}

/// A tab with charts.
pub(super) fn statistics<const N: usize>(
    theme: &Theme,
    tabs: &Tabs<N>,
    statistics: &JournalStatistics,
    width: u16,
) -> TonedText {
    let (beside, panel_width) = match width {
        0..TWO_COLUMNS => (1, width),
        _ => (2, (width - BETWEEN) / 2),
    };
    let summary = [summary(theme, &statistics.all)];
    let charts = charts(theme, statistics);
    // The agents and the days of a measure stand beside each other.
    let rows = || [&summary[..]].into_iter().chain(charts.chunks(beside));
    let height_of = |row: &[Panel<'_>]| row.iter().map(|panel| panel.rows + 2).max().unwrap_or(0);
    let height = 1 + rows().map(height_of).sum::<u16>();
    let mut sheet = Buffer::empty(Rect::new(0, 0, width, height));
    tabs.line(theme).render(sheet.area, &mut sheet);
    let mut top = 1;
    for row in rows() {
        let mut left = 0;
        for panel in row {
            let title = Rect::new(left, top + 1, panel_width, 1);
            let heading = theme.tone(Tone::Heading);
            Line::styled(panel.title.clone(), heading).render(title, &mut sheet);
            let area = Rect::new(left, top + 2, panel_width, panel.rows);
            (panel.draw)(area, &mut sheet);
            left += panel_width + BETWEEN;
        }
        top += height_of(row);
    }
    toned_text(&sheet)
}

/// Draws a chart into an area of a buffer.
type Draw<'a> = Box<dyn Fn(Rect, &mut Buffer) + 'a>;

/// A chart with a title above it.
struct Panel<'a> {
    title: String,
    rows: u16,
    draw: Draw<'a>,
}

fn charts<'a>(theme: &'a Theme, statistics: &'a JournalStatistics) -> Vec<Panel<'a>> {
    let mut charts = Vec::new();
    let days = statistics.calendar();
    for measure in Measure::ALL {
        // Where nothing was counted there is nothing to compare.
        if measure.value_of(&statistics.all).is_none() {
            continue;
        }
        charts.push(by_agent(theme, statistics, measure));
        if days.len() > 1 {
            charts.push(by_day(theme, days.clone(), measure));
        }
    }
    charts
}

/// All numbers in words, and shares as gauges, too.
fn summary<'a>(theme: &'a Theme, numbers: &TurnStatistics) -> Panel<'a> {
    let numbers = numbers.labelled();
    let gauges = numbers.iter().filter(|(.., share)| share.is_some()).count();
    Panel {
        title: "Together; times are the middle ones".into(),
        rows: rows(numbers.len() + gauges),
        draw: Box::new(move |area, sheet| {
            let mut rows = area.rows();
            for (name, words, share) in &numbers {
                // A narrow pane has a smaller gap.
                let gap = NAMES.min(usize::from(area.width).saturating_sub(words.len()));
                let line = Line::raw(format!("{name:<gap$}{words}"));
                rows.next()
                    .into_iter()
                    .for_each(|row| (&line).render(row, sheet));
                let Some(share) = share else {
                    continue;
                };
                let share = share.clamp(0.0, 1.0);
                let gauge = LineGauge::default()
                    .ratio(share)
                    .label(Line::raw(format!("{:>4.0} %", share * 100.0)))
                    .filled_symbol("█")
                    .unfilled_symbol("░")
                    .filled_style(bar_style(theme))
                    .unfilled_style(theme.dim());
                rows.next()
                    .into_iter()
                    .for_each(|row| (&gauge).render(row, sheet));
            }
        }),
    }
}

/// A bar for each agent, with its name and value.
fn by_agent<'a>(
    theme: &'a Theme,
    statistics: &'a JournalStatistics,
    measure: Measure,
) -> Panel<'a> {
    let (agents, others) = statistics.busiest(MAX_AGENTS);
    Panel {
        title: format!("{} by agent", measure.title()),
        rows: rows(agents.len() + usize::from(others > 0)),
        draw: Box::new(move |area, sheet| {
            let values = agents.iter().map(|(_, numbers)| measure.value_of(numbers));
            let values: Vec<Option<f64>> = values.collect();
            let names = agents.iter();
            let names = names.map(|(name, _)| one_line(name, LONGEST_NAME.min(area.width / 3)));
            let names: Vec<String> = names.collect();
            let words = values.iter().map(|value| measure.format_value(*value));
            let words: Vec<String> = words.collect();
            let name_width = names.iter().map(|name| columns(name)).max().unwrap_or(0);
            let words_width = words.iter().map(|words| columns(words)).max().unwrap_or(0);
            let bars = names.iter().zip(&words).zip(&values);
            let bars = bars.map(|((name, words), value)| {
                let gap = name_width - columns(name);
                let label = format!("{name}{:gap$}  {words:>words_width$}", "");
                Bar::with_label(label, scaled(value.unwrap_or(0.0))).text_value("")
            });
            let greatest = values.iter().flatten().copied().fold(0.0, f64::max);
            BarChart::horizontal(bars.collect::<Vec<_>>())
                .bar_width(1)
                .bar_gap(0)
                .bar_style(bar_style(theme))
                .max(scaled(measure.scale_maximum(greatest)))
                .render(area, sheet);
            if others > 0 {
                let others = format!("and {others} other agents");
                let last = area.rows().next_back().unwrap_or_default();
                Line::styled(others, theme.dim()).render(last, sheet);
            }
        }),
    }
}

/// A chart over days, and below it in words the first and last day and the maximum.
fn by_day<'a>(
    theme: &'a Theme,
    days: Vec<(Date, Option<&'a TurnStatistics>)>,
    measure: Measure,
) -> Panel<'a> {
    let values = days.iter().map(|(day, numbers)| {
        let value = numbers.and_then(|numbers| measure.value_of(numbers));
        (*day, value)
    });
    let values: Vec<(Date, Option<f64>)> = values.collect();
    Panel {
        title: format!("{} by day", measure.title()),
        rows: ROWS + 1,
        draw: Box::new(move |area, sheet| {
            let chart = Rect {
                height: ROWS,
                ..area
            };
            match measure {
                Measure::Requests => counts(theme, &values, chart, sheet),
                _ => line(theme, &values, measure, chart, sheet),
            }
            let words = in_words(&values, measure);
            let words = one_line(&words, area.width);
            let last = area.rows().next_back().unwrap_or_default();
            Line::styled(words, theme.dim()).render(last, sheet);
        }),
    }
}

/// The first and last day, and the day with the maximum, in words.
fn in_words(values: &[(Date, Option<f64>)], measure: Measure) -> String {
    let (Some((first, _)), Some((last, _))) = (values.first(), values.last()) else {
        return String::new();
    };
    let known = values
        .iter()
        .filter_map(|(day, value)| Some((day, (*value)?)));
    match known.max_by(|(_, one), (_, other)| one.total_cmp(other)) {
        Some((day, most)) => {
            let most = measure.format_value(Some(most));
            format!(
                "{first} to {last}, most {most} on {:.5}",
                month_and_day(*day)
            )
        }
        None => format!("{first} to {last}"),
    }
}

/// Counts of days as bars with their numbers, or as a sparkline if there is not enough room.
fn counts(theme: &Theme, values: &[(Date, Option<f64>)], area: Rect, sheet: &mut Buffer) {
    let days = rows(values.len()).max(1);
    let with_gap = (area.width + 1) / days;
    if with_gap < 3 {
        // If there are more days than columns, several share one.
        let shared = values.len().div_ceil(usize::from(area.width).max(1));
        let sums = values.chunks(shared).map(|days| {
            let known = days.iter().filter_map(|(_, value)| *value);
            known.reduce(|one, other| one + other).map(scaled)
        });
        return Sparkline::default()
            .data(sums.collect::<Vec<Option<u64>>>())
            .style(bar_style(theme))
            .absent_value_symbol("·")
            .absent_value_style(theme.dim())
            .render(area, sheet);
    }
    let width = (with_gap - 1).min(WIDEST_BAR);
    let bars = values.iter().map(|(day, value)| {
        let name = month_and_day(*day);
        let name = match width {
            0..5 => name[3..].to_owned(),
            _ => name,
        };
        let words = value.map(|value| format!("{value:.0}"));
        Bar::with_label(name, scaled(value.unwrap_or(0.0))).text_value(words.unwrap_or_default())
    });
    BarChart::vertical(bars.collect::<Vec<_>>())
        .bar_width(width)
        .bar_gap(1)
        .bar_style(bar_style(theme))
        .value_style(bar_style(theme).add_modifier(Modifier::REVERSED))
        .label_style(theme.dim())
        .render(area, sheet);
}

/// Values of days as a line between two axes; days without one have no point.
fn line(
    theme: &Theme,
    values: &[(Date, Option<f64>)],
    measure: Measure,
    area: Rect,
    sheet: &mut Buffer,
) {
    let points = values.iter().enumerate();
    let points = points.filter_map(|(at, (_, value))| Some((at as f64, (*value)?)));
    let points: Vec<(f64, f64)> = points.collect();
    let greatest = points.iter().map(|(_, value)| *value).fold(0.0, f64::max);
    let full = measure.scale_maximum(greatest);
    let marks = [0.0, full / 2.0, full].map(|value| measure.format_value(Some(value)));
    let ends = [values.first(), values.last()];
    let ends = ends.map(|day| day.map_or(String::new(), |(day, _)| month_and_day(*day)));
    let last = values.len().saturating_sub(1).max(1) as f64;
    let days = Axis::default()
        .bounds([0.0, last])
        .labels(ends)
        .labels_alignment(Alignment::Right)
        .style(theme.dim());
    let amounts = Axis::default()
        .bounds([0.0, full])
        .labels(marks)
        .labels_alignment(Alignment::Right)
        .style(theme.dim());
    let dataset = Dataset::default()
        .data(&points)
        .graph_type(GraphType::Line)
        .marker(Marker::Braille)
        .style(bar_style(theme));
    Chart::new(vec![dataset])
        .x_axis(days)
        .y_axis(amounts)
        .render(area, sheet);
}

/// The style of bars and lines.
fn bar_style(theme: &Theme) -> Style {
    theme.info()
}

/// Month and day, such as `11-29`.
fn month_and_day(day: Date) -> String {
    format!("{:02}-{:02}", day.month(), day.day())
}

/// A value, scaled to an integer for a widget.
fn scaled(value: f64) -> u64 {
    (value * SCALE) as u64
}

fn rows(count: usize) -> u16 {
    u16::try_from(count).unwrap_or(u16::MAX)
}

/// The text and styles of a buffer, without blanks at the ends of its rows.
fn toned_text(sheet: &Buffer) -> TonedText {
    let (mut text, mut tones) = (String::new(), Vec::new());
    for row in sheet.area.rows() {
        let begin = text.len();
        let mut cells = row.columns();
        while let Some(cell) = cells.next() {
            let cell = &sheet[(cell.x, cell.y)];
            // An empty braille cell looks like a space, and is copied and searched as one.
            let symbol = match cell.symbol() {
                "\u{2800}" => " ",
                symbol => symbol,
            };
            // A wide character also takes the cells after it.
            if columns(symbol) > 1 {
                cells.nth(columns(symbol) - 2);
            }
            let from = text.len();
            text.push_str(symbol);
            if let Some(tone) = tone(cell.style()).filter(|_| symbol != " ") {
                tones.push((from..text.len(), tone));
            }
        }
        let end = begin + text[begin..].trim_end_matches(' ').len();
        text.truncate(end);
        text.push('\n');
    }
    (text, tones)
}

/// The style of a cell, if it is not the default.
fn tone(style: Style) -> Option<Tone> {
    let colour = |colour: Option<Color>| colour.filter(|colour| *colour != Color::Reset);
    let sgr = Sgr {
        fg: colour(style.fg),
        bg: colour(style.bg),
        modifiers: style.add_modifier,
    };
    (sgr != Sgr::default()).then_some(Tone::Sgr(sgr))
}
