//! The thread that works on pictures, and what is kept of its work.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, LazyLock, Mutex, MutexGuard, OnceLock, PoisonError, Weak};

use tokio::sync::watch;

use super::decode::Fault;
use super::picture::Source;

/// Pictures that wait to be worked on. There are more only if somebody scrolls past them faster
/// than they are made, and then those that waited longest are not on the screen any more.
const MOST_WAITING: usize = 256;

/// Bytes of what is kept. What fits on a screen is far less, so what is on the screen stays.
const MOST_KEPT: usize = 96 << 20;

/// Counts what has become of pictures.
static CHANGES: LazyLock<watch::Sender<u64>> = LazyLock::new(watch::Sender::default);

/// Tells whenever a picture is there, or is known not to come, so that it can be drawn.
pub fn changes() -> watch::Receiver<u64> {
    CHANGES.subscribe()
}

#[derive(Default)]
struct Queue {
    /// The last is next: that is where the person looks.
    waiting: Mutex<VecDeque<Weak<Source>>>,
    more: Condvar,
}

/// Asks for what is wanted of a picture.
pub(super) fn submit(source: &Arc<Source>) {
    static QUEUE: OnceLock<Option<Arc<Queue>>> = OnceLock::new();
    let queue = QUEUE.get_or_init(|| {
        let queue = Arc::new(Queue::default());
        let own = Arc::clone(&queue);
        let thread = std::thread::Builder::new().name("pictures".into());
        match thread.spawn(move || work(&own)) {
            Ok(_) => Some(queue),
            Err(error) => {
                tracing::warn!("pictures are not shown: {error}");
                None
            }
        }
    });
    let Some(queue) = queue else {
        return source.fail(Fault::NoThread);
    };
    let mut waiting = lock(&queue.waiting);
    waiting.push_back(Arc::downgrade(source));
    let dropped = match waiting.len() > MOST_WAITING {
        true => waiting.pop_front(),
        false => None,
    };
    drop(waiting);
    if let Some(dropped) = dropped.and_then(|dropped| dropped.upgrade()) {
        dropped.forget();
    }
    queue.more.notify_one();
}

fn work(queue: &Queue) {
    loop {
        let mut waiting = lock(&queue.waiting);
        let next = loop {
            match waiting.pop_back() {
                Some(next) => break next,
                None => {
                    waiting = queue
                        .more
                        .wait(waiting)
                        .unwrap_or_else(PoisonError::into_inner);
                }
            }
        };
        drop(waiting);
        // Nobody has it any more.
        let Some(source) = next.upgrade() else {
            continue;
        };
        // A decoder may be wrong in ways that panic; then it is this picture that is not shown.
        match catch_unwind(AssertUnwindSafe(|| source.work())) {
            Ok(Some(weight)) => keep(&source, weight),
            Ok(None) => {}
            Err(_) => source.fail(Fault::Broken),
        }
        CHANGES.send_modify(|count| *count += 1);
    }
}

/// What is kept, and its bytes; what was looked at last is the last.
static KEPT: Mutex<VecDeque<(Weak<Source>, usize)>> = Mutex::new(VecDeque::new());

fn keep(source: &Arc<Source>, weight: usize) {
    let mut kept = lock(&KEPT);
    kept.retain(|(other, _)| other.strong_count() > 0 && !is(other, source));
    kept.push_back((Arc::downgrade(source), weight));
    let mut sum: usize = kept.iter().map(|(_, weight)| weight).sum();
    while sum > MOST_KEPT && kept.len() > 1 {
        let Some((oldest, weight)) = kept.pop_front() else {
            break;
        };
        sum -= weight;
        if let Some(oldest) = oldest.upgrade() {
            oldest.forget();
        }
    }
}

/// Says that a picture was looked at.
pub(super) fn touch(source: &Arc<Source>) {
    let mut kept = lock(&KEPT);
    // Mostly it is near the end, where those are that are on the screen.
    if let Some(at) = kept.iter().rposition(|(other, _)| is(other, source))
        && let Some(entry) = kept.remove(at)
    {
        kept.push_back(entry);
    }
}

fn is(one: &Weak<Source>, other: &Arc<Source>) -> bool {
    std::ptr::eq(one.as_ptr(), Arc::as_ptr(other))
}

/// What is behind these locks is whole at any time, also after a panic.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
