//! Pictures that come with a request.

use std::sync::Arc;
use std::time::{Duration, Instant};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use humanllm::api::Item;
use humanllm::tui::pictures::{Picture, PictureSetting, RenderState};
use humanllm::tui::worker::Worker;
use serde_json::json;

/// Longer than any picture within the limits may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// The bytes of a picture.
pub fn picture(data: &[u8]) {
    let encoded = BASE64_STANDARD.encode(data);
    look_at(&format!("data:image/png;base64,{encoded}"));
    // Something like base64 too, and perhaps a URL.
    let text = String::from_utf8_lossy(data);
    look_at(&format!("data:image/png;base64,{text}"));
    look_at(&text);
}

/// Looks until there is a picture, or words instead of one.
fn look_at(url: &str) {
    let (setting, worker) = (PictureSetting::default(), Worker::new().expect("a thread"));
    let content = json!([{"type": "input_image", "image_url": url}]);
    let item = json!({"type": "message", "role": "user", "content": content});
    for picture in Picture::all_of(&Arc::new(Item::from_responses(&item))) {
        for room in [0, 1, 40] {
            assert!(u16::try_from(picture.rows(room, setting)).is_ok());
        }
        let deadline = Instant::now() + PATIENCE;
        while let RenderState::Loading = picture.render_state(20, setting, &worker) {
            assert!(Instant::now() < deadline, "it is still loading");
            std::thread::sleep(Duration::from_micros(50));
        }
        assert!(picture.rows(20, setting) > 0);
    }
}
