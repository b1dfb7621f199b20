//! Counting a large text in chunks, by several threads.

use std::sync::{Mutex, PoisonError};
use std::thread;

/// From how many bytes on it pays to count a text with several threads.
pub(super) const PARALLEL_BYTES: usize = 256 * 1024;
/// The fewest bytes of a chunk, but for the last.
const CHUNK_BYTES: usize = 128 * 1024;

/// Cuts a text between a line break and an ASCII letter, where a piece ends whatever stands before and
/// after. A chunk goes on until there is such a place.
pub(super) fn chunks(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let (chunk, after) = rest.split_at(end_of_chunk(rest.as_bytes()));
        rest = after;
        Some(chunk)
    })
}

fn end_of_chunk(text: &[u8]) -> usize {
    let far = text.get(CHUNK_BYTES..).unwrap_or_default();
    let mut lines = memchr::memchr_iter(b'\n', far).map(|at| CHUNK_BYTES + at + 1);
    let end = lines.find(|end| text.get(*end).is_some_and(u8::is_ascii_alphabetic));
    end.unwrap_or(text.len())
}

/// Counts the chunks and adds the counts up. Each thread makes a counter of its own.
pub(super) fn count_in_parallel<'t, C: FnMut(&str) -> usize>(
    chunks: impl Iterator<Item = &'t str> + Send,
    counter: impl Fn() -> C + Sync,
) -> usize {
    let chunks = Mutex::new(chunks);
    let next = || chunks.lock().unwrap_or_else(PoisonError::into_inner).next();
    let work = || std::iter::from_fn(next).map(counter()).sum::<usize>();
    let others = thread::available_parallelism().map_or(1, usize::from) - 1;
    thread::scope(|scope| {
        // Where the system gives no thread, this one does it all.
        let start = |_| thread::Builder::new().spawn_scoped(scope, work).ok();
        let others: Vec<_> = (0..others).filter_map(start).collect();
        let own = work();
        let counted = others.into_iter().map(|other| match other.join() {
            Ok(count) => count,
            Err(panic) => std::panic::resume_unwind(panic),
        });
        own + counted.sum::<usize>()
    })
}

#[cfg(test)]
mod tests {
    use super::super::{count, counter};
    use super::*;

    #[test]
    fn a_large_text_has_as_many_tokens_as_if_it_were_counted_at_once() {
        let lines = [
            "let x = 1;\n",
            "  words and   \n\n",
            "\tmore/\n//\r\n",
            "日本語\n",
            "'s end\n",
            "\u{e9}t\u{e9}\n \n",
            "word",
        ];
        let order = |n: usize| lines[(n * n + n / 7) % lines.len()];
        let text: String = (0..120_000).map(order).collect();
        assert!(text.len() > 2 * PARALLEL_BYTES);
        assert!(chunks(&text).count() > 3);
        assert_eq!(chunks(&text).collect::<String>(), text);
        assert_eq!(count(&text), counter(&text)(&text));
        // One that cannot be cut.
        let text = "9\n".repeat(PARALLEL_BYTES);
        assert_eq!(chunks(&text).count(), 1);
        assert_eq!(count(&text), counter(&text)(&text));
    }
}
