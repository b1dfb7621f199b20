//! Runs exports in the background, one at a time.

use std::time::{Duration, Instant};

use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::task::spawn_blocking;

use crate::store::Store;
use crate::tui::export::{ExportJob, ExportUpdate};

/// The least time between two reports of progress.
const UPDATE_INTERVAL: Duration = Duration::from_millis(100);

/// The export that is running, if one is. Dropping its receiver cancels it.
pub(super) struct ExportRunner {
    store: Store,
    under_way: Option<UnderWay>,
}

struct UnderWay {
    is_dry: bool,
    news: UnboundedReceiver<ExportUpdate>,
}

impl ExportRunner {
    pub(super) fn new(store: Store) -> Self {
        Self {
            store,
            under_way: None,
        }
    }

    /// Starts an export, and cancels the one before it.
    pub(super) fn begin(&mut self, job: ExportJob) {
        let (tell, news) = unbounded_channel();
        let is_dry = job.options.dry_run;
        self.under_way = Some(UnderWay { is_dry, news });
        let store = self.store.clone();
        spawn_blocking(move || {
            let mut told: Option<Instant> = None;
            job.run(&store, |news| match news {
                ExportUpdate::Turns(..)
                    if told.is_some_and(|told| told.elapsed() < UPDATE_INTERVAL) =>
                {
                    !tell.is_closed()
                }
                news => {
                    told = Some(Instant::now());
                    tell.send(news).is_ok()
                }
            });
        });
    }

    /// Waits for the next update, and returns it with whether it is a dry run; waits for ever if no
    /// export is running.
    pub(super) async fn next(&mut self) -> Option<(bool, ExportUpdate)> {
        let Some(under_way) = &mut self.under_way else {
            return std::future::pending().await;
        };
        let is_dry = under_way.is_dry;
        match under_way.news.recv().await {
            Some(news) => Some((is_dry, news)),
            None => {
                self.under_way = None;
                None
            }
        }
    }
}
