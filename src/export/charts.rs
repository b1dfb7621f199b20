//! The statistics of an exported page as SVG charts and a table. They need no script, follow the colour
//! scheme of the page, and give all values as text too.

use std::fmt::Write;

use jiff::civil::Date;

use super::html::escaped;
use super::redact::Redactor;
use crate::statistics::{JournalStatistics, Measure, TurnStatistics};

/// The width of a chart in SVG units; the page scales it to the available width.
const WIDTH: f64 = 420.0;
/// The x coordinate of the bars, to the right of their labels.
const BARS_LEFT: f64 = 216.0;
/// The height of a labelled bar, with the gap below it.
const ROW_HEIGHT: f64 = 22.0;
/// The height of a chart over days, without the labels below it.
const PLOT_HEIGHT: f64 = 120.0;
/// The x coordinate of a chart over days, to the right of its axis labels.
const PLOT_LEFT: f64 = 64.0;
/// The characters of a label before it is truncated.
const LONGEST_NAME: usize = 24;
/// The number of agents that have a bar.
const MAX_AGENTS: usize = 20;
/// The number of days up to which each day has a marker on the line.
const MAX_POINTS: usize = 100;

/// The statistics section of a page; empty if there are no turns.
pub(super) fn section(statistics: &JournalStatistics, redactor: &mut Redactor) -> String {
    if statistics.all.turns == 0 {
        return String::new();
    }
    let mut out =
        String::from("<section id=\"statistics\">\n<h2>Statistics of this page</h2>\n<dl>\n");
    let numbers = statistics.all.labelled();
    for (name, words, _) in &numbers {
        let _ = writeln!(out, "<dt>{name}</dt><dd>{words}</dd>");
    }
    out.push_str(
        "</dl>\n<p class=\"legend\">Times are the middle ones. Days are those of UTC.</p>\n",
    );
    out.push_str("<div class=\"charts\">\n");
    let shares = numbers.iter().filter_map(|(name, _, share)| {
        let percent = 100.0 * (*share)?;
        Some(Bar {
            name: (*name).to_owned(),
            words: format!("{percent:.0} %"),
            value: Some(percent),
        })
    });
    bars(&mut out, "Shares", &shares.collect::<Vec<_>>(), 100.0);
    let days = statistics.calendar();
    for measure in Measure::ALL {
        // Without any value there is nothing to compare.
        if measure.value_of(&statistics.all).is_none() {
            continue;
        }
        by_agent(&mut out, statistics, measure, redactor);
        if days.len() > 1 {
            by_day(&mut out, &days, measure);
        }
    }
    out.push_str("</div>\n");
    table(&mut out, statistics, redactor);
    out.push_str("</section>\n");
    out
}

/// A bar with a name and a value before it.
struct Bar {
    name: String,
    words: String,
    value: Option<f64>,
}

fn by_agent(
    out: &mut String,
    statistics: &JournalStatistics,
    measure: Measure,
    redactor: &mut Redactor,
) {
    let (agents, others) = statistics.busiest(MAX_AGENTS);
    let rows = agents.into_iter().map(|(name, numbers)| {
        let value = measure.value_of(numbers);
        Bar {
            name: redactor.text(name).into_owned(),
            words: measure.format_value(value),
            value,
        }
    });
    let rows: Vec<Bar> = rows.collect();
    let greatest = rows.iter().filter_map(|row| row.value).fold(0.0, f64::max);
    let title = match others {
        0 => format!("{} by agent", measure.title()),
        _ => format!("{} by agent, without {others} others", measure.title()),
    };
    bars(out, &title, &rows, measure.scale_maximum(greatest));
}

/// Draws horizontal bars, each with a name and a value before it. `full` is the value of a full bar.
fn bars(out: &mut String, title: &str, rows: &[Bar], full: f64) {
    begin_figure(out, title, ROW_HEIGHT * rows.len() as f64);
    for (at, row) in rows.iter().enumerate() {
        let top = ROW_HEIGHT * at as f64;
        let (middle, room) = (top + ROW_HEIGHT / 2.0 + 4.0, WIDTH - BARS_LEFT);
        let width = room * row.value.unwrap_or(0.0) / full;
        let name = match row.name.char_indices().nth(LONGEST_NAME) {
            Some(_) => row
                .name
                .chars()
                .take(LONGEST_NAME - 1)
                .chain(['…'])
                .collect(),
            None => row.name.clone(),
        };
        let _ = writeln!(
            out,
            "<g><title>{}: {}</title><text x=\"0\" y=\"{middle}\">{}</text>\
             <text x=\"{}\" y=\"{middle}\" text-anchor=\"end\">{}</text>\
             <rect class=\"whole\" x=\"{BARS_LEFT}\" y=\"{}\" width=\"{room}\" height=\"{}\"/>\
             <rect x=\"{BARS_LEFT}\" y=\"{}\" width=\"{width:.1}\" height=\"{}\"/></g>",
            escaped(&row.name),
            row.words,
            escaped(&name),
            BARS_LEFT - 8.0,
            row.words,
            top + 4.0,
            ROW_HEIGHT - 8.0,
            top + 4.0,
            ROW_HEIGHT - 8.0,
        );
    }
    end_figure(out);
}

