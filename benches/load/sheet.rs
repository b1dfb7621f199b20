//! The table: a row for each measure, a column for each program.

use std::fmt;

/// A measure and what it should be.
#[derive(Clone, Copy)]
pub struct Measure {
    pub name: &'static str,
    pub unit: &'static str,
    /// At most this; or, for what should be large, at least.
    pub wanted: Option<f64>,
}

/// All that was measured.
pub struct Sheet {
    columns: Vec<String>,
    rows: Vec<(Measure, Vec<Vec<f64>>)>,
}

impl Sheet {
    pub fn new(columns: Vec<String>) -> Self {
        Self {
            columns,
            rows: Vec::new(),
        }
    }

    /// Adds what one round has measured.
    pub fn add(&mut self, measure: Measure, column: usize, value: f64) {
        let known = self.rows.iter().position(|row| row.0.name == measure.name);
        let index = known.unwrap_or_else(|| {
            self.rows
                .push((measure, vec![Vec::new(); self.columns.len()]));
            self.rows.len() - 1
        });
        self.rows[index].1[column].push(value);
    }

    /// What all rounds together have measured.
    pub fn value(&self, name: &str, column: usize) -> Option<f64> {
        let row = self.rows.iter().find(|row| row.0.name == name)?;
        quantile(&row.1[column], 0.5)
    }
}

/// Markdown. In each cell is the median of the rounds, the lowest and highest of them, and the
/// ratio of the median to what is wanted.
impl fmt::Display for Sheet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "| | wanted | {} |", self.columns.join(" | "))?;
        writeln!(f, "|---|---:|{}", "---:|".repeat(self.columns.len()))?;
        for (measure, cells) in &self.rows {
            let wanted = measure.wanted.map_or("".into(), number);
            write!(f, "| {} ({}) | {wanted} |", measure.name, measure.unit)?;
            for rounds in cells {
                let Some(value) = quantile(rounds, 0.5) else {
                    write!(f, " – |")?;
                    continue;
                };
                write!(f, " {}", number(value))?;
                if rounds.len() > 1 {
                    let ends = [0.0, 1.0].map(|p| number(quantile(rounds, p).unwrap_or(value)));
                    write!(f, " ({})", ends.join("–"))?;
                }
                if let Some(wanted) = measure.wanted {
                    write!(f, " = {}x", number(value / wanted))?;
                }
                write!(f, " |")?;
            }
            writeln!(f)?;
        }
        Ok(())
    }
}

/// The value below which this share of them lies; none if there are none.
pub fn quantile(values: &[f64], share: f64) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let last = sorted.len().checked_sub(1)?;
    Some(sorted[(last as f64 * share).round() as usize])
}

fn number(value: f64) -> String {
    match value.abs() {
        100.0.. => format!("{value:.0}"),
        10.0.. => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}
