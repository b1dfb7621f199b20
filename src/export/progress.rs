//! How far an export is: in one line on a terminal, or for somebody else to tell.

use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant};

/// How often the line changes.
const EVERY: Duration = Duration::from_millis(100);
/// How wide the bar is.
const WIDTH: u64 = 24;

/// Somebody who is told how many turns are done and how many there are, and says whether to go on.
pub type Watch<'a> = &'a mut dyn FnMut(u64, u64) -> bool;

/// Tells how many turns are done.
pub(super) struct ExportProgress<'a> {
    total: u64,
    done: u64,
    to: ProgressOutput<'a>,
}

/// Whom it tells.
enum ProgressOutput<'a> {
    Nobody,
    /// A line on standard error, and when it was written last.
    Terminal(Option<Instant>),
    Watch(Watch<'a>),
}

impl<'a> ExportProgress<'a> {
    /// Tells the person at the terminal, if that is one. Where what is written goes there too, it would be
    /// in the way.
    pub fn of(total: u64, writes_to_stdout: bool) -> Self {
        let is_free = !writes_to_stdout || !io::stdout().is_terminal();
        let to = match is_free && io::stderr().is_terminal() {
            true => ProgressOutput::Terminal(None),
            false => ProgressOutput::Nobody,
        };
        Self { total, done: 0, to }
    }

    /// Tells somebody else.
    pub fn told(total: u64, watch: Watch<'a>) -> Self {
        let to = ProgressOutput::Watch(watch);
        Self { total, done: 0, to }
    }

    /// One turn more is done; says whether to go on.
    pub fn step(&mut self) -> bool {
        self.done += 1;
        // Turns may come in while they are written.
        self.total = self.total.max(self.done);
        match &mut self.to {
            ProgressOutput::Nobody => {}
            ProgressOutput::Watch(watch) => return watch(self.done, self.total),
            ProgressOutput::Terminal(Some(shown)) if shown.elapsed() < EVERY => {}
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
        if let ProgressOutput::Terminal(shown) = &mut self.to
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
    let full = usize::try_from(done * WIDTH / total).unwrap_or(0);
    let bar = format!("{}{}", "#".repeat(full), "-".repeat(WIDTH as usize - full));
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
