//! What waits to be written, and how far writing got.

use std::collections::{HashSet, VecDeque};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::watch;

use super::record::Record;

/// How much memory may wait while writing fails, before what is not the person's words goes.
const MAX_BYTES: usize = 64 << 20;

/// How long what nobody waits for is put off, unless something else is written before.
const LATER: Duration = Duration::from_millis(5);

/// The number of a write. Later ones are greater.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Seq(u64);

/// Records that are written together or not at all.
#[derive(Debug)]
pub(super) struct Batch {
    pub seq: Seq,
    pub records: Vec<Record>,
    /// When it has to be written at the latest, if it may be put off.
    by: Option<Instant>,
}

/// How far writing got.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct WriteProgress {
    /// Everything up to here is in the journal.
    pub saved: Seq,
    /// Everything up to here was tried.
    pub tried: Seq,
}

impl WriteProgress {
    /// Whether a write is in the journal; `None` as long as that is open.
    pub fn of(self, seq: Seq) -> Option<bool> {
        let saved = self.saved >= seq;
        (saved || self.tried >= seq).then_some(saved)
    }
}

/// What the writer is woken for.
#[derive(Debug)]
pub(super) enum WriterTask {
    /// Something came in, or there is something that was tried before.
    Batches,
    /// Nothing came in for the time that was given.
    Idle,
    /// Nothing will come in any more.
    End,
}

/// The queue between those who write and the thread that does it.
#[derive(Debug, Default)]
pub(super) struct JournalQueue {
    waiting: Mutex<QueuedRecords>,
    arrived: Condvar,
    progressed: Condvar,
    progress: watch::Sender<WriteProgress>,
}

#[derive(Debug, Default)]
struct QueuedRecords {
    batches: VecDeque<Batch>,
    newest: Seq,
    /// The newest that is not put off.
    urgent: Seq,
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
    /// Puts records at the end. Never waits for the disk.
    pub fn push(&self, records: Vec<Record>) -> Seq {
        self.push_both(records, Vec::new())
    }

    /// Adds a write without waking the writer: [`Queue::wake`] does that.
    pub(crate) fn push_quietly(&self, records: Vec<Record>) -> Seq {
        self.lock().add(records, None)
    }

    /// Has what was pushed written.
    pub(crate) fn wake(&self) {
        self.arrived.notify_one();
    }

    /// Adds records that nobody waits for, and that are not to hold up others.
    pub(crate) fn push_later(&self, records: Vec<Record>) -> Seq {
        let seq = self.lock().add(records, Some(Instant::now() + LATER));
        self.arrived.notify_one();
        seq
    }

    /// Both, of which the second follows when it does not hold up the first; returns the number of that.
    pub(crate) fn push_both(&self, records: Vec<Record>, later: Vec<Record>) -> Seq {
        let mut waiting = self.lock();
        let seq = waiting.add(records, None);
        if !later.is_empty() {
            waiting.add(later, Some(Instant::now() + LATER));
        }
        drop(waiting);
        self.arrived.notify_one();
        seq
    }

