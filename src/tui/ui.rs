//! What everything that is drawn shares: theme, picture settings, and the background worker.

use std::io;

use super::pictures::{Graphics, PictureSetting};
use super::theme::Theme;
use super::worker::Worker;

/// The theme, how pictures are shown, and the background worker. The loop owns it, and hands it to
/// everything that draws.
#[derive(Debug)]
pub struct Ui {
    /// The theme.
    pub theme: Theme,
    /// How pictures are shown on this terminal.
    pub pictures: PictureSetting,
    /// Highlights code, and scales pictures.
    pub worker: Worker,
}

impl Ui {
    /// For a terminal with this theme and these graphics.
    ///
    /// # Errors
    ///
    /// If the worker's thread cannot be started.
    pub fn new(theme: Theme, graphics: Graphics) -> io::Result<Self> {
        Ok(Self {
            theme,
            pictures: PictureSetting::new(graphics),
            worker: Worker::new()?,
        })
    }
}
