//! How far an export is: in one line on a terminal, or for somebody else to tell.

use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant};

/// How often the line changes.
const REDRAW_INTERVAL: Duration = Duration::from_millis(100);
/// How wide the bar is.
const BAR_WIDTH: u64 = 24;

/// Somebody who is told how many turns are done and how many there are, and says whether to go on.
pub type ProgressCallback<'a> = &'a mut dyn FnMut(u64, u64) -> bool;

/// Tells how many turns are done.
pub(super) struct ExportProgress<'a> {
    total: u64,
    done: u64,
    output: ProgressOutput<'a>,
}

/// Whom it tells.
enum ProgressOutput<'a> {
    Hidden,
    /// A line on standard error, and when it was written last.
    Terminal(Option<Instant>),
    Callback(ProgressCallback<'a>),
}

impl<'a> ExportProgress<'a> {
    /// Tells the person at the terminal, if that is one. Where what is written goes there too, it would be
    /// in the way.
    pub fn on_terminal(total: u64, writes_to_stdout: bool) -> Self {
        let is_free = !writes_to_stdout || !io::stdout().is_terminal();
        let output = match is_free && io::stderr().is_terminal() {
            true => ProgressOutput::Terminal(None),
            false => ProgressOutput::Hidden,
        };
        Self {
            total,
            done: 0,
            output,
        }
    }

    /// Tells somebody else.
    pub fn with_callback(total: u64, watch: ProgressCallback<'a>) -> Self {
        let output = ProgressOutput::Callback(watch);
        Self {
            total,
            done: 0,
            output,
        }
    }

    /// One turn more is done; says whether to go on.
    pub fn step(&mut self) -> bool {
        self.done += 1;
        // Turns may come in while they are written.
        self.total = self.total.max(self.done);
        match &mut self.output {
            ProgressOutput::Hidden => {}
            ProgressOutput::Callback(watch) => return watch(self.done, self.total),
            ProgressOutput::Terminal(Some(shown)) if shown.elapsed() < REDRAW_INTERVAL => {}
            ProgressOutput::Terminal(shown) => {
                *shown = Some(Instant::now());
                let line = line(self.done, self.total);
                // Nobody may look, which is no reason to stop.
                let _ = write!(io::stderr(), "\r{line}");
            }
        }
        true
    }

    /// Takes the line away.
    pub fn end(&mut self) {
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
