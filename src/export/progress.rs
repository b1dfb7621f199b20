//! How far an export is, in one line on a terminal.

use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant};

/// How often the line changes.
const EVERY: Duration = Duration::from_millis(100);
/// How wide the bar is.
const WIDTH: u64 = 24;

/// A line on standard error that tells how many turns are done; nothing where that is no terminal.
#[derive(Debug)]
pub(super) struct Progress {
    total: u64,
    done: u64,
    shown: Option<Instant>,
    is_on: bool,
}

impl Progress {
    /// Of this many turns. Where what is written goes to a terminal, it would be in the way there.
    pub fn of(total: u64, writes_to_stdout: bool) -> Self {
        let is_free = !writes_to_stdout || !io::stdout().is_terminal();
        Self {
            total,
            done: 0,
            shown: None,
            is_on: is_free && io::stderr().is_terminal(),
        }
    }

    /// One that says nothing.
    pub fn silent() -> Self {
        Self {
            total: 0,
            done: 0,
            shown: None,
            is_on: false,
        }
    }

    /// One turn more is done.
    pub fn step(&mut self) {
        self.done += 1;
        if !self.is_on || self.shown.is_some_and(|shown| shown.elapsed() < EVERY) {
            return;
        }
        self.shown = Some(Instant::now());
        let line = line(self.done, self.total);
        // Nobody may look, which is no reason to stop.
        let _ = write!(io::stderr(), "\r{line}");
    }

    /// Takes the line away.
    pub fn end(&mut self) {
        if self.shown.take().is_some() {
            let blank = " ".repeat(line(self.done, self.total).len());
            let _ = write!(io::stderr(), "\r{blank}\r");
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.end();
    }
}

fn line(done: u64, total: u64) -> String {
    // Turns may come in while they are written.
    let total = total.max(done).max(1);
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
        assert_eq!(line(3, 2), "[########################] 3 of 3 turns");
        assert_eq!(line(0, 0), "[------------------------] 0 of 1 turns");
    }
}
