//! Light and dark backgrounds, and the contrast of colours.

use ratatui::style::Color;

/// Whether the terminal's background is dark or light, or is assumed to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Background {
    /// Dark, with light text.
    Dark,
    /// Light, with dark text.
    Light,
}

impl Background {
    /// Classifies a colour: light if black text has more contrast on it than white text.
    pub fn of(colour: Color) -> Self {
        if contrast(colour, Color::Black) > contrast(colour, WHITE) {
            Self::Light
        } else {
            Self::Dark
        }
    }

    /// Reads `COLORFGBG`, which some terminals set to the colour numbers of text and background, such as
    /// `15;0` or `0;default;15`.
    pub fn of_colorfgbg(value: &str) -> Option<Self> {
        let (_, background) = value.rsplit_once(';')?;
        match background.parse().ok()? {
            0..=6 | 8 => Some(Self::Dark),
            7 | 9..=15 => Some(Self::Light),
            _ => None,
        }
    }

    /// The colour that it is assumed to have.
    pub(super) fn colour(self) -> Color {
        match self {
            Self::Dark => Color::Black,
            Self::Light => WHITE,
        }
    }

    /// The colour that text without one is assumed to have.
    pub(super) fn foreground(self) -> Color {
        match self {
            Self::Dark => Color::Gray,
            Self::Light => Color::Black,
        }
    }
}

const WHITE: Color = Color::Rgb(255, 255, 255);

/// The contrast ratio of two colours as WCAG defines it, from 1 to 21. Colour numbers are those of xterm's
/// palette.
pub(super) fn contrast(one: Color, other: Color) -> f32 {
    let (one, other) = (luminance(one), luminance(other));
    (one.max(other) + 0.05) / (one.min(other) + 0.05)
}

fn luminance(colour: Color) -> f32 {
    let [red, green, blue] = red_green_blue(colour).map(|part| {
        let part = f32::from(part) / 255.0;
        if part <= 0.04045 {
            part / 12.92
        } else {
            ((part + 0.055) / 1.055).powf(2.4)
        }
    });
    0.2126 * red + 0.7152 * green + 0.0722 * blue
}

fn red_green_blue(color: Color) -> [u8; 3] {
    const NAMED: [Color; 16] = [
        Color::Black,
        Color::Red,
        Color::Green,
        Color::Yellow,
        Color::Blue,
        Color::Magenta,
        Color::Cyan,
        Color::Gray,
        Color::DarkGray,
        Color::LightRed,
        Color::LightGreen,
        Color::LightYellow,
        Color::LightBlue,
        Color::LightMagenta,
        Color::LightCyan,
        Color::White,
    ];
    match color {
        Color::Rgb(red, green, blue) => [red, green, blue],
        Color::Black => [0, 0, 0],
        Color::Red => [205, 0, 0],
        Color::Green => [0, 205, 0],
        Color::Yellow => [205, 205, 0],
        Color::Blue => [0, 0, 238],
        Color::Magenta => [205, 0, 205],
        Color::Cyan => [0, 205, 205],
        Color::Gray | Color::Reset => [229, 229, 229],
        Color::DarkGray => [127, 127, 127],
        Color::LightRed => [255, 0, 0],
        Color::LightGreen => [0, 255, 0],
        Color::LightYellow => [255, 255, 0],
        Color::LightBlue => [92, 92, 255],
        Color::LightMagenta => [255, 0, 255],
        Color::LightCyan => [0, 255, 255],
        Color::White => [255, 255, 255],
        Color::Indexed(index @ 232..) => [8 + (index - 232) * 10; 3],
        Color::Indexed(index @ 16..) => {
            let step = |part: u8| if part == 0 { 0 } else { 55 + part * 40 };
            let cube = index - 16;
            [step(cube / 36), step(cube / 6 % 6), step(cube % 6)]
        }
        Color::Indexed(index) => red_green_blue(NAMED[usize::from(index)]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grounds_of_common_terminals() {
        for (red, green, blue, expected) in [
            (0, 0, 0, Background::Dark),
            (30, 30, 46, Background::Dark),
            // Solarized, both ways.
            (0, 43, 54, Background::Dark),
            (253, 246, 227, Background::Light),
            (255, 255, 255, Background::Light),
            (200, 200, 200, Background::Light),
        ] {
            assert_eq!(Background::of(Color::Rgb(red, green, blue)), expected);
        }
    }

    #[test]
    fn colorfgbg_tells_the_ground_last() {
        for (value, expected) in [
            ("15;0", Some(Background::Dark)),
            ("0;15", Some(Background::Light)),
            ("0;default;15", Some(Background::Light)),
            ("12;8", Some(Background::Dark)),
            ("0;7", Some(Background::Light)),
            ("15;default", None),
            ("15", None),
            ("", None),
            ("0;99", None),
        ] {
            assert_eq!(Background::of_colorfgbg(value), expected, "{value}");
        }
    }

    #[test]
    fn black_and_white_are_as_far_apart_as_can_be() {
        assert!((contrast(Color::Black, Color::White) - 21.0).abs() < 0.01);
        assert!((contrast(Color::Indexed(1), Color::Red) - 1.0).abs() < 0.01);
    }
}
