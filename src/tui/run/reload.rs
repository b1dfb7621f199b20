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
    /// The settings of the state.
    pub settings: AppSettings,
    /// The models that draft, and the rules.
    pub drafting: Drafting,
    /// The settings of the loop.
    pub options: LoopOptions,
    /// The keys whose changed values take effect after a restart only.
    pub restarts: Vec<&'static str>,
}

/// Functions that read the configuration and add to it. Their errors are messages for the person.
#[derive(Clone)]
pub struct Reload {
    /// Reads it.
    pub read: Arc<dyn Fn() -> Result<Reloaded, String> + Send + Sync>,
    /// Adds a rule to it, and returns the notice about that.
    pub add_rule: AddRule,
}

/// Adds a rule to the configuration, and returns the notice about that.
type AddRule = Arc<dyn Fn(&NewRule) -> Result<String, String> + Send + Sync>;

/// The configuration and the notice about it, or an error message.
pub(super) type ReloadResult = Result<(Reloaded, String), String>;

impl Reloaded {
    /// The notice about it.
    pub(super) fn notice(&self) -> String {
        match self.restarts.as_slice() {
            [] => "configuration reloaded".into(),
            keys => {
                let keys = keys.join(", ");
                format!("configuration reloaded; {keys} after a restart")
            }
        }
    }

    /// Switches mouse and title of the terminal where they differ from `before`.
    pub(super) fn apply_to_screen(
        &self,
        before: &LoopOptions,
        screen: &mut Screen,
    ) -> io::Result<()> {
        screen.set_mouse(self.options.mouse)?;
        if before.title && !self.options.title {
            screen.restore_title()
        } else {
            Ok(())
        }
    }
}

/// Reloads the configuration in the background, one reload at a time.
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

    /// Begins to read the configuration in the background, because the disk may be slow.
    pub(super) fn begin(&mut self) {
        let reload = self.reload.clone();
        self.under_way = Some(spawn_blocking(move || {
            let read = (reload.read)().map_err(|error| format!("not applied: {error}"))?;
            let words = read.notice();
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

    /// Waits for the configuration; for ever if it is not being read.
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
