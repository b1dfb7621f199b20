//! A picture as the terminal can show it: in half blocks, and in its graphics protocol.

use image::imageops::{self, FilterType};
use image::{DynamicImage, Rgba, RgbaImage};
use ratatui::buffer::{Buffer, Cell};
use ratatui::layout::{Position, Rect, Size};
use ratatui::widgets::Widget;
use ratatui_image::Image;
use ratatui_image::protocol::Protocol;
use ratatui_image::protocol::halfblocks::Halfblocks;
use ratatui_image::protocol::iterm2::Iterm2;
use ratatui_image::protocol::kitty::Kitty;
use ratatui_image::protocol::sixel::Sixel;
use uuid::Uuid;

use super::decode::DecodeError;
use super::graphics::{Graphics, PictureSetting};
use super::header::PixelSize;

/// Columns that a picture takes at most.
const MAX_COLUMNS: u16 = 80;
/// Rows that a picture takes at most.
const MAX_ROWS: u16 = 20;

/// The colour behind transparent pixels: most pictures that have them are drawn dark, for paper.
const BACKGROUND: Rgba<u8> = Rgba([255, 255, 255, 255]);

/// The size of a picture in terminal cells, in at most `room` columns: at most a column for each pixel
/// column, so that small pictures stay small, and as many rows as keep its proportions. `(width, height)`
/// is the size of a cell in pixels.
pub(super) fn cell_size(
    (columns, rows): PixelSize,
    (width, height): (u16, u16),
    room: u16,
) -> Size {
    let most_columns = f64::from(room.clamp(1, MAX_COLUMNS));
    let columns = f64::from(columns.max(1));
    let rows = f64::from(rows.max(1)) * f64::from(width.max(1)) / f64::from(height.max(1));
    let scale = (most_columns / columns)
        .min(f64::from(MAX_ROWS) / rows)
        .min(1.0);
    // Both are small and not negative by now.
    let whole = |length: f64, most: f64| (length * scale).round().clamp(1.0, most) as u16;
    Size {
        width: whole(columns, most_columns),
        height: whole(rows, MAX_ROWS.into()),
    }
}

/// A picture, ready to be drawn.
pub struct Rendition {
    /// All of it in half blocks.
    blocks: Buffer,
    graphics: Option<Protocol>,
    /// About how many bytes all this takes in memory.
    bytes: usize,
}

impl Rendition {
    /// Makes pixels fit into `room` columns.
    ///
    /// # Errors
    ///
    /// If the graphics cannot be encoded.
    pub(super) fn new(
        picture: &DynamicImage,
        setting: PictureSetting,
        room: u16,
    ) -> Result<Self, DecodeError> {
        let size = cell_size(
            (picture.width(), picture.height()),
            setting.cell_size(),
            room,
        );
        let area = Rect::from((Position::ORIGIN, size));
        let small = on_background(picture, size.width.into(), u32::from(size.height) * 2);
        let blocks = Halfblocks::new(small, size).map_err(|_| DecodeError::Broken)?;
        let mut buffer = Buffer::empty(area);
        Image::new(&Protocol::Halfblocks(blocks)).render(area, &mut buffer);
        let pixels = || {
            let (width, height) = setting.cell_size();
            let columns = u32::from(size.width) * u32::from(width);
            on_background(picture, columns, u32::from(size.height) * u32::from(height))
        };
        let graphics = match setting.graphics() {
            Graphics::Words | Graphics::HalfBlocks => None,
            Graphics::Kitty => {
                Some(Kitty::new(pixels(), size, id(), false, false).map(Protocol::Kitty))
            }
            Graphics::Iterm2 => Some(Iterm2::new(pixels(), size, false).map(Protocol::ITerm2)),
            Graphics::Sixel => Some(Sixel::new(pixels(), size, false).map(Protocol::Sixel)),
        };
        let graphics = graphics.transpose().map_err(|_| DecodeError::Broken)?;
        let data = match &graphics {
            Some(Protocol::Sixel(sixel)) => sixel.data.len(),
            Some(Protocol::ITerm2(iterm)) => iterm.data.len(),
            // Its data is not accessible: four bytes a pixel, in base64.
            Some(Protocol::Kitty(_)) => area.area() as usize * font_area(setting) * 4 * 4 / 3,
            Some(Protocol::Halfblocks(_)) | None => 0,
        };
        Ok(Self {
            bytes: data + buffer.content.len() * size_of::<Cell>(),
            blocks: buffer,
            graphics,
        })
    }

    /// The size in terminal cells.
    pub fn size(&self) -> Size {
        self.blocks.area.as_size()
    }

    /// About how many bytes it keeps.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Draws all of it in the terminal's graphics; returns whether that was possible. It needs room for
    /// all of its rows and columns, and nothing may be drawn over them.
    pub fn draw_graphics(&self, area: Rect, buffer: &mut Buffer) -> bool {
        let (size, free) = (self.size(), area.intersection(buffer.area));
        match &self.graphics {
            Some(graphics) if size.width <= free.width && size.height <= free.height => {
                Image::new(graphics).render(area, buffer);
                true
            }
            _ => false,
        }
    }

