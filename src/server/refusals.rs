//! Logs refused requests: short, and rate-limited.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::api::ApiError;

/// How many refusals of one status are logged one by one in each window.
const MAX_LINES_PER_WINDOW: u64 = 20;
/// Most characters of a client's text that the log quotes.
const MAX_QUOTED: usize = 100;
/// Length of a window. Refusals that were left out are counted in the log at its end.
const WINDOW: Duration = Duration::from_secs(60);

/// Logs refusals.
#[derive(Debug, Clone)]
pub(super) struct Refusals {
    window: Duration,
    /// Number of refusals in the current window, by status.
    counts: Arc<Mutex<BTreeMap<u16, u64>>>,
}

impl Default for Refusals {
    fn default() -> Self {
        Self {
            window: WINDOW,
            counts: Arc::default(),
        }
    }
}

impl Refusals {
    /// Logs a refusal, or only counts it after many of the same status.
    pub(super) fn log(&self, error: &ApiError) {
        let status = error.status;
        match self.count(status) {
            1 => {
                tokio::spawn(self.clone().end_window(status));
            }
            count if count > MAX_LINES_PER_WINDOW => return,
            _ => {}
        }
        // Both may contain text of the client.
        let param = error.param.as_deref().map(excerpt);
        let (code, reason) = (error.code, excerpt(&error.message));
        tracing::info!(status, code, param, reason, "refused");
    }

    fn count(&self, status: u16) -> u64 {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counts.entry(status).or_default();
        *count += 1;
        *count
    }

    /// Ends a window, and logs how many were left out.
    async fn end_window(self, status: u16) {
        tokio::time::sleep(self.window).await;
        let count = {
            let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
            counts.remove(&status).unwrap_or_default()
        };
        if let Some(more @ 1..) = count.checked_sub(MAX_LINES_PER_WINDOW) {
            tracing::info!(status, "refused {more} more like this");
        }
    }
}

/// An excerpt of a client's text for the log: truncated, because it may be long or private, and
/// without control characters.
pub(super) fn excerpt(text: &str) -> String {
    let mut chars = text.chars().filter(|c| !c.is_control());
    let mut excerpt: String = chars.by_ref().take(MAX_QUOTED).collect();
    if chars.next().is_some() {
        excerpt.push('…');
    }
    excerpt
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn many_of_one_kind_are_counted() {
        let written = LoggedRefusals::default();
        let lines = written.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_writer(move || lines.clone())
            .finish();
        let _guard = tracing::subscriber::set_default(subscriber);
        let refusals = Refusals {
            window: Duration::from_millis(1),
            ..Refusals::default()
        };
        // Nothing else runs before this has told of all of them.
        for _ in 0..1_000 {
            refusals.log(&ApiError::invalid("no").status(401));
        }
        refusals.log(&ApiError::invalid("what?").status(400));
        let count = |text: &str| written.text().matches(text).count();
        assert_eq!((count("reason=\"no\""), count("reason=\"what?\"")), (20, 1));
        while count("more like this") == 0 {
            tokio::task::yield_now().await;
        }
        assert_eq!(count("refused 980 more like this"), 1);
        refusals.log(&ApiError::invalid("no").status(401));
        assert_eq!(count("reason=\"no\""), 21);
    }

    #[derive(Debug, Clone, Default)]
    struct LoggedRefusals(Arc<Mutex<Vec<u8>>>);

    impl LoggedRefusals {
        fn text(&self) -> String {
            let bytes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            String::from_utf8_lossy(&bytes).into_owned()
        }
    }

    impl std::io::Write for LoggedRefusals {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            all.extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn an_excerpt_is_short_and_harmless() {
        assert_eq!(excerpt("a\n\x1b[31mb"), "a[31mb");
        let whole = "日".repeat(MAX_QUOTED);
        assert_eq!(excerpt(&whole), whole);
        assert_eq!(excerpt(&format!("{whole}本")), format!("{whole}…"));
    }
}
