//! The queue of writes for the database, and how far the writer has come.

use std::collections::{HashSet, VecDeque};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::watch;

use super::record::Record;
use super::tail::{Batch, Seq, Tail};

/// How much memory may wait while writing fails, before what is not the person's words goes.
const MAX_BYTES: usize = 64 << 20;

/// How long a write that is in the tail waits for the database, so that one transaction takes many and
/// does not compete with the handling of a request.
const COMMIT_DELAY: Duration = Duration::from_millis(20);

/// How far writing got.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct WriteProgress {
    /// Everything up to here is in the journal.
    saved: Seq,
    /// Everything up to here was tried.
    tried: Seq,
}

impl WriteProgress {
    /// Whether a write is in the journal; `None` as long as that is open.
    fn outcome(self, seq: Seq) -> Option<bool> {
        let saved = self.saved >= seq;
        (saved || self.tried >= seq).then_some(saved)
    }
}

/// Why the writer was woken.
#[derive(Debug)]
pub(super) enum WriterTask {
    /// There is something for the database.
    Batches,
    /// Nothing came in for the time that was given.
    Idle,
    /// Nothing will come in any more.
    End,
}

/// The queue between those who write and the thread that fills the database.
#[derive(Debug)]
pub(super) struct JournalQueue {
    waiting: Mutex<QueuedRecords>,
    arrived: Condvar,
    progressed: Condvar,
    progress: watch::Sender<WriteProgress>,
}

#[derive(Debug)]
struct QueuedRecords {
    tail: Tail,
    batches: VecDeque<Batch>,
    newest: Seq,
    /// Everything up to here is in the database.
    applied: Seq,
    /// When the writer takes what waits; `None` if nothing does.
    due: Option<Instant>,
    /// While the writer holds nothing of it: about how much memory it takes.
    bytes: usize,
    /// How much of that a look for what can go has left.
    trimmed_to: usize,
    /// Records that went for want of memory.
    dropped: u64,
    failing: bool,
    ended: bool,
}

impl JournalQueue {
    /// A queue in which this waits, which an earlier run has left in the tail after the last write that
    /// it had `applied` to the database.
    pub(super) fn new(tail: Tail, applied: Seq, left: Vec<Batch>) -> Self {
        let mut waiting = QueuedRecords {
            tail,
            batches: VecDeque::new(),
            newest: applied,
            applied,
            due: None,
            bytes: 0,
            trimmed_to: 0,
            dropped: 0,
            failing: false,
            ended: false,
        };
        for batch in left {
            waiting.add(batch);
            waiting.due = Some(Instant::now());
        }
        let progress = WriteProgress {
            saved: waiting.newest,
            tried: waiting.newest,
        };
        if waiting.tail.is_broken() {
            waiting.rewrite_tail();
        }
        Self {
            waiting: Mutex::new(waiting),
            arrived: Condvar::new(),
            progressed: Condvar::new(),
            progress: watch::Sender::new(progress),
        }
    }

    /// Puts records at the end, and into the tail.
    pub(super) fn push(&self, records: Vec<Record>) -> Seq {
        let mut waiting = self.lock();
        let seq = Seq(waiting.newest.0 + 1);
        let batch = Batch { seq, records };
        let is_in_tail = waiting.tail.append(&batch);
        waiting.add(batch);
        if is_in_tail {
            self.advance(seq, seq);
        } else if waiting.failing {
            // The writer tries it again when it tries all the others.
            self.advance(self.saved(), seq);
        }
        let by = if is_in_tail {
            Instant::now() + COMMIT_DELAY
        } else {
            Instant::now()
        };
        // A writer that will wake up before that is left alone.
        let wakes = waiting.due.is_none_or(|due| by < due);
        if wakes {
            waiting.due = Some(by);
        }
        drop(waiting);
        if wakes {
            self.arrived.notify_one();
        }
        seq
    }

    /// Waits for something new, or for a moment at which there is something else to do. Nothing is new
    /// before `retry`.
    pub(super) fn wait(&self, retry: Option<Instant>, until: Option<Instant>) -> WriterTask {
        let mut waiting = self.lock();
        loop {
            if waiting.ended {
                return WriterTask::End;
            }
            let now = Instant::now();
            let due = waiting.due.map(|due| retry.map_or(due, |at| at.max(due)));
            if due.is_some_and(|due| due <= now) {
                return WriterTask::Batches;
            }
            if until.is_some_and(|until| until <= now) {
                return WriterTask::Idle;
            }
            waiting = match due.into_iter().chain(until).min() {
                Some(next) => {
                    let left = next.saturating_duration_since(now);
                    let woken = self.arrived.wait_timeout(waiting, left);
                    woken.unwrap_or_else(PoisonError::into_inner).0
                }
                None => {
                    let woken = self.arrived.wait(waiting);
                    woken.unwrap_or_else(PoisonError::into_inner)
                }
            };
        }
    }

