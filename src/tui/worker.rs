//! The background thread for work that takes longer than a frame, such as highlighting code. What was
//! looked at last comes first.
//!
//! Drawing something requests its work. A `Task` does a limited step at a time, so that none keeps
//! the others waiting, and it ends when it is dropped elsewhere. Results stay in the task; the worker
//! only counts their bytes, and has the least recently used ones forgotten when there are too many.

use std::collections::VecDeque;
use std::fmt::Debug;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr::addr_eq;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::thread;

use tokio::sync::watch;

/// The most tasks that wait. There are more only if somebody scrolls past them faster than they are
/// worked on, and then the oldest are not on the screen any more.
const MAX_WAITING: usize = 256;

/// The most bytes of results in memory. A screen shows far less, so what is on the screen stays.
const MAX_KEPT: usize = 96 << 20;

/// Something that is worked on in the background.
pub(super) trait Task: Debug + Send + Sync {
    /// Does one step of the work. Having nothing left to do is no error.
    fn work(&self) -> TaskProgress;

    /// Gives up for good, because the work panicked.
    fn fail(&self);

    /// Drops the results and the remaining work until the task is requested again.
    fn forget(&self);
}

/// The outcome of one step of a task.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct TaskProgress {
    /// Whether there is something new to draw.
    pub shows: bool,
    /// Whether there are more steps to do.
    pub goes_on: bool,
    /// Bytes of results in memory that can be forgotten.
    pub bytes: usize,
}

/// The worker. Dropping it ends its thread after the current step.
#[derive(Debug)]
pub struct Worker(Arc<SharedWork>);

#[derive(Debug)]
struct SharedWork {
    state: Mutex<WorkerState>,
    wake_up: Condvar,
    changes: watch::Sender<()>,
}

#[derive(Debug, Default)]
struct WorkerState {
    /// Tasks to work on. The last one is next, because the person looks at it now.
    waiting: VecDeque<Weak<dyn Task>>,
    /// Tasks with results in memory, and their bytes; the most recently used is the last.
    kept: VecDeque<(Weak<dyn Task>, usize)>,
    is_over: bool,
}

impl Worker {
    /// Starts the thread.
    ///
    /// # Errors
    ///
    /// If the thread cannot be started.
    pub fn new() -> io::Result<Self> {
        let shared = Arc::new(SharedWork {
            state: Mutex::default(),
            wake_up: Condvar::new(),
            changes: watch::Sender::new(()),
        });
        let own = Arc::clone(&shared);
        let thread = thread::Builder::new().name("worker".into());
        thread.spawn(move || own.work())?;
        Ok(Self(shared))
    }

    /// A channel that changes whenever there is something new to draw.
    pub fn changes(&self) -> watch::Receiver<()> {
        self.0.changes.subscribe()
    }

    /// Requests work on a task before all others.
    pub(super) fn ask(&self, task: Weak<dyn Task>) {
        let mut state = self.0.state();
        if state
            .waiting
            .back()
            .is_some_and(|last| is_same_task(last, &task))
        {
            return;
        }
        state.waiting.retain(|other| !is_same_task(other, &task));
        state.waiting.push_back(task);
        let dropped = if state.waiting.len() > MAX_WAITING {
            state.waiting.pop_front()
        } else {
            None
        };
        drop(state);
        self.0.wake_up.notify_one();
        if let Some(dropped) = dropped.and_then(|dropped| dropped.upgrade()) {
            dropped.forget();
        }
    }

    /// Records that the results of a task are in use.
    pub(super) fn touch(&self, task: &Weak<dyn Task>) {
        let mut state = self.0.state();
        // Those on the screen are near the end.
        let at = state
            .kept
            .iter()
            .rposition(|(other, _)| is_same_task(other, task));
        if let Some(entry) = at.and_then(|at| state.kept.remove(at)) {
            state.kept.push_back(entry);
        }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.0.state().is_over = true;
        self.0.wake_up.notify_one();
    }
}

impl SharedWork {
    fn work(&self) {
        while let Some(next) = self.next() {
            // The task was dropped.
            let Some(task) = next.upgrade() else {
                continue;
            };
            // Decoders and grammars may have bugs that panic; then only this task fails.
            let step = catch_unwind(AssertUnwindSafe(|| task.work()));
            let step = step.unwrap_or_else(|_| {
                task.fail();
                TaskProgress {
                    shows: true,
                    ..TaskProgress::default()
                }
            });
            if step.goes_on {
                self.again(&next);
            }
            if step.bytes > 0 {
                self.keep(next, step.bytes);
            }
            if step.shows {
                self.changes.send_replace(());
            }
        }
    }

