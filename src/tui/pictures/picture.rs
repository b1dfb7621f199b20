//! A picture of the transcript.

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, Weak};

use super::decode::{self, Fault};
use super::header::Pixels;
use super::rendition::{Rendition, cells};
use super::terminal::Setting;
use crate::api::{Content, Item};
use crate::tui::worker::{Step, Task, Worker, lock};

/// A picture in an item. Clones are the same picture.
#[derive(Clone, Debug)]
pub struct Picture(Arc<Source>);

/// The same picture, not one that looks the same.
impl PartialEq for Picture {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for Picture {}

/// How a picture looks now.
#[derive(Clone, Debug)]
pub enum Look {
    /// It is being worked on.
    Loading,
    /// Like this.
    Ready(Arc<Rendition>),
    /// It cannot be shown.
    Failed(Fault),
}

/// What a picture is made of. The data stays in the item, which is there anyway.
#[derive(Debug)]
pub(super) struct Source {
    item: Arc<Item>,
    part: usize,
    /// What the beginning of the data tells, once somebody wanted to know.
    head: OnceLock<Result<Option<Pixels>, Fault>>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// What the decoder found, which may be more than the beginning tells.
    size: Option<Pixels>,
    fault: Option<Fault>,
    rendition: Option<Arc<Rendition>>,
    /// What the rendition is to be, or is, made for.
    wanted: Option<Wanted>,
}

/// What a rendition is made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Wanted {
    setting: Setting,
    room: u16,
}

impl Picture {
    /// The pictures in an item whose data came with it.
    pub fn all_of(item: &Arc<Item>) -> Vec<Self> {
        let parts = item.content().iter().enumerate();
        let pictures = parts.filter_map(|(part, content)| match content {
            Content::Image(url) if decode::base64_of(url).is_some() => Some(part),
            _ => None,
        });
        let source = |part| Source {
            item: Arc::clone(item),
            part,
            head: OnceLock::new(),
            state: Mutex::default(),
        };
        pictures.map(|part| Self(Arc::new(source(part)))).collect()
    }

    /// The bytes of its file, and how the name of such a file ends.
    ///
    /// # Errors
    ///
    /// If it is too long, or no picture of a kind that is shown.
    pub fn file(&self) -> Result<(Vec<u8>, &'static str), Fault> {
        decode::file(self.0.data().unwrap_or_default())
    }

    /// The rows that it takes in this many columns: one, for words, where it has no size.
    pub fn rows(&self, room: u16, setting: Setting) -> usize {
        let state = self.0.state();
        let size = match (state.fault, state.size) {
            (Some(_), _) => None,
            (None, Some(size)) => Some(size),
            (None, None) => self.0.head().ok().flatten(),
        };
        size.map_or(1, |size| cells(size, setting.font(), room).height.into())
    }

    /// How it looks in this many columns. Asking is what starts the work. A picture that was made
    /// for another size is better than none until there is the right one.
    pub fn look(&self, room: u16, setting: Setting, worker: &Worker) -> Look {
        if let Err(fault) = self.0.head() {
            return Look::Failed(fault);
        }
        let wanted = Wanted { setting, room };
        let mut state = self.0.state();
        if let Some(fault) = state.fault {
            return Look::Failed(fault);
        }
        let is_new = state.wanted.replace(wanted) != Some(wanted);
        let look = match &state.rendition {
            Some(rendition) => Look::Ready(Arc::clone(rendition)),
            None => Look::Loading,
        };
        drop(state);
        let source: Weak<Source> = Arc::downgrade(&self.0);
        match is_new {
            true => worker.ask(source),
            false => worker.touch(&(source as Weak<dyn Task>)),
        }
        look
    }
}

impl Task for Source {
    fn work(&self) -> Step {
        Step {
            shows: true,
            goes_on: false,
            bytes: self.make().unwrap_or(0),
        }
    }

    fn fail(&self) {
        self.state().fault = Some(Fault::Broken);
    }

    fn forget(&self) {
        let mut state = self.state();
        (state.rendition, state.wanted) = (None, None);
    }
}

impl Source {
    /// Makes what is wanted; returns about how many bytes that keeps.
    fn make(&self) -> Option<usize> {
        let wanted = self.state().wanted?;
        let data = self.data()?;
        let made = decode::decode(data).and_then(|picture| {
            let rendition = Rendition::new(&picture, wanted.setting, wanted.room)?;
            Ok(((picture.width(), picture.height()), rendition))
        });
        let mut state = self.state();
        match made {
            Ok((size, rendition)) => {
                let weight = rendition.weight();
                state.size = Some(size);
                state.rendition = Some(Arc::new(rendition));
                Some(weight)
            }
            Err(fault) => {
                state.fault = Some(fault);
                None
            }
        }
    }

    fn data(&self) -> Option<&str> {
        match self.item.content().get(self.part)? {
            Content::Image(url) => decode::base64_of(url),
            _ => None,
        }
    }

    fn head(&self) -> Result<Option<Pixels>, Fault> {
        *self
            .head
            .get_or_init(|| decode::size(self.data().unwrap_or_default()))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use serde_json::json;

    use super::*;

    /// A PNG of two red and two blue pixels.
    pub const TINY: &str = "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAIAAAACCAIAAAD91JpzAAAAE0lEQVR42mP4z8DAAMJAApX6DwAx+gX7AAAAAElFTkSuQmCC";

    fn pictures(urls: &[&str]) -> Vec<Picture> {
        let parts = urls
            .iter()
            .map(|url| json!({"type": "input_image", "image_url": url}));
        let item = json!({"type": "function_call_output", "call_id": "c",
            "output": parts.collect::<Vec<_>>()});
        Picture::all_of(&Arc::new(Item::from_responses(&item)))
    }

    fn settled(picture: &Picture) -> Look {
        let worker = Worker::new().unwrap();
        let deadline = Instant::now() + Duration::from_secs(60);
        loop {
            match picture.look(80, Setting::default(), &worker) {
                Look::Loading if Instant::now() < deadline => {
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
        let rows = || broken.rows(80, Setting::default());
        assert_eq!(rows(), 20);
        assert!(matches!(settled(broken), Look::Failed(Fault::Broken)));
        assert_eq!(rows(), 1);
    }
}