/// Draws a chart over days: counts as bars, other measures as a line.
fn by_day(out: &mut String, days: &[(Date, Option<&TurnStatistics>)], measure: Measure) {
    let of =
        |numbers: &Option<&TurnStatistics>| numbers.and_then(|numbers| measure.value_of(numbers));
    let values = days.iter().filter_map(|(_, numbers)| of(numbers));
    let full = measure.scale_maximum(values.fold(0.0, f64::max));
    begin_figure(
        out,
        &format!("{} by day", measure.title()),
        PLOT_HEIGHT + 28.0,
    );
    for (share, value) in [(0.0, 0.0), (0.5, full / 2.0), (1.0, full)] {
        let y = 8.0 + PLOT_HEIGHT * (1.0 - share);
        let _ = writeln!(
            out,
            "<line x1=\"{PLOT_LEFT}\" y1=\"{y}\" x2=\"{WIDTH}\" y2=\"{y}\"/>\
             <text x=\"{}\" y=\"{}\" text-anchor=\"end\">{}</text>",
            PLOT_LEFT - 6.0,
            y + 4.0,
            measure.format_value(Some(value)),
        );
    }
    let step = (WIDTH - PLOT_LEFT) / days.len() as f64;
    let mut points = Vec::new();
    for (at, (day, numbers)) in days.iter().enumerate() {
        let Some(value) = of(numbers) else {
            continue;
        };
        let left = PLOT_LEFT + step * at as f64;
        let high = PLOT_HEIGHT * value / full;
        let title = format!(
            "<title>{day}: {}</title>",
            measure.format_value(Some(value))
        );
        if measure == Measure::Requests {
            let _ = writeln!(
                out,
                "<rect x=\"{:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{high:.1}\">{title}</rect>",
                left + step * 0.1,
                8.0 + PLOT_HEIGHT - high,
                step * 0.8,
            );
        } else {
            points.push((left + step / 2.0, 8.0 + PLOT_HEIGHT - high, title));
        }
    }
    if !points.is_empty() {
        let line = points.iter().map(|(x, y, _)| format!("{x:.1},{y:.1}"));
        let line = line.collect::<Vec<_>>().join(" ");
        let _ = writeln!(out, "<polyline points=\"{line}\"/>");
    }
    if points.len() <= MAX_POINTS {
        for (x, y, title) in points {
            let _ = writeln!(
                out,
                "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3\">{title}</circle>"
            );
        }
    }
    let ends = [
        (days.first(), PLOT_LEFT, "start"),
        (days.last(), WIDTH, "end"),
    ];
    for (day, x, anchor) in ends {
        if let Some((day, _)) = day {
            let y = PLOT_HEIGHT + 24.0;
            let _ = writeln!(
                out,
                "<text x=\"{x}\" y=\"{y}\" text-anchor=\"{anchor}\">{day}</text>"
            );
        }
    }
    end_figure(out);
}

fn begin_figure(out: &mut String, title: &str, height: f64) {
    let _ = writeln!(
        out,
        "<figure>\n<figcaption>{title}</figcaption>\n\
         <svg viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" aria-label=\"{title}\">"
    );
}

fn end_figure(out: &mut String) {
    out.push_str("</svg>\n</figure>\n");
}

/// Writes the table of all numbers.
fn table(out: &mut String, statistics: &JournalStatistics, redactor: &mut Redactor) {
    out.push_str(
        "<details><summary>All numbers</summary>\n<div class=\"scroll\"><table>\n<tr><th></th>",
    );
    for (name, ..) in statistics.all.labelled() {
        let _ = write!(out, "<th scope=\"col\">{name}</th>");
    }
    out.push_str("</tr>\n");
    let mut row = |name: &str, numbers: &TurnStatistics| {
        let name = escaped(&redactor.text(name));
        let _ = write!(out, "<tr><th scope=\"row\">{name}</th>");
        for (_, words, _) in numbers.labelled() {
            let _ = write!(out, "<td>{words}</td>");
        }
        out.push_str("</tr>\n");
    };
    row("All", &statistics.all);
    for (name, numbers) in statistics.agents.iter().chain(&statistics.days) {
        row(name, numbers);
    }
    out.push_str("</table></div></details>\n");
}
