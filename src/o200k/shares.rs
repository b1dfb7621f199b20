//! A large text in shares that several threads work on.

use std::sync::{Mutex, PoisonError};
use std::thread;

/// From how many bytes on a text is worth more than one thread.
pub(super) const LARGE: usize = 256 * 1024;
/// About how many bytes a share has.
const SHARE: usize = 128 * 1024;

/// Cuts a text where one of its pieces ends, whatever stands before and behind: between the end of a line
/// and a letter. Where there is no such place, a share is as long as it has to be.
pub(super) fn shares(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let (share, after) = rest.split_at(end_of_share(rest.as_bytes()));
        rest = after;
        Some(share)
    })
}

fn end_of_share(text: &[u8]) -> usize {
    let far = text.get(SHARE..).unwrap_or_default();
    let mut lines = memchr::memchr_iter(b'\n', far).map(|at| SHARE + at + 1);
    let end = lines.find(|end| text.get(*end).is_some_and(u8::is_ascii_alphabetic));
    end.unwrap_or(text.len())
}

/// The sum of what counters say of the shares; each thread makes one of its own.
pub(super) fn sum<'t, C: FnMut(&str) -> usize>(
    shares: impl Iterator<Item = &'t str> + Send,
    counter: impl Fn() -> C + Sync,
) -> usize {
    let shares = Mutex::new(shares);
    let next = || shares.lock().unwrap_or_else(PoisonError::into_inner).next();
    let work = || std::iter::from_fn(next).map(counter()).sum::<usize>();
    let others = thread::available_parallelism().map_or(1, usize::from) - 1;
    thread::scope(|scope| {
        // Where the system gives no thread, this one does it all.
        let start = |_| thread::Builder::new().spawn_scoped(scope, work).ok();
        let others: Vec<_> = (0..others).filter_map(start).collect();
        let own = work();
        let counted = others.into_iter().map(|other| match other.join() {
            Ok(sum) => sum,
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
        assert!(text.len() > 2 * LARGE);
        assert!(shares(&text).count() > 3);
        assert_eq!(shares(&text).collect::<String>(), text);
        assert_eq!(count(&text), counter(&text)(&text));
        // One that cannot be cut.
        let text = "9\n".repeat(LARGE);
        assert_eq!(shares(&text).count(), 1);
        assert_eq!(count(&text), counter(&text)(&text));
    }
}