    /// Waits for the next task; `None` at the end.
    fn next(&self) -> Option<Weak<dyn Task>> {
        let mut state = self.state();
        while !state.is_over {
            if let Some(next) = state.waiting.pop_back() {
                return Some(next);
            }
            let woken = self.wake_up.wait(state);
            state = woken.unwrap_or_else(PoisonError::into_inner);
        }
        None
    }

    /// Queues the next step of a task after the others, unless it was requested meanwhile.
    fn again(&self, task: &Weak<dyn Task>) {
        let mut state = self.state();
        if !state.waiting.iter().any(|other| is_same_task(other, task)) {
            state.waiting.push_front(Weak::clone(task));
        }
    }

    fn keep(&self, task: Weak<dyn Task>, bytes: usize) {
        let mut state = self.state();
        let others =
            |other: &Weak<dyn Task>| other.strong_count() > 0 && !is_same_task(other, &task);
        state.kept.retain(|(other, _)| others(other));
        state.kept.push_back((task, bytes));
        let mut sum: usize = state.kept.iter().map(|(_, bytes)| bytes).sum();
        let mut oldest = Vec::new();
        while sum > MAX_KEPT && state.kept.len() > 1 {
            let Some((task, bytes)) = state.kept.pop_front() else {
                break;
            };
            sum -= bytes;
            oldest.extend(task.upgrade());
        }
        // Tasks have locks of their own.
        drop(state);
        oldest.iter().for_each(|task| task.forget());
    }

    fn state(&self) -> MutexGuard<'_, WorkerState> {
        lock(&self.state)
    }
}