    /// Writes the tail anew with everything that waits, if something could not be appended.
    pub(super) fn repair_tail(&self) {
        let mut waiting = self.lock();
        if waiting.tail.is_broken()
            && waiting.rewrite_tail()
            && let Some(last) = waiting.batches.back()
        {
            self.advance(last.seq, last.seq);
            self.progressed.notify_all();
        }
    }

    /// Takes what waits.
    pub(super) fn take(&self) -> Vec<Batch> {
        let mut waiting = self.lock();
        waiting.due = None;
        waiting.bytes = 0;
        waiting.trimmed_to = 0;
        waiting.batches.drain(..).collect()
    }

    /// Says that everything that was taken is in the database; `deletes` if something is not to be
    /// anywhere any more that may be in the tail.
    pub(super) fn mark_applied(&self, seq: Seq, deletes: bool) {
        let mut waiting = self.lock();
        waiting.failing = false;
        waiting.applied = waiting.applied.max(seq);
        if deletes || waiting.tail.needs_rewrite() {
            waiting.rewrite_tail();
        }
        let saved = self.saved().max(seq);
        self.advance(saved, saved);
        drop(waiting);
        self.progressed.notify_all();
    }

    /// Empties the tail if the database has everything.
    pub(super) fn empty_tail(&self) {
        let mut waiting = self.lock();
        if waiting.batches.is_empty() && !waiting.tail.is_empty() {
            waiting.rewrite_tail();
        }
    }

    /// Puts back what the database did not take, before what has come since, and says that it was tried.
    pub(super) fn put_back(&self, batches: Vec<Batch>) {
        let mut waiting = self.lock();
        for batch in batches.into_iter().rev() {
            waiting.batches.push_front(batch);
        }
        let records = waiting.batches.iter().flat_map(|batch| &batch.records);
        waiting.bytes = records.map(Record::bytes).sum::<usize>();
        waiting.failing = true;
        waiting.due = Some(Instant::now());
        waiting.trim();
        let tried = waiting.newest;
        self.advance(self.saved(), tried);
        drop(waiting);
        self.progressed.notify_all();
    }

    /// Whether nothing waits.
    pub(super) fn is_empty(&self) -> bool {
        self.lock().batches.is_empty()
    }

    /// The number of the newest write.
    pub(super) fn newest(&self) -> Seq {
        self.lock().newest
    }

    /// How many records went for want of memory.
    pub(super) fn dropped(&self) -> u64 {
        self.lock().dropped
    }

    /// Says that nothing will come any more.
    pub(super) fn end(&self) {
        self.lock().ended = true;
        self.arrived.notify_one();
    }

    /// Waits until a write is in the journal or could not be written. Returns whether it is.
    pub(super) fn wait_for(&self, seq: Seq) -> bool {
        let mut waiting = self.lock();
        loop {
            if let Some(saved) = self.outcome(seq) {
                return saved;
            }
            waiting = self.wait_progressed(waiting);
        }
    }

    /// The same for those who must not wait on a thread.
    pub(super) async fn settled(&self, seq: Seq) -> bool {
        if let Some(saved) = self.outcome(seq) {
            return saved;
        }
        let mut progress = self.progress.subscribe();
        let settled = progress.wait_for(|progress| progress.outcome(seq).is_some());
        // The sender lives as long as this struct.
        let saved = settled
            .await
            .ok()
            .and_then(|progress| progress.outcome(seq));
        saved.unwrap_or(false)
    }

    /// Waits until all that was written so far is in the database, or it takes nothing for now.
    pub(super) fn flush(&self) {
        let mut waiting = self.lock();
        let upto = waiting.newest;
        while waiting.applied < upto && !waiting.failing && !waiting.ended {
            waiting.due = waiting.due.map(|_| Instant::now());
            self.arrived.notify_one();
            waiting = self.wait_progressed(waiting);
        }
    }

