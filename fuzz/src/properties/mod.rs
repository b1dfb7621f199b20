//! What must hold for any bytes that reach the program from outside: one function for each parser.
//!
//! They are what the fuzz targets run, and `tests/it/seeds.rs` runs them on the committed seeds. Each takes
//! bytes and panics where something does not hold.

mod answers;
mod events;
mod http;
mod keyboard;
mod picture;
mod requests;
mod schema;
mod screen;
mod texts;

pub use answers::answers;
pub use events::events;
pub use http::http;
pub use keyboard::keyboard;
pub use picture::picture;
pub use requests::{chat, messages, responses};
pub use schema::schema;
pub use screen::screen;
pub use texts::{markup, patch};

/// A property, by the name of its target and of the folder with its seeds.
pub type Property = (&'static str, fn(&[u8]));

/// All of them.
pub const ALL: &[Property] = &[
    ("answers", answers),
    ("chat", chat),
    ("events", events),
    ("http", http),
    ("keyboard", keyboard),
    ("markup", markup),
    ("messages", messages),
    ("patch", patch),
    ("picture", picture),
    ("responses", responses),
    ("schema", schema),
    ("screen", screen),
];