/// Locks a mutex whose value is valid even after a panic.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn is_same_task(one: &Weak<dyn Task>, other: &Weak<dyn Task>) -> bool {
    addr_eq(one.as_ptr(), other.as_ptr())
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Receiver, Sender, channel};
    use std::time::Duration;

    use super::*;

    /// Longer than anything here takes.
    const TIMEOUT: Duration = Duration::from_secs(60);

    /// What happens to tasks, by their names.
    type News = (&'static str, &'static str);

    #[derive(Debug)]
    struct WorkerNotice {
        name: &'static str,
        /// Steps that are left.
        left: Mutex<usize>,
        bytes: usize,
        news: Sender<News>,
        /// Works only when told to, if there is somebody to tell it.
        gate: Option<Mutex<Receiver<()>>>,
    }

    impl WorkerNotice {
        fn new(name: &'static str, steps: usize, news: &Sender<News>) -> Self {
            Self {
                name,
                left: Mutex::new(steps),
                bytes: 0,
                news: news.clone(),
                gate: None,
            }
        }

        fn tell(&self, what: &'static str) {
            let _ = self.news.send((self.name, what));
        }
    }

    impl Task for WorkerNotice {
        fn work(&self) -> TaskProgress {
            self.tell("works");
            if let Some(gate) = &self.gate {
                let _ = lock(gate).recv_timeout(TIMEOUT);
            }
            assert_ne!(self.name, "broken");
            let mut left = lock(&self.left);
            *left -= 1;
            TaskProgress {
                shows: true,
                goes_on: *left > 0,
                bytes: self.bytes,
            }
        }

        fn fail(&self) {
            self.tell("fails");
        }

        fn forget(&self) {
            self.tell("forgets");
        }
    }

    fn ask(worker: &Worker, task: &Arc<WorkerNotice>) {
        let weak: Weak<WorkerNotice> = Arc::downgrade(task);
        worker.ask(weak);
    }

    /// A worker that is busy until the sender is used, and what happens next.
    fn busy() -> (
        Worker,
        Arc<WorkerNotice>,
        Sender<()>,
        Sender<News>,
        Receiver<News>,
    ) {
        let (news, told) = channel();
        let (open, gate) = channel();
        let first = Arc::new(WorkerNotice {
            gate: Some(Mutex::new(gate)),
            ..WorkerNotice::new("first", 1, &news)
        });
        let worker = Worker::new().unwrap();
        ask(&worker, &first);
        assert_eq!(told.recv_timeout(TIMEOUT), Ok(("first", "works")));
        (worker, first, open, news, told)
    }

    #[test]
    fn what_was_looked_at_last_is_next_and_long_work_takes_turns() {
        let (worker, _first, open, news, told) = busy();
        let [a, b, c] = [("a", 1), ("b", 3), ("c", 2)]
            .map(|(name, steps)| Arc::new(WorkerNotice::new(name, steps, &news)));
        for task in [&a, &b, &c, &b] {
            ask(&worker, task);
        }
        open.send(()).unwrap();
        let order = std::array::from_fn(|_| told.recv_timeout(TIMEOUT).unwrap().0);
        assert_eq!(order, ["b", "c", "a", "b", "c", "b"]);
    }

    #[test]
    fn a_panic_ends_the_task_and_not_the_worker() {
        let (worker, _first, open, news, told) = busy();
        let changes = worker.changes();
        let broken = Arc::new(WorkerNotice::new("broken", 1, &news));
        let sound = Arc::new(WorkerNotice::new("sound", 1, &news));
        ask(&worker, &sound);
        ask(&worker, &broken);
        open.send(()).unwrap();
        let order = std::array::from_fn(|_| told.recv_timeout(TIMEOUT).unwrap());
        let expected = [("broken", "works"), ("broken", "fails"), ("sound", "works")];
        assert_eq!(order, expected);
        assert!(changes.has_changed().unwrap());
    }

    #[test]
    fn what_nobody_has_or_looks_at_is_left() {
        let (worker, _first, open, news, told) = busy();
        let gone = Arc::new(WorkerNotice::new("gone", 1, &news));
        let waits = Arc::new(WorkerNotice::new("waits", 1, &news));
        ask(&worker, &waits);
        ask(&worker, &gone);
        drop(gone);
        // More than anybody could look at: the one that waits longest is told so.
        let many: Vec<_> = (0..MAX_WAITING)
            .map(|_| Arc::new(WorkerNotice::new("one of many", 1, &news)))
            .collect();
        many[1..].iter().for_each(|task| ask(&worker, task));
        assert_eq!(told.recv_timeout(TIMEOUT), Ok(("waits", "forgets")));
        open.send(()).unwrap();
        for _ in 1..MAX_WAITING {
            assert_eq!(told.recv_timeout(TIMEOUT), Ok(("one of many", "works")));
        }
        ask(&worker, &waits);
        assert_eq!(told.recv_timeout(TIMEOUT), Ok(("waits", "works")));
    }

    #[test]
    fn what_is_kept_has_a_limit_and_what_is_looked_at_stays() {
        let (worker, _first, open, news, told) = busy();
        open.send(()).unwrap();
        let heavy = |name| {
            Arc::new(WorkerNotice {
                bytes: MAX_KEPT / 2,
                ..WorkerNotice::new(name, 1, &news)
            })
        };
        let [a, b, c] = ["a", "b", "c"].map(heavy);
        for task in [&a, &b] {
            ask(&worker, task);
            assert_eq!(told.recv_timeout(TIMEOUT), Ok((task.name, "works")));
        }
        // When it works on the next one, it has kept the last one.
        let after = Arc::new(WorkerNotice::new("after", 1, &news));
        ask(&worker, &after);
        assert_eq!(told.recv_timeout(TIMEOUT), Ok(("after", "works")));
        let looked_at: Weak<WorkerNotice> = Arc::downgrade(&a);
        let looked_at: Weak<dyn Task> = looked_at;
        worker.touch(&looked_at);
        ask(&worker, &c);
        assert_eq!(told.recv_timeout(TIMEOUT), Ok(("c", "works")));
        assert_eq!(told.recv_timeout(TIMEOUT), Ok(("b", "forgets")));
    }

    #[test]
    fn it_ends_with_its_owner() {
        let (worker, _first, open, _, _) = busy();
        let shared = Arc::downgrade(&worker.0);
        drop(worker);
        open.send(()).unwrap();
        let deadline = std::time::Instant::now() + TIMEOUT;
        while shared.strong_count() > 0 {
            assert!(std::time::Instant::now() < deadline, "it goes on");
            thread::sleep(Duration::from_millis(1));
        }
    }
}
