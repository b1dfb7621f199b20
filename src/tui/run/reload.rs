//! Reading the configuration again while the program runs.

use std::io;
use std::sync::Arc;

use tokio::task::{JoinHandle, spawn_blocking};

use super::Options;
use crate::inbox::Drafting;
use crate::tui::app::Settings;
use crate::tui::terminal::screen::Screen;

/// The configuration, read again.
pub struct Reloaded {
    /// What holds from now on.
    pub settings: Settings,
    /// The same for models that draft.
    pub drafting: Drafting,
    /// The same for the loop.
    pub options: Options,
    /// What has changed but is heeded at the next start only.
    pub restarts: Vec<&'static str>,
}

/// Reads the configuration again; an error is what the person has to know.
pub type Reload = Arc<dyn Fn() -> Result<Reloaded, String> + Send + Sync>;

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
    pub(super) fn tell(&self, before: &Options, screen: &mut Screen) -> io::Result<()> {
        screen.set_mouse(self.options.mouse)?;
        match before.title && !self.options.title {
            true => screen.restore_title(),
            false => Ok(()),
        }
    }
}

/// The configuration that is being read, if it is.
pub(super) struct Reloads {
    reload: Reload,
    under_way: Option<JoinHandle<Result<Reloaded, String>>>,
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
        let reload = Arc::clone(&self.reload);
        self.under_way = Some(spawn_blocking(move || reload()));
    }

    /// Waits for what was read; for ever if nothing is.
    pub(super) async fn next(&mut self) -> Option<Result<Reloaded, String>> {
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
