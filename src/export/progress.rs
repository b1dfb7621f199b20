//! The progress of an export: as a bar on the terminal, or reported to a callback.

use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant};

/// The shortest time between two updates of the bar.
const REDRAW_INTERVAL: Duration = Duration::from_millis(100);
/// The width of the bar, in columns.
const BAR_WIDTH: u64 = 24;

/// Gets the number of turns that are done and of all turns, and returns whether to go on.
pub type ProgressCallback<'a> = &'a mut dyn FnMut(u64, u64) -> bool;

/// Counts the turns that are done, and reports them.
pub(super) struct ExportProgress<'a> {
    total: u64,
    done: u64,
    output: ProgressOutput<'a>,
}

/// Where progress is reported.
enum ProgressOutput<'a> {
    Hidden,
    /// A bar on standard error, and when it was last drawn.
    Terminal(Option<Instant>),
    Callback(ProgressCallback<'a>),
}

impl<'a> ExportProgress<'a> {
    /// Reports on standard error if that is a terminal, unless the export itself is written to the
    /// terminal.
    pub(super) fn on_terminal(total: u64, writes_to_stdout: bool) -> Self {
        let is_free = !writes_to_stdout || !io::stdout().is_terminal();
        let output = if is_free && io::stderr().is_terminal() {
            ProgressOutput::Terminal(None)
        } else {
            ProgressOutput::Hidden
        };
        Self {
            total,
            done: 0,
            output,
        }
    }

    /// Reports to a callback.
    pub(super) fn with_callback(total: u64, watch: ProgressCallback<'a>) -> Self {
        let output = ProgressOutput::Callback(watch);
        Self {
            total,
            done: 0,
            output,
        }
    }

    /// Counts one more turn; returns whether to go on.
    pub(super) fn step(&mut self) -> bool {
        self.done += 1;
        // Turns may be added to the journal during the export.
        self.total = self.total.max(self.done);
        match &mut self.output {
            ProgressOutput::Hidden => {}
            ProgressOutput::Callback(watch) => return watch(self.done, self.total),
            ProgressOutput::Terminal(Some(shown)) if shown.elapsed() < REDRAW_INTERVAL => {}
            ProgressOutput::Terminal(shown) => {
                *shown = Some(Instant::now());
                let line = line(self.done, self.total);
                // A closed standard error is no reason to stop.
                let _ = write!(io::stderr(), "\r{line}");
            }
        }
        true
    }

    /// Clears the bar.
    pub(super) fn end(&mut self) {
        if let ProgressOutput::Terminal(shown) = &mut self.output
            && shown.take().is_some()
        {
            let blank = " ".repeat(line(self.done, self.total).len());
            let _ = write!(io::stderr(), "\r{blank}\r");
        }
    }
}

impl Drop for ExportProgress<'_> {
    fn drop(&mut self) {
        self.end();
    }
}

fn line(done: u64, total: u64) -> String {
    let total = total.max(1);
    let full = usize::try_from(done * BAR_WIDTH / total).unwrap_or(0);
    let bar = format!(
        "{}{}",
        "#".repeat(full),
        "-".repeat(BAR_WIDTH as usize - full)
    );
    format!("[{bar}] {done} of {total} turns")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bar_is_as_full_as_the_work_is_done() {
        assert_eq!(line(0, 100), "[------------------------] 0 of 100 turns");
        assert_eq!(line(50, 100), "[############------------] 50 of 100 turns");
        assert_eq!(line(3, 3), "[########################] 3 of 3 turns");
        assert_eq!(line(0, 0), "[------------------------] 0 of 1 turns");
    }
}
