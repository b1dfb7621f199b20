//! What was refused, on its way into the log: short, and not more of it than a person would read.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::api::ApiError;

/// How many refusals of one status are told one by one in each stretch of time.
const MOST_LINES: u64 = 20;
/// The most that the log quotes of a client at once, in characters.
const MOST_QUOTED: usize = 100;
/// How long such a stretch is. What was left out is counted at its end.
const STRETCH: Duration = Duration::from_secs(60);

/// Tells the log what was refused, whoever refused it.
#[derive(Debug, Clone, Default)]
pub(super) struct Refusals {
    /// How many there were in the stretch that lasts, by status.
    counts: Arc<Mutex<BTreeMap<u16, u64>>>,
}

impl Refusals {
    /// Tells of a refusal, or counts it where there were many like it.
    pub(super) fn tell(&self, error: &ApiError) {
        let status = error.status;
        match self.count(status) {
            1 => {
                tokio::spawn(self.clone().sum_up(status));
            }
            count if count > MOST_LINES => return,
            _ => {}
        }
        // Both may hold the client's words.
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

    /// Ends a stretch of time.
    async fn sum_up(self, status: u16) {
        tokio::time::sleep(STRETCH).await;
        let count = {
            let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
            counts.remove(&status).unwrap_or_default()
        };
        if let Some(more @ 1..) = count.checked_sub(MOST_LINES) {
            tracing::info!(status, "refused {more} more like this");
        }
    }
}

/// What the log quotes of a client's words: not all of what may be long or private, and nothing
/// that a terminal would obey.
pub(super) fn excerpt(text: &str) -> String {
    let mut chars = text.chars().filter(|c| !c.is_control());
    let mut excerpt: String = chars.by_ref().take(MOST_QUOTED).collect();
    if chars.next().is_some() {
        excerpt.push('…');
    }
    excerpt
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_excerpt_is_short_and_harmless() {
        assert_eq!(excerpt("a\n\x1b[31mb"), "a[31mb");
        let whole = "日".repeat(MOST_QUOTED);
        assert_eq!(excerpt(&whole), whole);
        assert_eq!(excerpt(&format!("{whole}本")), format!("{whole}…"));
    }
}