    fn wait_progressed<'w>(
        &self,
        waiting: MutexGuard<'w, QueuedRecords>,
    ) -> MutexGuard<'w, QueuedRecords> {
        let woken = self.progressed.wait(waiting);
        woken.unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a write is in the journal; `None` as long as that is open.
    fn outcome(&self, seq: Seq) -> Option<bool> {
        // Copied, because holding the value borrowed from the channel would block whoever sends the next.
        let progress = *self.progress.borrow();
        progress.outcome(seq)
    }

    fn saved(&self) -> Seq {
        self.progress.borrow().saved
    }

    fn advance(&self, saved: Seq, tried: Seq) {
        self.progress.send_replace(WriteProgress { saved, tried });
    }

    fn lock(&self) -> MutexGuard<'_, QueuedRecords> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl QueuedRecords {
    fn add(&mut self, batch: Batch) {
        self.newest = self.newest.max(batch.seq);
        self.bytes += batch.records.iter().map(Record::bytes).sum::<usize>();
        self.batches.push_back(batch);
        if self.failing {
            self.trim();
        }
    }

    /// Has the tail hold what waits, and nothing else; says whether it does.
    fn rewrite_tail(&mut self) -> bool {
        let begun = self.tail.rewrite(&self.batches);
        if let Err(error) = &begun {
            tracing::debug!(%error, "the tail of the journal cannot be begun anew");
        }
        begun.is_ok()
    }

    /// Lets go what there is no memory for: drafts that later ones replace, and then the oldest of
    /// what is not the person's words.
    fn trim(&mut self) {
        // Not at every write: what could not go is looked at again only when more has come in.
        if self.bytes < MAX_BYTES || self.bytes < self.trimmed_to + MAX_BYTES / 16 {
            return;
        }
        let mut replaced = HashSet::new();
        for batch in self.batches.iter_mut().rev() {
            let mut records: Vec<Record> = batch.records.drain(..).rev().collect();
            records.retain(|record| record.draft_of().is_none_or(|draft| replaced.insert(draft)));
            records.reverse();
            batch.records = records;
        }
        let records = self.batches.iter().flat_map(|batch| &batch.records);
        self.bytes = records.map(Record::bytes).sum();
        for batch in &mut self.batches {
            batch.records.retain(|record| {
                let goes = self.bytes > MAX_BYTES && !record.holds_words();
                if goes {
                    self.bytes -= record.bytes();
                    self.dropped += 1;
                }
                !goes
            });
        }
        self.batches.retain(|batch| !batch.records.is_empty());
        self.trimmed_to = self.bytes;
    }
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::super::files::JournalFiles;
    use super::super::record::{Blob, DraftRow};
    use super::*;

    fn queue(has_tail: bool) -> (JournalQueue, TempDir) {
        let folder = tempfile::tempdir().unwrap();
        let files = JournalFiles::in_folder(folder.path()).unwrap();
        (
            JournalQueue::new(Tail::new(files, has_tail), Seq::default(), Vec::new()),
            folder,
        )
    }

    fn draft(conversation: i64, bytes: usize) -> Record {
        Record::Draft(DraftRow {
            conversation,
            updated: 0,
            body: "x".repeat(bytes),
        })
    }

    fn text(bytes: usize) -> Record {
        Record::Text {
            conversation: 1,
            text: Blob::new("x".repeat(bytes)),
        }
    }

    #[test]
    fn what_is_not_the_persons_words_goes_when_memory_is_short() {
        let (queue, _folder) = queue(false);
        queue.push(vec![draft(1, 10), draft(2, 20), text(1000)]);
        queue.put_back(queue.take());
        for _ in 0..100 {
            queue.push(vec![text(1 << 20)]);
            queue.push(vec![draft(1, 100_000)]);
        }
        let newest = queue.push(vec![draft(1, 7)]);
        let batches = queue.take();
        assert_eq!(batches.last().map(|batch| batch.seq), Some(newest));
        let records: Vec<&Record> = batches.iter().flat_map(|batch| &batch.records).collect();
        let held: usize = records.iter().map(|record| record.bytes()).sum();
        assert!(held < MAX_BYTES * 5 / 4, "{held}");
        assert!(queue.dropped() > 30, "{}", queue.dropped());
        assert!(
            records.contains(&&draft(2, 20)),
            "the only one of its conversation"
        );
        assert_eq!(records.last(), Some(&&draft(1, 7)));
        assert!(!records.contains(&&text(1000)), "the oldest goes first");
    }

    #[test]
    fn what_is_in_the_tail_may_wait_and_what_is_not_may_not() {
        let (queue, folder) = queue(true);
        let first = queue.push(vec![text(1)]);
        assert!(queue.wait_for(first), "it is in the tail");
        let soon = Some(Instant::now());
        assert!(matches!(queue.wait(None, soon), WriterTask::Idle));
        assert!(
            matches!(queue.wait(None, None), WriterTask::Batches),
            "later"
        );
        assert_eq!(queue.take().len(), 1);
        queue.mark_applied(first, false);
        // Where there is no tail, nothing waits but those who want to know.
        std::fs::remove_dir_all(folder.path()).unwrap();
        let second = queue.push(vec![text(2)]);
        assert_eq!(queue.outcome(second), None);
        assert!(matches!(queue.wait(None, soon), WriterTask::Batches));
        queue.repair_tail();
        assert_eq!(queue.outcome(second), None, "it cannot be mended");
        std::fs::create_dir(folder.path()).unwrap();
        queue.repair_tail();
        assert!(queue.wait_for(second));
        queue.end();
        assert!(matches!(queue.wait(None, None), WriterTask::End));
    }

    #[test]
    fn waiting_ends_when_writing_fails() {
        let (queue, _folder) = queue(false);
        let seq = queue.push(vec![text(1)]);
        assert_eq!(queue.outcome(seq), None);
        queue.put_back(queue.take());
        assert!(!queue.wait_for(seq));
        let later = queue.push(vec![text(1)]);
        assert!(!queue.wait_for(later));
        queue.mark_applied(later, false);
        assert!(queue.wait_for(seq) && queue.wait_for(later));
    }
}
