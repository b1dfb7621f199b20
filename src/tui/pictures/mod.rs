//! Pictures in the transcript.
//!
//! A [`Picture`] belongs to a block and is a line of it. How many rows that line takes comes from
//! the first bytes of the data (`header`), so that nothing jumps when the picture is there.
//! The rest is done by the [`Worker`](super::worker::Worker): `decode` turns the data into pixels within
//! limits, `rendition` turns those into what the terminal can show (`graphics`). Drawing a picture for
//! the first time starts that.
//!
//! What is written to the terminal is made from pixels, never from the data. A picture that cannot be
//! shown is described in words of this program.

mod decode;
mod graphics;
mod header;
mod picture;
mod rendition;

pub use self::decode::DecodeError;
pub use self::graphics::{Graphics, PictureSetting};
pub use self::picture::{Picture, RenderState};
pub use self::rendition::Rendition;
