//! Reading the configuration again while the program runs.

use std::io;
use std::sync::Arc;

use tokio::task::{JoinHandle, spawn_blocking};

use super::LoopOptions;
use crate::inbox::Drafting;
use crate::tui::app::{AppSettings, NewRule};
use crate::tui::terminal::screen::Screen;

/// The configuration, read again.
pub struct Reloaded {
    /// What holds from now on.
    pub settings: AppSettings,
    /// The same for models that draft.
    pub drafting: Drafting,
    /// The same for the loop.
    pub options: LoopOptions,
    /// What has changed but is heeded at the next start only.
    pub restarts: Vec<&'static str>,
}

/// Reads the configuration again, and writes into it; an error is what the person has to know.
#[derive(Clone)]
pub struct Reload {
    /// Reads it.
    pub read: Arc<dyn Fn() -> Result<Reloaded, String> + Send + Sync>,
    /// Adds a rule to it, and says so.
    pub add_rule: AddRule,
}

/// Adds a rule to the configuration, and says so.
type AddRule = Arc<dyn Fn(&NewRule) -> Result<String, String> + Send + Sync>;

/// The configuration as it was read, and what there is to say of that.
type ReloadResult = Result<(Reloaded, String), String>;

impl Reloaded {
    /// What there is to say of it.
    pub(super) fn words(&self) -> String {
        match self.restarts.as_slice() {
            [] => "configuration reloaded".into(),
            keys => {
                let keys = keys.join(", ");
                format!("configuration reloaded; {keys} after a restart")
            }
        }
    }

    /// Tells the terminal what is different from `before`.
    pub(super) fn tell(&self, before: &LoopOptions, screen: &mut Screen) -> io::Result<()> {
        screen.set_mouse(self.options.mouse)?;
        if before.title && !self.options.title {
            screen.restore_title()
        } else {
            Ok(())
        }
    }
}

/// The configuration that is being read, if it is.
pub(super) struct Reloads {
    reload: Reload,
    under_way: Option<JoinHandle<ReloadResult>>,
}

impl Reloads {
    pub(super) fn new(reload: Reload) -> Self {
        Self {
            reload,
            under_way: None,
        }
    }

    /// Begins to read: the disk may be slow, and the screen must not wait for it.
    pub(super) fn begin(&mut self) {
        let reload = self.reload.clone();
        self.under_way = Some(spawn_blocking(move || {
            let read = (reload.read)().map_err(|error| format!("not applied: {error}"))?;
            let words = read.words();
            Ok((read, words))
        }));
    }

    /// Begins to add a rule, and to read the configuration with it.
    pub(super) fn add_rule(&mut self, rule: NewRule) {
        let reload = self.reload.clone();
        self.under_way = Some(spawn_blocking(move || {
            let words = (reload.add_rule)(&rule)?;
            let read = (reload.read)();
            let read = read.map_err(|error| format!("{words}, but not applied: {error}"))?;
            Ok((read, words))
        }));
    }

    /// Waits for what was read; for ever if nothing is.
    pub(super) async fn next(&mut self) -> Option<ReloadResult> {
        match &mut self.under_way {
            Some(reading) => {
                let read = reading.await;
                self.under_way = None;
                read.ok()
            }
            None => std::future::pending().await,
        }
    }
}
