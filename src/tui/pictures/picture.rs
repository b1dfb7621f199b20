//! A picture in the transcript, which is decoded in the background.

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, Weak};

use super::decode::{self, DecodeError};
use super::graphics::PictureSetting;
use super::header::PixelSize;
use super::rendition::{Rendition, cell_size};
use crate::api::{ContentPart, Item};
use crate::tui::worker::{Task, TaskProgress, Worker, lock};

/// A picture in an item. Clones are the same picture.
#[derive(Clone, Debug)]
pub struct Picture(Arc<PictureSource>);

/// Compares by identity, not by content.
impl PartialEq for Picture {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for Picture {}

/// What there is to show of a picture now.
#[derive(Clone, Debug)]
pub enum RenderState {
    /// It is being decoded.
    Loading,
    /// It can be drawn.
    Ready(Arc<Rendition>),
    /// It cannot be shown.
    Failed(DecodeError),
}

/// Where the data of a picture is, and what was made of it. The data stays in the item, which is kept
/// anyway.
#[derive(Debug)]
pub(super) struct PictureSource {
    item: Arc<Item>,
    part: usize,
    /// The size from the beginning of the data, read when it is first needed.
    header_size: OnceLock<Result<Option<PixelSize>, DecodeError>>,
    state: Mutex<PictureState>,
}

#[derive(Debug, Default)]
struct PictureState {
    /// The size found by the decoder, also where the beginning does not tell it.
    size: Option<PixelSize>,
    error: Option<DecodeError>,
    rendition: Option<Arc<Rendition>>,
    /// What the rendition is, or is to be, made for.
    wanted: Option<RenditionKey>,
}

/// What a rendition depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct RenditionKey {
    setting: PictureSetting,
    room: u16,
}

impl Picture {
    /// The pictures in an item whose data came with it.
    pub fn all_of(item: &Arc<Item>) -> Vec<Self> {
        let parts = item.content().iter().enumerate();
        let pictures = parts.filter_map(|(part, content)| match content {
            ContentPart::Image(url) if decode::base64_of(url).is_some() => Some(part),
            _ => None,
        });
        let source = |part| PictureSource {
            item: Arc::clone(item),
            part,
            header_size: OnceLock::new(),
            state: Mutex::default(),
        };
        pictures.map(|part| Self(Arc::new(source(part)))).collect()
    }

    /// The bytes of its file, and the extension for its name.
    ///
    /// # Errors
    ///
    /// If it is too long, or no picture of a kind that is shown.
    pub fn file(&self) -> Result<(Vec<u8>, &'static str), DecodeError> {
        decode::file(self.0.data().unwrap_or_default())
    }

    /// The rows that it takes in this many columns; one, for a message, where its size is not known.
    pub fn rows(&self, room: u16, setting: PictureSetting) -> usize {
        let state = self.0.state();
        let size = match (state.error, state.size) {
            (Some(_), _) => None,
            (None, Some(size)) => Some(size),
            (None, None) => self.0.header_size().ok().flatten(),
        };
        size.map_or(1, |size| {
            cell_size(size, setting.cell_size(), room).height.into()
        })
    }

    /// What there is to show in this many columns. The first call starts the work. A rendition for
    /// another size is shown until there is the right one.
    pub fn render_state(&self, room: u16, setting: PictureSetting, worker: &Worker) -> RenderState {
        if let Err(fault) = self.0.header_size() {
            return RenderState::Failed(fault);
        }
        let wanted = RenditionKey { setting, room };
        let mut state = self.0.state();
        if let Some(fault) = state.error {
            return RenderState::Failed(fault);
        }
        let is_new = state.wanted.replace(wanted) != Some(wanted);
        let look = match &state.rendition {
            Some(rendition) => RenderState::Ready(Arc::clone(rendition)),
            None => RenderState::Loading,
        };
        drop(state);
        let source: Weak<PictureSource> = Arc::downgrade(&self.0);
        if is_new {
            worker.ask(source)
        } else {
            worker.touch(&(source as Weak<dyn Task>))
        }
        look
    }
}

impl Task for PictureSource {
    fn work(&self) -> TaskProgress {
        TaskProgress {
            shows: true,
            goes_on: false,
            bytes: self.render().unwrap_or(0),
        }
    }

    fn fail(&self) {
        self.state().error = Some(DecodeError::Broken);
    }

    fn forget(&self) {
        let mut state = self.state();
        (state.rendition, state.wanted) = (None, None);
    }
}

impl PictureSource {
    /// Makes the wanted rendition; returns about how many bytes it takes in memory.
    fn render(&self) -> Option<usize> {
        let wanted = self.state().wanted?;
        let data = self.data()?;
        let made = decode::decode(data).and_then(|picture| {
            let rendition = Rendition::new(&picture, wanted.setting, wanted.room)?;
            Ok(((picture.width(), picture.height()), rendition))
        });
        let mut state = self.state();
        match made {
            Ok((size, rendition)) => {
                let weight = rendition.bytes();
                state.size = Some(size);
                state.rendition = Some(Arc::new(rendition));
                Some(weight)
            }
            Err(fault) => {
                state.error = Some(fault);
                None
            }
        }
    }

    fn data(&self) -> Option<&str> {
        match self.item.content().get(self.part)? {
            ContentPart::Image(url) => decode::base64_of(url),
            _ => None,
        }
    }

    fn header_size(&self) -> Result<Option<PixelSize>, DecodeError> {
        *self
            .header_size
            .get_or_init(|| decode::size(self.data().unwrap_or_default()))
    }

    fn state(&self) -> MutexGuard<'_, PictureState> {
        lock(&self.state)
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use serde_json::json;

    use super::*;

    /// A PNG of two red and two blue pixels.
    pub(crate) const TINY: &str = "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAIAAAACCAIAAAD91JpzAAAAE0lEQVR42mP4z8DAAMJAApX6DwAx+gX7AAAAAElFTkSuQmCC";

    fn pictures(urls: &[&str]) -> Vec<Picture> {
        let parts = urls
            .iter()
            .map(|url| json!({"type": "input_image", "image_url": url}));
        let item = json!({"type": "function_call_output", "call_id": "c",
            "output": parts.collect::<Vec<_>>()});
        Picture::all_of(&Arc::new(Item::from_responses(&item)))
    }

    fn settled(picture: &Picture) -> RenderState {
        let worker = Worker::new().unwrap();
        let deadline = Instant::now() + Duration::from_secs(60);
        loop {
            match picture.render_state(80, PictureSetting::default(), &worker) {
                RenderState::Loading if Instant::now() < deadline => {
                    std::thread::sleep(Duration::from_millis(5));
                }
                look => return look,
            }
        }
    }

    #[test]
    fn only_pictures_that_came_are_pictures() {
        assert_eq!(
            pictures(&["https://example.com/a.png", TINY, "file-1"]).len(),
            1
        );
    }

    #[test]
    fn broken_pictures_take_a_row_for_words() {
        // It says that it is large, and then there is nothing.
        let broken =
            &pictures(&["data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAGQAAABkCAIAAAA"])[0];
        let rows = || broken.rows(80, PictureSetting::default());
        assert_eq!(rows(), 20);
        assert!(matches!(
            settled(broken),
            RenderState::Failed(DecodeError::Broken)
        ));
        assert_eq!(rows(), 1);
    }
}