    /// Waits for something new, or for a moment at which there is something else to do.
    pub fn wait(&self, until: Option<Instant>) -> WriterTask {
        let mut waiting = self.lock();
        loop {
            let tried = self.progress.borrow().tried;
            let untried = waiting.newest > tried;
            let put_off = waiting.put_off(tried).filter(|by| *by > Instant::now());
            if untried && (waiting.urgent > tried || waiting.ended || put_off.is_none()) {
                return WriterTask::Batches;
            }
            if waiting.ended {
                return WriterTask::End;
            }
            let Some(until) = put_off.into_iter().chain(until).min() else {
                waiting = self
                    .arrived
                    .wait(waiting)
                    .unwrap_or_else(PoisonError::into_inner);
                continue;
            };
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return WriterTask::Idle;
            }
            let woken = self.arrived.wait_timeout(waiting, left);
            waiting = woken.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Takes what waits: all that was not put off with all before it; or everything, if there is nothing
    /// else.
    pub fn take(&self) -> Vec<Batch> {
        let mut waiting = self.lock();
        let urgent = waiting.batches.iter().rposition(|batch| batch.by.is_none());
        let count = urgent.map_or(waiting.batches.len(), |last| last + 1);
        let taken: Vec<Batch> = waiting.batches.drain(..count).collect();
        let left = waiting.batches.iter().flat_map(|batch| &batch.records);
        waiting.bytes = left.map(Record::bytes).sum();
        waiting.trimmed_to = 0;
        taken
    }

    /// Says that everything that was taken is in the journal.
    pub fn saved(&self, seq: Seq) {
        let mut waiting = self.lock();
        waiting.failing = false;
        self.advance(WriteProgress {
            saved: seq,
            tried: seq,
        });
        drop(waiting);
        self.progressed.notify_all();
    }

    /// Puts back what could not be written, before what has come since, and says that it was tried.
    pub(crate) fn put_back(&self, batches: Vec<Batch>) {
        let mut waiting = self.lock();
        let records = batches.iter().flat_map(|batch| &batch.records);
        waiting.bytes += records.map(Record::bytes).sum::<usize>();
        for batch in batches.into_iter().rev() {
            waiting.batches.push_front(batch);
        }
        waiting.failing = true;
        waiting.trim();
        let tried = waiting.newest;
        self.tried(waiting, tried);
    }

    /// Says that what has come in will be tried later.
    pub(crate) fn postpone(&self) {
        let waiting = self.lock();
        let tried = waiting.newest;
        self.tried(waiting, tried);
    }

    fn tried(&self, waiting: MutexGuard<'_, QueuedRecords>, tried: Seq) {
        let saved = self.progress.borrow().saved;
        self.advance(WriteProgress { saved, tried });
        drop(waiting);
        self.progressed.notify_all();
    }

    /// The number of the newest write.
    pub fn newest(&self) -> Seq {
        self.lock().newest
    }

    /// How many records went for want of memory.
    pub fn dropped(&self) -> u64 {
        self.lock().dropped
    }

    /// Says that nothing will come any more.
    pub fn end(&self) {
        self.lock().ended = true;
        self.arrived.notify_one();
    }

    /// Waits until a write is in the journal or could not be written. Returns whether it is.
    pub fn wait_for(&self, seq: Seq) -> bool {
        let mut waiting = self.lock();
        loop {
            // Copied first: the lock of the progress is taken inside this one elsewhere too.
            let progress = *self.progress.borrow();
            if let Some(saved) = progress.of(seq) {
                return saved;
            }
            waiting = self
                .progressed
                .wait(waiting)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// How far writing got, to wait with.
    pub fn progress(&self) -> watch::Receiver<WriteProgress> {
        self.progress.subscribe()
    }

    fn advance(&self, progress: WriteProgress) {
        self.progress.send_replace(progress);
    }

    fn lock(&self) -> MutexGuard<'_, QueuedRecords> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl QueuedRecords {
    fn add(&mut self, records: Vec<Record>, by: Option<Instant>) -> Seq {
        self.newest.0 += 1;
        let seq = self.newest;
        if by.is_none() {
            self.urgent = seq;
        }
        self.bytes += records.iter().map(Record::bytes).sum::<usize>();
        self.batches.push_back(Batch { seq, records, by });
        if self.failing {
            self.trim();
        }
        seq
    }

    /// Until when the first batch that was not tried yet is put off.
    fn put_off(&self, tried: Seq) -> Option<Instant> {
        let at = self.batches.partition_point(|batch| batch.seq <= tried);
        self.batches.get(at)?.by
    }

    /// Lets go what there is no memory for: drafts that later ones replace, and then the oldest of
    /// what is not the person's words.
    fn trim(&mut self) {
        // Not at every write: what cannot go is looked at again only when there is more.
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
    use super::super::record::{Blob, DraftRow};
    use super::*;

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
        let queue = JournalQueue::default();
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
    fn what_is_put_off_holds_up_nobody_and_is_written_all_the_same() {
        let queue = JournalQueue::default();
        let first = queue.push(vec![text(1)]);
        let later = queue.push_later(vec![text(2)]);
        let last = |batches: Vec<Batch>| batches.last().map(|batch| batch.seq);
        assert!(matches!(queue.wait(None), WriterTask::Batches));
        assert_eq!(last(queue.take()), Some(first));
        queue.saved(first);
        // With the next that is not put off, and in order.
        let next = queue.push(vec![text(3)]);
        let batches = queue.take();
        assert_eq!(batches[0].seq, later);
        assert_eq!(last(batches), Some(next));
        queue.saved(next);
        // Or by itself, and at the end at once.
        for ends in [false, true] {
            let alone = queue.push_later(vec![text(4)]);
            if ends {
                queue.end();
            }
            assert!(matches!(queue.wait(None), WriterTask::Batches));
            assert_eq!(last(queue.take()), Some(alone));
            queue.saved(alone);
        }
        assert!(matches!(queue.wait(None), WriterTask::End));
    }

    #[test]
    fn waiting_ends_when_writing_fails() {
        let queue = JournalQueue::default();
        let seq = queue.push(vec![text(1)]);
        assert_eq!(queue.progress.borrow().of(seq), None);
        queue.put_back(queue.take());
        assert!(!queue.wait_for(seq));
        let later = queue.push(vec![text(1)]);
        assert!(matches!(queue.wait(None), WriterTask::Batches));
        queue.postpone();
        assert!(!queue.wait_for(later));
        queue.saved(later);
        assert!(queue.wait_for(seq) && queue.wait_for(later));
    }
}
