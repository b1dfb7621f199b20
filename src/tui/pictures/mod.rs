//! Pictures in the transcript.
//!
//! A [`Picture`] belongs to a block and is a line of it. How many rows that line takes comes from
//! the first bytes of the data (`header`), so that nothing jumps when the picture is there.
//! Everything else is for the [`Worker`](super::worker::Worker): `decode` makes pixels of the data
//! within limits, `rendition` makes of them what the terminal can show (`terminal`). Looking at a
//! picture starts that.
//!
//! What reaches the terminal is made from pixels, never from the data: what cannot be shown is
//! told in words of this program.

mod decode;
mod header;
mod picture;
mod rendition;
mod terminal;

pub use self::decode::DecodeError;
pub use self::picture::{Picture, PictureLook};
pub use self::rendition::Rendition;
pub use self::terminal::{Graphics, PictureSetting};
