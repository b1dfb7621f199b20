//! What all that is drawn shares.

use std::io;

use super::pictures::{Graphics, PictureSetting};
use super::theme::Theme;
use super::worker::Worker;

/// How everything looks, how pictures are shown, and who works on what takes longer than a frame.
/// The loop owns it, and whatever draws is handed it.
#[derive(Debug)]
pub struct Ui {
    /// How things look.
    pub theme: Theme,
    /// What pictures are made for.
    pub pictures: PictureSetting,
    /// Works on colours of code and on pictures.
    pub worker: Worker,
}

impl Ui {
    /// For a terminal that can show these.
    ///
    /// # Errors
    ///
    /// If the system gives no thread.
    pub fn new(theme: Theme, graphics: Graphics) -> io::Result<Self> {
        Ok(Self {
            theme,
            pictures: PictureSetting::new(graphics),
            worker: Worker::new()?,
        })
    }
}
