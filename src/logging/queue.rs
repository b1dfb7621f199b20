//! A queue of log lines that a thread writes to the log, so that logging never waits for the disk.

use std::io::{self, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

/// The maximum size of the queue, in bytes; further lines are dropped.
const MAX_WAITING: usize = 256 * 1024;
/// The longest line, in bytes; the rest of it is dropped.
const MAX_LINE: usize = 4 * 1024;
/// How long writing the remaining lines may take when the program ends.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(1);
/// How long a line waits to be written together with others. If the program is killed, lines of this time
/// are lost.
const BATCH_DELAY: Duration = Duration::from_millis(20);

#[derive(Debug, Default)]
struct SharedLog {
    waiting: Mutex<QueuedLines>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct QueuedLines {
    lines: Vec<u8>,
    left_out: u64,
    is_closing: bool,
    is_closed: bool,
}

impl SharedLog {
    fn lock(&self) -> MutexGuard<'_, QueuedLines> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The queue. Dropping it writes the remaining lines.
#[derive(Debug)]
pub(super) struct LogQueue(Arc<SharedLog>);

/// Adds lines to the queue, one with each write.
#[derive(Debug, Clone)]
pub(super) struct LogWriter(Arc<SharedLog>);

impl LogQueue {
    /// Starts the thread that writes the lines to `log`.
    ///
    /// # Errors
    ///
    /// If the thread cannot be started.
    pub(super) fn start(log: impl Write + Send + 'static) -> io::Result<Self> {
        let shared = Arc::new(SharedLog::default());
        let queue = Self(Arc::clone(&shared));
        thread::Builder::new()
            .name("log".into())
            .spawn(move || write_all(&shared, log))?;
        Ok(queue)
    }

    pub(super) fn writer(&self) -> LogWriter {
        LogWriter(Arc::clone(&self.0))
    }
}

impl Drop for LogQueue {
    fn drop(&mut self) {
        let mut waiting = self.0.lock();
        waiting.is_closing = true;
        self.0.changed.notify_all();
        // A disk that does not respond must not keep the program from exiting.
        let _ = self
            .0
            .changed
            .wait_timeout_while(waiting, FLUSH_TIMEOUT, |waiting| !waiting.is_closed);
    }
}

impl Write for LogWriter {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let mut waiting = self.0.lock();
        let is_first = waiting.lines.is_empty();
        if waiting.lines.len() + line.len().min(MAX_LINE) > MAX_WAITING {
            waiting.left_out += 1;
        } else if line.len() > MAX_LINE {
            // This may cut a UTF-8 character in two.
            waiting.lines.extend_from_slice(&line[..MAX_LINE - 1]);
            waiting.lines.push(b'\n');
        } else {
            waiting.lines.extend_from_slice(line);
        }
        drop(waiting);
        if is_first {
            self.0.changed.notify_all();
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Writes lines until the queue is closed.
fn write_all(shared: &SharedLog, mut log: impl Write) {
    let mut waiting = shared.lock();
    loop {
        if !waiting.lines.is_empty() {
            let changed = &shared.changed;
            let gathered =
                changed.wait_timeout_while(waiting, BATCH_DELAY, |waiting| !waiting.is_closing);
            waiting = gathered.unwrap_or_else(PoisonError::into_inner).0;
        }
        let lines = std::mem::take(&mut waiting.lines);
        let left_out = std::mem::take(&mut waiting.left_out);
        if lines.is_empty() && waiting.is_closing {
            waiting.is_closed = true;
            shared.changed.notify_all();
            return;
        }
        if lines.is_empty() {
            let waited = shared.changed.wait(waiting);
            waiting = waited.unwrap_or_else(PoisonError::into_inner);
            continue;
        }
        drop(waiting);
        // Lines that cannot be written are lost: there is no other place to report it.
        let _ = log.write_all(&lines);
        if left_out > 0 {
            let _ = writeln!(log, "{left_out} lines were left out here");
        }
        waiting = shared.lock();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    /// A disk that takes a write only when it is told to, and hands on what it took.
    struct Disk(mpsc::Receiver<()>, mpsc::Sender<Vec<u8>>);

    impl Write for Disk {
        fn write(&mut self, lines: &[u8]) -> io::Result<usize> {
            // It goes on by itself once nobody tells it any more.
            let _ = self.0.recv();
            let _ = self.1.send(lines.to_vec());
            Ok(lines.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_disk_that_does_not_answer_holds_up_nobody_and_costs_little() {
        let (go, gone) = mpsc::channel();
        let (took, taken) = mpsc::channel();
        let queue = LogQueue::start(Disk(gone, took)).expect("started");
        let mut lines = queue.writer();
        let line = [b'x'; 999];
        for _ in 0..10 * MAX_WAITING / line.len() {
            writeln!(lines, "{}", String::from_utf8_lossy(&line)).expect("taken");
        }
        lines.write_all(&[b'y'; 2 * MAX_LINE]).expect("taken");
        drop(go);
        drop(queue);
        let text: Vec<u8> = taken.iter().flatten().collect();
        let text = String::from_utf8(text).expect("text");
        let (notes, lines): (Vec<&str>, Vec<&str>) = text
            .split_inclusive('\n')
            .partition(|line| line.ends_with(" lines were left out here\n"));
        // One part on its way to the disk, and one that waits.
        let bytes: usize = lines.iter().map(|line| line.len()).sum();
        assert!(bytes <= 2 * MAX_WAITING, "{bytes}");
        assert!(!notes.is_empty(), "{text}");
    }

    #[test]
    fn lines_are_written_in_order_and_cut_where_they_are_too_long() {
        let (go, gone) = mpsc::channel();
        let (took, taken) = mpsc::channel();
        drop(go);
        let queue = LogQueue::start(Disk(gone, took)).expect("started");
        let mut lines = queue.writer();
        lines.write_all(b"one\n").expect("taken");
        lines.write_all(&[b'x'; 2 * MAX_LINE]).expect("taken");
        lines.write_all(b"two\n").expect("taken");
        drop(queue);
        let text: Vec<u8> = taken.iter().flatten().collect();
        let long = "x".repeat(MAX_LINE - 1);
        assert_eq!(
            String::from_utf8_lossy(&text),
            format!("one\n{long}\ntwo\n")
        );
    }
}