    /// Draws one of its rows in half blocks.
    pub fn draw_row(&self, row: u16, area: Rect, buffer: &mut Buffer) {
        let area = area.intersection(buffer.area);
        if area.is_empty() || row >= self.blocks.area.height {
            return;
        }
        for x in 0..area.width.min(self.blocks.area.width) {
            buffer[(area.x + x, area.y)] = self.blocks[(x, row)].clone();
        }
    }
}

impl std::fmt::Debug for Rendition {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Rendition")
            .field("size", &self.size())
            .finish_non_exhaustive()
    }
}

/// The pixels of a terminal cell.
fn font_area(setting: PictureSetting) -> usize {
    usize::from(setting.cell_size().0) * usize::from(setting.cell_size().1)
}

/// The picture scaled to this many pixels, without transparency.
fn on_background(picture: &DynamicImage, columns: u32, rows: u32) -> DynamicImage {
    let picture = picture.resize_exact(columns, rows, FilterType::Triangle);
    if !picture.color().has_alpha() {
        return picture;
    }
    let mut paper = RgbaImage::from_pixel(columns, rows, BACKGROUND);
    imageops::overlay(&mut paper, &picture.to_rgba8(), 0, 0);
    paper.into()
}

/// An id that no other picture in the terminal has, of this or of other programs.
fn id() -> u32 {
    let [.., a, b, c, d] = *Uuid::now_v7().as_bytes();
    u32::from_be_bytes([a, b, c, d]).max(1)
}

#[cfg(test)]
mod tests {
    use image::{Rgb, RgbImage};
    use ratatui::style::Color;

    use super::*;

    const FONT: (u16, u16) = (10, 20);

    fn setting(graphics: Graphics) -> PictureSetting {
        PictureSetting::with_font(graphics, Some(FONT))
    }

    fn four_colours() -> DynamicImage {
        let colours = [[255, 0, 0], [0, 255, 0], [0, 0, 255], [0, 0, 0]];
        RgbImage::from_fn(2, 2, |x, y| Rgb(colours[(y * 2 + x) as usize])).into()
    }

    #[test]
    fn pictures_keep_their_shape_and_fit() {
        for (pixels, room, expected) in [
            ((2, 2), 78, (2, 1)),
            ((1, 1), 78, (1, 1)),
            ((40, 20), 78, (40, 10)),
            ((1600, 900), 78, (71, 20)),
            ((1600, 900), 30, (30, 8)),
            ((1600, 400), 200, (80, 10)),
            ((1, 100_000), 78, (1, 20)),
            ((100_000, 1), 78, (78, 1)),
            ((u32::MAX, u32::MAX), 0, (1, 1)),
        ] {
            let found = cell_size(pixels, FONT, room);
            assert_eq!(
                (found.width, found.height),
                expected,
                "{pixels:?} in {room}"
            );
        }
    }

    #[test]
    fn half_blocks_have_the_colours_of_the_pixels() {
        let rendition = Rendition::new(&four_colours(), setting(Graphics::HalfBlocks), 80).unwrap();
        let mut buffer = Buffer::empty(Rect::new(0, 0, 4, 3));
        rendition.draw_row(0, Rect::new(1, 1, 3, 1), &mut buffer);
        let found = |x| {
            let cell = &buffer[(x, 1)];
            match cell.symbol() {
                "▀" => (cell.fg, cell.bg),
                "▄" => (cell.bg, cell.fg),
                _ => (cell.bg, cell.bg),
            }
        };
        let (red, green) = (Color::Rgb(255, 0, 0), Color::Rgb(0, 255, 0));
        let (blue, black) = (Color::Rgb(0, 0, 255), Color::Rgb(0, 0, 0));
        assert_eq!([found(1), found(2)], [(red, blue), (green, black)]);
        assert_eq!(found(3), (Color::Reset, Color::Reset));
        assert!(!rendition.draw_graphics(buffer.area, &mut buffer));
    }

    #[test]
    fn what_is_transparent_is_on_paper() {
        let mut picture = RgbaImage::from_pixel(1, 2, Rgba([0, 0, 0, 0]));
        picture.put_pixel(0, 1, Rgba([0, 0, 0, 255]));
        let rendition = Rendition::new(&picture.into(), setting(Graphics::HalfBlocks), 80).unwrap();
        let cell = &rendition.blocks[(0, 0)];
        assert_eq!(cell.symbol(), "▀");
        assert_eq!(
            (cell.fg, cell.bg),
            (Color::Rgb(255, 255, 255), Color::Rgb(0, 0, 0))
        );
    }

    #[test]
    fn graphics_are_drawn_whole_or_not_at_all() {
        for (graphics, start) in [
            (Graphics::Kitty, "\u{1b}_Gq=2,"),
            (Graphics::Iterm2, "\u{1b}["),
            (Graphics::Sixel, "\u{1b}["),
        ] {
            let picture = DynamicImage::new_rgb8(8, 8);
            let rendition = Rendition::new(&picture, setting(graphics), 80).unwrap();
            let mut buffer = Buffer::empty(Rect::new(0, 0, 8, 3));
            assert!(!rendition.draw_graphics(buffer.area, &mut buffer));
            let mut buffer = Buffer::empty(Rect::new(0, 0, 10, 5));
            assert!(
                rendition.draw_graphics(Rect::new(1, 1, 9, 4), &mut buffer),
                "{graphics:?}"
            );
            assert!(buffer[(1, 1)].symbol().starts_with(start), "{graphics:?}");
            assert!(rendition.bytes() > 0);
        }
    }
}
